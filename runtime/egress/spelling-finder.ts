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

/** Each spelling has at least `filterLength` bytes. */
export function createSpellingFinder(spellings: readonly Spelling[]): SpellingFinder {
  const tree = createSpellingTree(spellings);
  const bits = Math.min(16, Math.max(10, Math.ceil(Math.log2(spellings.length + 1)) + 6));
  const shift = 32 - bits;
  // Ordinary text does not get past this: whether any spelling begins with four such bytes.
  const filter = new Uint8Array(1 << bits);
  for (const { bytes } of spellings) {
    const [a, b, c, d] = bytes as unknown as [number, number, number, number];
    filter[Math.imul((a << 24) | (b << 16) | (c << 8) | d, 0x9e3779b1) >>> shift] = 1;
  }

  return {
    tree,

    find(bytes, found) {
      let word = 0;
      for (let at = 0; at < bytes.length; at++) {
        word = (word << 8) | (bytes[at] as number);
        if (filter[Math.imul(word, 0x9e3779b1) >>> shift] === 0 || at < filterLength - 1) continue;
        let node = root;
        for (let back = at - filterLength + 1; back <= at; back++) node = tree.step(node, bytes[back] as number);
        // What is shallow the filter sees again with the next byte.
        while (!tree.isShallow(node)) {
          const end = at + 1;
          tree.ending(node, (spelling) => found(end - spelling.bytes.length, end, spelling));
          if (end === bytes.length) return;
          at = end;
          const byte = bytes[at] as number;
          word = (word << 8) | byte;
          node = tree.step(node, byte);
        }
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
