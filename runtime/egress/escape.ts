/** One escape of percent-encoding (RFC 3986), JSON (RFC 8259, section 7), JavaScript or HTML, read as one number. */

const percent = 0x25;
const ampersand = 0x26;
const backslash = 0x5c;
const letterU = 0x75;
const letterX = 0x78;

/** Length in the lower six bits, then whether it is a byte rather than a character, then what it says. */
export type Escape = number;

const none: Escape = 0;
const cut: Escape = -1;
const BYTE = 1 << 6;
const VALUE_SHIFT = 7;

const packed = (length: number, codePoint: number, kind = 0): Escape => length | kind | (codePoint << VALUE_SHIFT);
const meaningOf = (read: Escape) => read >> VALUE_SHIFT;

export const isIntroducer = (byte: number): boolean => byte === percent || byte === ampersand || byte === backslash;

/** It may go on in what comes next. */
export const isCut = (read: Escape): boolean => read === cut;

/** Bytes that it takes; 0: there is none. */
export const lengthOf = (read: Escape): number => (read === cut ? 0 : read & 63);

/** After a backslash. */
const simple: ReadonlyMap<number, number> = new Map([
  ...[...'bfnrt'].map((letter, at) => [letter.charCodeAt(0), [8, 12, 10, 13, 9][at] as number] as const),
  ...[...'"\\/\'`'].map((character) => [character.charCodeAt(0), character.charCodeAt(0)] as const),
]);

const entities = new Map([
  ['amp', 0x26],
  ['lt', 0x3c],
  ['gt', 0x3e],
  ['quot', 0x22],
  ['apos', 0x27],
  ['sol', 0x2f],
  ['plus', 0x2b],
  ['equals', 0x3d],
]);
const LONGEST_ENTITY = 12;

/** `at`: an introducer. */
export function readEscape(given: Uint8Array, at: number): Escape {
  const introducer = given[at];
  if (introducer === percent) return hexadecimal(given, at, 1, 2, BYTE);
  if (introducer === ampersand) return entity(given, at);
  if (at + 1 >= given.length) return cut;
  const kind = given[at + 1] as number;
  if (kind === letterX) return hexadecimal(given, at, 2, 2, 0);
  if (kind === letterU) return unicode(given, at);
  const meant = simple.get(kind);
  return meant === undefined ? none : packed(2, meant, BYTE);
}

function unicode(given: Uint8Array, at: number): Escape {
  const high = hexadecimal(given, at, 2, 4, 0);
  const value = meaningOf(high);
  if (high === cut || value < 0xd800 || value > 0xdbff) return high;
  const next = at + lengthOf(high);
  if (next >= given.length) return cut;
  if (given[next] !== backslash) return high;
  if (next + 1 >= given.length) return cut;
  if (given[next + 1] !== letterU) return high;
  const low = hexadecimal(given, next, 2, 4, 0);
  if (low === cut) return cut;
  const lower = meaningOf(low);
  if (lower < 0xdc00 || lower > 0xdfff) return high;
  return packed(12, 0x10000 + ((value - 0xd800) << 10) + (lower - 0xdc00));
}

function hexadecimal(given: Uint8Array, at: number, prefix: number, digits: number, kind: number): Escape {
  let value = 0;
  for (let digit = 0; digit < digits; digit++) {
    if (at + prefix + digit >= given.length) return cut;
    const next = digitOf(given[at + prefix + digit] as number);
    if (next < 0) return none;
    value = value * 16 + next;
  }
  return packed(prefix + digits, value, kind);
}

function digitOf(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

function entity(given: Uint8Array, at: number): Escape {
  const end = Math.min(given.length, at + LONGEST_ENTITY);
  for (let next = at + 1; next < end; next++) {
    const byte = given[next] as number;
    if (byte === 0x3b) {
      const name = String.fromCharCode(...given.subarray(at + 1, next));
      const codePoint = named(name);
      return codePoint === undefined ? none : packed(next + 1 - at, codePoint);
    }
    const isName = byte === 0x23 || (byte >= 0x30 && byte <= 0x39) || ((byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x7a);
    if (!isName) return none;
  }
  return end < at + LONGEST_ENTITY ? cut : none;
}

function named(name: string): number | undefined {
  const [, hex, decimal] = /^#(?:[xX]([0-9a-fA-F]+)|([0-9]+))$/.exec(name) ?? [];
  const codePoint = hex ? Number.parseInt(hex, 16) : decimal ? Number(decimal) : entities.get(name.toLowerCase());
  return codePoint !== undefined && codePoint <= 0x10ffff ? codePoint : undefined;
}

/** Writes what it says, a character as UTF-8; how many bytes that were. Never more than the escape itself has. */
export function writeEscape(read: Escape, into: Uint8Array, at: number): number {
  const value = meaningOf(read);
  if ((read & BYTE) !== 0 || value < 0x80) {
    into[at] = value;
    return 1;
  }
  const tail = (from: number, count: number) => {
    for (let index = 0; index < count; index++) into[from + index] = 0x80 | ((value >> (6 * (count - index - 1))) & 63);
    return count + 1;
  };
  if (value < 0x800) {
    into[at] = 0xc0 | (value >> 6);
    return tail(at + 1, 1);
  }
  if (value < 0x10000) {
    into[at] = 0xe0 | (value >> 12);
    return tail(at + 1, 2);
  }
  into[at] = 0xf0 | (value >> 18);
  return tail(at + 1, 3);
}
