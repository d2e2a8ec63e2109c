import { randomUUID } from 'node:crypto';

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';

/** Run, key, request; grant, credential, approval, issuer, waiver. */
export type IdPrefix = 'run' | 'key' | 'req' | 'grt' | 'cred' | 'apr' | 'iss' | 'wvr';

/** Milliseconds: when this id was made. */
export function timeOfId(id: string): number {
  let ms = 0;
  for (const digit of id.slice(id.indexOf('_') + 1).slice(0, 10)) ms = ms * 32 + ALPHABET.indexOf(digit);
  return ms;
}

/** Sortable id: prefix, 10 characters of milliseconds, 20 of randomness (80 bits). Same order as time, per millisecond. */
export function newId(prefix: IdPrefix, nowMs: number): string {
  let time = '';
  for (let rest = nowMs, i = 0; i < 10; i++, rest = Math.floor(rest / 32)) time = ALPHABET[rest % 32] + time;
  // A UUID costs a tenth of fresh random bytes; its first 8 and last 12 digits are all random.
  const uuid = randomUUID();
  return `${prefix}_${time}${uuid.slice(0, 8)}${uuid.slice(24)}`;
}
