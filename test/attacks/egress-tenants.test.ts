/** One tenant against another, and a developer's key against what admins decide. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import type { Connector, Operation } from '../../runtime/connector/connector.ts';
import { createUpstream } from '../../runtime/egress/upstream.ts';
import type { Approval } from '../../runtime/permission/approval.ts';
import { createApprovalWebhook } from '../../runtime/permission/approval-webhook.ts';
import { permissionMatrix } from '../../runtime/permission/matrix.ts';
import { compilePolicy } from '../../runtime/permission/policy.ts';
import { createLog } from '../../runtime/telemetry/log.ts';
import type { CredentialRecord } from '../../runtime/vault/credential-records.ts';
import { holderKey, recordKey } from '../../runtime/vault/credential-records.ts';
import { createLeases } from '../../runtime/vault/leases.ts';
import { startStandIn } from '../egress/stand-in.ts';
import { type Crm, crmHost, crmToken, startCrm } from '../outbound/crm.ts';
import { scratchStore } from '../store/scratch.ts';

let crm: Crm;
let foreigner: string;
let developer: string;
beforeAll(async () => {
  crm = await startCrm();
  expect((await crm.service.call('POST', '/v1/tenants', { body: { id: 'other' } })).status).toBe(201);
  foreigner = await crm.service.key('admin', 'other');
  developer = await crm.service.key('developer');
}, 60_000);
afterAll(() => crm.close());

test('an admin of another tenant neither sees nor changes anything', async () => {
  await crm.agent('mine', [{ operations: ['contacts.create'], requiresApproval: true }]);
  const going = crm.run(
    'mine',
    `await fetch(input, { method: 'POST', body: '{}' }).then((r) => r.status, (e) => e.name)`,
    {
      input: `https://${crmHost}/v1/contacts`,
    },
  );
  let approvals: { id: string }[] = [];
  for (let tries = 0; approvals.length === 0 && tries < 200; tries++) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    approvals = (await crm.service.call('GET', '/v1/approvals?status=waiting')).json.items;
  }
  const [approval] = approvals as [{ id: string }];
  const [credential] = (await crm.service.call('GET', '/v1/credentials?agent=mine')).json.items;
  const [grant] = (await crm.service.call('GET', '/v1/agents/mine/grants')).json.items;
  const call = (method: string, path: string, body?: unknown) =>
    crm.service.call(method, path, { key: foreigner, ...(body === undefined ? {} : { body }) });
  expect((await call('POST', '/v1/agents', { id: 'mine' })).status).toBe(201);
  const asked: [string, string, unknown?][] = [
    ['GET', '/v1/connectors/crm'],
    ['DELETE', '/v1/connectors/crm'],
    ['GET', `/v1/credentials/${credential.id}`],
    ['PUT', `/v1/credentials/${credential.id}/secret`, { secret: { token: 'of-another-tenant' } }],
    ['DELETE', `/v1/credentials/${credential.id}`],
    ['GET', `/v1/agents/mine/grants/${grant.id}`],
    ['DELETE', `/v1/agents/mine/grants/${grant.id}`],
    ['GET', `/v1/approvals/${approval.id}`],
    ['POST', `/v1/approvals/${approval.id}/approve`, {}],
    ['POST', `/v1/approvals/${approval.id}/deny`, {}],
    ['PUT', '/v1/tenants/default/connectors/crm/connect-to', { address: '127.0.0.1', port: 1 }],
  ];
  for (const [method, path, body] of asked) {
    const { status, text } = await call(method, path, body);
    expect([method, path, status >= 403 && status <= 404, text.includes(crmHost)]).toEqual([method, path, true, false]);
  }
  for (const list of ['connectors', 'credentials', 'approvals', 'audit', 'issuers'])
    expect((await call('GET', `/v1/${list}`)).json.items.filter((one: any) => one.agent !== 'mine' || one.run)).toEqual(
      [],
    );
  // A connector of the same name and host, without the operator's connectTo: not theirs to reach.
  const copy = {
    id: 'crm',
    hosts: [crmHost],
    auth: { type: 'none' },
    operations: [{ name: 'x', method: 'GET', path: '/{x+}', effect: 'read' }],
  };
  expect((await call('POST', '/v1/connectors', { ...copy, connectTo: crm.standIn.connectTo })).status).toBe(403);
  expect((await call('POST', '/v1/connectors', copy)).status).toBe(201);
  await crm.service.call('POST', `/v1/approvals/${approval.id}/deny`, { body: {} });
  expect((await going).result).toBe('EgressDenied');
}, 60_000);

test('an agent made again by the same name has nothing of the former one', async () => {
  await crm.agent('reborn', [{ operations: ['contacts.list'], maxCalls: 1 }]);
  const list = `await fetch(input).then((r) => r.status, (e) => e.message)`;
  const input = `https://${crmHost}/v1/contacts`;
  expect((await crm.run('reborn', list, { input })).result).toBe(200);
  expect((await crm.service.call('DELETE', '/v1/agents/reborn')).status).toBe(204);
  await crm.service.call('POST', '/v1/agents', { body: { id: 'reborn' } });
  expect((await crm.run('reborn', list, { input })).result).toMatch(/no grant/);
  expect((await crm.service.call('GET', '/v1/credentials?agent=reborn')).json.items).toEqual([]);
  const matrix = (await crm.service.call('GET', '/v1/agents/reborn/permissions')).json;
  expect([matrix.status, matrix.connectors]).toEqual(['draft', []]);
}, 60_000);

test('a secret does not follow a connector that is made again with other hosts', async () => {
  await crm.agent('follower', []);
  const host = 'elsewhere.example.com';
  const thief = await startStandIn({ names: [host], handler: () => ({ body: 'stolen' }) });
  onTestFinished(() => thief.close());
  const own = await startCrm();
  onTestFinished(() => own.close());
  await own.agent('mover', [{ operations: ['contacts.list'] }]);
  const operations = [{ name: 'contacts.list', method: 'GET', path: '/v1/contacts', effect: 'read' }];
  await own.service.call('DELETE', '/v1/connectors/crm');
  const body = { id: 'crm', hosts: [host], auth: { type: 'bearer' }, operations, connectTo: thief.connectTo };
  expect((await own.service.call('POST', '/v1/connectors', { body })).status).toBe(201);
  const { result } = await own.run('mover', `await fetch(input).then((r) => r.status, (e) => e.message)`, {
    input: `https://${host}/v1/contacts`,
  });
  expect(result).toMatch(/other hosts/);
  expect(JSON.stringify(thief.requests)).not.toContain(crmToken);
}, 60_000);

test('a waiver of a waiting grant does not hold for what a developer makes of it afterwards', async () => {
  await crm.agent('waived', [], { draft: true });
  const ask = (method: string, path: string, body: unknown) => crm.service.call(method, path, { body, key: developer });
  const grant = {
    connector: 'crm',
    operations: ['contacts.delete'],
    maxCalls: 1,
    expiresAt: '2099-01-01T00:00:00Z',
    as: 'user',
  };
  const { id } = (await ask('POST', '/v1/agents/waived/grants', grant)).json;
  const { findings } = (await crm.service.call('GET', '/v1/agents/waived/preflight')).json;
  for (const { check } of findings.filter((one: any) => one.severity === 'error'))
    await crm.service.call('POST', '/v1/agents/waived/waivers', { body: { check, grant: id, reason: 'once is fine' } });
  const { maxCalls: _, expiresAt: __, ...unlimited } = { ...grant, as: 'agent' };
  expect((await ask('PUT', `/v1/agents/waived/grants/${id}`, unlimited)).status).toBe(200);
  const { status, json } = await ask('POST', '/v1/agents/waived/activate', {});
  expect([status, JSON.stringify(json)]).toEqual([409, expect.stringContaining('unconstrained')]);
}, 60_000);

test('calls of one tenant to many services leave room for those of another', async () => {
  const standIn = await startStandIn({ names: ['b.example.com'], handler: () => ({ body: 'b' }) });
  const upstream = createUpstream({ maxPools: 8, lookup: () => new Promise(() => {}), connectMs: 60_000 });
  onTestFinished(async () => {
    await upstream.close();
    await standIn.close();
  });
  const to = { method: 'GET', headers: [], connector: 'c' } as const;
  for (let at = 0; at < 20; at++)
    upstream.send({ ...to, tenant: 'a', url: new URL(`https://a${at}.example.com/`) }).catch(() => {});
  const url = new URL(`https://b.example.com:${standIn.port}/`);
  const answered = await upstream.send({ ...to, tenant: 'b', url, connectTo: standIn.connectTo });
  expect(answered.status).toBe(200);
});

test('changes of one tenant do not keep another from borrowing', async () => {
  const store = await scratchStore();
  const record = {
    connector: 'c',
    holder: { agent: 'a' },
    source: { kind: 'embedded' },
    version: 1,
    rotatedMs: 0,
  } as unknown as CredentialRecord;
  await store.transaction((tx) => {
    tx.put(recordKey('one', 'cred_1'), record);
    tx.put(holderKey('one', 'c', record.holder), 'cred_1');
  });
  let reads = 0;
  const leases = createLeases({
    store,
    clock: { now: () => 0 } as never,
    refuseAfterMs: undefined,
    // As long as a secret from outside takes; meanwhile another tenant sets one of its own.
    async readSecret() {
      reads++;
      await store.transaction((tx) => void tx.put(recordKey('two', 'cred_2'), { ...record, version: reads }));
      await store.transaction((tx) => void tx.put(['connector', 'two', 'c'], { reads }));
      if (reads > 20) throw new Error('it was read again and again');
      return { record, secret: { token: 'a-secret' } };
    },
  });
  const lease = await leases.lend({ tenant: 'one', agent: 'a', connector: 'c' });
  expect([lease.secret.token, reads]).toEqual(['a-secret', 1]);
});

test('a lease is refused to a caller whose connector is another than the one that the secret was set for', async () => {
  const store = await scratchStore();
  const audience = ['https://new.example.com', 'scheme bearer'];
  const record = {
    connector: 'c',
    holder: { agent: 'a' },
    version: 1,
    rotatedMs: 0,
    audience,
  } as unknown as CredentialRecord;
  await store.transaction((tx) => {
    tx.put(recordKey('one', 'cred_1'), record);
    tx.put(holderKey('one', 'c', record.holder), 'cred_1');
  });
  const leases = createLeases({
    store,
    clock: { now: () => 0 } as never,
    refuseAfterMs: undefined,
    readSecret: async () => ({ record, secret: { token: 'a-secret' } }),
  });
  const request = { tenant: 'one', agent: 'a', connector: 'c' };
  const old = leases.lend({ ...request, audience: ['https://old.example.com', 'scheme bearer'] });
  await expect(old).rejects.toMatchObject({ reason: 'credential_missing' });
  expect((await leases.lend({ ...request, audience })).secret.token).toBe('a-secret');
});

test('a developer’s grants of many patterns do not hold up the service', () => {
  const operations = Array.from({ length: 1000 }, (_, at): Operation => {
    return { name: 'a'.repeat(150) + at, method: 'GET', path: `/x${at}`, effect: 'read', parameters: [] };
  });
  // A fortieth of what an agent may have, and a fifth of a connector's operations.
  const grants = Array.from({ length: 5 }, (_, at) => ({
    ...{ id: `grt_${at}`, agent: 'a', connector: 'c', constraints: {}, requiresApproval: false, as: 'agent' as const },
    ...{ status: 'in_force' as const, createdAt: '2026-01-01T00:00:00Z' },
    operations: Array.from({ length: 200 }, (_, pattern) => `${'*a'.repeat(60)}z${pattern}*`),
  }));
  const policy = compilePolicy('a', { status: 'active', grants, pending: [] });
  const connectors = new Map([['c', { id: 'c', operations } as unknown as Connector]]);
  const before = performance.now();
  permissionMatrix({ policy, connectors, use: [], nowMs: 0, used: () => 0 });
  expect(performance.now() - before).toBeLessThan(5000);
}, 60_000);

test('notices of one tenant do not keep those of another from the webhook', async () => {
  const told: string[] = [];
  const server = createServer((request) => {
    let text = '';
    request.on('data', (part) => (text += part));
    // It never answers: every notice stays on its way.
    request.on('end', () => told.push(JSON.parse(text).tenant));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const webhook = createApprovalWebhook({ url, log: createLog('silent') });
  onTestFinished(() => {
    webhook.close();
    server.closeAllConnections();
    server.close();
  });
  const approval = { id: 'apr_1', expiresAt: '2099-01-01T00:00:00Z' } as Approval;
  for (let at = 0; at < 300; at++) webhook.notify('flood', approval);
  webhook.notify('quiet', approval);
  for (let tries = 0; tries < 100 && !told.includes('quiet'); tries++)
    await new Promise((resolve) => setTimeout(resolve, 50));
  expect(told).toContain('quiet');
}, 30_000);
