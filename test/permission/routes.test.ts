import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { addGrantRoutes } from '../../api/grants.ts';
import { addPermissionRoutes } from '../../api/permissions.ts';
import { createServer } from '../../api/server.ts';
import { createKeys } from '../../runtime/agent/keys.ts';
import { createIdempotency } from '../../runtime/run/idempotency.ts';
import type { Runtime } from '../../runtime/runtime.ts';
import { createLog } from '../../runtime/telemetry/log.ts';
import { createTelemetry } from '../../runtime/telemetry/telemetry.ts';
import { scratchDir } from '../store/scratch.ts';
import { by, input, owner, setUp } from './set-up.ts';

const grants = '/v1/agents/reporter/grants';

/** The routes on the real server, over a real store. */
async function serve() {
  const world = await setUp();
  const { store, clock, agents, permissions } = world;
  const keys = createKeys({ store, clock });
  const operator = 'an-operators-key';
  await keys.ensureFirst({ adminKey: operator, file: join(scratchDir(), 'admin-key') });
  const log = createLog('error', { write() {} });
  const idempotency = createIdempotency({ store, clock });
  const runtime = { keys, agents, permissions, idempotency } as unknown as Runtime;
  const { metrics } = await createTelemetry({});
  const { app, add } = createServer({ runtime, log, metrics });
  addGrantRoutes(add, runtime);
  addPermissionRoutes(add, runtime);
  const call = async (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) => {
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    const answer = await app.request(`http://cordon.test${path}`, {
      method,
      headers: { authorization: `Bearer ${operator}`, ...headers },
      ...(body === undefined ? {} : { body: text }),
    });
    const said = await answer.text();
    return {
      status: answer.status,
      location: answer.headers.get('location'),
      json: said === '' ? undefined : JSON.parse(said),
    };
  };
  return { ...world, app, call };
}

describe('grants over HTTP', () => {
  test('are made, read, changed and taken back', async () => {
    const { call, permissions } = await serve();
    const made = await call('POST', grants, input({ expiresAt: '2027-01-01T00:00:00+01:00' }));
    expect(made).toMatchObject({
      status: 201,
      location: `${grants}/${made.json.id}`,
      json: { status: 'pending', expiresAt: '2026-12-31T23:00:00.000Z' },
    });
    expect((await call('GET', made.location!)).json).toEqual(made.json);
    await permissions.activate(owner, by);
    const narrower = await call(
      'PUT',
      made.location!,
      input({ operations: ['files.list'], expiresAt: '2026-06-01T00:00:00Z' }),
    );
    expect(narrower).toMatchObject({
      status: 200,
      json: { id: made.json.id, status: 'in_force', operations: ['files.list'] },
    });
    const wider = await call('PUT', made.location!, input());
    expect(wider).toMatchObject({ status: 200, json: { status: 'pending', replaces: made.json.id } });
    expect((await call('GET', grants)).json.items.map(({ id }: { id: string }) => id).sort()).toEqual(
      [made.json.id, wider.json.id].sort(),
    );
    expect((await call('DELETE', made.location!)).status).toBe(204);
    expect((await call('GET', grants)).json).toEqual({ items: [] });
    expect((await call('DELETE', made.location!)).status).toBe(404);
  });

  test('are made once per Idempotency-Key', async () => {
    const { call } = await serve();
    const headers = { 'idempotency-key': 'one' };
    const first = await call('POST', grants, input(), headers);
    expect((await call('POST', grants, input(), headers)).json).toEqual(first.json);
    expect((await call('POST', grants, input({ maxCalls: 1 }), headers)).status).toBe(409);
    expect((await call('GET', grants)).json.items).toHaveLength(1);
  });

  test.each<[string, unknown, string]>([
    ['an unknown field', input({ scope: 'all' }), 'scope'],
    ['an unknown operation', input({ operations: ['files.nothing'] }), 'operations.0'],
    ['an unknown connector', input({ connector: 'nowhere' }), 'connector'],
    [
      'a constraint on __proto__',
      '{"connector":"slack","operations":["files.*"],"constraints":{"__proto__":{"equals":1}}}',
      'constraints',
    ],
    ['a constraint of no kind', input({ constraints: { channel: { is: 'C1' } } }), 'constraints.channel'],
    ['an absence that is none', input({ constraints: { channel: { absent: false } } }), 'constraints.channel'],
    ['a time without a zone', input({ expiresAt: '2027-01-01T00:00:00' }), 'expiresAt'],
    ['a pattern that is none', input({ constraints: { channel: { pattern: '(' } } }), 'constraints.channel.pattern'],
  ])('are refused with %s', async (_, body, field) => {
    const { call } = await serve();
    const { status, json } = await call('POST', grants, body);
    expect({ status, code: json.code, field: json.errors?.[0].field }).toEqual({
      status: 400,
      code: 'validation_failed',
      field,
    });
    expect((await call('GET', grants)).json.items).toEqual([]);
  });

  test('may say that a parameter must be absent', async () => {
    const { call } = await serve();
    const constraints = { as_user: { absent: true } };
    expect(await call('POST', grants, input({ constraints }))).toMatchObject({ status: 201, json: { constraints } });
  });

  test('belong to an agent that exists', async () => {
    const { call } = await serve();
    for (const agent of ['nobody', 'NOBODY', '%00'])
      expect((await call('POST', `/v1/agents/${agent}/grants`, input())).status, agent).toBe(404);
  });

  test('the document describes them', async () => {
    const { app } = await serve();
    const document = app.getOpenAPI31Document({ openapi: '3.1.0', info: { title: 'x', version: '1' } });
    const { GrantInput, Grant } = document.components!.schemas as Record<string, any>;
    for (const one of [GrantInput, Grant])
      expect(one.properties.constraints).toMatchObject({
        type: 'object',
        additionalProperties: { $ref: '#/components/schemas/Constraint' },
      });
    expect(GrantInput.required).toEqual(['connector', 'operations']);
  });
});

