/** Granted versus used, for people: agent x connector x operation. */
import type { Connector, Effect } from '../connector/connector.ts';
import type { Grant } from './grant.ts';
import { matchesOperation, parsePattern } from './operation-pattern.ts';
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

export function permissionMatrix({ policy, connectors, use, nowMs, used }: MatrixFacts): PermissionMatrix {
  const uses = new Map(use.map((one) => [`${one.connector} ${one.operation}`, one]));
  const isOver = ({ id, expiresAt, maxCalls }: Grant) =>
    (expiresAt !== undefined && Date.parse(expiresAt) <= nowMs) || (maxCalls !== undefined && used(id) >= maxCalls);

  const inspect = (connector: Connector): MatrixOperation[] => {
    const grants = [...policy.grants, ...policy.pending]
      .filter((grant) => grant.connector === connector.id)
      .sort(compareAge)
      .map((grant) => ({ grant, isOver: isOver(grant), patterns: grant.operations.map(parsePattern) }));
    return connector.operations.map((operation) => {
      const naming = grants.filter(({ patterns }) => patterns.some((pattern) => matchesOperation(pattern, operation)));
      const covering = policy.status === 'draft' ? [] : policy.grantsFor(connector.id, operation);
      const isInForce = covering.some(({ grant }) => !isOver(grant));
      const { count = 0, lastAt } = uses.get(`${connector.id} ${operation.name}`) ?? {};
      return {
        operation: operation.name,
        effect: operation.effect,
        granted: isInForce ? 'in_force' : naming.some((one) => !one.isOver) ? 'pending' : 'no',
        grants: naming.map(({ grant }) => grant.id),
        count,
        ...(lastAt === undefined ? {} : { lastAt }),
        neverUsed: count === 0,
      };
    });
  };

  const named = new Set([...policy.grants, ...policy.pending].map(({ connector }) => connector));
  return {
    agent: policy.agent,
    status: policy.status,
    connectors: [...named].sort().map((id) => {
      const connector = connectors.get(id);
      return connector
        ? { connector: id, operations: inspect(connector) }
        : { connector: id, missing: true, operations: [] };
    }),
  };
}
