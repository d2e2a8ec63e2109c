/** Conditional and range requests: RFC 9110, sections 13 and 14. */
import { fieldError } from '../runtime/errors.ts';

/** Entity tags of a header, with their quotes; `*` for any; undefined without the header. */
type Tags = '*' | string[] | undefined;

export interface Conditions {
  ifMatch: Tags;
  ifNoneMatch: Tags;
}

/**
 * The conditions of a request. A condition that is not understood must not pass for none: the write that it should have
 * stopped would go ahead. What is no tag in `If-Match` matches nothing. Errors: CordonError `validation_failed` naming
 * `If-None-Match`, which would stop nothing.
 */
export function readConditions(header: (name: string) => string | null): Conditions {
  const ifMatch = membersOf(header('If-Match'));
  const ifNoneMatch = membersOf(header('If-None-Match'));
  if (ifNoneMatch && (ifNoneMatch.length === 0 || !ifNoneMatch.every(isTag)))
    throw fieldError('If-None-Match', 'must be * or entity tags in double quotes');
  return { ifMatch: tagsOf(ifMatch?.filter(isTag)), ifNoneMatch: tagsOf(ifNoneMatch) };
}

/** Lines of one header arrive joined with commas: `*, *` is `*` sent twice. */
const membersOf = (value: string | null): string[] | undefined =>
  value === null ? undefined : (value.match(/(?:W\/)?"[^"]*"|[^\s,]+/g) ?? []);

const isTag = (member: string) => member === '*' || /^(?:W\/)?"[^"]*"$/.test(member);
const tagsOf = (members: string[] | undefined): Tags => (members?.includes('*') ? '*' : members);

/** Strong comparison, as `If-Match` wants it. `etag` undefined: there is nothing now. */
export function matchesStrongly({ ifMatch }: Conditions, etag: string | undefined): boolean {
  if (ifMatch === undefined) return true;
  return etag !== undefined && (ifMatch === '*' || ifMatch.includes(etag));
}

/** Weak comparison, as `If-None-Match` wants it: true when the caller has what is here. */
export function callerHas({ ifNoneMatch }: Conditions, etag: string | undefined): boolean {
  if (ifNoneMatch === undefined || etag === undefined) return false;
  return ifNoneMatch === '*' || ifNoneMatch.some((tag) => tag.replace(/^W\//, '') === etag);
}

/** Whether a write may go on, for what it would replace. */
export const allowsWrite = (conditions: Conditions, etag: string | undefined): boolean =>
  matchesStrongly(conditions, etag) && !callerHas(conditions, etag);

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
