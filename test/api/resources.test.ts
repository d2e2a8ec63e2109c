import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Service, startService } from './service.ts';

let service: Service;
beforeAll(async () => {
  service = await startService();
});
afterAll(() => service.close());

describe('agents', () => {
  test('are made with a place, read, changed by merge patch, and deleted with what they own', async () => {
    const made = await service.call('POST', '/v1/agents', {
      body: { id: 'worker_1', limits: { wallMs: 5000 }, quotas: { queuedRuns: 3 }, metadata: { team: 'a' } },
    });
    expect([made.status, made.headers.get('location')]).toEqual([201, '/v1/agents/worker_1']);
    expect(made.json).toMatchObject({
      id: 'worker_1',
      tenant: 'default',
      limits: { wallMs: 5000 },
      metadata: { team: 'a' },
    });
    expect(Object.keys(made.json.quotas).sort()).toEqual([
      'concurrentRuns',
      'memoryBytes',
      'queuedRuns',
      'runsPerMinute',
      'workspaceBytes',
      'workspaceFiles',
    ]);
    expect(made.json.quotas.queuedRuns).toBe(3);

    const patched = await service.call('PATCH', '/v1/agents/worker_1', {
      body: { name: 'Worker', limits: { wallMs: null, cpuMs: 100 } },
    });
    expect(patched.json).toMatchObject({ name: 'Worker', limits: { cpuMs: 100 }, quotas: { queuedRuns: 3 } });
    expect(patched.json.limits.wallMs).toBeUndefined();
    const run = (await service.run('1', { agent: 'worker_1' })).json;
    expect(run.limits.cpuMs).toBe(100);

    await service.call('PUT', '/v1/agents/worker_1/files/a.txt', { body: 'x' });
    await service.call('PUT', '/v1/agents/worker_1/memory/k', { body: '1' });
    expect((await service.call('DELETE', '/v1/agents/worker_1')).status).toBe(204);
    await service.call('POST', '/v1/agents', { body: { id: 'worker_1' } });
    expect((await service.call('GET', '/v1/agents/worker_1/files')).json).toEqual({ items: [] });
    expect((await service.call('GET', '/v1/agents/worker_1/memory')).json).toEqual({ items: [] });
  });

  test.each([
    [{ id: 'UPPER' }, 'id'],
    [{ id: '' }, 'id'],
    [{ id: 'a'.repeat(64) }, 'id'],
    [{ id: '-a' }, 'id'],
    [{}, 'id'],
    [{ id: 'ok', colour: 'red' }, 'colour'],
    [{ id: 'ok', quotas: { concurrentRuns: 0 } }, 'quotas.concurrentRuns'],
    [{ id: 'ok', quotas: { memoryBytes: 1e30 } }, 'quotas.memoryBytes'],
    [{ id: 'ok', limits: { wallMs: 1e9 } }, 'limits.wallMs'],
    [{ id: 'ok', metadata: { a: {} } }, 'metadata.a'],
  ])('%j is refused with the field %s', async (body, field) => {
    const { status, json } = await service.call('POST', '/v1/agents', { body });
    expect([status, json.errors[0].field]).toEqual([400, field]);
  });

  test('an id is taken once, the agent default is there and stays', async () => {
    expect((await service.call('POST', '/v1/agents', { body: { id: 'once' } })).status).toBe(201);
    const again = await service.call('POST', '/v1/agents', { body: { id: 'once' } });
    expect([again.status, again.json.code]).toEqual([409, 'already_exists']);
    expect((await service.call('GET', '/v1/agents/default')).status).toBe(200);
    expect((await service.call('DELETE', '/v1/agents/default')).status).toBe(409);
  });

  test('are listed newest first, page by page', async () => {
    for (const id of ['p1', 'p2', 'p3']) await service.call('POST', '/v1/agents', { body: { id } });
    const first = (await service.call('GET', '/v1/agents?limit=2')).json;
    expect(first.items.map((agent: { id: string }) => agent.id)).toEqual(['p3', 'p2']);
    const second = (await service.call('GET', `/v1/agents?limit=1&cursor=${first.nextCursor}`)).json;
    expect(second.items[0].id).toBe('p1');
    expect((await service.call('GET', '/v1/agents?cursor=bm9uc2Vuc2U')).status).toBe(400);
  });
});