test('the matrix shows what is granted, pending, used and never used', async () => {
  const { call, permissions, store, clock } = await serve();
  const made = await call('POST', grants, input({ operations: ['files.*:read'], maxCalls: 2 }));
  expect((await call('GET', '/v1/agents/reporter/permissions')).json).toMatchObject({
    agent: 'reporter',
    status: 'draft',
  });
  const [grant] = (await permissions.activate(owner, by)).grants;
  const later = await call('POST', grants, input({ operations: ['*'] }));
  clock.advance(1000);
  const use = () => store.transaction((tx) => permissions.count(tx, owner, grant!, 'slack', 'files.list'));
  await use();
  const { json } = await call('GET', '/v1/agents/reporter/permissions');
  const both = [made.json.id, later.json.id];
  const never = { count: 0, neverUsed: true };
  expect(json).toEqual({
    agent: 'reporter',
    status: 'active',
    connectors: [
      {
        connector: 'slack',
        operations: [
          { operation: 'chat.postMessage', effect: 'send', granted: 'pending', grants: [later.json.id], ...never },
          {
            operation: 'files.list',
            effect: 'read',
            granted: 'in_force',
            grants: expect.arrayContaining(both),
            count: 1,
            lastAt: '2026-01-01T00:00:01.000Z',
            neverUsed: false,
          },
          {
            operation: 'files.info',
            effect: 'read',
            granted: 'in_force',
            grants: expect.arrayContaining(both),
            ...never,
          },
          { operation: 'files.delete', effect: 'delete', granted: 'pending', grants: [later.json.id], ...never },
        ],
      },
    ],
  });
  await use();
  await call('DELETE', `${grants}/${later.json.id}`);
  const after = (await call('GET', '/v1/agents/reporter/permissions')).json.connectors[0].operations;
  expect(after.map(({ granted }: { granted: string }) => granted)).toEqual(['no', 'no', 'no', 'no']);
});

test('the matrix names connectors that are gone', async () => {
  const { call, connectors } = await serve();
  await call('POST', grants, input());
  await call('POST', grants, { connector: 'drive', operations: ['*'] });
  connectors.delete('drive');
  const { json } = await call('GET', '/v1/agents/reporter/permissions');
  expect(json.connectors.map(({ connector, missing }: any) => ({ connector, missing }))).toEqual([
    { connector: 'drive', missing: true },
    { connector: 'slack', missing: undefined },
  ]);
});
