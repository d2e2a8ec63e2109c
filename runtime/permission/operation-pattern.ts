/** How grants name operations: text with `*` for any characters, optionally `:EFFECT` at the end. */
import { type Effect, effects, type Operation } from '../connector/connector.ts';

/** Stars of one pattern: a name with many of them says nothing that few do not, and takes long to refuse. */
export const MAXIMUM_STARS = 4;

export interface OperationPattern {
  readonly text: string;
  /** The part before `:EFFECT`. */
  readonly name: string;
  /** The name between its stars; one part: no star, the name itself. */
  readonly parts: readonly string[];
  readonly effect: Effect | undefined;
}

/**
 * `files.*:read` is every operation of effect `read` whose name begins with `files.`. What follows the last colon is an
 * effect whenever it reads as one: an operation that is itself called `items:delete` is named with its effect,
 * `items:delete:write`.
 */
export function parsePattern(text: string): OperationPattern {
  const colon = text.lastIndexOf(':');
  const effect = effects.find((known) => colon > 0 && known === text.slice(colon + 1));
  const name = effect === undefined ? text : text.slice(0, colon);
  return { text, name, parts: name.split('*'), effect };
}

export const isWildcard = (pattern: string): boolean => pattern.includes('*');

export const matchesOperation = ({ parts, effect }: OperationPattern, operation: Operation): boolean =>
  (effect === undefined || effect === operation.effect) && matchesName(parts, operation.name);

/** What any of the patterns matches, in the order of `operations`. */
export function operationsOf(patterns: readonly string[], operations: readonly Operation[]): Operation[] {
  const table = patternTable([patterns], (all) => all);
  return operations.filter((operation) => table.of(operation).length > 0);
}

export interface PatternTable<T> {
  /** Those whose patterns match it, each once, in the order in which they were given. */
  of(operation: Operation): T[];
}

/**
 * Many holders of patterns made ready for many operations: exact names are looked up, and only wildcards are tried, one
 * after the other until one of the holder's matches.
 */
export function patternTable<T>(holders: Iterable<T>, patternsOf: (holder: T) => readonly string[]): PatternTable<T> {
  const all = [...holders];
  const exact = new Map<string, { at: number; effect: Effect | undefined }[]>();
  const wild: { at: number; patterns: OperationPattern[] }[] = [];
  for (const [at, holder] of all.entries()) {
    const wildcards: OperationPattern[] = [];
    for (const text of new Set(patternsOf(holder))) {
      const pattern = parsePattern(text);
      const { name, effect, parts } = pattern;
      if (parts.length > MAXIMUM_STARS + 1) continue;
      if (parts.length > 1) wildcards.push(pattern);
      else {
        const known = exact.get(name);
        if (known) known.push({ at, effect });
        else exact.set(name, [{ at, effect }]);
      }
    }
    if (wildcards.length > 0) wild.push({ at, patterns: wildcards });
  }
  return {
    of(operation) {
      const found = new Set<number>();
      for (const { at, effect } of exact.get(operation.name) ?? [])
        if (effect === undefined || effect === operation.effect) found.add(at);
      for (const { at, patterns } of wild)
        if (!found.has(at) && patterns.some((pattern) => matchesOperation(pattern, operation))) found.add(at);
      return [...found].sort((one, other) => one - other).map((at) => all[at]!);
    },
  };
}

/**
 * Whether all that `inner` can ever match is matched by `outer` too. Never true by mistake; false when it is not plain.
 * A star of the inner name is read as a character that only a star of the outer one can stand for.
 */
export function isWithin(inner: OperationPattern, outer: OperationPattern): boolean {
  if (outer.effect !== undefined && outer.effect !== inner.effect) return false;
  return matchesName(outer.parts, inner.name);
}

/** Each star takes as little as it can, which is right for stars alone: no backtracking. Too many stars match nothing. */
function matchesName(parts: readonly string[], name: string): boolean {
  const first = parts[0]!;
  if (parts.length === 1) return first === name;
  if (parts.length > MAXIMUM_STARS + 1) return false;
  const last = parts.at(-1)!;
  const end = name.length - last.length;
  if (end < first.length || !name.startsWith(first) || !name.endsWith(last)) return false;
  let at = first.length;
  for (let i = 1; i < parts.length - 1; i++) {
    const part = parts[i]!;
    const found = name.indexOf(part, at);
    if (found === -1 || found + part.length > end) return false;
    at = found + part.length;
  }
  return true;
}
