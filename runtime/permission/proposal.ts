/** The smaller policy that an agent's recorded calls would have needed. Pure. */
import type { Operation } from '../connector/connector.ts';
import type { Constraint, Grant, InWhoseName } from './grant.ts';
import { grantBounds } from './grant-input.ts';
import { isWildcard, isWithin, type OperationPattern, operationsOf, parsePattern } from './operation-pattern.ts';
import { compilePolicy, type EffectivePolicy } from './policy.ts';
import type { CallRecord, RecordedCalls } from './recorded-calls.ts';

/** As POST and PUT of grants take it. */
export interface ProposedGrant {
  connector: string;
  operations: string[];
  constraints?: Record<string, Constraint>;
  expiresAt?: string;
  maxCalls?: number;
  requiresApproval: boolean;
  as: InWhoseName;
}

export interface Proposal {
  agent: string;
  grants: ProposedGrant[];
  /** What becomes of each grant in force: `grants[becomes]` is the body of a PUT, in force at once because it is narrower. */
  changes: { grant: string; action: 'keep' | 'narrow' | 'delete'; becomes?: number }[];
  /** What would no longer be granted, by grant. */
  removed: { grant: string; connector: string; operations: string[] }[];
  replay: {
    /** Recorded calls that were allowed. */
    calls: number;
    wouldDeny: number;
    /** Of those: what the policy of today denies too, since a grant has ended or an operation is gone. */
    deniedToday: number;
    summary: string;
    since?: string;
    /** False: the record is longer than what was read. */
    isComplete: boolean;
  };
}

export interface ProposalFacts {
  policy: EffectivePolicy;
  /** By connector. */
  operations: ReadonlyMap<string, readonly Operation[]>;
  record: CallRecord;
  used(grantId: string): number;
  nowMs: number;
}

export function propose(facts: ProposalFacts): Proposal {
  const { policy, operations, record } = facts;
  const live = policy.grants.filter((grant) => !hasEnded(grant, facts));
  const needs = new Map<string, Set<string>>(live.map(({ id }) => [id, new Set()]));
  const liveById = new Map(live.map((grant) => [grant.id, grant]));
  const byName = new Map([...operations].map(([id, all]) => [id, new Map(all.map((one) => [one.name, one]))]));
  const replayed = record.groups.map((group) => {
    const operation = byName.get(group.connector)?.get(group.operation);
    return { group, operation, grant: operation && grantFor(group, operation, liveById, policy) };
  });
  for (const { group, grant } of replayed) if (grant) needs.get(grant.id)?.add(group.operation);

  const known = (connector: string) => operations.get(connector) ?? [];
  const kept = live.filter(({ id }) => needs.get(id)?.size !== 0);
  const narrowed = kept.map((grant): Grant => {
    const ofConnector = byName.get(grant.connector);
    const needed = [...(needs.get(grant.id) ?? [])].flatMap((name) => ofConnector?.get(name) ?? []);
    // More names than a grant may have: the pattern that says them shortly stays.
    if (needed.length > grantBounds.operations || isExactly(grant, needed, known(grant.connector))) return grant;
    const patterns = grant.operations.map(parsePattern);
    return { ...grant, operations: needed.map((operation) => nameIn(patterns, operation)).toSorted() };
  });

  const smaller = compilePolicy(policy.agent, { status: 'active', grants: narrowed, pending: [] });
  let wouldDeny = 0;
  let deniedToday = 0;
  for (const { group, operation, grant } of replayed) {
    if (grant === undefined) deniedToday += group.calls;
    const allowing = operation === undefined ? [] : smaller.grantsFor(group.connector, operation);
    if (!allowing.some((compiled) => compiled.grant.id === grant?.id)) wouldDeny += group.calls;
  }
  const covered = coverageOf(policy, operations);
  const left = coverageOf(smaller, operations);
  const calls = record.groups.reduce((sum, group) => sum + group.calls, 0);
  const { since, isComplete } = record;
  return {
    agent: policy.agent,
    grants: narrowed.map(toInput),
    changes: policy.grants.map((grant) => {
      const becomes = kept.indexOf(grant);
      if (becomes === -1) return { grant: grant.id, action: 'delete' };
      return { grant: grant.id, action: narrowed[becomes] === grant ? 'keep' : 'narrow', becomes };
    }),
    removed: policy.grants.flatMap((grant) => {
      const { id, connector } = grant;
      const gone = [...(covered.get(id) ?? [])].filter((name) => !left.get(id)?.has(name));
      // Of a connector that is gone only the patterns are left to show.
      const shown = operations.has(connector) ? gone : grant.operations;
      return shown.length === 0 ? [] : { grant: id, connector, operations: shown };
    }),
    replay: {
      calls,
      wouldDeny,
      deniedToday,
      summary: `would have denied ${counted(wouldDeny)} of ${counted(calls)} calls`,
      ...(since === undefined ? {} : { since }),
      isComplete,
    },
  };
}

const counted = (count: number) => count.toLocaleString('en-US');

const hasEnded = ({ id, expiresAt, maxCalls }: Grant, { used, nowMs }: ProposalFacts) =>
  (expiresAt !== undefined && Date.parse(expiresAt) <= nowMs) || (maxCalls !== undefined && used(id) >= maxCalls);

/** Names of what each grant covers, by grant, in the connector's order: each operation is asked once for all grants. */
function coverageOf(policy: EffectivePolicy, operations: ProposalFacts['operations']): Map<string, Set<string>> {
  const covered = new Map<string, Set<string>>(policy.grants.map(({ id }) => [id, new Set()]));
  for (const [connector, known] of operations)
    for (const operation of known)
      for (const { grant } of policy.grantsFor(connector, operation)) covered.get(grant.id)?.add(operation.name);
  return covered;
}

/**
 * The grant that allows such calls today: the one that did, or, when it is gone, one that asks no questions of the
 * parameters, which the record does not hold.
 */
function grantFor(
  group: RecordedCalls,
  operation: Operation,
  live: ReadonlyMap<string, Grant>,
  policy: EffectivePolicy,
): Grant | undefined {
  const able = policy.grantsFor(group.connector, operation).flatMap(({ grant }) => live.get(grant.id) ?? []);
  return (
    able.find(({ id }) => id === group.grant) ??
    able.find(({ constraints, as }) => as === group.as && Object.keys(constraints).length === 0)
  );
}

/** Whether the grant names each needed operation by itself already, and nothing else: then it stays as it is written. */
const isExactly = ({ operations }: Grant, needed: readonly Operation[], known: readonly Operation[]): boolean =>
  !operations.some(isWildcard) &&
  operations.length === needed.length &&
  operationsOf(operations, known).length === needed.length;

/** With its effect where the grant's patterns ask for it: only then is the name plainly less than the pattern. */
function nameIn(patterns: readonly OperationPattern[], { name, effect }: Operation): string {
  const plain = parsePattern(name);
  const isPlain = plain.effect === undefined && patterns.some((pattern) => isWithin(plain, pattern));
  return isPlain ? name : `${name}:${effect}`;
}

function toInput({
  connector,
  operations,
  constraints,
  expiresAt,
  maxCalls,
  requiresApproval,
  as,
}: Grant): ProposedGrant {
  return {
    connector,
    operations,
    ...(Object.keys(constraints).length === 0 ? {} : { constraints }),
    ...(expiresAt === undefined ? {} : { expiresAt }),
    ...(maxCalls === undefined ? {} : { maxCalls }),
    requiresApproval,
    as,
  };
}
