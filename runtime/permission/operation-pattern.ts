/** How grants name operations: text with `*` for any characters, optionally `:EFFECT` at the end. */
import { type Effect, effects, type Operation } from '../connector/connector.ts';

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

export const isWildcard = (pattern: string): boolean => parsePattern(pattern).parts.length > 1;

export const matchesOperation = ({ parts, effect }: OperationPattern, operation: Operation): boolean =>
  (effect === undefined || effect === operation.effect) && matchesName(parts, operation.name);

/** What any of the patterns matches, in the order of `operations`. */
export function operationsOf(patterns: readonly string[], operations: readonly Operation[]): Operation[] {
  const parsed = patterns.map(parsePattern);
  return operations.filter((operation) => parsed.some((pattern) => matchesOperation(pattern, operation)));
}

/**
 * Whether all that `inner` can ever match is matched by `outer` too. Never true by mistake; false when it is not plain.
 * A star of the inner name is read as a character that only a star of the outer one can stand for.
 */
export function isWithin(inner: OperationPattern, outer: OperationPattern): boolean {
  if (outer.effect !== undefined && outer.effect !== inner.effect) return false;
  return matchesName(outer.parts, inner.name);
}

/** Each star takes as little as it can, which is right for stars alone: no backtracking, time linear in the name. */
function matchesName(parts: readonly string[], name: string): boolean {
  const first = parts[0]!;
  if (parts.length === 1) return first === name;
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
