/** Granted versus used, for people: agent x connector x operation. */
import type { Connector, Effect } from '../connector/connector.ts';
import type { Grant } from './grant.ts';
import { atOnce } from './in-steps.ts';
import { patternTable } from './operation-pattern.ts';
import { compareAge, type EffectivePolicy } from './policy.ts';
import type { OperationUse } from './use.ts';

export interface PermissionMatrix {
  agent: string;
  status: 'draft' | 'active';
  /** Those that a grant names, by name. */
  connectors: MatrixConnector[];
}

export interface MatrixConnector {
  connector: string;
  /** The connector is gone while grants still name it; then no operation is shown. */
  missing?: true;
  operations: MatrixOperation[];
}

export interface MatrixOperation {
  operation: string;
  effect: Effect;
  /** `in_force`: a call could be allowed now. `pending`: the next activation would bring that. */
  granted: 'in_force' | 'pending' | 'no';
  /** The grants that name it, oldest first, also those whose time or calls are over. */
  grants: string[];
  /** Calls that were allowed, by whatever grant. */
  count: number;
  lastAt?: string;
  neverUsed: boolean;
}

export interface MatrixFacts {
  policy: EffectivePolicy;
  /** Those that still exist. */
  connectors: ReadonlyMap<string, Connector>;
  use: readonly OperationUse[];
  nowMs: number;
  /** Calls that were counted against a grant. */
  used(grantId: string): number;
}

/** Operations of one step: some milliseconds, where an agent has as many wildcards as it may have. */
const STEP = 200;

/** All at once. */
export const permissionMatrix = (facts: MatrixFacts): PermissionMatrix => atOnce(matrixInSteps(facts));

/** The same, with steps. */
export function* matrixInSteps(facts: MatrixFacts): Generator<void, PermissionMatrix> {
  const { policy, connectors } = facts;
  const isOver = ({ id, expiresAt, maxCalls }: Grant) =>
    (expiresAt !== undefined && Date.parse(expiresAt) <= facts.nowMs) ||
    (maxCalls !== undefined && facts.used(id) >= maxCalls);
  const judged = (grant: Grant, isInForce: boolean): JudgedGrant => ({ grant, isInForce, isOver: isOver(grant) });
  const grants = [
    ...policy.grants.map((grant) => judged(grant, policy.status === 'active')),
    ...policy.pending.map((grant) => judged(grant, false)),
  ].sort((one, other) => compareAge(one.grant, other.grant));
  const uses = new Map(facts.use.map((one) => [`${one.connector} ${one.operation}`, one]));

  const rows: MatrixConnector[] = [];
  const byConnector = Map.groupBy(grants, ({ grant }) => grant.connector);
  for (const id of [...byConnector.keys()].sort()) {
    const connector = connectors.get(id);
    const table = patternTable(byConnector.get(id) ?? [], ({ grant }) => grant.operations);
    const operations: MatrixOperation[] = [];
    for (const [at, operation] of (connector?.operations ?? []).entries()) {
      if (at % STEP === STEP - 1) yield;
      const naming = table.of(operation);
      const isOpen = naming.some((one) => one.isInForce && !one.isOver) && policy.hasSeen(id, operation);
      const { count = 0, lastAt } = uses.get(`${id} ${operation.name}`) ?? {};
      operations.push({
        operation: operation.name,
        effect: operation.effect,
        granted: isOpen ? 'in_force' : naming.some((one) => !one.isOver) ? 'pending' : 'no',
        grants: naming.map(({ grant }) => grant.id),
        count,
        ...(lastAt === undefined ? {} : { lastAt }),
        neverUsed: count === 0,
      });
    }
    rows.push(connector ? { connector: id, operations } : { connector: id, missing: true, operations });
    yield;
  }
  return { agent: policy.agent, status: policy.status, connectors: rows };
}

interface JudgedGrant {
  grant: Grant;
  isInForce: boolean;
  isOver: boolean;
}
