/** Taking a draft of a policy into force. */
import type { Connector, Operation } from '../connector/connector.ts';
import { CordonError, notFound } from '../errors.ts';
import type { Owner } from '../sandbox/driver.ts';
import type { Transaction } from '../store/store.ts';
import type { Grant, Policy } from './grant.ts';
import type { GrantTerms } from './grant-input.ts';
import {
  pinOperations,
  putInForce,
  putPolicy,
  readGrants,
  removeGrant,
  type StoredGrant,
  toGrant,
} from './grant-records.ts';
import { operationsOf, patternTable } from './operation-pattern.ts';
import { readCount } from './use.ts';

/** Operations that the grants of an agent name together: what is pinned at once, and kept in memory with the policy. */
export const MAXIMUM_OPERATIONS_IN_FORCE = 20_000;

export interface Activated {
  grants: string[];
  replaced: string[];
}

/** What patterns name of one connector's operations. */
export interface NamedOperations {
  of(patterns: readonly string[]): Operation[];
}

/** Works out what these wildcards name, a step for each: an activation holds up the store and has no time for it. */
export function* nameOperations(
  wildcards: ReadonlySet<string>,
  { operations }: Connector,
): Generator<void, NamedOperations> {
  const named = new Map<string, ReadonlySet<Operation>>();
  for (const text of wildcards) {
    named.set(text, new Set(operationsOf([text], operations)));
    yield;
  }
  return {
    of(patterns) {
      const known = patterns.flatMap((text) => named.get(text) ?? []);
      // Exact names, and the patterns of a grant that was changed meanwhile.
      const table = patternTable([patterns.filter((text) => !named.has(text))], (others) => others);
      return operations.filter((one) => known.some((some) => some.has(one)) || table.of(one).length > 0);
    },
  };
}

/** Errors: CordonError `not_found` when there is no such agent (its records are the agents' own). */
export function requireAgentIn(tx: Transaction, { tenant, agent }: Owner): void {
  if (!tx.get(['agent', tenant, agent])) throw notFound(`Agent ${agent}`);
}

/**
 * `connectors`: the operations of those of the grants, undefined where one is gone. Undefined when a grant names one that is not among
 * them: it came in between. Errors: CordonError `conflict` when the pending grants are not those of `judged`,
 * `quota_exceeded` when the grants name too many operations.
 */
export function activateIn(
  tx: Transaction,
  owner: Owner,
  connectors: ReadonlyMap<string, NamedOperations | undefined>,
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
  const inForce = grants.filter(([id]) => !replaced.includes(id)).map(([, { terms }]) => terms);
  pinOperations(tx, owner, operationsNamed(inForce, connectors, owner));
  putPolicy(tx, owner, { activatedMs: nowMs });
  return { grants: pending.map(([id]) => id), replaced };
}

/** By connector, each once however many grants name it. */
function operationsNamed(
  inForce: readonly GrantTerms[],
  connectors: ReadonlyMap<string, NamedOperations | undefined>,
  { agent }: Owner,
): Map<string, Operation[]> {
  const named = new Map<string, Operation[]>();
  let used = 0;
  for (const [id, terms] of Map.groupBy(inForce, ({ connector }) => connector)) {
    const patterns = terms.flatMap(({ operations }) => operations);
    const operations = connectors.get(id)?.of(patterns) ?? [];
    used += operations.length;
    named.set(id, operations);
  }
  const limit = MAXIMUM_OPERATIONS_IN_FORCE;
  if (used > limit)
    throw new CordonError('quota_exceeded', `The grants of agent ${agent} name ${used} operations: at most ${limit}`, {
      quota: { name: 'operations', limit, used },
      errors: [{ field: 'operations', message: `name at most ${limit} together` }],
    });
  return named;
}

function arePending(judged: readonly Grant[], pending: [string, StoredGrant][], owner: Owner): boolean {
  const text = (grants: readonly Grant[]) =>
    JSON.stringify([...grants].sort((one, other) => (one.id < other.id ? -1 : 1)));
  return text(judged) === text(pending.map(([id, grant]) => toGrant(owner, id, grant)));
}
