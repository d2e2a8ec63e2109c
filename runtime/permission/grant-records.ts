/** How grants lie in the store. A grant in force has a count, also when it may be used without end: see use.ts. */
import { isoTime } from '../clock.ts';
import type { Operation } from '../connector/connector.ts';
import type { Owner } from '../sandbox/driver.ts';
import type { Key, Transaction } from '../store/store.ts';
import type { Grant } from './grant.ts';
import type { GrantTerms } from './grant-input.ts';
import { operationKey, type SeenOperations } from './policy.ts';
import { removeCount, startCount } from './use.ts';

export interface StoredGrant {
  terms: GrantTerms;
  status: Grant['status'];
  replaces?: string;
  createdMs: number;
}

/** Present from the first activation on. */
interface StoredPolicy {
  activatedMs: number;
}

export const grantsOf = ({ tenant, agent }: Owner): Key => ['grant', tenant, agent];
const grantKey = (owner: Owner, id: string): Key => [...grantsOf(owner), id];
const seenOf = ({ tenant, agent }: Owner): Key => ['grant-seen', tenant, agent];
const policyKey = ({ tenant, agent }: Owner): Key => ['policy', tenant, agent];

export const isGrantId = (id: string): boolean => /^grt_[0-9a-z]{1,40}$/.test(id);

export const readGrant = (tx: Transaction, owner: Owner, id: string): StoredGrant | undefined =>
  tx.get<StoredGrant>(grantKey(owner, id))?.value;

/** Oldest first. */
export const readGrants = (tx: Transaction, owner: Owner): [id: string, grant: StoredGrant][] =>
  tx.range<StoredGrant>({ prefix: grantsOf(owner) }).map(({ key, value }) => [String(key[3]), value]);

export const putGrant = (tx: Transaction, owner: Owner, id: string, grant: StoredGrant): void =>
  void tx.put(grantKey(owner, id), grant);

/** With all that is kept of it. */
export function removeGrant(tx: Transaction, owner: Owner, id: string): void {
  tx.delete(grantKey(owner, id));
  removeCount(tx, owner, id);
}

export const readPolicy = (tx: Transaction, owner: Owner): StoredPolicy | undefined =>
  tx.get<StoredPolicy>(policyKey(owner))?.value;

export const putPolicy = (tx: Transaction, owner: Owner, policy: StoredPolicy): void =>
  void tx.put(policyKey(owner), policy);

/** From now on the grant is in force; `pinOperations` says for what. `used`: calls that count already. */
export function putInForce(tx: Transaction, owner: Owner, id: string, grant: StoredGrant, used: number): void {
  const { terms, createdMs } = grant;
  putGrant(tx, owner, id, { terms, status: 'in_force', createdMs });
  startCount(tx, owner, id, used);
}

/** An activation has seen these operations as they are, by connector, and no others. */
export function pinOperations(tx: Transaction, owner: Owner, seen: ReadonlyMap<string, readonly Operation[]>): void {
  for (const { key } of tx.range({ prefix: seenOf(owner) })) if (!seen.has(String(key[3]))) tx.delete(key);
  for (const [connector, operations] of seen) tx.put([...seenOf(owner), connector], operations.map(operationKey));
}

export const readSeen = (tx: Transaction, owner: Owner): SeenOperations =>
  new Map(tx.range<string[]>({ prefix: seenOf(owner) }).map(({ key, value }) => [String(key[3]), new Set(value)]));

/** Frozen: policies share it. */
export function toGrant({ agent }: Owner, id: string, { terms, status, replaces, createdMs }: StoredGrant): Grant {
  Object.freeze(terms.operations);
  Object.freeze(terms.constraints);
  return Object.freeze({
    id,
    agent,
    ...terms,
    status,
    ...(replaces === undefined ? {} : { replaces }),
    createdAt: isoTime(createdMs),
  });
}

/** Every prefix under which something of an agent, or of a whole tenant, is kept. The policy goes first: it closes the gate. */
export const allOf = (whose: Key): Key[] =>
  ['policy', 'grant', 'grant-seen', 'grant-count', 'grant-use'].map((kind) => [kind, ...whose]);
