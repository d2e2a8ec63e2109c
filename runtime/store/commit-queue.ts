/**
 * Transactions over a disk that flushes. A body runs at once, on the state on disk plus the writes on their way.
 * One commit is under way at a time; what arrives meanwhile goes out together in the next (group commit).
 * When a commit fails, the group behind it fails too: its bodies may have read what was never written.
 */
import { CordonError } from '../errors.ts';
import { decodeKey, encodeKey, prefixBounds } from './key-code.ts';
import { type Layer, rangeThrough, readThrough } from './layers.ts';
import type { Entry, Key, RangeOptions, Transaction, TransactionOptions } from './store.ts';
import { encodeValue } from './value-code.ts';
import type { Disk, Span, StoredEntry, Write } from './writes.ts';

interface Group extends Layer {
  /** Every write in order, where the map keeps only the last of a key. */
  log: Write[];
  waiting: { release: () => void; fail: (error: CordonError) => void }[];
}

export interface CommitQueue {
  transaction<R>(body: (tx: Transaction) => R, options: TransactionOptions): Promise<R>;
  /** Why writes are refused now, if they are; shown to callers. */
  whyRefused(): string | undefined;
  /** Sends what waits for company. */
  hurry(): void;
  /** Resolves when nothing is on its way; later transactions are refused. */
  close(): Promise<void>;
}

interface Options {
  disk: Disk;
  /** Gives each write its number. */
  nextRevision: () => number;
  hasFreeSpace: () => boolean;
  committed: (writes: Write[]) => void;
}

const LITTLE_SPACE = 'The disk is nearly full: less is free than CORDON_MINIMUM_FREE_BYTES. Free some space.';

const storageFull = (cause?: unknown) =>
  new CordonError('storage_full', 'The disk is full: nothing was written. Reads go on; free some space.', {
    ...(cause === undefined ? {} : { cause }),
  });

export function createCommitQueue({ disk, nextRevision, hasFreeSpace, committed }: Options): CommitQueue {
  let pending: Group | undefined;
  let inFlight: Group | undefined;
  let scheduled = false;
  /** Runs while everything pending is patient. */
  let patience: NodeJS.Timeout | undefined;
  /** Set by close, and by a disk error after which the state on disk is in doubt. */
  let refusal: CordonError | undefined;
  let closed: (() => void) | undefined;

  const layers = (own: Layer): Layer[] => {
    const all = [own];
    if (pending) all.push(pending);
    if (inFlight) all.push(inFlight);
    return all;
  };

  function schedule(patienceMs = 0) {
    if (scheduled || inFlight || !pending) return;
    if (patienceMs > 0) {
      patience ??= setTimeout(() => schedule(), patienceMs);
      return;
    }
    stopPatience();
    scheduled = true;
    // The end of this turn of the event loop: transactions of one turn share a flush.
    setImmediate(() => {
      scheduled = false;
      sendPending();
    });
  }

  function stopPatience() {
    clearTimeout(patience);
    patience = undefined;
  }

  function sendPending() {
    if (!pending || inFlight) return;
    stopPatience();
    const group = pending;
    pending = undefined;
    inFlight = group;
    disk.commit([...group.values()]).then(() => succeeded(group), failed);
  }

  function succeeded(group: Group) {
    inFlight = undefined;
    committed(group.log);
    for (const { release } of group.waiting) release();
    finishTurn();
  }

  function failed(error: unknown) {
    const full = isFull(error);
    if (!full)
      refusal ??= new CordonError('internal', 'The store failed and takes no writes until a restart', { cause: error });
    const groups = [inFlight, pending];
    inFlight = pending = undefined;
    const answer = full ? storageFull(error) : refusal!;
    for (const group of groups) for (const { fail } of group?.waiting ?? []) fail(answer);
    finishTurn();
  }

  function finishTurn() {
    schedule();
    if (!pending && !inFlight) closed?.();
  }

  return {
    transaction<R>(body: (tx: Transaction) => R, options: TransactionOptions) {
      if (refusal) return Promise.reject(refusal);
      const own: Layer = new Map();
      const log: Write[] = [];
      let newestSeen: Group | undefined;
      const seen = (layer: Layer) => {
        if (layer !== own && (newestSeen === undefined || layer === pending)) newestSeen = layer as Group;
      };
      let puts = false;
      let open = true;
      const write = (key: Key, bytes: Buffer | undefined) => {
        if (!open) throw new Error('the transaction is over: its body must be synchronous');
        const entry = { key: encodeKey(key), bytes, revision: nextRevision() };
        own.set(entry.key, entry);
        log.push(entry);
        return entry.revision;
      };
      const tx: Transaction = {
        get<T>(key: Key) {
          const found = readThrough(layers(own), disk, encodeKey(key), seen);
          return found && ({ key, value: found.value, revision: found.revision } as Entry<T>);
        },
        range: <T>(range: RangeOptions) =>
          rangeThrough(layers(own), disk, spanOf(range), seen).map((entry) => publicEntry<T>(entry)),
        put(key, value) {
          puts = true;
          return write(key, encodeValue(value));
        },
        delete(key) {
          write(key, undefined);
        },
      };

      let result: R | undefined;
      let error: unknown;
      let threw = false;
      try {
        result = body(tx);
        if (result instanceof Promise) throw new TypeError('the body of a transaction must be synchronous');
        if (puts && !options.reserve && !hasFreeSpace()) throw storageFull();
      } catch (thrown) {
        threw = true;
        error = thrown;
      }
      open = false;

      let group = newestSeen;
      if (!threw && log.length > 0) {
        pending ??= Object.assign(new Map<string, Write>(), { log: [], waiting: [] });
        group = pending;
        for (const entry of log) {
          group.set(entry.key, entry);
          group.log.push(entry);
        }
        if (options.atOnce) sendPending();
        else schedule(options.patienceMs);
      }
      // An answer, or a refusal, that rests on writes still on their way must not outrun them.
      if (group === undefined) return threw ? Promise.reject(error) : Promise.resolve(result as R);
      return new Promise<R>((resolve, reject) => {
        group.waiting.push({ release: () => (threw ? reject(error) : resolve(result as R)), fail: reject });
      });
    },

    whyRefused: () => refusal?.message ?? (hasFreeSpace() ? undefined : LITTLE_SPACE),

    hurry() {
      if (patience) schedule();
    },

    async close() {
      refusal ??= new CordonError('shutting_down', 'The store is closed');
      schedule();
      if (pending || inFlight)
        await new Promise<void>((resolve) => {
          closed = resolve;
        });
    },
  };
}

/** The encoded span of a range. */
export function spanOf(range: RangeOptions): Span {
  const { prefix, after, reverse = false, limit = Number.POSITIVE_INFINITY, keysOnly = false } = range;
  let { start, end } = prefixBounds(prefix);
  // Nothing lies between a key and the same key with a NUL behind it.
  if (after) {
    if (reverse) end = encodeKey(after);
    else start = `${encodeKey(after)}\0`;
  }
  return { start, end, reverse, limit, keysOnly };
}

export const publicEntry = <T>({ key, value, revision }: StoredEntry) =>
  ({ key: decodeKey(key), value, revision }) as Entry<T>;

/** Disks say that they are full with these; the commit was undone and the next may work. */
const isFull = (error: unknown) => (error as { full?: boolean } | undefined)?.full === true;
