import { decodeKey, prefixBounds } from './key-code.ts';
import type { Key } from './store.ts';
import { decodeValue } from './value-code.ts';
import type { Write } from './writes.ts';

type Listener = (key: Key, value: unknown | undefined) => void;

export interface Watchers {
  watch(prefix: Key, listener: Listener): () => void;
  /** Tells the listeners, in the order of the writes. */
  tell(writes: Write[]): void;
}

/** Listeners must not throw: an error is reported as an uncaught exception, and the other listeners still hear. */
export function createWatchers(): Watchers {
  const watchers = new Set<{ start: string; end: string; listener: Listener }>();
  return {
    watch(prefix, listener) {
      const watcher = { ...prefixBounds(prefix), listener };
      watchers.add(watcher);
      return () => {
        watchers.delete(watcher);
      };
    },

    tell(writes) {
      if (watchers.size === 0) return;
      for (const write of writes)
        for (const { start, end, listener } of watchers) {
          if (write.key < start || write.key >= end) continue;
          try {
            listener(decodeKey(write.key), write.bytes && decodeValue(write.bytes));
          } catch (error) {
            queueMicrotask(() => {
              throw error;
            });
          }
        }
    },
  };
}
