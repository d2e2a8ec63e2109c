/** Conditional and range requests: RFC 9110, sections 13 and 14. */

/** Entity tags of `If-Match` or `If-None-Match`, with their quotes; `*` for any. */
export function readTags(header: string | null): '*' | string[] | undefined {
  if (header === null) return undefined;
  if (header.trim() === '*') return '*';
  return header.match(/(?:W\/)?"[^"]*"/g) ?? [];
}

/** Strong comparison, as `If-Match` wants it. `etag` undefined: there is nothing now. */
export function matchesStrongly(header: string | null, etag: string | undefined): boolean {
  const tags = readTags(header);
  if (tags === undefined) return true;
  return etag !== undefined && (tags === '*' || tags.includes(etag));
}

/** Weak comparison, as `If-None-Match` wants it: true when the caller has what is here. */
export function callerHas(header: string | null, etag: string | undefined): boolean {
  const tags = readTags(header);
  if (tags === undefined || etag === undefined) return false;
  return tags === '*' || tags.some((tag) => tag.replace(/^W\//, '') === etag);
}

/**
 * One range of bytes. `all` when none is asked, the header is not understood, or it asks for several: the whole is then a
 * right answer (section 14.2).
 */
export function readRange(
  header: string | null,
  size: number,
): 'all' | 'unsatisfiable' | { offset: number; length: number } {
  const [, from = '', to = ''] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header?.trim() ?? '') ?? [];
  if (from === '' && to === '') return 'all';
  if (from === '') {
    const length = Math.min(Number(to), size);
    return length === 0 ? 'unsatisfiable' : { offset: size - length, length };
  }
  const offset = Number(from);
  if (to !== '' && Number(to) < offset) return 'all';
  if (offset >= size) return 'unsatisfiable';
  return { offset, length: Math.min(to === '' ? size : Number(to) + 1, size) - offset };
}
