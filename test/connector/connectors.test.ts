import { expect, test } from 'vitest';
import { createTenants } from '../../runtime/agent/tenants.ts';
import { createAudit } from '../../runtime/audit/audit.ts';
import { readCatalog } from '../../runtime/connector/catalog.ts';
import type { ConnectorInput, McpSupport } from '../../runtime/connector/connector-input.ts';
import { createConnectors, MAXIMUM_CONNECTORS } from '../../runtime/connector/connectors.ts';
import type { Store } from '../../runtime/store/store.ts';
import { manualClock, scratchStore } from '../store/scratch.ts';

const admin = { key: 'key_admin', isOperator: false };
const operator = { key: 'key_operator', isOperator: true };
const connectTo = { address: '10.1.2.3', port: 8443 };
const input = (id: string, more: Partial<Record<keyof ConnectorInput, unknown>> = {}): ConnectorInput => ({
  id,
  auth: { type: 'bearer' },
  hosts: ['svc.example'],
  operations: [{ name: 'list', method: 'GET', path: '/things', effect: 'read' }],
  ...more,
});

async function setUp({ store, mcp }: { store?: Store; mcp?: McpSupport } = {}) {
  const opened = store ?? (await scratchStore());
  const clock = manualClock();
  const tenants = createTenants({ store: opened, clock });
  await tenants.ensureDefault();
  const audit = createAudit({ store: opened, clock });
  const fetchDocument = () => Promise.reject(new Error('nothing is fetched here'));
  const connectors = createConnectors({
    store: opened,
    clock,
    audit,
    catalog: readCatalog(),
    fetchDocument,
    ...(mcp ? { mcp } : {}),
  });
  const ids = async (origin: string, tenant = 'default') =>
    (await connectors.forOrigin(tenant, origin)).map(({ connector }) => connector.id);
  const entries = async () => (await audit.list('default', { limit: 50, kind: 'connector' })).items;
  return { store: opened, clock, tenants, connectors, ids, entries };
}
const code = (name: string) => ({ code: name });

test('made, read, listed newest first without operations, replaced, deleted, and each change audited', async () => {
  const { connectors, clock, entries } = await setUp();
  const made = await connectors.create('default', input('one'), admin);
  expect(made).toMatchObject({ id: 'one', tenant: 'default', createdAt: made.updatedAt });
  expect(await connectors.get('default', 'one')).toEqual(made);
  clock.advance(1000);
  await connectors.create('default', input('two'), admin);
  const first = await connectors.list('default', { limit: 1 });
  expect(first.items).toMatchObject([{ id: 'two', operationCount: 1 }]);
  expect(first.items[0]).not.toHaveProperty('operations');
  expect((await connectors.list('default', { limit: 5, cursor: first.nextCursor })).items.map(({ id }) => id)).toEqual([
    'one',
  ]);

  clock.advance(1000);
  const { id: _, ...rest } = input('one', { hosts: ['new.example'], name: 'Renamed' });
  const replaced = await connectors.replace('default', 'one', rest, admin);
  expect(replaced).toMatchObject({ name: 'Renamed', createdAt: made.createdAt, origins: ['https://new.example'] });
  expect(Date.parse(replaced.updatedAt)).toBe(Date.parse(made.updatedAt) + 2000);
  expect(await connectors.get('default', 'one')).toEqual(replaced);

  await connectors.delete('default', 'one', admin);
  await expect(connectors.get('default', 'one')).rejects.toMatchObject(code('not_found'));
  expect((await connectors.list('default', { limit: 5 })).items.map(({ id }) => id)).toEqual(['two']);
  expect((await entries()).map(({ key, detail }) => [key, detail.action, detail.connector])).toEqual([
    ['key_admin', 'delete', 'one'],
    ['key_admin', 'replace', 'one'],
    ['key_admin', 'create', 'two'],
    ['key_admin', 'create', 'one'],
  ]);
});

test('what is taken, unknown or of another tenant', async () => {
  const { connectors, tenants } = await setUp();
  await tenants.create({ id: 'other' });
  await connectors.create('default', input('one'), admin);
  await expect(connectors.create('default', input('one'), admin)).rejects.toMatchObject(code('already_exists'));
  await connectors.create('other', input('one'), admin);
  await expect(connectors.create('nowhere', input('one'), admin)).rejects.toMatchObject(code('not_found'));
  await connectors.delete('other', 'one', admin);
  expect((await connectors.get('default', 'one')).id).toBe('one');
  for (const id of ['two', '', 'x'.repeat(5000), '\ud800', '../one', 'A']) {
    await expect(connectors.get('default', id)).rejects.toMatchObject(code('not_found'));
    await expect(connectors.delete('default', id, admin)).rejects.toMatchObject(code('not_found'));
    await expect(connectors.setConnectTo('default', id, connectTo, operator)).rejects.toMatchObject(code('not_found'));
    await expect(connectors.replace('default', id, input('one'), admin)).rejects.toMatchObject(code('not_found'));
  }
});

