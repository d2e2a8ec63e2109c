/** Finds many spellings in bytes at once, in one pass with a table of their first four bytes. */
import type { Spelling } from './secret-spellings.ts';

export interface SpellingFinder {
  /** Each place where a spelling stands whole, overlapping ones too. */
  find(bytes: Uint8Array, found: (start: number, end: number, spelling: Spelling) => void): void;
  /** Those that begin with this byte. */
  beginningWith(byte: number, found: (spelling: Spelling) => void): void;
  /** From where on the end of `bytes` may be the beginning of a spelling; its length when it is none. */
  openFrom(bytes: Uint8Array): number;
}

/** Each spelling has at least four bytes. */
export function createSpellingFinder(spellings: readonly Spelling[]): SpellingFinder {
  const bits = Math.min(16, Math.max(10, Math.ceil(Math.log2(spellings.length + 1)) + 6));
  const shift = 32 - bits;
  const slot = (word: number) => Math.imul(word, 0x9e3779b1) >>> shift;
  // Chains of spellings with one slot or one first byte; 0 ends a chain.
  const bySlot = new Uint16Array(1 << bits);
  const nextInSlot = new Uint16Array(spellings.length + 1);
  const byFirst = new Uint16Array(256);
  const nextByFirst = new Uint16Array(spellings.length + 1);
  let longest = 0;
  for (const [at, { bytes }] of spellings.entries()) {
    const id = at + 1;
    const [a, b, c, d] = bytes as unknown as [number, number, number, number];
    const home = slot((a << 24) | (b << 16) | (c << 8) | d);
    nextInSlot[id] = bySlot[home] as number;
    bySlot[home] = id;
    nextByFirst[id] = byFirst[a] as number;
    byFirst[a] = id;
    longest = Math.max(longest, bytes.length);
  }

  return {
    find(bytes, found) {
      let word = 0;
      for (let at = 0; at < bytes.length; at++) {
        word = (word << 8) | (bytes[at] as number);
        let id = bySlot[Math.imul(word, 0x9e3779b1) >>> shift] as number;
        if (id === 0 || at < 3) continue;
        for (const start = at - 3; id !== 0; id = nextInSlot[id] as number) {
          const spelling = spellings[id - 1] as Spelling;
          const end = start + spelling.bytes.length;
          if (end <= bytes.length && agrees(bytes, start, spelling.bytes)) found(start, end, spelling);
        }
      }
    },

    beginningWith(byte, found) {
      for (let id = byFirst[byte] as number; id !== 0; id = nextByFirst[id] as number)
        found(spellings[id - 1] as Spelling);
    },

    openFrom(bytes) {
      for (let start = Math.max(0, bytes.length - longest + 1); start < bytes.length; start++)
        for (let id = byFirst[bytes[start] as number] as number; id !== 0; id = nextByFirst[id] as number) {
          const spelling = (spellings[id - 1] as Spelling).bytes;
          if (start + spelling.length > bytes.length && agrees(bytes, start, spelling)) return start;
        }
      return bytes.length;
    },
  };
}

/** As far as `bytes` goes. */
function agrees(bytes: Uint8Array, start: number, spelling: Uint8Array): boolean {
  const length = Math.min(spelling.length, bytes.length - start);
  for (let at = 0; at < length; at++) if (bytes[start + at] !== spelling[at]) return false;
  return true;
}
