/** An agent's durable key-value data. */
import type { Clock } from '../clock.ts';
import { isoTime } from '../clock.ts';
import { CordonError, fieldError } from '../errors.ts';
import type { Json } from '../json.ts';
import type { Owner } from '../sandbox/driver.ts';
import { decodeCursor, encodeCursor, type Page } from '../store/page.ts';
import type { Store, Transaction } from '../store/store.ts';
import { type Item, isGone, memoryEntries } from './entries.ts';
import { checkMemoryKey } from './keys.ts';

export const maximumValueBytes = 1024 * 1024;
const MAXIMUM_TTL_MS = 100 * 365 * 24 * 3_600_000;
/** Entries that one transaction removes at most: what holds up the event loop, about a millisecond. */
const BATCH = 200;

export interface MemoryItem {
  key: string;
  revision: number;
  /** The value as JSON. */
  bytes: number;
  /** ISO 8601. */
  expiresAt?: string;
}

/**
 * Sees the revision that is there at the very moment of the write (null: there is no such key), and throws to refuse:
 * for `If-Match`.
 */
export type RevisionCondition = (revision: number | null) => void;

export interface SetOptions {
  /** Lifetime from now; absent: until deleted. A set without it takes a former lifetime away. */
  ttlMs?: number;
  /** Revision that the key must have; null: it must not exist. */
  ifRevision?: number | null;
  condition?: RevisionCondition;
  /** Quota of the agent for keys and values together. */
  quotaBytes: number;
}

export interface Memory {
  get(owner: Owner, key: string): Promise<{ value: Json; revision: number; expiresAt?: string } | undefined>;
  /**
   * Durable when it resolves, with the new revision: rises with every write and is never reused.
   * Errors: CordonError `validation_failed` (key, value, ttlMs), `too_large` above 1 MiB of JSON, `revision_mismatch`,
   * `quota_exceeded` with `details.quota`, `storage_full`.
   */
  set(owner: Owner, key: string, value: Json, options: SetOptions): Promise<number>;
  /** Whether there was something to delete. Errors: CordonError `revision_mismatch`, also for a key that does not exist. */
  delete(owner: Owner, key: string, options?: { ifRevision?: number; condition?: RevisionCondition }): Promise<boolean>;
  /** In the order of the keys' UTF-8 bytes. */
  list(owner: Owner, options: { prefix?: string; limit: number; cursor?: string }): Promise<Page<MemoryItem>>;
  /** Bytes of the keys and of the values as JSON, without what has expired. */
  usedBytes(owner: Owner): Promise<number>;
  /** Deletes everything. Not one transaction: until it resolves, part of it may be there. */
  forget(owner: Owner): Promise<void>;
  /** Removes what has expired, of all owners, from the disk: it was invisible before. Resolves with the count. */
  sweep(): Promise<number>;
}

