import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { access, authorize } from '../../api/roles.ts';
import { roles } from '../../runtime/agent/roles.ts';
import { type Service, startService } from './service.ts';

let service: Service;
const keys: Record<string, string> = {};
beforeAll(async () => {
  service = await startService();
  await service.call('POST', '/v1/tenants', { body: { id: 'acme' } });
  for (const role of roles) keys[role] = await service.key(role, 'acme');
});
afterAll(() => service.close());

const routes = Object.keys(access) as (keyof typeof access)[];
/** Ids that nothing has: what is allowed answers 404 or 400, never 401 or 403. */
const pathOf = (route: string) =>
  route
    .split(' ')[1]
    ?.replace('{id}', 'nobody')
    .replace(/\{\w+\}/, 'nothing') ?? '';
const ask = (route: string, key: string | null) => {
  const method = route.split(' ')[0] ?? '';
  return service.call(method, pathOf(route), {
    key,
    ...(method === 'POST' || method === 'PATCH' ? { body: { nonsense: 1 } } : {}),
    ...(method === 'PUT' && { body: '1' }),
  });
};

test('the OpenAPI document and the table of roles have the same routes', async () => {
  const { paths } = (await service.call('GET', '/openapi.json', { key: null })).json;
  const documented = Object.entries(paths as Record<string, object>).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  );
  expect(documented.sort()).toEqual([...routes].sort());
});

test('a key that is too weak is told the role that is needed, and whose it is', () => {
  expect(() => authorize('admin', 'operator')).toThrow(
    "This needs a key with the role operator; this key is an admin's.",
  );
  expect(() => authorize('viewer', 'admin')).toThrow(
    "This needs a key with the role admin or a stronger one; this key is a viewer's.",
  );
});

describe.each(routes)('%s', (route) => {
  const needed = access[route];

  test(needed === 'public' ? 'answers without a key' : 'is 401 without a key and with a wrong one', async () => {
    const { status, headers, json } = await ask(route, null);
    if (needed === 'public') return expect(status).toBe(200);
    expect([status, json.code, headers.get('www-authenticate')]).toEqual([
      401,
      'unauthenticated',
      'Bearer realm="cordon"',
    ]);
    expect((await ask(route, `crd_${'x'.repeat(32)}`)).status).toBe(401);
  });

  test.each(needed === 'public' ? [] : roles)('%s', async (role) => {
    const { status, json } = await ask(route, keys[role] ?? '');
    const mayCall = roles.indexOf(role) <= roles.indexOf(needed as (typeof roles)[number]);
    if (mayCall) expect([401, 403]).not.toContain(status);
    else expect([status, json.code]).toEqual([403, 'forbidden']);
  });
});

describe('how a key is sent', () => {
  const status = async (headers: Record<string, string>) =>
    (await service.call('GET', '/v1/runs', { key: null, headers })).status;

  test('as a bearer token or as X-API-Key', async () => {
    expect(await status({ authorization: `Bearer ${service.operator}` })).toBe(200);
    expect(await status({ authorization: `bearer ${service.operator}` })).toBe(200);
    expect(await status({ 'x-api-key': service.operator })).toBe(200);
    // What a proxy in front of the service wants is not for it.
    expect(await status({ 'x-api-key': service.operator, authorization: 'Basic eDp5' })).toBe(200);
    expect(await status({ 'x-api-key': service.operator, authorization: '' })).toBe(200);
  });

  test('not as a password, in the path, half, or with more', async () => {
    expect(await status({ authorization: `Basic ${Buffer.from(`x:${service.operator}`).toString('base64')}` })).toBe(
      401,
    );
    expect(await status({ authorization: service.operator })).toBe(401);
    expect(await status({ authorization: 'Bearer ' })).toBe(401);
    expect(await status({ authorization: `Bearer ${service.operator.slice(0, -1)}` })).toBe(401);
    expect(await status({ authorization: `Bearer ${service.operator} ${service.operator}` })).toBe(401);
    expect(await status({ 'x-api-key': 'x'.repeat(10_000) })).toBe(401);
    expect(await status({ 'x-api-key': service.operator, authorization: 'Bearer no' })).toBe(401);
    expect((await service.call('GET', `/v1/runs?key=${service.operator}`, { key: null })).status).toBe(401);
  });

  test('no key is ever in a log line', async () => {
    await service.call('POST', '/v1/keys', { body: { name: 'x', role: 'viewer' } });
    const log = service.lines.join('');
    for (const key of [service.operator, ...Object.values(keys)]) expect(log).not.toContain(key);
    expect(log).not.toMatch(/crd_[A-Za-z0-9]{8}/);
  });
});

