/** Reads spellings of which each byte may be written as it is or escaped, from given places on. */
import { isCut, isIntroducer, lengthOf, readEscape, writeEscape } from './escape.ts';
import type { Spelling } from './secret-spellings.ts';
import { type Node, root, type SpellingTree } from './spelling-tree.ts';

export interface ThroughEscapes {
  found(start: number, end: number, spelling: Spelling): void;
  /** What begins at `start` may be a spelling, depending on what comes next. */
  open(start: number): void;
  /** There were more ways to read this than are followed: a spelling may stand anywhere in here, beyond the end of `given` too. */
  unclear(start: number, end: number): void;
}

/** Readings of one place: a backslash may be one, or half of one. Real text has one or two. */
const MOST_READINGS = 32;
/** No escape is longer than 12 bytes; a power of two above that. */
const WINDOW = 16;
const LONGEST_ESCAPE = 12;

/**
 * All readings go on side by side, those that have come to the same place of the same spelling as one: time in proportion to
 * `given`, whatever stands there. `starts` ascend; `isLast` as in `undoEscapes`.
 */
export function readThroughEscapes(
  given: Uint8Array,
  starts: readonly number[],
  tree: SpellingTree,
  isLast: boolean,
  { found, open, unclear }: ThroughEscapes,
): void {
  if (starts.length === 0) return;
  const scratch = new Uint8Array(4);
  /** By place: how far it was read there, and where the longest of these readings began. */
  const readings = Array.from({ length: WINDOW }, () => new Map<Node, number>());
  const readingsAt = (place: number) => readings[place % WINDOW] as Map<Node, number>;
  let pending = 0;

  function goOn(place: number, node: Node, start: number): void {
    const there = readingsAt(place);
    const before = there.get(node);
    if (before !== undefined && before <= start) return;
    if (before === undefined) pending++;
    there.set(node, start);
    const spelling = tree.whole(node);
    if (spelling) found(start, place, spelling);
  }

  function readOn(at: number, node: Node, start: number): void {
    const byte = given[at] as number;
    const plain = tree.child(node, byte);
    if (plain >= 0) goOn(at + 1, plain, start);
    if (!isIntroducer(byte) || tree.isLeaf(node)) return;
    const read = readEscape(given, at);
    if (isCut(read) && !isLast) open(start);
    if (lengthOf(read) === 0) return;
    const size = writeEscape(read, scratch, 0);
    let next = node;
    for (let index = 0; index < size && next >= 0; index++) next = tree.child(next, scratch[index] as number);
    if (next >= 0) goOn(at + lengthOf(read), next, start);
  }

  let turn = 0;
  for (let at = starts[0] as number; pending > 0 || turn < starts.length; at++) {
    if (pending === 0) at = starts[turn] as number;
    const here = readingsAt(at);
    if (starts[turn] === at) {
      goOn(at, root, at);
      turn++;
    }
    if (at >= given.length) {
      for (const [node, start] of here) if (!isLast && !tree.isLeaf(node)) open(start);
    } else if (here.size > MOST_READINGS) {
      unclear(Math.min(...here.values()), at + tree.longest * LONGEST_ESCAPE);
    } else for (const [node, start] of here) readOn(at, node, start);
    pending -= here.size;
    here.clear();
  }
}
