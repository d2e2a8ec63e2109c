/** Reads through writes that are not on disk yet: the newest layer that knows a key answers for it. */
import { decodeValue } from './value-code.ts';
import type { Disk, Span, StoredEntry, Write } from './writes.ts';

export type Layer = Map<string, Write>;

const entryOf = ({ key, bytes, revision }: Write, keysOnly = false): StoredEntry | undefined =>
  bytes && { key, value: keysOnly ? undefined : decodeValue(bytes), revision: keysOnly ? 0 : revision };

/** `layers` newest first; `seen` is told which layer answered. */
export function readThrough<L extends Layer>(
  layers: readonly L[],
  disk: Disk,
  key: string,
  seen: (layer: L) => void,
): StoredEntry | undefined {
  for (const layer of layers) {
    const write = layer.get(key);
    if (write === undefined) continue;
    seen(layer);
    return entryOf(write);
  }
  return disk.get(key);
}

/** As readThrough, for a range. Costs a pass over the layers, which hold the writes of one flush each. */
export function rangeThrough<L extends Layer>(
  layers: readonly L[],
  disk: Disk,
  span: Span,
  seen: (layer: L) => void,
): StoredEntry[] {
  const covering = new Map<string, Write>();
  for (const layer of layers)
    for (const [key, write] of layer) {
      if (key < span.start || key >= span.end) continue;
      seen(layer);
      if (!covering.has(key)) covering.set(key, write);
    }
  if (covering.size === 0) return [...disk.range(span)];
  const before = span.reverse ? (a: string, b: string) => a > b : (a: string, b: string) => a < b;
  const keys = [...covering.keys()].sort((a, b) => (before(a, b) ? -1 : 1));
  const found: StoredEntry[] = [];
  let next = 0;
  const takeUpTo = (bound: string | undefined) => {
    for (; next < keys.length && found.length < span.limit; next++) {
      const key = keys[next]!;
      if (bound !== undefined && before(bound, key)) return;
      const entry = entryOf(covering.get(key)!, span.keysOnly);
      if (entry !== undefined) found.push(entry);
    }
  };
  for (const entry of disk.range({ ...span, limit: Number.POSITIVE_INFINITY })) {
    takeUpTo(entry.key);
    if (found.length >= span.limit) return found;
    if (!covering.has(entry.key)) found.push(entry);
    if (found.length >= span.limit) return found;
  }
  takeUpTo(undefined);
  return found;
}
