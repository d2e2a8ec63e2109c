/** Taking a draft of a policy into force. */
import type { Connector } from '../connector/connector.ts';
import { CordonError, notFound } from '../errors.ts';
import type { Owner } from '../sandbox/driver.ts';
import type { Transaction } from '../store/store.ts';
import type { Grant, Policy } from './grant.ts';
import {
  pinOperations,
  putInForce,
  putPolicy,
  readGrants,
  removeGrant,
  type StoredGrant,
  toGrant,
} from './grant-records.ts';
import { operationsOf } from './operation-pattern.ts';
import { readCount } from './use.ts';

export interface Activated {
  grants: string[];
  replaced: string[];
}

/** Errors: CordonError `not_found` when there is no such agent (its records are the agents' own). */
export function requireAgentIn(tx: Transaction, { tenant, agent }: Owner): void {
  if (!tx.get(['agent', tenant, agent])) throw notFound(`Agent ${agent}`);
}

/**
 * `connectors`: those of the grants, undefined where one is gone. Undefined when a grant names one that is not among
 * them: it came in between. Errors: CordonError `conflict` when the pending grants are not those of `judged`.
 */
export function activateIn(
  tx: Transaction,
  owner: Owner,
  connectors: ReadonlyMap<string, Connector | undefined>,
  nowMs: number,
  judged: Policy | undefined,
): Activated | undefined {
  requireAgentIn(tx, owner);
  const grants = readGrants(tx, owner);
  if (grants.some(([, { terms }]) => !connectors.has(terms.connector))) return undefined;
  const pending = grants.filter(([, { status }]) => status === 'pending');
  if (judged && !arePending(judged.pending, pending, owner))
    throw new CordonError('conflict', 'The grants were changed while they were checked: try again');

  const replaced: string[] = [];
  for (const [id, grant] of pending) {
    const before = grant.replaces;
    // Editing a grant gives it no new calls: those of the old one count on.
    const used = before === undefined ? 0 : (readCount(tx, owner, before) ?? 0);
    if (before !== undefined) {
      removeGrant(tx, owner, before);
      replaced.push(before);
    }
    putInForce(tx, owner, id, grant, used);
  }
  for (const [id, { terms }] of grants)
    if (!replaced.includes(id))
      pinOperations(tx, owner, id, operationsOf(terms.operations, connectors.get(terms.connector)?.operations ?? []));
  putPolicy(tx, owner, { activatedMs: nowMs });
  return { grants: pending.map(([id]) => id), replaced };
}

function arePending(judged: readonly Grant[], pending: [string, StoredGrant][], owner: Owner): boolean {
  const text = (grants: readonly Grant[]) =>
    JSON.stringify([...grants].sort((one, other) => (one.id < other.id ? -1 : 1)));
  return text(judged) === text(pending.map(([id, grant]) => toGrant(owner, id, grant)));
}
