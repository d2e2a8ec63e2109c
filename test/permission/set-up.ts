import { createAgents } from '../../runtime/agent/agents.ts';
import { createTenants } from '../../runtime/agent/tenants.ts';
import { type AuditKind, createAudit } from '../../runtime/audit/audit.ts';
import type { Connector } from '../../runtime/connector/connector.ts';
import { notFound } from '../../runtime/errors.ts';
import { createPermissions } from '../../runtime/permission/permissions.ts';
import { manualClock, scratchStore } from '../store/scratch.ts';
import { connectorOf, operationOf } from './facts.ts';

export const owner = { tenant: 'default', agent: 'reporter' };
export const by = { key: 'key_1' };

export const slack = connectorOf('slack', [
  operationOf('chat.postMessage', { effect: 'send' }),
  operationOf('files.list', { method: 'GET' }),
  operationOf('files.info', { method: 'GET' }),
  operationOf('files.delete', { effect: 'delete' }),
]);

/** Permissions over a real store, with the agent `reporter` and the connectors `slack` and `drive`, which tests may change. */
export async function setUp() {
  const store = await scratchStore();
  const clock = manualClock();
  const agents = createAgents({ store, clock });
  await createTenants({ store, clock }).ensureDefault();
  await agents.create(owner.tenant, { id: owner.agent });
  const audit = createAudit({ store, clock });
  const connectors = new Map<string, Connector>([
    ['slack', slack],
    ['drive', connectorOf('drive', [operationOf('files.get', { method: 'GET' })])],
  ]);
  const source = {
    async get(tenant: string, id: string) {
      const found = tenant === owner.tenant ? connectors.get(id) : undefined;
      if (!found) throw notFound(`Connector ${id}`);
      return found;
    },
  };
  const open = () => createPermissions({ store, clock, audit, connectors: source });
  /** Of one kind, oldest first. */
  const audited = async (kind: AuditKind) =>
    (await audit.list(owner.tenant, { limit: 200, kind })).items
      .toReversed()
      .map(({ agent, key, detail }) => ({ agent, key, ...detail }));
  return { store, clock, agents, connectors, permissions: open(), open, audited };
}

export const input = (rest: object = {}) => ({ connector: 'slack', operations: ['files.*'], ...rest });
