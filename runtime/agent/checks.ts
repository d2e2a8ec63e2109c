/** Checks of unknown input that tenants, keys and agents share. All errors: CordonError `validation_failed` with the field. */
import { fieldError } from '../errors.ts';

const slug = /^[a-z0-9][a-z0-9_-]{0,62}$/;
const MAXIMUM_NAME = 200;
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused.
const control = /[\u0000-\u001f\u007f]/;

/** Whether a caller's text can be an id at all: what cannot be stored is answered as unknown. */
export const isSlug = (value: string): boolean => slug.test(value);

/** Ids that callers choose. */
export function checkSlug(value: unknown, field: string): string {
  if (typeof value !== 'string' || !slug.test(value))
    throw fieldError(field, 'must be 1 to 63 characters of a-z, 0-9, _ and -, the first a letter or a digit');
  return value;
}

/** Names for people: 1 to 200 characters without control characters. */
export function checkName(value: unknown, field = 'name'): string {
  if (typeof value !== 'string' || value.length < 1 || value.length > MAXIMUM_NAME || control.test(value))
    throw fieldError(field, `must be text of 1 to ${MAXIMUM_NAME} characters without control characters`);
  return value;
}

/** A plain object, as JSON gives it. */
export function checkObject(value: unknown, field: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw fieldError(field, 'must be an object');
  return value as Record<string, unknown>;
}

/** A number of a table of defaults and ceilings: whole, from the minimum to the ceiling. Never clamped. */
export function checkBounded(
  value: unknown,
  field: string,
  { minimum = 1, ceiling, unit }: { minimum?: number; ceiling: number; unit: string },
): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < minimum || value > ceiling)
    throw fieldError(field, `must be a whole number of ${unit} from ${minimum} to ${ceiling}`);
  return value;
}
