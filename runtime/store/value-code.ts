/**
 * Values as bytes: JSON, which keeps what guests may send (`__proto__` as an own key, half surrogates),
 * where MessagePack would change it; and whole byte arrays behind a mark that no JSON text begins with.
 */
import { parseJson } from '../json.ts';

const BYTES = 0x01;

/** Errors: TypeError for what is not JSON. */
export function encodeValue(value: unknown): Buffer {
  if (value instanceof Uint8Array) {
    const bytes = Buffer.allocUnsafe(value.length + 1);
    bytes[0] = BYTES;
    bytes.set(value, 1);
    return bytes;
  }
  const json = JSON.stringify(value);
  if (json === undefined) throw new TypeError('a value must be JSON or bytes');
  return Buffer.from(json, 'utf8');
}

/** Copies: `bytes` may be memory that the next read overwrites. */
export function decodeValue(bytes: Buffer, length = bytes.length): unknown {
  if (bytes[0] === BYTES) return new Uint8Array(bytes.subarray(1, length));
  return parseJson(Buffer.prototype.utf8Slice.call(bytes, 0, length));
}
