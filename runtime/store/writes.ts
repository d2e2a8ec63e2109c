/** One write on its way to the disk; without bytes a delete. */
export interface Write {
  /** As encodeKey gives it. */
  key: string;
  bytes: Buffer | undefined;
  revision: number;
}

export interface StoredEntry {
  key: string;
  value: unknown;
  revision: number;
}

/** An encoded range: from `start` (inclusive) to `end` (exclusive). */
export interface Span {
  start: string;
  end: string;
  reverse: boolean;
  limit: number;
  keysOnly: boolean;
}

/** What is on disk: the part of the store that commit-queue.ts asks. */
export interface Disk {
  get(key: string): StoredEntry | undefined;
  range(span: Span): Iterable<StoredEntry>;
  /** Applies all or nothing, and resolves when they are durable. One call at a time. */
  commit(writes: readonly Write[]): Promise<void>;
}