export function createMemory({ store, clock }: { store: Store; clock: Clock }): Memory {
  /** The item, unless its time is over. */
  const live = (tx: Transaction, owner: Owner, key: string) => {
    const found = memoryEntries.read(tx, owner, key);
    return found && !isGone(found.value, clock.now()) ? found : undefined;
  };

  const checkRevision = (found: { revision: number } | undefined, wanted: number | null | undefined) => {
    if (wanted === undefined || wanted === (found?.revision ?? null)) return;
    const state = found ? `The key has revision ${found.revision}` : 'The key does not exist';
    throw new CordonError('revision_mismatch', `${state}, not ${wanted === null ? 'absent' : `revision ${wanted}`}`);
  };

  const memory: Memory = {
    async get(owner, key) {
      checkMemoryKey(key);
      // Two entries, read in one transaction: a write between them would pair a value with another's revision.
      return store.transaction((tx) => {
        const found = live(tx, owner, key);
        if (!found) return undefined;
        return { value: memoryEntries.value(tx, owner, key), revision: found.revision, ...expiry(found.value) };
      });
    },

    async set(owner, key, value, { ttlMs, ifRevision, condition, quotaBytes }) {
      checkMemoryKey(key);
      if (ttlMs !== undefined && (!Number.isSafeInteger(ttlMs) || ttlMs < 1 || ttlMs > MAXIMUM_TTL_MS))
        throw fieldError('ttlMs', `must be a whole number from 1 to ${MAXIMUM_TTL_MS}`);
      const json = toJson(value);
      return store.transaction((tx) => {
        const now = clock.now();
        const found = live(tx, owner, key);
        checkRevision(found, ifRevision);
        condition?.(found?.revision ?? null);
        const item: Item = { bytes: json.length, ...(ttlMs === undefined ? {} : { expiresAt: now + ttlMs }) };
        const growth = memoryEntries.size(key, item) - memoryEntries.sizeOf(tx, owner, key);
        if (growth > 0 && memoryEntries.used(tx, owner) + growth > quotaBytes) {
          // What has expired counts no more, swept or not.
          memoryEntries.dropExpired(tx, owner, now, Number.POSITIVE_INFINITY, key);
          const used = memoryEntries.used(tx, owner);
          if (used + growth > quotaBytes)
            throw new CordonError('quota_exceeded', `Memory is full: ${used} of ${quotaBytes} bytes are used`, {
              quota: { name: 'memoryBytes', limit: quotaBytes, used },
            });
        }
        return memoryEntries.write(tx, owner, key, item, json);
      });
    },

    async delete(owner, key, { ifRevision, condition } = {}) {
      checkMemoryKey(key);
      return store.transaction(
        (tx) => {
          const found = live(tx, owner, key);
          checkRevision(found, ifRevision);
          condition?.(found?.revision ?? null);
          memoryEntries.remove(tx, owner, key);
          return found !== undefined;
        },
        { reserve: true },
      );
    },

    async list(owner, { prefix = '', limit, cursor }) {
      if (prefix !== '') checkMemoryKey(prefix, 'prefix');
      const [start] = cursor === undefined ? [undefined] : (decodeCursor(cursor, 'string') as [string]);
      const items: MemoryItem[] = [];
      const now = clock.now();
      for await (const { key, item, revision } of memoryEntries.scan(store, owner, prefix, start)) {
        if (isGone(item, now)) continue;
        if (items.length === limit) return { items, nextCursor: encodeCursor([items[limit - 1]!.key]) };
        items.push({ key, revision, bytes: item.bytes, ...expiry(item) });
      }
      return { items };
    },

    usedBytes: (owner) =>
      store.transaction((tx) => memoryEntries.used(tx, owner) - memoryEntries.expiredBytes(tx, owner, clock.now())),

    async forget(owner) {
      while (await store.transaction((tx) => memoryEntries.dropSome(tx, owner, BATCH), { reserve: true }));
    },

    async sweep() {
      let swept = 0;
      for (
        let owner = await memoryEntries.nextExpiring(store);
        owner;
        owner = await memoryEntries.nextExpiring(store, owner)
      ) {
        const whose = owner;
        const drop = (tx: Transaction) => memoryEntries.dropExpired(tx, whose, clock.now(), BATCH);
        for (let count = BATCH; count === BATCH; swept += count)
          count = await store.transaction(drop, { reserve: true });
      }
      return swept;
    },
  };
  return memory;
}

const expiry = (item: Item) => (item.expiresAt === undefined ? {} : { expiresAt: isoTime(item.expiresAt) });

function toJson(value: unknown): Buffer {
  let json: string | undefined;
  try {
    json = JSON.stringify(value);
  } catch {
    // Said below.
  }
  if (json === undefined) throw fieldError('value', 'must be JSON');
  const bytes = Buffer.from(json);
  if (bytes.length > maximumValueBytes) {
    const message = `value: is ${bytes.length} bytes as JSON, and at most ${maximumValueBytes} are kept`;
    throw new CordonError('too_large', message, {
      errors: [{ field: 'value', message: `at most ${maximumValueBytes} bytes` }],
    });
  }
  return bytes;
}
