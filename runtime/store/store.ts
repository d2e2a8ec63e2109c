/**
 * The store: ordered keys, JSON values, one revision per write.
 * Small enough for a second implementation over a key-value stream; nothing above may know LMDB.
 */
export type Key = readonly (string | number)[];

export interface Entry<T = unknown> {
  key: Key;
  /** A copy: changing it changes nothing in the store. */
  value: T;
  /** Store-wide count of writes at this one: rises, is never reused, not even after a delete or a restart. */
  revision: number;
}

export interface RangeOptions {
  /** Only keys that begin with these parts. */
  prefix: Key;
  /** Exclusive bound, a key under the prefix: with `reverse` only keys below it, otherwise only keys above it. */
  after?: Key;
  /** Highest key first. */
  reverse?: boolean;
  limit?: number;
  /** `value` is undefined: what lies there is not read. */
  keysOnly?: boolean;
}

/** Reads see the newest state plus this transaction's own writes. Writes are applied together, or not at all. */
export interface Transaction {
  get<T>(key: Key): Entry<T> | undefined;
  range<T>(options: RangeOptions): Entry<T>[];
  /** Value: JSON, or a Uint8Array as the whole value. Returns the revision that the entry will have. */
  put(key: Key, value: unknown): number;
  delete(key: Key): void;
}

export interface TransactionOptions {
  /**
   * May use the disk space that is kept free from other writes: for what ends or removes something
   * (the terminal record of a run, a delete that also keeps a count). One that only deletes always may.
   */
  reserve?: boolean;
  /**
   * Its flush may wait this long (milliseconds) for another transaction to share it with; `hurry` ends the wait.
   * For writes whose acknowledgement nobody waits for yet.
   */
  patienceMs?: number;
  /** Its flush begins now, not at the end of this turn of the event loop: the caller has gathered what shares it. */
  atOnce?: boolean;
}

export interface Store {
  /** Reads outside of transactions show durable state only, and all that was acknowledged. */
  get<T>(key: Key): Promise<Entry<T> | undefined>;
  range<T>(options: RangeOptions): Promise<Entry<T>[]>;
  /**
   * Runs `body` at once against the newest state and resolves with its answer when the writes, and all that it read,
   * are durable (flushed to disk unless the store was opened with durability `process`). A throw in `body` writes nothing.
   * Concurrent transactions share a flush. `body` must be synchronous and may read before it writes: this is compare-and-set.
   * Errors: CordonError `storage_full` when the disk refuses; then nothing of it was applied, nor of any that read from it.
   */
  transaction<R>(body: (tx: Transaction) => R, options?: TransactionOptions): Promise<R>;
  /**
   * Called after each durable write below the prefix, in order and before the transaction resolves;
   * `value` undefined means deleted. Returns the end of it.
   */
  watch(prefix: Key, listener: (key: Key, value: unknown | undefined) => void): () => void;
  /** Why it refuses writes now: too little free space, or a failure that lasts until a restart. Undefined: it takes them. Cheap. */
  whyRefused(): string | undefined;
  /** Flushes now what was patient. */
  hurry(): void;
  /** Bytes that the store's files take on disk. */
  sizeBytes(): number;
  /** Waits for the writes on their way. */
  close(): Promise<void>;
}
