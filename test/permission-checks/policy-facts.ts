/** Policies for tests of the checks: plain data, written short. */
import type { AuthScheme, Connector, Effect, Operation } from '../../runtime/connector/connector.ts';
import type { Grant } from '../../runtime/permission/grant.ts';
import { checks } from '../../runtime/permission/preflight/checks.ts';
import {
  defaultPreflightSettings,
  type Finding,
  type OperationUse,
  type PolicyFacts,
  type PreflightSettings,
} from '../../runtime/permission/preflight/finding.ts';
import { findAll, judgedGrant } from '../../runtime/permission/preflight/judge.ts';
import type { Credential } from '../../runtime/vault/credential.ts';

export const DAY = 24 * 3_600_000;
export const NOW = Date.UTC(2026, 5, 1);
export const daysFromNow = (days: number) => new Date(NOW + days * DAY).toISOString();

export function operation(name: string, effect: Effect, parameters: string[] = []): Operation {
  return {
    name,
    method: effect === 'read' ? 'GET' : 'POST',
    path: `/${name}`,
    effect,
    parameters: parameters.map((parameter) => ({ name: parameter, in: 'body' as const })),
  };
}

export function connector(id: string, operations: Operation[], auth: AuthScheme = { type: 'bearer' }): Connector {
  return {
    id,
    tenant: 'default',
    name: id,
    origins: [`https://${id}.example.com`],
    auth,
    operations,
    source: { kind: 'operations' },
    createdAt: daysFromNow(-100),
    updatedAt: daysFromNow(-100),
  };
}

/** With a deadline and a constraint: nothing to find fault with, unless a test says otherwise. */
export function grant(id: string, operations: string[], more: Partial<Grant> = {}): Grant {
  return {
    id,
    agent: 'reporter',
    connector: 'slack',
    operations,
    constraints: { channel: { equals: 'C1' } },
    expiresAt: daysFromNow(30),
    requiresApproval: false,
    as: 'agent',
    status: 'pending',
    createdAt: daysFromNow(-10),
    ...more,
  };
}

export function credential(connector: string, more: Partial<Credential> = {}): Credential {
  return {
    id: `cred_${connector}`,
    tenant: 'default',
    connector,
    holder: { agent: 'reporter' },
    source: { kind: 'embedded' },
    version: 1,
    createdAt: daysFromNow(-1),
    rotatedAt: daysFromNow(-1),
    isOld: false,
    ...more,
  };
}

export const slack = connector('slack', [
  operation('conversations.history', 'read', ['channel']),
  operation('conversations.list', 'read', ['channel']),
  operation('conversations.rename', 'write', ['channel', 'name']),
  operation('chat.postMessage', 'send', ['channel', 'text']),
  operation('files.delete', 'delete', ['file', 'channel']),
]);

export interface Situation {
  grants?: Grant[];
  connectors?: Connector[];
  /** Default: one of the agent for each connector. */
  credentials?: Credential[] | undefined;
  status?: 'draft' | 'active';
  activatedAt?: string;
  /** By `connector operation`. */
  uses?: Record<string, OperationUse>;
  /** By grant. */
  calls?: Record<string, number>;
  settings?: Partial<PreflightSettings>;
}

export function facts(situation: Situation = {}): PolicyFacts {
  const { grants = [], connectors = [slack], status = 'draft', activatedAt, uses = {}, calls = {} } = situation;
  return {
    agent: 'reporter',
    status,
    activatedAt,
    grants: grants.map((one) =>
      judgedGrant(
        one,
        connectors.find(({ id }) => id === one.connector),
        calls[one.id] ?? 0,
      ),
    ),
    credentials: 'credentials' in situation ? situation.credentials : connectors.map(({ id }) => credential(id)),
    use: (id, name) => uses[`${id} ${name}`],
    nowMs: NOW,
    settings: { ...defaultPreflightSettings, ...situation.settings },
  };
}

/** All findings, as `severity check` for short. */
export const found = (situation: Situation): Finding[] => findAll(checks, facts(situation));
export const short = (findings: Finding[]): string[] => findings.map(({ severity, check }) => `${severity} ${check}`);