describe('tenants see nothing of each other', () => {
  test("another tenant's ids answer as unknown ones do", async () => {
    await service.call('POST', '/v1/tenants', { body: { id: 'rival' } });
    const rival = await service.key('admin', 'rival');
    await service.call('POST', '/v1/agents', { key: keys.admin ?? '', body: { id: 'secretive' } });
    await service.call('PUT', '/v1/agents/secretive/memory/k', { key: keys.admin ?? '', body: '1' });
    await service.call('PUT', '/v1/agents/secretive/files/f.txt', { key: keys.admin ?? '', body: 'x' });
    const run = (await service.run('1', { agent: 'secretive' }, { key: keys.admin ?? '' })).json;
    const { items } = (await service.call('GET', '/v1/keys', { key: keys.admin ?? '' })).json;

    const cases: [string, string, string][] = [
      ['GET', `/v1/runs/${run.id}`, `/v1/runs/run_${'0'.repeat(26)}`],
      ['GET', `/v1/runs/${run.id}/events`, `/v1/runs/run_${'0'.repeat(26)}/events`],
      ['POST', `/v1/runs/${run.id}/cancel`, `/v1/runs/run_${'0'.repeat(26)}/cancel`],
      ['DELETE', `/v1/runs/${run.id}`, `/v1/runs/run_${'0'.repeat(26)}`],
      ['GET', '/v1/agents/secretive', '/v1/agents/nobody'],
      ['DELETE', '/v1/agents/secretive', '/v1/agents/nobody'],
      ['GET', '/v1/agents/secretive/memory/k', '/v1/agents/nobody/memory/k'],
      ['GET', '/v1/agents/secretive/memory', '/v1/agents/nobody/memory'],
      ['GET', '/v1/agents/secretive/files/f.txt', '/v1/agents/nobody/files/f.txt'],
      ['DELETE', `/v1/keys/${items[0].id}`, `/v1/keys/key_${'0'.repeat(26)}`],
    ];
    for (const [method, foreign, unknown] of cases) {
      const answers = [];
      for (const path of [foreign, unknown]) {
        const { status, json } = await service.call(method, path, { key: rival });
        answers.push({
          status,
          ...json,
          requestId: '',
          detail: json.detail.replace(/\b(run|key)_\w+|secretive|nobody/, 'ID'),
        });
      }
      expect(answers[0]).toEqual(answers[1]);
      expect(answers[0]?.status).toBe(404);
    }
    expect((await service.call('GET', '/v1/runs', { key: rival })).json.items).toEqual([]);
    expect(
      (
        await service.call('POST', '/v1/runs', {
          key: rival,
          body: { language: 'javascript', code: '1', agent: 'secretive' },
        })
      ).status,
    ).toBe(404);
  });

  test('an admin cannot make keys elsewhere, nor stronger ones', async () => {
    const admin = keys.admin ?? '';
    const make = async (body: object) =>
      (await service.call('POST', '/v1/keys', { key: admin, body: { name: 'x', ...body } })).status;
    expect(await make({ role: 'admin' })).toBe(201);
    expect(await make({ role: 'operator' })).toBe(403);
    expect(await make({ role: 'viewer', tenant: 'default' })).toBe(404);
    expect(await make({ role: 'viewer', tenant: 'unknown' })).toBe(404);
  });
});
