/**
 * How memory lies in the store, per owner: an item per key (small, so that lists are cheap), its value as JSON bytes,
 * a count of the bytes in use, and an index of those that expire.
 */
import { type Json, parseJson } from '../json.ts';
import type { Owner } from '../sandbox/driver.ts';
import type { Entry, Store, Transaction } from '../store/store.ts';

export interface Item {
  /** Of the value as JSON. */
  bytes: number;
  /** Milliseconds since the epoch; from then on it is gone. */
  expiresAt?: number;
}

const itemKey = ({ tenant, agent }: Owner, ...key: [string?]) => ['memory', tenant, agent, ...(key as string[])];
const valueKey = ({ tenant, agent }: Owner, key: string) => ['memory-value', tenant, agent, key];
const usedKey = ({ tenant, agent }: Owner) => ['memory-used', tenant, agent];
const expiryKey = ({ tenant, agent }: Owner, ...at: [] | [number] | [number, string]) => [
  'memory-expiry',
  tenant,
  agent,
  ...at,
];

/** The moment itself is after the end. */
export const isGone = (item: Item, now: number) => item.expiresAt !== undefined && item.expiresAt <= now;

const SCAN = 200;

export const memoryEntries = {
  read: (tx: Transaction, owner: Owner, key: string): Entry<Item> | undefined => tx.get<Item>(itemKey(owner, key)),

  value(tx: Transaction, owner: Owner, key: string): Json {
    const bytes = tx.get<Uint8Array>(valueKey(owner, key))!.value;
    return parseJson(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8'));
  },

  /** What an item counts for the quota. */
  size: (key: string, item: Item): number => Buffer.byteLength(key) + item.bytes,

  sizeOf(tx: Transaction, owner: Owner, key: string): number {
    const found = tx.get<Item>(itemKey(owner, key));
    return found ? memoryEntries.size(key, found.value) : 0;
  },

  used: (tx: Transaction, owner: Owner): number => tx.get<number>(usedKey(owner))?.value ?? 0,

  /** Replaces what is there. Returns the item's revision. */
  write(tx: Transaction, owner: Owner, key: string, item: Item, json: Uint8Array): number {
    memoryEntries.remove(tx, owner, key);
    tx.put(usedKey(owner), memoryEntries.used(tx, owner) + memoryEntries.size(key, item));
    tx.put(valueKey(owner, key), json);
    if (item.expiresAt !== undefined) tx.put(expiryKey(owner, item.expiresAt, key), 0);
    return tx.put(itemKey(owner, key), item);
  },

  remove(tx: Transaction, owner: Owner, key: string): void {
    const found = tx.get<Item>(itemKey(owner, key));
    if (!found) return;
    const left = memoryEntries.used(tx, owner) - memoryEntries.size(key, found.value);
    if (left > 0) tx.put(usedKey(owner), left);
    else tx.delete(usedKey(owner));
    tx.delete(itemKey(owner, key));
    tx.delete(valueKey(owner, key));
    if (found.value.expiresAt !== undefined) tx.delete(expiryKey(owner, found.value.expiresAt, key));
  },

  /** Keys of this owner that have expired, oldest first. */
  expired(tx: Transaction, owner: Owner, now: number, limit: number): string[] {
    const keys: string[] = [];
    let after: (string | number)[] | undefined;
    for (;;) {
      const found = tx.range({ prefix: expiryKey(owner), limit: SCAN, ...(after ? { after } : {}) });
      for (const { key } of found) {
        if ((key[3] as number) > now || keys.length === limit) return keys;
        keys.push(key[4] as string);
      }
      if (found.length < SCAN) return keys;
      after = [...found.at(-1)!.key];
    }
  },

  expiredBytes: (tx: Transaction, owner: Owner, now: number): number =>
    memoryEntries
      .expired(tx, owner, now, Number.POSITIVE_INFINITY)
      .reduce((sum, key) => sum + memoryEntries.sizeOf(tx, owner, key), 0),

  /** Removes up to `limit` expired ones, except `keep`. Returns how many. */
  dropExpired(tx: Transaction, owner: Owner, now: number, limit: number, keep?: string): number {
    const keys = memoryEntries.expired(tx, owner, now, limit).filter((key) => key !== keep);
    for (const key of keys) memoryEntries.remove(tx, owner, key);
    return keys.length;
  },

  /** Removes up to `limit` of any. Returns how many. */
  dropSome(tx: Transaction, owner: Owner, limit: number): number {
    const found = tx.range({ prefix: itemKey(owner), limit });
    for (const { key } of found) memoryEntries.remove(tx, owner, key[3] as string);
    return found.length;
  },

  /** Items whose key begins with `prefix`, in order, those after `after` only. */
  async *scan(store: Store, owner: Owner, prefix: string, after: string | undefined) {
    let bound = after;
    // The bound is exclusive, and the prefix may itself be a key.
    if (prefix !== '' && after === undefined) {
      const found = await store.get<Item>(itemKey(owner, prefix));
      if (found) yield { key: prefix, item: found.value, revision: found.revision };
      bound = prefix;
    }
    for (;;) {
      const found = await store.range<Item>({
        prefix: itemKey(owner),
        limit: SCAN,
        ...(bound === undefined ? {} : { after: itemKey(owner, bound) }),
      });
      for (const { key, value, revision } of found) {
        bound = key[3] as string;
        if (!bound.startsWith(prefix)) return;
        yield { key: bound, item: value, revision };
      }
      if (found.length < SCAN) return;
    }
  },

  /** The next owner in order that has anything with a lifetime. */
  async nextExpiring(store: Store, after?: Owner): Promise<Owner | undefined> {
    const bound = after && { after: expiryKey(after, Number.POSITIVE_INFINITY) };
    const [next] = await store.range({ prefix: ['memory-expiry'], limit: 1, ...bound });
    return next && { tenant: next.key[1] as string, agent: next.key[2] as string };
  },
};