describe('keys and tenants', () => {
  test('a key shows its secret once and works until it is deleted', async () => {
    const made = await service.call('POST', '/v1/keys', { body: { name: 'ci', role: 'viewer' } });
    expect([made.status, made.headers.get('location')]).toEqual([201, `/v1/keys/${made.json.id}`]);
    expect(made.json).toMatchObject({ name: 'ci', role: 'viewer', tenant: 'default' });
    const list = await service.call('GET', '/v1/keys');
    expect(list.json.items[0].id).toBe(made.json.id);
    expect(list.text).not.toContain(made.json.key);
    expect((await service.call('GET', '/v1/runs', { key: made.json.key })).status).toBe(200);
    expect((await service.call('DELETE', `/v1/keys/${made.json.id}`)).status).toBe(204);
    expect((await service.call('GET', '/v1/runs', { key: made.json.key })).status).toBe(401);
  });

  test('the last operator key cannot be deleted', async () => {
    const operators = (await service.call('GET', '/v1/keys')).json.items.filter(
      (key: { role: string }) => key.role === 'operator',
    );
    expect(operators).toHaveLength(1);
    const { status, json } = await service.call('DELETE', `/v1/keys/${operators[0].id}`);
    expect([status, json.code]).toEqual([409, 'conflict']);
  });

  test('a tenant has the agent default; deleting it ends its keys; default itself stays', async () => {
    expect(
      (await service.call('POST', '/v1/tenants', { body: { id: 'acme', name: 'Acme' } })).headers.get('location'),
    ).toBe('/v1/tenants/acme');
    expect((await service.call('GET', '/v1/tenants')).json.items.map((tenant: { id: string }) => tenant.id)).toEqual([
      'acme',
      'default',
    ]);
    const key = await service.key('developer', 'acme');
    expect((await service.call('GET', '/v1/agents', { key })).json.items).toMatchObject([
      { id: 'default', tenant: 'acme' },
    ]);
    expect((await service.run('1', {}, { key })).json.tenant).toBe('acme');
    expect((await service.call('DELETE', '/v1/tenants/acme')).status).toBe(204);
    expect((await service.call('GET', '/v1/agents', { key })).status).toBe(401);
    expect((await service.call('DELETE', '/v1/tenants/default')).status).toBe(409);
    expect((await service.call('DELETE', '/v1/tenants/acme')).status).toBe(404);
  });
});

