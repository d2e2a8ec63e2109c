/** A policy made ready for decisions: what is the same for every call is worked out once. */
import { createHash } from 'node:crypto';
import type { Operation } from '../connector/connector.ts';
import { type CompiledConstraint, compileConstraint } from './constraints.ts';
import type { Grant, Policy } from './grant.ts';
import { type PatternTable, patternTable } from './operation-pattern.ts';

export interface CompiledGrant {
  readonly grant: Grant;
  /** Undefined: it does not end. */
  readonly expiresAtMs: number | undefined;
  readonly constraints: readonly (readonly [parameter: string, CompiledConstraint])[];
}

/** What an agent may do now, ready for `decide`. Frozen and shared: the same object until something changes. */
export interface EffectivePolicy extends Policy {
  readonly agent: string;
  /** The grants in force, oldest first, that name this operation: whether they allow a call is for `decide`. */
  grantsFor(connector: string, operation: Operation): readonly CompiledGrant[];
  /** Whether the next activation brings a grant that names it. */
  isPending(connector: string, operation: Operation): boolean;
  /** Whether the last activation has seen the operation as it is. */
  hasSeen(connector: string, operation: Operation): boolean;
}

/**
 * What the last activation has seen of the operations that grants name, by connector: `operationKey`. A wildcard must not
 * come to cover what a later document of the connector adds, or calls by another effect.
 */
export type SeenOperations = ReadonlyMap<string, ReadonlySet<string>>;

/** A hash of all that says which requests an operation is: under another path it would be another one by the same name. */
export function operationKey({ name, method, otherMethods, effect, path, ...more }: Operation): string {
  const { origins, strictQuery, rawBody, refuseHeaders, rpc } = more;
  const all = [name, method, otherMethods ?? [], effect, path, origins, strictQuery, rawBody, refuseHeaders, rpc];
  return createHash('sha256').update(JSON.stringify(all)).digest('base64url').slice(0, 22);
}

/** Without `seen` the patterns alone decide what a grant covers: for policies that were never in force. */
export function compilePolicy(agent: string, policy: Policy, seen?: SeenOperations): EffectivePolicy {
  const inForce = tablesOf(policy.grants);
  // A grant in force is waiting too, for those of its operations that no activation has seen.
  const waiting = tablesOf([...policy.grants, ...policy.pending]);
  const hasSeen = (connector: string, operation: Operation) =>
    seen === undefined || seen.get(connector)?.has(operationKey(operation)) === true;

  return Object.freeze({
    agent,
    status: policy.status,
    grants: policy.grants,
    pending: policy.pending,
    ...(policy.activatedAt === undefined ? {} : { activatedAt: policy.activatedAt }),
    grantsFor: keep((connector, operation) => {
      const named = inForce.get(connector)?.of(operation) ?? [];
      return named.length > 0 && hasSeen(connector, operation) ? named : [];
    }),
    isPending: keep((connector, operation) => (waiting.get(connector)?.of(operation) ?? []).length > 0),
    hasSeen,
  });
}

/** By connector; of each the oldest first. */
function tablesOf(grants: readonly Grant[]): Map<string, PatternTable<CompiledGrant>> {
  const byConnector = Map.groupBy([...grants].sort(compareAge), ({ connector }) => connector);
  return new Map(
    [...byConnector].map(([connector, some]) => [
      connector,
      patternTable(some.map(compileGrant), ({ grant }) => grant.operations),
    ]),
  );
}

/** Operations whose grants a policy remembers: what an agent calls at a time, and little memory however many it may call. */
const REMEMBERED = 64;

/** By the object that an operation is: a connector's operations are frozen, and others when it changes. */
function keep<T>(find: (connector: string, operation: Operation) => T): (connector: string, operation: Operation) => T {
  let kept = new WeakMap<Operation, { connector: string; found: T }>();
  let count = 0;
  return (connector, operation) => {
    const before = kept.get(operation);
    if (before?.connector === connector) return before.found;
    const found = find(connector, operation);
    if (count++ >= REMEMBERED) {
      kept = new WeakMap();
      count = 1;
    }
    kept.set(operation, { connector, found });
    return found;
  };
}

function compileGrant(grant: Grant): CompiledGrant {
  return {
    grant,
    expiresAtMs: grant.expiresAt === undefined ? undefined : Date.parse(grant.expiresAt),
    constraints: Object.entries(grant.constraints).map(([name, one]) => [name, compileConstraint(one)] as const),
  };
}

/** Oldest first; ids of one millisecond have some order, always the same. */
export const compareAge = (one: Grant, other: Grant): number =>
  one.createdAt < other.createdAt ? -1 : one.createdAt > other.createdAt ? 1 : one.id < other.id ? -1 : 1;
