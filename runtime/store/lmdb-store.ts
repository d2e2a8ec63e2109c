/** The store over LMDB: the one file that imports it. */
import { statSync } from 'node:fs';
import { open as openFile } from 'node:fs/promises';
import { join } from 'node:path';
import { open } from 'lmdb';
import { createCommitQueue, publicEntry, spanOf } from './commit-queue.ts';
import { syncDirectory } from './durable-file.ts';
import { createFreeSpace, freeBytes } from './free-space.ts';
import { decodeKey, encodeKey } from './key-code.ts';
import { withRecentWrites } from './recent.ts';
import type { Entry, Key, RangeOptions, Store } from './store.ts';
import { decodeValue } from './value-code.ts';
import { createWatchers } from './watchers.ts';
import type { Disk, Span, StoredEntry } from './writes.ts';

export interface StoreOptions {
  /** Folder of the environment; made when missing. One process at a time may open it: see data-dir.ts. */
  dir: string;
  /**
   * `disk`: LMDB's own commit, which flushes the pages and then writes the root through O_DSYNC, both before the
   * promise resolves. lmdb-js would by default flush after the commit (`overlappingSync`): more callbacks, more CPU.
   * `process`: no flush at all; a crash of the machine may cost the whole store, not only the last writes.
   */
  durability: 'disk' | 'process';
  /** Free bytes of the file system below which puts are refused. */
  minimumFreeBytes: number;
}

/** LMDB's own name for it. */
export const DATA_FILE = 'data.mdb';
/** Outside of every range: each part of a key begins with a tag above it. */
const REVISION_KEY = '\0revision';
/** Revisions are reserved on disk in blocks: one more put every so many writes, and a gap at each restart. */
const REVISION_BLOCK = 65_536;
/** Address space, not disk: so much is mapped at once, so that the map need not grow (it can) while readers use it. */
const MAP_BYTES = 64 * 1024 ** 3;
/** ENOSPC, EDQUOT, MDB_MAP_FULL, MDB_TXN_FULL, MDB_BAD_TXN (what follows the first failed put of a commit). */
const FULL = new Set([28, 122, -30792, -30788, -30782]);
const EIO = 5;
/** Pages of the tree that a commit writes besides its values. */
const SLACK = 1024 * 1024;

/** Opens the store in `dir`. Errors: the file system's own. */
export async function openStore({ dir, durability, minimumFreeBytes }: StoreOptions): Promise<Store> {
  const { db, ...opened } = openDisk(dir, durability);
  // The names of new files, which flushing the files does not flush.
  await syncDirectory(dir);
  const disk = withRecentWrites(opened.disk);
  let reserved = (disk.get(REVISION_KEY)?.value as number | undefined) ?? 0;
  let revision = reserved;
  const watchers = createWatchers();
  const freeSpace = createFreeSpace(dir, minimumFreeBytes);

  const queue = createCommitQueue({
    disk: {
      ...disk,
      async commit(writes) {
        if (revision <= reserved) return disk.commit(writes);
        const block = revision + REVISION_BLOCK;
        await disk.commit([...writes, { key: REVISION_KEY, bytes: Buffer.from(String(block)), revision: 0 }]);
        reserved = block;
      },
    },
    nextRevision: () => ++revision,
    hasFreeSpace: freeSpace.enough,
    committed: watchers.tell,
  });

  return {
    async get<T>(key: Key) {
      const found = disk.get(encodeKey(key));
      return found && ({ key, value: found.value, revision: found.revision } as Entry<T>);
    },
    async range<T>(options: RangeOptions) {
      return Array.from(disk.range(spanOf(options)), (entry) => publicEntry<T>(entry));
    },
    transaction: (body, options = {}) => queue.transaction(body, options),
    watch: watchers.watch,
    whyRefused: queue.whyRefused,
    hurry: queue.hurry,
    sizeBytes: () => statSync(join(dir, DATA_FILE)).blocks * 512,
    async close() {
      await queue.close();
      await db.close();
    },
  };
}

