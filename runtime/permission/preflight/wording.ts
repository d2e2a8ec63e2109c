/** How findings speak of operations. */
import type { Effect, Operation } from '../../connector/connector.ts';

const SHOWN = 5;

/** `a, b, c and 4 more`. */
export function listed(names: readonly string[]): string {
  const shown = names.slice(0, SHOWN).join(', ');
  return names.length > SHOWN ? `${shown} and ${names.length - SHOWN} more` : shown;
}

/** `files.delete (delete), chat.post (send)`. */
export const withEffects = (operations: readonly Operation[]): string =>
  listed(operations.map(({ name, effect }) => `${name} (${effect})`));

/** `delete and send`, in the order of first sight. */
export const effectsOf = (operations: readonly Operation[]): string =>
  [...new Set(operations.map(({ effect }): Effect => effect))].join(' and ');

/** The field of a finding that names what it is about: one operation by itself, several as a list. */
export function about(operations: readonly Operation[]): { operation: string } | { operations: string[] } {
  const [first, ...rest] = operations.map(({ name }) => name);
  return first !== undefined && rest.length === 0
    ? { operation: first }
    : { operations: operations.map(({ name }) => name) };
}