test('a refused change leaves nothing behind', async () => {
  const { connectors, store } = await setUp();
  const before = (await store.range({ prefix: [] })).length;
  await expect(connectors.create('default', input('one', { hosts: ['10.0.0.1'] }), admin)).rejects.toMatchObject(
    code('validation_failed'),
  );
  expect(await store.range({ prefix: [] })).toHaveLength(before);
});

test("connectTo is an operator's to give, and stays where it was given", async () => {
  const { connectors, entries } = await setUp();
  await expect(connectors.create('default', input('one', { connectTo }), admin)).rejects.toMatchObject(
    code('forbidden'),
  );
  await connectors.create('default', input('one', { connectTo }), operator);
  await expect(connectors.setConnectTo('default', 'one', undefined, admin)).rejects.toMatchObject(code('forbidden'));
  await expect(
    connectors.setConnectTo('default', 'one', { ...connectTo, port: 70_000 }, operator),
  ).rejects.toMatchObject(code('validation_failed'));

  const { id: _, ...same } = input('one', { name: 'Same hosts' });
  expect(await connectors.replace('default', 'one', same, admin)).toMatchObject({ name: 'Same hosts', connectTo });
  const { id: __, ...moved } = input('one', { hosts: ['svc.example', 'other.example'] });
  await expect(connectors.replace('default', 'one', moved, admin)).rejects.toMatchObject(code('conflict'));
  await expect(connectors.replace('default', 'one', { ...moved, connectTo }, admin)).rejects.toMatchObject(
    code('forbidden'),
  );
  expect(await connectors.replace('default', 'one', moved, operator)).toMatchObject({
    connectTo,
    origins: { length: 2 },
  });

  expect(await connectors.setConnectTo('default', 'one', undefined, operator)).not.toHaveProperty('connectTo');
  expect(await connectors.get('default', 'one')).not.toHaveProperty('connectTo');
  expect((await entries())[0]).toMatchObject({ key: 'key_operator', detail: { action: 'connect-to' } });
});

test('by origin: oldest first, of this tenant alone, and every change is seen at once', async () => {
  const { connectors, clock, ids, tenants } = await setUp();
  await tenants.create({ id: 'other' });
  const origin = 'https://svc.example';
  expect(await ids(origin)).toEqual([]);
  await connectors.create('default', input('b'), admin);
  clock.advance(10);
  await connectors.create('default', input('a', { hosts: ['svc.example', 'svc.example:8443'] }), admin);
  await connectors.create('other', input('c'), admin);
  expect(await ids(origin)).toEqual(['b', 'a']);
  expect(await ids('https://svc.example:8443')).toEqual(['a']);
  expect(await ids('http://svc.example')).toEqual([]);
  expect(await ids(origin, 'other')).toEqual(['c']);
  expect(await ids(origin, 'nowhere')).toEqual([]);

  const [first] = await connectors.forOrigin('default', origin);
  expect(first?.match('GET', new URL('https://svc.example/things')).kind).toBe('operation');
  expect(Object.isFrozen(first?.connector.operations[0])).toBe(true);
  // The same objects until something changes: nothing is compiled per call.
  expect(await connectors.forOrigin('default', origin)).toBe(await connectors.forOrigin('default', origin));

  const { id: _, ...narrowed } = input('b', {
    operations: [{ name: 'other', method: 'GET', path: '/other', effect: 'read' }],
  });
  await connectors.replace('default', 'b', narrowed, admin);
  const [changed] = await connectors.forOrigin('default', origin);
  expect(changed?.match('GET', new URL('https://svc.example/things')).kind).toBe('none');
  await connectors.setConnectTo('default', 'b', connectTo, operator);
  expect((await connectors.forOrigin('default', origin))[0]?.connector.connectTo).toEqual(connectTo);
  const { id: __, ...moved } = input('a', { hosts: ['moved.example'] });
  await connectors.replace('default', 'a', moved, admin);
  expect(await ids(origin)).toEqual(['b']);
  expect(await ids('https://moved.example')).toEqual(['a']);
  await connectors.delete('default', 'b', admin);
  expect(await ids(origin)).toEqual([]);
});

