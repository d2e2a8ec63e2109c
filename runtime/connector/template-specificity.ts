/** Which of several templates that fit a path is meant: the most specific, if there is one. */
import { type PathTemplate, type Rest, segmentShape } from './path-template.ts';

/** The one that is at least as specific as every other in each segment. Undefined: there is none. */
export function mostSpecific<T extends { template: PathTemplate }>(
  found: readonly T[],
  endsInSlash: boolean,
): T | undefined {
  if (found.length === 1) return found[0];
  const [first, ...others] = found as [T, ...T[]];
  const best = others.reduce((a, b) => (isMoreSpecific(b.template, a.template, endsInSlash) ? b : a), first);
  return found.every((other) => other === best || isMoreSpecific(best.template, other.template, endsInSlash))
    ? best
    : undefined;
}

const ranks = { literal: 0, pattern: 1, parameter: 2 } as const;
const REST = 3;

function isMoreSpecific(a: PathTemplate, b: PathTemplate, endsInSlash: boolean): boolean {
  const length = Math.max(a.segments.length, b.segments.length);
  let isMore = false;
  for (let index = 0; index < length; index++) {
    const left = a.segments[index];
    const right = b.segments[index];
    const rank = (left ? ranks[left.kind] : REST) - (right ? ranks[right.kind] : REST);
    if (rank > 0) return false;
    if (rank < 0) isMore = true;
    // Two texts that differ in case, or two patterns: neither is the narrower one.
    else if (left && right && segmentShape(left) !== segmentShape(right)) return false;
  }
  if (isMore) return true;
  const behind = compareTails(a.rest, b.rest);
  if (behind !== 0) return behind < 0;
  // They differ in a slash at the end: the service tells them apart, so what is written counts.
  return a.endsInSlash === endsInSlash && b.endsInSlash !== endsInSlash;
}

/** Of two rests that begin at one place: negative when the first asks for more behind it; NaN when neither does. */
function compareTails(a: Rest | undefined, b: Rest | undefined): number {
  if (!a || !b) return 0;
  const demands = ({ suffix, tail }: Rest) => (suffix === '' ? 0 : 1 + tail.length);
  if (a.suffix !== b.suffix && a.suffix !== '' && b.suffix !== '') return Number.NaN;
  const difference = demands(b) - demands(a);
  if (difference !== 0) return a.suffix !== '' && b.suffix !== '' ? Number.NaN : difference;
  const differences = a.tail.map((segment, index) => ranks[segment.kind] - ranks[b.tail[index]!.kind]);
  if (differences.some((one) => one < 0)) return differences.some((one) => one > 0) ? Number.NaN : -1;
  if (differences.some((one) => one > 0)) return 1;
  return a.tail.every((segment, index) => segmentShape(segment) === segmentShape(b.tail[index]!)) ? 0 : Number.NaN;
}