/** What every opener of an environment must agree on. */
const environment = (dir: string) => ({
  path: dir,
  noSubdir: false,
  mapSize: MAP_BYTES,
  overlappingSync: false,
  useVersions: true,
  keyEncoder: {
    writeKey: (key: string, target: Buffer, at: number) => at + target.write(key, at, 'latin1'),
    readKey: (source: Buffer, start: number, end: number) => source.toString('latin1', start, end),
  },
  encoder: { encode: (bytes: Buffer) => bytes, decode: decodeValue },
});

function openDisk(dir: string, durability: StoreOptions['durability']) {
  const db = open<Buffer, string>({
    ...environment(dir),
    noSync: durability === 'process',
    // Commits are grouped by commit-queue.ts: one batch is one LMDB transaction.
    eventTurnBatching: false,
    txnStartThreshold: 1,
  } as never);

  const disk: Disk = {
    get(key) {
      const found = db.getEntry(key);
      return found && { key, value: found.value, revision: found.version! };
    },
    *range({ start, end, reverse, limit, keysOnly }: Span): Iterable<StoredEntry> {
      if (limit <= 0) return;
      let left = limit;
      // Backwards LMDB takes the bounds the other way round.
      const bounds = reverse
        ? { start: end, end: start, reverse, exclusiveStart: true, inclusiveEnd: true }
        : { start, end };
      if (keysOnly) {
        for (const key of db.getKeys({ ...bounds, snapshot: true })) {
          yield { key, value: undefined, revision: 0 };
          if (--left <= 0) return;
        }
        return;
      }
      for (const { key, value, version } of db.getRange({ ...bounds, versions: true, snapshot: true })) {
        yield { key, value, revision: version! };
        if (--left <= 0) return;
      }
    },
    async commit(writes) {
      let bytes = 0;
      try {
        const done = db.batch(() => {
          for (const write of writes)
            if (write.bytes) {
              bytes += write.bytes.length;
              db.put(write.key, write.bytes, write.revision);
            } else db.remove(write.key);
        });
        // The first batch would begin to be written a turn of the event loop later; a second one begins what waits at once.
        db.batch(() => {}).catch(() => undefined);
        await done;
      } catch (error) {
        throw await commitError(error, dir, bytes);
      }
    },
  };
  return { db, disk };
}

/** lmdb-js keeps the reason of a failed commit in a second promise. `full`: the disk was, and the next commit may work. */
async function commitError(error: unknown, dir: string, bytes: number): Promise<Error> {
  const reason = await Promise.resolve((error as { commitError?: Promise<never> }).commitError).then(
    () => error,
    (cause: unknown) => cause,
  );
  const code = Number((reason as { code?: number }).code);
  // LMDB says EIO also where the file system took only a part of a write for lack of space.
  const full = FULL.has(code) || (code === EIO && freeBytes(dir) < 2 * bytes + SLACK);
  return Object.assign(new Error('the commit failed', { cause: reason }), { full });
}

/** Copies the environment in `dir`, which another process may be writing, into the empty folder `target`; flushed. */
export async function copyStore(dir: string, target: string): Promise<void> {
  const db = openReader(dir);
  try {
    await db.backup(target, false);
  } finally {
    await db.close();
  }
  const file = await openFile(join(target, DATA_FILE), 'r+');
  try {
    await file.chmod(0o600);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Reads every entry. Errors: what LMDB or the decoding says of a damaged one. */
export async function verifyStore(dir: string): Promise<number> {
  const db = openReader(dir);
  let entries = 0;
  try {
    for (const { key } of db.getRange({ start: REVISION_KEY, snapshot: true })) {
      if (key !== REVISION_KEY) decodeKey(key);
      entries++;
    }
  } finally {
    await db.close();
  }
  return entries;
}

const openReader = (dir: string) => open<Buffer, string>({ ...environment(dir), readOnly: true } as never);
