/** Finds many spellings in bytes at once: time in proportion to the bytes, whatever the spellings have in common. */
import type { Spelling } from './secret-spellings.ts';
import { createSpellingTree, filterLength, root, type SpellingTree } from './spelling-tree.ts';

export interface SpellingFinder {
  tree: SpellingTree;
  /** At each place where spellings end those that cover what the others cover. */
  find(bytes: Uint8Array, found: (start: number, end: number, spelling: Spelling) => void): void;
  /** From where on the end of `bytes` may be the beginning of a spelling; its length when it is none. */
  openFrom(bytes: Uint8Array): number;
}

/** Places of a spelling in the filter, at most; and of all spellings together, so that it lets little through. */
const MAX_STRIDE = 32;
const MAX_WINDOWS = 4096;

/** Each spelling has at least `filterLength` bytes. */
export function createSpellingFinder(spellings: readonly Spelling[]): SpellingFinder {
  const tree = createSpellingTree(spellings);
  const shortest = spellings.reduce((least, { bytes }) => Math.min(least, bytes.length), MAX_STRIDE + filterLength);
  const most = Math.min(MAX_STRIDE, Math.floor(MAX_WINDOWS / Math.max(1, spellings.length)));
  // Wherever a spelling stands, one of its first `stride` windows begins at a multiple of it: no other need be looked at.
  const stride = Math.max(1, Math.min(most, shortest - filterLength + 1));
  const bits = Math.min(16, Math.max(10, Math.ceil(Math.log2(spellings.length * stride + 1)) + 6));
  const shift = 32 - bits;
  // Ordinary text does not get past this.
  const filter = new Uint8Array(1 << bits);
  for (const { bytes } of spellings)
    for (let at = 0; at < stride; at++) filter[Math.imul(windowAt(bytes, at), 0x9e3779b1) >>> shift] = 1;

  return {
    tree,

    find(bytes, found) {
      /** What begins before has been read through the tree. */
      let begun = 0;
      for (let at = 0; at <= bytes.length - filterLength; ) {
        if (filter[Math.imul(windowAt(bytes, at), 0x9e3779b1) >>> shift] === 0) {
          at += stride;
          continue;
        }
        let node = root;
        let end = Math.max(begun, at - stride + 1);
        // A spelling that holds this window is deep in the tree when the window has been read.
        while (end < bytes.length && (end < at + filterLength || !tree.isShallow(node))) {
          node = tree.step(node, bytes[end++] as number);
          tree.ending(node, (spelling) => found(end - spelling.bytes.length, end, spelling));
        }
        begun = end - filterLength + 1;
        at = Math.ceil(begun / stride) * stride;
      }
    },

    openFrom(bytes) {
      let node = root;
      for (let at = Math.max(0, bytes.length - tree.longest + 1); at < bytes.length; at++)
        node = tree.step(node, bytes[at] as number);
      while (tree.isLeaf(node)) node = tree.fallback(node);
      return bytes.length - tree.depth(node);
    },
  };
}

const windowAt = (bytes: Uint8Array, at: number): number =>
  ((bytes[at] as number) << 24) |
  ((bytes[at + 1] as number) << 16) |
  ((bytes[at + 2] as number) << 8) |
  (bytes[at + 3] as number);
