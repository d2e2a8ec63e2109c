import { fieldError } from '../errors.ts';

const MAXIMUM_KEY_BYTES = 512;

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
const control = /[\u0000-\u001f\u007f-\u009f]/;

/** A key of memory: 1 to 512 bytes of UTF-8 without control characters. Errors: CordonError `validation_failed` on `key`. */
export function checkMemoryKey(key: unknown, field = 'key'): asserts key is string {
  if (typeof key !== 'string') throw fieldError(field, 'must be text');
  if (!key.isWellFormed()) throw fieldError(field, 'must be well-formed Unicode');
  if (control.test(key)) throw fieldError(field, 'must not contain control characters');
  const bytes = Buffer.byteLength(key);
  if (bytes < 1 || bytes > MAXIMUM_KEY_BYTES)
    throw fieldError(field, `must be 1 to ${MAXIMUM_KEY_BYTES} bytes of UTF-8`);
}
