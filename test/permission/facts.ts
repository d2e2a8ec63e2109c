/** Pieces of calls, grants and connectors, as short as tests need them. */
import type { Connector, Operation } from '../../runtime/connector/connector.ts';
import type { CallFacts, Grant } from '../../runtime/permission/grant.ts';
import { readParameters } from '../../runtime/permission/parameters.ts';

export const operationOf = (name: string, rest: Partial<Operation> = {}): Operation => ({
  name,
  method: 'POST',
  path: `/${name}`,
  effect: 'read',
  parameters: [],
  ...rest,
});

export const connectorOf = (id: string, operations: Operation[]): Connector => ({
  id,
  tenant: 'default',
  name: id,
  origins: [`https://${id}.example`],
  auth: { type: 'bearer' },
  operations,
  source: { kind: 'operations' },
  createdAt: '2026-01-01T00:00:00.000Z',
  updatedAt: '2026-01-01T00:00:00.000Z',
});

export const grantOf = (rest: Partial<Grant> = {}): Grant => ({
  id: 'grt_1',
  agent: 'reporter',
  connector: 'slack',
  operations: ['*'],
  constraints: {},
  requiresApproval: false,
  as: 'agent',
  status: 'in_force',
  createdAt: '2026-01-01T00:00:00.000Z',
  ...rest,
});

export interface CallParts {
  operation?: Operation;
  query?: string;
  path?: Record<string, string>;
  headers?: [string, string][];
  /** Text as it is, anything else as JSON. */
  body?: unknown;
  type?: string;
}

/** The parameters of one request. */
export function parametersOf({ operation, query = '', path = {}, headers = [], body, type }: CallParts) {
  const bytes =
    body === undefined
      ? undefined
      : body instanceof Uint8Array
        ? body
        : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
  const all: [string, string][] =
    bytes === undefined || type === '' ? headers : [...headers, ['Content-Type', type ?? 'application/json']];
  return readParameters(operation ?? operationOf('op'), new URL(`https://slack.example/op${query}`), path, all, bytes);
}

export const factsOf = (rest: Partial<CallFacts> & CallParts = {}): CallFacts => ({
  agent: 'reporter',
  connector: rest.connector ?? 'slack',
  operation: rest.operation ?? operationOf('op'),
  parameters: rest.parameters ?? parametersOf(rest),
  nowMs: rest.nowMs ?? Date.UTC(2026, 0, 2),
  used: rest.used ?? (() => 0),
});