test('changes and calls at once: after a change is acknowledged no call sees what was before', async () => {
  const { connectors } = await setUp();
  await connectors.create('default', input('one', { name: '0' }), admin);
  let acknowledged = 0;
  let isDone = false;
  const stale: string[] = [];
  const readers = Array.from({ length: 4 }, async () => {
    while (!isDone) {
      const atLeast = acknowledged;
      const [found] = await connectors.forOrigin('default', 'https://svc.example');
      if (!(Number(found?.connector.name) >= atLeast)) stale.push(`${found?.connector.name} after ${atLeast}`);
      await new Promise(setImmediate);
    }
  });
  for (let count = 1; count <= 30; count++) {
    const { id: _, ...next } = input('one', { name: String(count) });
    await connectors.replace('default', 'one', next, admin);
    acknowledged = count;
  }
  isDone = true;
  await Promise.all(readers);
  expect(stale).toEqual([]);
}, 30_000);

test('another process of the same store, as after a restart, reads the same', async () => {
  const { connectors, store } = await setUp();
  const made = await connectors.create('default', input('one'), admin);
  const again = await setUp({ store });
  expect(await again.connectors.get('default', 'one')).toEqual(made);
  expect(await again.ids('https://svc.example')).toEqual(['one']);
});

test('a tenant has a bounded number, and goes with all of them', async () => {
  const { connectors, store, ids, tenants } = await setUp();
  await tenants.create({ id: 'other' });
  await connectors.create('other', input('kept'), admin);
  for (let count = 0; count < MAXIMUM_CONNECTORS; count++)
    await connectors.create('default', input(`c${count}`), admin);
  await expect(connectors.create('default', input('more'), admin)).rejects.toMatchObject({
    code: 'quota_exceeded',
    details: { quota: { name: 'connectors', limit: MAXIMUM_CONNECTORS } },
  });
  expect(await ids('https://svc.example')).toHaveLength(MAXIMUM_CONNECTORS);
  await connectors.forgetTenant('default');
  expect(await ids('https://svc.example')).toEqual([]);
  for (const prefix of ['connector', 'connector-age', 'connector-operations'])
    expect((await store.range({ prefix: [prefix] })).map(({ key }) => key[1])).toEqual(['other']);
}, 60_000);

test('an MCP server: its tools are operations that the body tells apart', async () => {
  const tool = {
    name: 'search',
    method: 'POST',
    path: '/mcp',
    effect: 'read' as const,
    parameters: [],
    rpc: { method: 'tools/call', tool: 'search' },
  };
  const reached: unknown[] = [];
  const mcp: McpSupport = {
    readTools: async (tenant, asked, to) => {
      const { url } = asked as { url: string };
      expect(tenant).toBe('default');
      reached.push(to);
      return {
        title: 'Tools',
        origin: new URL(url).origin,
        operations: [tool, { ...tool, name: 'drop', rpc: { method: 'tools/call', tool: 'drop' } }],
      };
    },
    compile: (operations) => (body) => {
      const operation = operations.find(({ rpc }) => rpc?.tool === Buffer.from(body).toString());
      return operation ? { kind: 'operation', operation, pathParameters: {} } : { kind: 'none' };
    },
  };
  const { connectors } = await setUp({ mcp });
  await connectors.create(
    'default',
    { id: 'tools', auth: { type: 'none' }, mcp: { url: 'https://mcp.example/mcp' } },
    admin,
  );
  const [found] = await connectors.forOrigin('default', 'https://mcp.example');
  expect(found?.match('POST', new URL('https://mcp.example/mcp'))).toEqual({ kind: 'in_body' });
  expect(found?.match('GET', new URL('https://mcp.example/mcp')).kind).toBe('none');
  expect(found?.matchBody?.(Buffer.from('drop'))).toMatchObject({ operation: { name: 'drop' } });
  expect(found?.match('POST', new URL('https://mcp.example/mcp?user_id=7')).kind).toBe('ambiguous');
  expect(found?.matchBody?.(Buffer.from('other')).kind).toBe('none');

  // Where an operator said that it is reached, its list is read; for other hosts that does not hold.
  await connectors.setConnectTo('default', 'tools', connectTo, operator);
  const asked = (url: string) => ({ auth: { type: 'none' }, mcp: { url } });
  await connectors.replace('default', 'tools', asked('https://mcp.example/mcp'), admin);
  await expect(connectors.replace('default', 'tools', asked('https://internal.example/'), admin)).rejects.toMatchObject(
    code('conflict'),
  );
  expect(reached).toEqual([undefined, connectTo, undefined]);
});
