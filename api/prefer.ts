/** Default and ceiling of `Prefer: wait`. */
export const MAX_WAIT_SECONDS = 120;

export interface Preference {
  /** How long a caller waits for the end of its run before it is answered 202. */
  waitMs: number;
  /** What was honoured, for `Preference-Applied`; undefined when nothing was asked. */
  applied?: string;
}

/**
 * RFC 7240: `wait=SECONDS`, `respond-async`, or both (then the wait comes first, section 4.3).
 * What is not understood is ignored, as section 2 demands; a longer wait than the ceiling is shortened and `applied` says so.
 */
export function readPreference(header: string | null): Preference {
  if (header === null) return { waitMs: MAX_WAIT_SECONDS * 1000 };
  let respondAsync = false;
  let wait: number | undefined;
  for (const part of header.split(',')) {
    const [name = '', value = ''] = (part.split(';')[0] ?? '').split('=').map((text) => text.trim().toLowerCase());
    if (name === 'respond-async') respondAsync = true;
    if (name === 'wait' && /^"?\d{1,9}"?$/.test(value))
      wait ??= Math.min(Number(value.replaceAll('"', '')), MAX_WAIT_SECONDS);
  }
  const applied = [...(respondAsync ? ['respond-async'] : []), ...(wait === undefined ? [] : [`wait=${wait}`])].join(
    ', ',
  );
  const waitMs = wait === undefined ? (respondAsync ? 0 : MAX_WAIT_SECONDS * 1000) : wait * 1000;
  return applied === '' ? { waitMs } : { waitMs, applied };
}
