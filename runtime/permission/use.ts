/** How often grants and operations were used. */
import { isoTime } from '../clock.ts';
import { EgressError } from '../egress/egress.ts';
import type { Owner } from '../sandbox/driver.ts';
import type { Key, Store, Transaction } from '../store/store.ts';
import type { Grant } from './grant.ts';

/** Calls of one operation of one connector that were allowed. */
export interface OperationUse {
  connector: string;
  operation: string;
  count: number;
  lastAt: string;
}

interface StoredUse {
  count: number;
  lastMs: number;
}

export const countsOf = ({ tenant, agent }: Owner): Key => ['grant-count', tenant, agent];
const countKey = (owner: Owner, id: string): Key => [...countsOf(owner), id];
const useOf = ({ tenant, agent }: Owner): Key => ['grant-use', tenant, agent];

export const startCount = (tx: Transaction, owner: Owner, id: string, used: number): void =>
  void tx.put(countKey(owner, id), used);

export const removeCount = (tx: Transaction, owner: Owner, id: string): void => tx.delete(countKey(owner, id));

export const readCount = (tx: Transaction, owner: Owner, id: string): number | undefined =>
  tx.get<number>(countKey(owner, id))?.value;

export const readCounts = (tx: Transaction, owner: Owner): [id: string, used: number][] =>
  tx.range<number>({ prefix: countsOf(owner) }).map(({ key, value }) => [String(key[3]), value]);

/** Errors: EgressError `max_calls`, `no_grant` when the grant is in force no more. */
export function countCalls(
  tx: Transaction,
  owner: Owner,
  { id, maxCalls }: Grant,
  connector: string,
  operation: string,
  { calls, nowMs }: { calls: number; nowMs: number },
): void {
  const used = readCount(tx, owner, id);
  if (used === undefined) throw new EgressError('no_grant', `grant ${id} for ${connector} ${operation} was taken back`);
  if (maxCalls !== undefined && used + calls > maxCalls)
    throw new EgressError('max_calls', `grant ${id} for ${connector} ${operation} has used up its ${maxCalls} calls`);
  tx.put(countKey(owner, id), used + calls);
  const key = [...useOf(owner), connector, operation];
  const count = (tx.get<StoredUse>(key)?.value.count ?? 0) + calls;
  tx.put(key, { count, lastMs: nowMs } satisfies StoredUse);
}

export async function readUse(store: Store, owner: Owner): Promise<OperationUse[]> {
  const entries = await store.range<StoredUse>({ prefix: useOf(owner) });
  return entries.map(({ key, value }) => ({
    connector: String(key[3]),
    operation: String(key[4]),
    count: value.count,
    lastAt: isoTime(value.lastMs),
  }));
}
