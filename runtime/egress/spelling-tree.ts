/** A tree of the beginnings of all spellings, with a way on from each when what follows does not fit (Aho and Corasick). */
import type { Spelling } from './secret-spellings.ts';

/** A beginning of spellings, as a number; 0 is the empty one. */
export type Node = number;

export const root: Node = 0;

export interface SpellingTree {
  /** One byte longer; -1: no spelling begins so. */
  child(node: Node, byte: number): Node;
  /** The longest end of what was read, this byte included, that is a beginning. */
  step(node: Node, byte: number): Node;
  /** The longest end of it that is a beginning too. */
  fallback(node: Node): Node;
  isLeaf(node: Node): boolean;
  /** Fewer than `filterLength` bytes. */
  isShallow(node: Node): boolean;
  depth(node: Node): number;
  /** The spelling that is just this. */
  whole(node: Node): Spelling | undefined;
  /**
   * Of the spellings that end here the longest, and the longest of those that leak into what follows: what they cover,
   * the others cover too.
   */
  ending(node: Node, found: (spelling: Spelling) => void): void;
  /** The longest spelling, bytes. */
  longest: number;
}

export const filterLength = 4;

/** What is known of a node, as bits. The one child that was made with it comes right after it; others are in a map. */
const NEXT = 1;
const BRANCHES = 2;
const SHALLOW = 4;
const WHOLE = 8;

/** Some ten bytes of memory for each byte of the spellings, and time in proportion to it. */
export function createSpellingTree(spellings: readonly Spelling[]): SpellingTree {
  const room = spellings.reduce((sum, { bytes }) => sum + bytes.length, 1);
  const labels = new Uint8Array(room);
  const flags = new Uint8Array(room);
  /** Where it goes on when no child fits: the longest end of it that is a beginning too. */
  const fallbacks = new Int32Array(room);
  /** The longest spelling that it ends with, counted from 1; 0: none. */
  const endings = new Int32Array(room);
  const first = new Int32Array(256);
  const branches = new Map<number, Node>();
  /** Rows of nodes of which each is the child of the one before: where they begin, how deep, and below what. */
  const rowStarts: number[] = [];
  const rowDepths: number[] = [];
  const rowParents: Node[] = [];
  const leaking = new Int32Array(spellings.length + 1);

  function child(node: Node, byte: number): Node {
    if (node === root) return first[byte] || -1;
    const known = flags[node] as number;
    if ((known & NEXT) !== 0 && labels[node + 1] === byte) return node + 1;
    return (known & BRANCHES) === 0 ? -1 : (branches.get(node * 256 + byte) ?? -1);
  }

  function step(from: Node, byte: number): Node {
    for (let node = from; ; node = fallbacks[node] as number) {
      const next = child(node, byte);
      if (next >= 0) return next;
      if (node === root) return root;
    }
  }

  function depth(node: Node): number {
    let [low, high] = [0, rowStarts.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((rowStarts[middle] as number) <= node) low = middle + 1;
      else high = middle;
    }
    return low === 0 ? 0 : (rowDepths[low - 1] as number) + node - (rowStarts[low - 1] as number);
  }

  const longest = spellings.reduce((most, { bytes }) => Math.max(most, bytes.length), 0);
  let count = 1;

  function plant({ bytes }: Spelling, id: number): void {
    let node = root;
    let at = 0;
    for (let next = 0; at < bytes.length; at++) {
      next = child(node, bytes[at] as number);
      if (next < 0) break;
      node = next;
    }
    if (at < bytes.length) {
      const byte = bytes[at] as number;
      if (node === root) first[byte] = count;
      else branches.set(node * 256 + byte, count);
      flags[node] = (flags[node] as number) | BRANCHES;
      rowStarts.push(count);
      rowDepths.push(at + 1);
      rowParents.push(node);
      for (; at < bytes.length; at++) {
        node = count++;
        labels[node] = bytes[at] as number;
        flags[node] = (at + 1 < filterLength ? SHALLOW : 0) | (at + 1 < bytes.length ? NEXT : 0);
      }
    }
    flags[node] = (flags[node] as number) | WHOLE;
    endings[node] = id;
  }

  /** `parent` and all nodes that are less deep are linked already. */
  function link(node: Node, parent: Node): void {
    const fallback = parent === root ? root : step(fallbacks[parent] as number, labels[node] as number);
    fallbacks[node] = fallback;
    const id = endings[node] as number;
    if (id === 0) endings[node] = endings[fallback] as number;
    else leaking[id] = spellings[id - 1]?.leaksIntoNext ? id : (leaking[endings[fallback] as number] as number);
  }

  function linkAll(): void {
    let rows = [...rowStarts.keys()];
    for (let at = 1; rows.length > 0; at++)
      rows = rows.filter((row) => {
        const start = rowStarts[row] as number;
        const node = start + at - (rowDepths[row] as number);
        if (node === (rowStarts[row + 1] ?? count)) return false;
        if (node >= start) link(node, node === start ? (rowParents[row] as number) : node - 1);
        return true;
      });
  }

  for (const [at, spelling] of spellings.entries()) plant(spelling, at + 1);
  flags[root] = SHALLOW;
  linkAll();

  return {
    child,
    step,
    depth,
    longest,
    fallback: (node) => fallbacks[node] as number,
    isLeaf: (node) => node !== root && ((flags[node] as number) & (NEXT | BRANCHES)) === 0,
    isShallow: (node) => ((flags[node] as number) & SHALLOW) !== 0,
    whole: (node) => (((flags[node] as number) & WHOLE) === 0 ? undefined : spellings[(endings[node] as number) - 1]),
    ending(node, found) {
      const id = endings[node] as number;
      if (id === 0) return;
      found(spellings[id - 1] as Spelling);
      const leaks = leaking[id] as number;
      if (leaks !== 0 && leaks !== id) found(spellings[leaks - 1] as Spelling);
    },
  };
}
