/**
 * Looks for fields of certain names in bodies that may be large: JSON, multipart and forms, as loose readers take them. One
 * pass over the bytes that looks closer only where a name can end or begin.
 */

export interface FieldSearch {
  /** A key at any depth, in any case, blanks around it, any of it written as \uXXXX. */
  inJson(body: Uint8Array): boolean;
  /** `name=...` of a part, whether quoted or not. */
  inParts(body: Uint8Array): boolean;
  /** A field, bent as PHP does it: blanks in front and what follows a bracket or NUL go, dots and blanks are underscores. */
  inForm(body: Uint8Array): boolean;
}

const quote = 0x22;
const percent = 0x25;
const ampersand = 0x26;
const plus = 0x2b;
const dot = 0x2e;
const colon = 0x3a;
const semicolon = 0x3b;
const equals = 0x3d;
const bracket = 0x5b;
const backslash = 0x5c;
const underscore = 0x5f;
const letterU = 0x75;

/** A form with more names to look at closely is not looked through, and counts as one that might have it. */
const MAXIMUM_CLOSE = 20_000;
/** Bytes to look at one by one before what comes next is searched for at once. */
const STRIDE = 64;
/** Bytes of \uXXXX. */
const ESCAPE = 6;

const partName = [...Buffer.from('name')];

/** `names` in lower case, ASCII. */
export function createFieldSearch(names: readonly string[]): FieldSearch {
  const wanted = names.map((name) => [...Buffer.from(name)]);
  const lengths = names.map(({ length }) => length);
  const [shortest, longest] = [Math.min(...lengths), Math.max(...lengths)];
  const letters = new Uint8Array(128);
  for (const byte of wanted.flat()) letters[byte] = 1;
  const endings = endingsOf(wanted);
  const partEndings = endingsOf([partName]);
  const mayBegin = formBegins(wanted);

  /** Whether one ends before `end`, read backwards to the quote that opens it. */
  function isKey(body: Uint8Array, end: number, scratch: Uint8Array): boolean {
    let at = blanksBefore(body, end);
    let begin = longest;
    while (at > 0 && begin > 0) {
      const escaped = escapeBefore(body, at);
      const code = lower(escaped < 0 ? (body[at - 1] as number) : escaped);
      if (code > 0x7f || letters[code] === 0) break;
      scratch[--begin] = code;
      at -= escaped < 0 ? 1 : ESCAPE;
    }
    if (longest - begin < shortest) return false;
    at = blanksBefore(body, at);
    return at > 0 && body[at - 1] === quote && isOne(scratch, begin, longest);
  }

  const isOne = (bytes: Uint8Array, begin: number, end: number) =>
    wanted.some((one) => one.length === end - begin && isWritten(bytes, begin, one));

  /** Whether one stands at `at`, and ends with its word. */
  const beginsAt = (body: Uint8Array, at: number) =>
    wanted.some((one) => isWritten(body, at, one) && !isWord(body[at + one.length] ?? 0));

  return {
    inJson(body) {
      const scratch = new Uint8Array(longest);
      const { length } = body;
      let last = 0;
      for (let at = 0; at < length; at++) {
        if (body[at] !== quote) {
          if (at - last < STRIDE) continue;
          at = body.indexOf(quote, at);
          if (at < 0) break;
        }
        last = at;
        if (endings[body[at - 1] ?? 0] === 0) continue;
        const after = blanksAfter(body, at + 1);
        if (body[after] === colon && isKey(body, at, scratch)) return true;
        // Blanks are passed over once.
        at = after - 1;
      }
      return false;
    },

    inParts(body) {
      const { length } = body;
      let last = 0;
      for (let at = 0; at < length; at++) {
        if (body[at] !== equals) {
          if (at - last < STRIDE) continue;
          at = body.indexOf(equals, at);
          if (at < 0) break;
        }
        last = at;
        if (partEndings[body[at - 1] ?? 0] === 0) continue;
        let end = at;
        while (end > 0 && isBlank(body[end - 1] as number)) end--;
        if (!isWritten(body, end - partName.length, partName)) continue;
        let begin = at + 1;
        while (begin < length && (body[begin] === quote || isBlank(body[begin] as number))) begin++;
        if (beginsAt(body, begin)) return true;
      }
      return false;
    },

    inForm(body) {
      const scratch = new Uint8Array(longest);
      let count = 0;
      for (let begin = 0; begin < body.length; ) {
        let end = begin;
        while (end < body.length && nameEnds[body[end] as number] === 0) end++;
        if (end - begin >= shortest && mayBegin(body[begin] as number)) {
          if (++count > MAXIMUM_CLOSE) return true;
          if (isOne(scratch, 0, bend(body.subarray(begin, end), scratch))) return true;
        }
        begin = end;
        if (body[begin] === equals) while (begin < body.length && fieldEnds[body[begin] as number] === 0) begin++;
        begin++;
      }
      return false;
    },
  };
}

