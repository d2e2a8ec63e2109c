import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeKey, encodeKey, prefixBounds } from '../../runtime/store/key-code.ts';
import type { Key } from '../../runtime/store/store.ts';

const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 6 }),
  fc.constantFrom('', '\0', 'a', 'a\0', 'a\0b', 'é', '\u{10ffff}'),
);
const part = fc.oneof(text, fc.double({ noNaN: true }), fc.integer());
const key = fc.array(part, { minLength: 1, maxLength: 4 });

/** Numbers before text, numbers by value, text by its UTF-8 bytes, a shorter key before those that it begins. */
function compareKeys(a: Key, b: Key): number {
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    const [x, y] = [a[i]!, b[i]!];
    if (typeof x !== typeof y) return typeof x === 'number' ? -1 : 1;
    const order =
      typeof x === 'number' ? x - (y as number) || 0 : Buffer.compare(Buffer.from(x), Buffer.from(y as string));
    if (order !== 0) return order;
  }
  return a.length - b.length;
}

test('a key comes back as it was', () => {
  fc.assert(
    fc.property(key, (parts) => {
      expect(decodeKey(encodeKey(parts))).toEqual(parts.map((p) => (p === 0 ? 0 : p)));
    }),
  );
});

test('encoded keys sort as their parts do', () => {
  fc.assert(
    fc.property(key, key, (a, b) => {
      const [x, y] = [encodeKey(a), encodeKey(b)];
      expect(x < y ? -1 : x > y ? 1 : 0).toBe(Math.sign(compareKeys(a, b)));
    }),
  );
});

test('a prefix covers exactly the keys that begin with its parts', () => {
  fc.assert(
    fc.property(fc.array(part, { maxLength: 2 }), key, (prefix, other) => {
      const { start, end } = prefixBounds(prefix);
      const encoded = encodeKey(other);
      const begins = prefix.every((p, i) => Object.is(p === 0 ? 0 : p, other[i] === 0 ? 0 : other[i]));
      expect(encoded >= start && encoded < end).toBe(begins);
    }),
  );
});

test('a key that is too long or no key is refused', () => {
  expect(() => encodeKey(['x'.repeat(1976)])).not.toThrow();
  expect(() => encodeKey(['x'.repeat(1977)])).toThrow(RangeError);
  expect(() => encodeKey([])).toThrow(RangeError);
  expect(() => encodeKey(['half a character \ud800'])).toThrow(TypeError);
  expect(() => encodeKey([Number.NaN])).toThrow(TypeError);
});
