/** All that a policy stands on, on a store of its own: the tenant `default` with the agent `reporter` and the connector `crm`. */
import { join } from 'node:path';
import { createAgents } from '../../runtime/agent/agents.ts';
import { createTenants } from '../../runtime/agent/tenants.ts';
import { createAudit } from '../../runtime/audit/audit.ts';
import { readCatalog } from '../../runtime/connector/catalog.ts';
import { createConnectors } from '../../runtime/connector/connectors.ts';
import type { Json } from '../../runtime/json.ts';
import { createPermissions } from '../../runtime/permission/permissions.ts';
import { createPreflight, type PreflightDeps } from '../../runtime/permission/preflight/preflight.ts';
import { createPropose } from '../../runtime/permission/propose.ts';
import { createWaivers } from '../../runtime/permission/waivers.ts';
import { createLog } from '../../runtime/telemetry/log.ts';
import { openMasterKey } from '../../runtime/vault/master-key.ts';
import { createVault } from '../../runtime/vault/vault.ts';
import { manualClock, scratchDir, scratchStore } from '../store/scratch.ts';

export const owner = { tenant: 'default', agent: 'reporter' };
export const by = { key: 'key_test', isOperator: true };
export const DAY = 24 * 3_600_000;

export const crm = {
  id: 'crm',
  auth: { type: 'bearer' },
  hosts: ['crm.example.com'],
  operations: [
    { name: 'records.list', method: 'GET', path: '/records', effect: 'read' },
    { name: 'records.get', method: 'GET', path: '/records/{id}', effect: 'read' },
    { name: 'records.update', method: 'PUT', path: '/records/{id}', effect: 'write' },
    { name: 'records.delete', method: 'DELETE', path: '/records/{id}', effect: 'delete' },
  ],
};

export async function openPolicies({
  refuseAfterMs,
  ...more
}: { refuseAfterMs?: number } & Partial<PreflightDeps> = {}) {
  const store = await scratchStore();
  const clock = manualClock();
  const tenants = createTenants({ store, clock });
  await tenants.ensureDefault();
  const agents = createAgents({ store, clock });
  await agents.create('default', { id: 'reporter' });
  const audit = createAudit({ store, clock });
  const connectors = createConnectors({
    store,
    clock,
    audit,
    catalog: readCatalog(),
    fetchDocument: () => Promise.reject(new Error('there is no network here')),
  });
  await connectors.create('default', crm, by);
  const permissions = createPermissions({ store, clock, audit, connectors });
  const vault = createVault({
    store,
    clock,
    audit,
    connectors,
    log: createLog('silent', { write() {} }),
    masterKey: await openMasterKey(store, { key: undefined, file: join(scratchDir(), 'master-key') }),
    backends: {},
    postWebhook: async () => {},
    settings: { warnAfterMs: 30 * DAY, refuseAfterMs },
  });
  const waivers = createWaivers({ store, clock, audit });
  const preflight = createPreflight({
    permissions,
    connectors,
    vault,
    waivers,
    clock,
    settings: { unusedAfterMs: 30 * DAY, secretWarnAfterMs: 30 * DAY, secretRefuseAfterMs: refuseAfterMs },
    ...more,
  });
  const propose = createPropose({ audit, permissions, connectors, clock });

  const inAMonth = () => new Date(clock.now() + 30 * DAY).toISOString();
  return {
    store,
    clock,
    tenants,
    agents,
    audit,
    connectors,
    permissions,
    vault,
    preflight,
    propose,
    /** With a deadline, unless the terms say otherwise. */
    grant: (operations: string[], terms: object = {}) =>
      permissions.createGrant(owner, { connector: 'crm', operations, expiresAt: inAMonth(), ...terms }, by),
    secret: (holder: object = { agent: 'reporter' }) =>
      vault.create('default', { connector: 'crm', secret: { token: 'a-token-of-crm' }, ...holder }, by),
    /** One call as the gate counts and records it. */
    async call(grantId: string, operation: string, detail: { [key: string]: Json } = {}) {
      const grant = await permissions.getGrant(owner, grantId);
      await store.transaction((tx) => {
        permissions.count(tx, owner, grant, grant.connector, operation);
        const told = { allowed: true, connector: grant.connector, operation, grant: grantId, as: grant.as, ...detail };
        audit.add(tx, 'default', { kind: 'egress', agent: 'reporter', run: 'run_1', detail: told });
      });
    },
    checksOf: async () => (await preflight.report(owner)).findings.map(({ severity, check }) => `${severity} ${check}`),
  };
}

export type Policies = Awaited<ReturnType<typeof openPolicies>>;