/** By byte, whether it is one of these. */
function bytesOf(bytes: Iterable<number>): Uint8Array {
  const table = new Uint8Array(256);
  for (const byte of bytes) table[byte] = 1;
  return table;
}

const fieldEnds = bytesOf([ampersand, semicolon]);
const nameEnds = bytesOf([ampersand, semicolon, equals]);

/** What one of the names, or a blank after it, may end with: plainly, or as the last digit of \uXXXX. */
function endingsOf(names: readonly (readonly number[])[]): Uint8Array {
  const codes = Array.from({ length: 256 }, (_, code) => code);
  const last = codes.filter((code) => isBlank(code) || names.some((name) => name.at(-1) === lower(code)));
  const digits = last.map((code) => (code & 15).toString(16)).join('');
  return bytesOf([...last, ...Buffer.from(digits + digits.toUpperCase())]);
}

const isBlank = (code: number) => code === 0x20 || (code >= 0x09 && code <= 0x0d) || code === 0xa0;
const isWord = (byte: number) =>
  (byte >= 0x30 && byte <= 0x39) || byte === underscore || (lower(byte) >= 0x61 && lower(byte) <= 0x7a);
const lower = (code: number) => (code >= 0x41 && code <= 0x5a ? code | 0x20 : code);

/** `name` in lower case. */
function isWritten(bytes: Uint8Array, at: number, name: readonly number[]): boolean {
  if (at < 0) return false;
  for (let index = 0; index < name.length; index++) if (lower(bytes[at + index] ?? 0) !== name[index]) return false;
  return true;
}

function blanksAfter(body: Uint8Array, from: number): number {
  let at = from;
  while (at < body.length && isBlank(body[at] as number)) at++;
  return at;
}

function blanksBefore(body: Uint8Array, end: number): number {
  let at = end;
  while (at > 0) {
    const escaped = escapeBefore(body, at);
    if (!isBlank(escaped < 0 ? (body[at - 1] as number) : escaped)) break;
    at -= escaped < 0 ? 1 : ESCAPE;
  }
  return at;
}

/** What \uXXXX says that ends before `at`; -1 where none does. */
function escapeBefore(body: Uint8Array, at: number): number {
  if (at < ESCAPE || body[at - 6] !== backslash || lower(body[at - 5] as number) !== letterU) return -1;
  let code = 0;
  for (let digit = at - 4; digit < at; digit++) {
    const value = digitOf(body[digit] as number);
    if (value < 0) return -1;
    code = code * 16 + value;
  }
  return code;
}

function digitOf(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const letter = lower(byte);
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}

/** What a name in a form may begin with, when one of `names` may come of it. */
const formBegins = (names: readonly (readonly number[])[]) => {
  const first = new Set([percent, plus, dot, ...names.map(([byte]) => byte as number)]);
  return (byte: number) => isBlank(byte) || first.has(lower(byte));
};

/**
 * Writes a form's name to `into` as a loose reader takes it; answers its bytes, 0 where it is longer than `into`. In the
 * body it may be of any length: blanks stand around it, anything after a bracket or NUL.
 */
function bend(name: Uint8Array, into: Uint8Array): number {
  let end = 0;
  // Those at the end are dropped.
  let blanks = 0;
  for (let at = 0; at < name.length && end <= into.length; at++) {
    let byte = name[at] as number;
    const [high, low] = byte === percent ? [digitOf(name[at + 1] ?? 0), digitOf(name[at + 2] ?? 0)] : [-1, -1];
    if (high >= 0 && low >= 0) {
      byte = high * 16 + low;
      at += 2;
    } else if (byte === plus) byte = 0x20;
    if (byte === bracket || byte === 0) return end + blanks > into.length ? 0 : end + blanks;
    if (isBlank(byte)) {
      if (end > 0) into[end + blanks++] = byte === 0x20 ? underscore : byte;
      continue;
    }
    end += blanks;
    blanks = 0;
    into[end++] = byte === dot ? underscore : byte;
  }
  return end > into.length ? 0 : end;
}
