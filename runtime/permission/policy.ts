/** A policy made ready for decisions: what is the same for every call is worked out once. */
import { createHash } from 'node:crypto';
import type { Operation } from '../connector/connector.ts';
import { type CompiledConstraint, compileConstraint } from './constraints.ts';
import type { Grant, Policy } from './grant.ts';
import { matchesOperation, parsePattern } from './operation-pattern.ts';

export interface CompiledGrant {
  readonly grant: Grant;
  /** Undefined: it does not end. */
  readonly expiresAtMs: number | undefined;
  readonly constraints: readonly (readonly [parameter: string, CompiledConstraint])[];
  /** Whether its patterns name the operation, and an activation has seen it as it is. */
  covers(operation: Operation): boolean;
}

/** What an agent may do now, ready for `decide`. Frozen and shared: the same object until something changes. */
export interface EffectivePolicy extends Policy {
  readonly agent: string;
  /** The grants in force, oldest first, that name this operation: whether they allow a call is for `decide`. */
  grantsFor(connector: string, operation: Operation): readonly CompiledGrant[];
  /** Whether the next activation brings a grant that names it. */
  isPending(connector: string, operation: Operation): boolean;
}

/**
 * What an activation has seen of the operations that a grant names, by grant: `operationKey`. A wildcard must not come to
 * cover what a later document of the connector adds, or calls by another effect.
 */
export type SeenOperations = ReadonlyMap<string, ReadonlySet<string>>;

/** All that says which requests an operation is: under another path it would be another one by the same name. */
export function operationKey({ name, method, otherMethods = [], effect, path, ...more }: Operation): string {
  const { origins, strictQuery, rawBody, refuseHeaders, rpc } = more;
  const rest = JSON.stringify([path, origins, strictQuery, rawBody, refuseHeaders, rpc]);
  const digest = createHash('sha256').update(rest).digest('base64url').slice(0, 22);
  return `${effect} ${[method, ...otherMethods].join(',')} ${name} ${digest}`;
}

/** Without `seen` the patterns alone decide what a grant covers: for policies that were never in force. */
export function compilePolicy(agent: string, policy: Policy, seen?: SeenOperations): EffectivePolicy {
  const inForce = policy.grants
    .map((grant) => compileGrant(grant, seen && (seen.get(grant.id) ?? new Set())))
    .sort((one, other) => compareAge(one.grant, other.grant));
  // A grant in force is waiting too, for those of its operations that no activation has seen.
  const waiting = [...policy.grants, ...policy.pending].map((grant) => compileGrant(grant));

  return Object.freeze({
    agent,
    status: policy.status,
    grants: policy.grants,
    pending: policy.pending,
    ...(policy.activatedAt === undefined ? {} : { activatedAt: policy.activatedAt }),
    grantsFor: keep((connector, operation) =>
      inForce.filter(({ grant, covers }) => grant.connector === connector && covers(operation)),
    ),
    isPending: keep((connector, operation) =>
      waiting.some(({ grant, covers }) => grant.connector === connector && covers(operation)),
    ),
  });
}

/** By the object that an operation is: a connector's operations are frozen, and others when it changes. */
function keep<T>(find: (connector: string, operation: Operation) => T): (connector: string, operation: Operation) => T {
  const kept = new WeakMap<Operation, { connector: string; found: T }>();
  return (connector, operation) => {
    const before = kept.get(operation);
    if (before?.connector === connector) return before.found;
    const found = find(connector, operation);
    kept.set(operation, { connector, found });
    return found;
  };
}

export function compileGrant(grant: Grant, seen?: ReadonlySet<string>): CompiledGrant {
  const patterns = grant.operations.map(parsePattern);
  return {
    grant,
    expiresAtMs: grant.expiresAt === undefined ? undefined : Date.parse(grant.expiresAt),
    constraints: Object.entries(grant.constraints).map(([name, one]) => [name, compileConstraint(one)] as const),
    covers: (operation) =>
      (seen === undefined || seen.has(operationKey(operation))) &&
      patterns.some((pattern) => matchesOperation(pattern, operation)),
  };
}

/** Oldest first; ids of one millisecond have some order, always the same. */
export const compareAge = (one: Grant, other: Grant): number =>
  one.createdAt < other.createdAt ? -1 : one.createdAt > other.createdAt ? 1 : one.id < other.id ? -1 : 1;
