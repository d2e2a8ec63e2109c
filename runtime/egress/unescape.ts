/** Undoes percent-encoding and the escapes of JSON, JavaScript and HTML, and remembers where each byte came from. */
import { isCut, isIntroducer, lengthOf, readEscape, writeEscape } from './escape.ts';

export interface Undone {
  bytes: Uint8Array;
  /** Where an escape begins that may go on in what comes next; the length when there is none. Nothing after it is read. */
  openAt: number;
  /** Where the byte `at` of `bytes` begins in what was given; for its length: where the reading ended. */
  origin(at: number): number;
  /** Where that ends in what was given which gave the byte before `at`. */
  endOf(at: number): number;
  /** The byte of `bytes` that `place` of what was given belongs to. */
  indexOf(place: number): number;
}

/** Which escapes are undone, by the character that introduces them: percent, ampersand, backslash. */
export const introducers = { all: [0x25, 0x26, 0x5c], each: [[0x25], [0x26], [0x5c]] };

export const hasEscapes = (bytes: Uint8Array, of: readonly number[]): boolean =>
  of.some((introducer) => bytes.indexOf(introducer) >= 0);

/** Numbers by escape, in one row: where it stands in `bytes` and in what was given, and its two lengths. */
const OUT = 0;
const AT = 1;
const SIZE = 2;
const LENGTH = 3;
const ROW = 4;

/** `isLast`: nothing comes next, so what looks like the beginning of an escape is none. */
export function undoEscapes(
  given: Uint8Array,
  of: readonly number[],
  isLast: boolean,
  onEscape?: (at: number, end: number) => void,
): Undone {
  const bytes = new Uint8Array(given.length);
  const rows: number[] = [];
  let size = 0;
  let at = 0;
  while (at < given.length) {
    const byte = given[at] as number;
    if (isIntroducer(byte) && of.includes(byte)) {
      const found = readEscape(given, at);
      if (isCut(found) && !isLast) break;
      const length = lengthOf(found);
      if (length > 0) {
        const written = writeEscape(found, bytes, size);
        rows.push(size, at, written, length);
        onEscape?.(at, at + length);
        size += written;
        at += length;
        continue;
      }
    }
    bytes[size++] = byte;
    at++;
  }

  /** The last escape whose `column` is at most `value`; below 0: none. */
  function rowBefore(column: number, value: number): number {
    let [low, high] = [0, rows.length / ROW];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((rows[middle * ROW + column] as number) <= value) low = middle + 1;
      else high = middle;
    }
    return (low - 1) * ROW;
  }

  const entry = (row: number, column: number) => rows[row + column] as number;

  return {
    bytes: bytes.subarray(0, size),
    openAt: at,
    origin(index) {
      const row = rowBefore(OUT, index);
      if (row < 0) return index;
      const past = index - entry(row, OUT) - entry(row, SIZE);
      return past < 0 ? entry(row, AT) : entry(row, AT) + entry(row, LENGTH) + past;
    },
    endOf(index) {
      const row = rowBefore(OUT, index - 1);
      if (row < 0) return index;
      const past = index - entry(row, OUT) - entry(row, SIZE);
      return entry(row, AT) + entry(row, LENGTH) + Math.max(0, past);
    },
    indexOf(place) {
      const row = rowBefore(AT, place);
      if (row < 0) return Math.min(place, size);
      const past = place - entry(row, AT) - entry(row, LENGTH);
      return Math.min(size, past < 0 ? entry(row, OUT) : entry(row, OUT) + entry(row, SIZE) + past);
    },
  };
}