describe('memory', () => {
  const at = (key: string, query = '') => `/v1/agents/default/memory/${key}${query}`;

  test.each([
    null,
    false,
    0,
    '',
    'text',
    [],
    {},
    { a: [1, { b: null }] },
    1.5,
    'ÿ\u0000😀',
  ])('keeps %j as it is', async (value) => {
    const put = await service.call('PUT', at('value'), { body: JSON.stringify(value) });
    expect(put.json).toEqual({ key: 'value', revision: put.json.revision });
    const got = await service.call('GET', at('value'));
    expect([got.status, got.json, got.headers.get('etag')]).toEqual([200, value, `"${put.json.revision}"`]);
  });

  test('a new key is 201, an old one 200, a deleted one 204 and then 404', async () => {
    const path = at('folder/my%20key');
    const made = await service.call('PUT', path, { body: '1' });
    expect([made.status, made.json.key, made.headers.get('location')]).toEqual([201, 'folder/my key', path]);
    const changed = await service.call('PUT', path, { body: '2' });
    expect(changed.status).toBe(200);
    expect(changed.json.revision).toBeGreaterThan(made.json.revision);
    expect((await service.call('DELETE', path)).status).toBe(204);
    expect((await service.call('GET', path)).status).toBe(404);
    expect((await service.call('DELETE', path)).status).toBe(404);
    expect((await service.call('PUT', path, { body: '3' })).json.revision).toBeGreaterThan(changed.json.revision);
  });

  test('conditions hold', async () => {
    const put = async (headers: Record<string, string>) =>
      (await service.call('PUT', at('guarded'), { body: '1', headers })).status;
    expect(await put({ 'if-match': '*' })).toBe(412);
    expect(await put({ 'if-match': '"1"' })).toBe(412);
    expect(await put({ 'if-none-match': '*' })).toBe(201);
    expect(await put({ 'if-none-match': '*' })).toBe(412);
    const etag = (await service.call('GET', at('guarded'))).headers.get('etag') ?? '';
    expect((await service.call('GET', at('guarded'), { headers: { 'if-none-match': etag } })).status).toBe(304);
    expect(await put({ 'if-match': `W/${etag}` })).toBe(412);
    expect(await put({ 'if-match': etag })).toBe(200);
    expect(await put({ 'if-match': etag })).toBe(412);
    expect(await put({ 'if-match': '*' })).toBe(200);
    const del = async (headers: Record<string, string>) =>
      (await service.call('DELETE', at('guarded'), { headers })).status;
    expect(await del({ 'if-match': etag })).toBe(412);
    expect(await del({ 'if-match': '*' })).toBe(204);
    expect(await del({ 'if-match': '*' })).toBe(412);
  });

  test('of 20 writers with one revision exactly one wins', async () => {
    const { json } = await service.call('PUT', at('race'), { body: '0' });
    const writes = Array.from({ length: 20 }, (_, i) =>
      service.call('PUT', at('race'), { body: String(i), headers: { 'if-match': `"${json.revision}"` } }),
    );
    const statuses = (await Promise.all(writes)).map(({ status }) => status).sort();
    expect(statuses).toEqual([200, ...Array(19).fill(412)]);
  });

  test('a key with a lifetime is gone at its moment', async () => {
    expect((await service.call('PUT', at('brief', '?ttlMs=3000'), { body: '1' })).status).toBe(201);
    expect((await service.call('GET', at('brief'))).status).toBe(200);
    await new Promise((resolve) => setTimeout(resolve, 3010));
    expect((await service.call('GET', at('brief'))).status).toBe(404);
    for (const ttl of ['0', '-1', '1.5', 'x', ''])
      expect((await service.call('PUT', at('brief', `?ttlMs=${ttl}`), { body: '1' })).status).toBe(400);
  });

  test('lists by prefix, in pages', async () => {
    await service.call('POST', '/v1/agents', { body: { id: 'rememberer' } });
    for (const key of ['a/1', 'a/2', 'a/3', 'b'])
      await service.call('PUT', `/v1/agents/rememberer/memory/${key}`, { body: '"x"' });
    const first = (await service.call('GET', '/v1/agents/rememberer/memory?prefix=a/&limit=2')).json;
    expect(first.items).toMatchObject([{ key: 'a/1', bytes: 3 }, { key: 'a/2' }]);
    const second = (
      await service.call('GET', `/v1/agents/rememberer/memory?prefix=a/&limit=2&cursor=${first.nextCursor}`)
    ).json;
    expect(second.items.map((item: { key: string }) => item.key)).toEqual(['a/3']);
  });

  test('more than 1 MiB is 413, no JSON is 400, above the quota is 429 with its numbers', async () => {
    const big = await service.call('PUT', at('big'), { body: JSON.stringify('x'.repeat(1024 * 1024)) });
    expect([big.status, big.json.errors[0].field]).toEqual([413, 'body']);
    expect((await service.call('PUT', at('bad'), { body: 'nope' })).status).toBe(400);
    expect((await service.call('PUT', at('x'.repeat(600)), { body: '1' })).status).toBe(400);
    await service.call('POST', '/v1/agents', { body: { id: 'small', quotas: { memoryBytes: 100 } } });
    const over = await service.call('PUT', '/v1/agents/small/memory/k', { body: JSON.stringify('x'.repeat(200)) });
    expect([over.status, over.json.code, over.json.quota.name, over.json.quota.limit]).toEqual([
      429,
      'quota_exceeded',
      'memoryBytes',
      100,
    ]);
    expect(Number(over.headers.get('retry-after'))).toBeGreaterThan(0);
  });
});
