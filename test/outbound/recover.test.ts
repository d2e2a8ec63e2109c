/** A crash in the middle of a delete: what an agent had is not the next one's of its name. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { createAgents } from '../../runtime/agent/agents.ts';
import { createTenants } from '../../runtime/agent/tenants.ts';
import { systemClock as clock } from '../../runtime/clock.ts';
import { readConfig } from '../../runtime/config.ts';
import { createOutbound } from '../../runtime/outbound.ts';
import { openStore } from '../../runtime/store/lmdb-store.ts';
import { createLog } from '../../runtime/telemetry/log.ts';

test('grants, activation and credential of an agent that is gone are gone after a restart', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'cordon-recover-'));
  onTestFinished(() => rmSync(dataDir, { recursive: true, force: true }));
  const store = await openStore({ dir: join(dataDir, 'store'), durability: 'process', minimumFreeBytes: 0 });
  const log = createLog('silent', { write() {} });
  const open = () => createOutbound({ store, clock, log, config: readConfig({}), dataDir });
  const by = { key: 'key_test', isOperator: true };
  const [gone, stays] = ['gone', 'stays'].map((agent) => ({ tenant: 'default', agent })) as [
    { tenant: string; agent: string },
    { tenant: string; agent: string },
  ];
  await createTenants({ store, clock }).ensureDefault();
  const agents = createAgents({ store, clock });
  const before = await open();
  await before.connectors.create(
    'default',
    {
      id: 'crm',
      hosts: ['crm.example.com'],
      auth: { type: 'bearer' },
      operations: [{ name: 'get', method: 'GET', path: '/', effect: 'read' }],
    },
    by,
  );
  for (const owner of [gone, stays]) {
    await agents.create('default', { id: owner.agent });
    await before.vault.create(
      'default',
      { connector: 'crm', agent: owner.agent, secret: { token: 'a-long-secret' } },
      by,
    );
    await before.permissions.createGrant(owner, { connector: 'crm', operations: ['get'] }, by);
    await before.preflight.activate(owner, by);
  }
  // As far as a delete got when the process was killed.
  await agents.delete(gone);
  await before.close();

  const after = await open();
  await after.recover();
  await agents.create('default', { id: 'gone' });
  expect(await after.permissions.policy(gone)).toMatchObject({ status: 'draft', grants: [], pending: [] });
  expect(await after.vault.find('default', 'crm', { agent: 'gone' })).toBeUndefined();
  expect((await after.permissions.policy(stays)).grants).toHaveLength(1);
  expect(await after.vault.find('default', 'crm', { agent: 'stays' })).toBeDefined();
  await after.close();
  await store.close();
});
