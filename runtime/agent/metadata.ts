import { fieldError } from '../errors.ts';
import { checkObject } from './checks.ts';

export type Metadata = Record<string, string>;

const MAXIMUM_ENTRIES = 32;
const MAXIMUM_KEY = 64;
const MAXIMUM_VALUE = 512;

/**
 * A flat map of text: at most 32 entries, keys of 1 to 64 characters, values up to 512.
 * Errors: CordonError `validation_failed` with the field, `metadata.KEY`.
 */
export function checkMetadata(value: unknown, field = 'metadata'): Metadata {
  const entries = Object.entries(checkObject(value, field));
  if (entries.length > MAXIMUM_ENTRIES) throw fieldError(field, `may have ${MAXIMUM_ENTRIES} entries`);
  for (const [key, text] of entries) {
    if (key.length < 1 || key.length > MAXIMUM_KEY || key === '__proto__')
      throw fieldError(field, `keys must be 1 to ${MAXIMUM_KEY} characters, and not __proto__`);
    if (typeof text !== 'string' || text.length > MAXIMUM_VALUE)
      throw fieldError(`${field}.${key}`, `must be text of at most ${MAXIMUM_VALUE} characters`);
  }
  return Object.fromEntries(entries) as Metadata;
}
