/**
 * Keys as byte strings, one JavaScript character per byte, so that `<` on the strings is the order on disk.
 * Each part: a tag, then text in UTF-8 with a closing NUL (inner NUL: 00 FF), or a number as 8 sortable bytes.
 * The order is that of the parts; numbers come before text.
 */
import type { Key } from './store.ts';

const NUMBER = '\x01';
const TEXT = '\x02';
/** Higher than any tag and lower than the FF of an escaped NUL: the end of everything below a prefix. */
const END = '\x03';

/** LMDB's bound with pages of 4096 bytes. */
export const maximumKeyBytes = 1978;

// biome-ignore lint/suspicious/noControlCharactersInRegex: plain ASCII is the common case and needs no conversion.
const plain = /^[\x01-\x7f]*$/;

/** Errors: RangeError above 1978 bytes, TypeError for a part that is neither text nor a number. */
export function encodeKey(key: Key): string {
  const encoded = encodeParts(key);
  if (encoded === '') throw new RangeError('a key needs at least one part');
  if (encoded.length > maximumKeyBytes) throw new RangeError(`a key may take ${maximumKeyBytes} bytes`);
  return encoded;
}

function encodeParts(key: Key): string {
  let encoded = '';
  for (const part of key) {
    if (typeof part === 'string') encoded += `${TEXT}${plain.test(part) ? part : encodeText(part)}\0`;
    else if (typeof part === 'number' && !Number.isNaN(part)) encoded += NUMBER + encodeNumber(part);
    else throw new TypeError('a part of a key is text or a number');
  }
  return encoded;
}

function encodeText(text: string): string {
  // Not well-formed text would come back as another key.
  if (!text.isWellFormed()) throw new TypeError('a part of a key has half a character');
  return Buffer.from(text, 'utf8').toString('latin1').replaceAll('\0', '\0\xff');
}

const bytes = Buffer.alloc(8);

function encodeNumber(number: number): string {
  bytes.writeDoubleBE(number === 0 ? 0 : number);
  // Positive doubles sort by their bits; negative ones by the inverse.
  if (bytes[0]! & 0x80) for (let i = 0; i < 8; i++) bytes[i] = bytes[i]! ^ 0xff;
  else bytes[0] = bytes[0]! | 0x80;
  return bytes.toString('latin1');
}

export function decodeKey(encoded: string): Key {
  const parts: (string | number)[] = [];
  for (let at = 0; at < encoded.length; ) {
    if (encoded[at] === NUMBER) {
      const bytes = Buffer.from(encoded.slice(at + 1, at + 9), 'latin1');
      if (bytes[0]! & 0x80) bytes[0] = bytes[0]! ^ 0x80;
      else for (let i = 0; i < 8; i++) bytes[i] = bytes[i]! ^ 0xff;
      parts.push(bytes.readDoubleBE());
      at += 9;
    } else {
      let end = encoded.indexOf('\0', at + 1);
      while (encoded[end + 1] === '\xff') end = encoded.indexOf('\0', end + 2);
      const text = encoded.slice(at + 1, end).replaceAll('\0\xff', '\0');
      parts.push(plain.test(text) ? text : Buffer.from(text, 'latin1').toString('utf8'));
      at = end + 1;
    }
  }
  return parts;
}

/** Bounds of all keys that begin with these parts: from `start` (inclusive) to `end` (exclusive). */
export function prefixBounds(prefix: Key): { start: string; end: string } {
  const encoded = encodeParts(prefix);
  return { start: encoded === '' ? NUMBER : encoded, end: encoded + END };
}
