/** How services read a request: lenient in the ways that real frameworks and proxies are. Independent of the matcher. */
import type { Operation } from '../../runtime/connector/connector.ts';

/** Segments as a server sees them, or undefined when it answers 400. */
type Reading = (path: string) => string[] | undefined;
type Step = (segments: string[]) => string[] | undefined;

const decodeAll: Step = (segments) => {
  try {
    return segments.map(decodeURIComponent);
  } catch {
    return undefined;
  }
};
const steps: Record<string, Step> = {
  decode: decodeAll,
  resplit: (segments) => segments.flatMap((segment) => segment.split('/')),
  backslashes: (segments) => segments.flatMap((segment) => segment.split('\\')),
  cutParameters: (segments) => segments.map((segment) => segment.split(';')[0]!),
  cutQuery: (segments) => segments.map((segment) => segment.split(/[?#]/)[0]!),
  cutZero: (segments) => segments.map((segment) => segment.split('\0')[0]!),
  dots(segments) {
    const kept: string[] = [];
    for (const segment of segments) {
      if (segment === '..') kept.pop();
      else if (segment !== '.') kept.push(segment);
    }
    return kept;
  },
  empties: (segments) => segments.filter((segment) => segment !== ''),
  trailing: (segments) => (segments.at(-1) === '' ? segments.slice(0, -1) : segments),
  lower: (segments) => segments.map((segment) => segment.toLowerCase()),
  blanks: (segments) => segments.map((segment) => segment.trim().replace(/[. ]+$/, '')),
  compatible: (segments) => segments.map((segment) => segment.normalize('NFKC')),
};

const orders: (keyof typeof steps)[][] = [
  [],
  ['decode'],
  ['dots', 'decode'],
  ['decode', 'dots'],
  ['decode', 'resplit', 'dots', 'empties'],
  ['decode', 'backslashes', 'resplit', 'dots'],
  ['cutParameters', 'dots', 'decode'],
  ['decode', 'cutParameters', 'dots'],
  ['decode', 'cutQuery', 'trailing'],
  ['decode', 'decode', 'resplit', 'dots'],
  ['decode', 'lower', 'trailing', 'empties'],
  ['decode', 'cutZero', 'blanks', 'lower'],
  ['decode', 'compatible', 'lower', 'resplit', 'dots'],
  ['decode', 'compatible', 'backslashes', 'cutQuery', 'cutParameters', 'dots'],
  ['empties', 'trailing', 'decode', 'blanks', 'cutParameters', 'lower'],
];

export interface Lenience {
  ignoresCase: boolean;
  ignoresSlash: boolean;
}

export const readings: { name: string; read: Reading; leniences: Lenience[] }[] = orders.map((names) => ({
  name: names.join(', ') || 'as written',
  // A server that changes the case of a path, or drops slashes, compares its own routes so.
  leniences: [
    { ignoresCase: false, ignoresSlash: false },
    { ignoresCase: true, ignoresSlash: false },
    { ignoresCase: false, ignoresSlash: true },
    { ignoresCase: true, ignoresSlash: true },
  ].filter(
    ({ ignoresCase, ignoresSlash }) =>
      (ignoresCase || !names.includes('lower')) &&
      (ignoresSlash || !(names.includes('trailing') || names.includes('empties'))),
  ),
  read(path) {
    let segments: string[] | undefined = path.split('/').slice(1);
    for (const name of names) segments = segments && steps[name]!(segments);
    return segments;
  },
}));

const escaped = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

/** One expression per template segment; `ignoresCase` as case-insensitive routers do. */
function expression(path: string, ignoresCase: boolean): RegExp {
  const body = path
    .split('?')[0]!
    .split(/(\{[^{}]*\})/)
    .map((part) => (part.startsWith('{') ? (part.endsWith('+}') ? '.+' : '[^/]+') : escaped(part)))
    .join('');
  return new RegExp(`^${body}$`, ignoresCase ? 'is' : 's');
}

const rank = (segment: string | undefined) => {
  if (segment === undefined) return 3;
  if (!segment.includes('{')) return 0;
  return /^\{[^{}]*\}$/.test(segment) ? 2 : 1;
};

/** Literal before pattern before parameter, from the left. */
function compare(a: Operation, b: Operation): number {
  const left = a.path.split('/');
  const right = b.path.split('/');
  for (let index = 0; index < Math.max(left.length, right.length); index++) {
    const [isRest, isOtherRest] = [left[index], right[index]].map((part) => part?.includes('+}') ?? true);
    // Of two rests the one that asks for more behind it.
    if (isRest && isOtherRest) return right.slice(index).join('/').length - left.slice(index).join('/').length;
    if (isRest || isOtherRest) return isRest ? 1 : -1;
    const difference = rank(left[index]) - rank(right[index]);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** Operations that a service with this reading would take the request for: the most specific that has the method. */
export function routed(
  operations: readonly Operation[],
  method: string,
  segments: readonly string[],
  { ignoresCase, ignoresSlash }: Lenience,
): Operation[] {
  const plain = (path: string) => (ignoresSlash && path.length > 1 ? path.replace(/\/$/, '') : path);
  const path = plain(`/${segments.join('/')}`);
  const fitting = operations.filter(
    (one) => one.method === method && expression(plain(one.path), ignoresCase).test(path),
  );
  return fitting.filter((one) => fitting.every((other) => compare(one, other) <= 0));
}

/** Whether the template fits the path as it is written. */
export const fitsExactly = ({ path }: Operation, written: string): boolean => expression(path, false).test(written);
