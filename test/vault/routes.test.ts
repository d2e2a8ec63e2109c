/** The routes of credentials and issuers, over the real server, keys, idempotency and vault. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { addCredentialRoutes } from '../../api/credentials.ts';
import { addIssuerRoutes } from '../../api/issuers.ts';
import { createServer } from '../../api/server.ts';
import { createKeys } from '../../runtime/agent/keys.ts';
import type { Role } from '../../runtime/agent/roles.ts';
import { createIdempotency } from '../../runtime/run/idempotency.ts';
import type { Runtime } from '../../runtime/runtime.ts';
import { createTelemetry } from '../../runtime/telemetry/telemetry.ts';
import { createIssuers } from '../../runtime/vault/issuers.ts';
import { openVault } from './open-vault.ts';
import { newSigner } from './tokens.ts';

async function setUp() {
  const opened = await openVault();
  const { store, clock, audit, vault, deps, dir } = opened;
  const keys = createKeys({ store, clock });
  await keys.ensureFirst({ adminKey: undefined, file: join(dir, 'admin-key') });
  const operator = readFileSync(join(dir, 'admin-key'), 'utf8').trim();
  const issuers = createIssuers({ store, clock, audit, fetchDocument: async () => Buffer.from('{"keys":[]}') });
  const idempotency = createIdempotency({ store, clock });
  const runtime = { keys, vault, issuers, idempotency } as unknown as Runtime;
  const { metrics } = await createTelemetry({});
  const { app, add } = createServer({ runtime, log: deps.log, metrics });
  addCredentialRoutes(add, runtime);
  addIssuerRoutes(add, runtime);
  const call = async (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) => {
    const response = await app.request(`http://cordon.test${path}`, {
      method,
      headers: { authorization: `Bearer ${operator}`, ...headers },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    return {
      status: response.status,
      headers: response.headers,
      text,
      json: text === '' ? undefined : JSON.parse(text),
    };
  };
  const keyOf = async (role: Role) => {
    const by = (await keys.authenticate(operator))!;
    const tenant = role === 'operator' ? {} : { tenant: 'default' };
    return (await keys.create({ name: role, role, ...tenant }, by)).secret;
  };
  return { ...opened, call, keyOf };
}

let service: Awaited<ReturnType<typeof setUp>>;
beforeEach(async () => {
  service = await setUp();
});

const input = { connector: 'slack', agent: 'reporter', secret: { token: 'xoxb-hunter2-hunter2' } };

describe('credentials', () => {
  test('are made with a place, read, listed, renewed and deleted; no answer and no log line has the secret', async () => {
    const { call, lines } = service;
    const made = await call('POST', '/v1/credentials', input);
    expect(made.status).toBe(201);
    const place = made.headers.get('location') ?? '';
    expect(place).toBe(`/v1/credentials/${made.json.id}`);
    expect(made.json).toMatchObject({ connector: 'slack', holder: { agent: 'reporter' }, version: 1, isOld: false });
    const got = await call('GET', place);
    expect([got.status, got.json]).toEqual([200, made.json]);
    const listed = await call('GET', '/v1/credentials?connector=slack&agent=reporter&limit=1');
    expect(listed.json).toEqual({ items: [made.json] });
    expect((await call('GET', '/v1/credentials?connector=crm')).json).toEqual({ items: [] });
    const renewed = await call('PUT', `${place}/secret`, { secret: { token: 'xoxb-hunter2-again' } });
    expect([renewed.status, renewed.json.version]).toEqual([200, 2]);
    const again = await call('POST', '/v1/credentials', input);
    expect([again.status, again.json.code]).toEqual([409, 'already_exists']);
    const gone = await call('DELETE', place);
    expect([gone.status, gone.text]).toEqual([204, '']);
    expect((await call('GET', place)).status).toBe(404);
    const answers = [made, got, listed, renewed, again].map(({ text }) => text).join('');
    expect(answers).not.toContain('hunter2');
    expect(lines.join('')).not.toContain('hunter2');
    expect(lines.join('')).toContain('PUT /v1/credentials/{id}/secret');
  });

  test('of users, with a rotation', async () => {
    const { call } = service;
    const user = { issuer: 'https://login.example.com', subject: 'ada' };
    const rotation = { everyMs: 86_400_000, webhook: 'https://hooks.example.com/x' };
    const made = await call('POST', '/v1/credentials', {
      connector: 'slack',
      user,
      secret: { token: 'a-secret' },
      rotation,
    });
    expect([made.status, made.json.holder, made.json.rotation]).toEqual([201, { user }, rotation]);
  });

  test('that are wrong are refused with the field, and without what was sent', async () => {
    const { call, lines } = service;
    const wrong: [unknown, string[]][] = [
      [{ ...input, secret: { 'hunter2-token': 'x' } }, ['secret']],
      [{ ...input, secret: 'hunter2' }, ['secret']],
      [{ ...input, secret: { token: { hunter2: 'x' } } }, ['secret.token']],
      [{ ...input, secret: { token: 'hunter2\n' } }, ['secret.token']],
      [{ ...input, secret: null }, ['secret']],
      [{ ...input, agent: undefined }, ['agent']],
      [{ ...input, agent: 'nobody' }, ['agent']],
      [{ ...input, connector: 'nowhere' }, ['connector']],
      [{ ...input, token: 'a-secret' }, ['token']],
      [{ ...input, source: { kind: 'vault', path: 'x' } }, ['source.kind']],
      [{ ...input, secret: undefined, source: { kind: 'hashicorp', path: 'x', token: 'a-secret' } }, ['source.token']],
      [[], ['body']],
    ];
    for (const [body, fields] of wrong) {
      const { status, json, text } = await call('POST', '/v1/credentials', body);
      expect([body, status, json.errors?.map((one: { field: string }) => one.field)]).toEqual([body, 400, fields]);
      expect(text).not.toContain('hunter2');
    }
    const large = await call('POST', '/v1/credentials', { ...input, secret: { token: 'x'.repeat(65_537) } });
    expect([large.status, large.json.errors?.[0].field]).toEqual([413, 'secret.token']);
    expect((await call('POST', '/v1/credentials', { ...input, secret: { token: 'x'.repeat(2_000_000) } })).status).toBe(
      413,
    );
    for (const path of ['/v1/credentials/nobody', `/v1/credentials/${'x'.repeat(4000)}`, '/v1/credentials/cred_0%00'])
      for (const method of ['GET', 'DELETE']) expect([path, (await call(method, path)).status]).toEqual([path, 404]);
    expect((await call('PUT', '/v1/credentials/cred_0/secret', { secret: { token: 'a-secret' } })).status).toBe(404);
    expect(lines.join('')).not.toContain('hunter2');
  });

  test('are one per Idempotency-Key; what is remembered for a day does not let the secret be guessed', async () => {
    const { call, keyOf, store, storeDir } = service;
    const once = { 'idempotency-key': 'once' };
    const body = JSON.stringify({ connector: 'mail', agent: 'reporter', secret: { username: 'a', password: '1234' } });
    const first = await call('POST', '/v1/credentials', body, once);
    const second = await call('POST', '/v1/credentials', body, once);
    expect([first.status, second.status, second.json]).toEqual([201, 201, first.json]);
    expect(second.headers.get('idempotent-replayed')).toBe('true');
    const other = await call('POST', '/v1/credentials', body.replace('1234', '1235'), once);
    expect([other.status, other.json.code]).toEqual([409, 'idempotency_conflict']);
    const foreign = { ...once, authorization: `Bearer ${await keyOf('admin')}` };
    expect((await call('POST', '/v1/credentials', body, foreign)).json.code).toBe('idempotency_conflict');
    // Whoever has the disk can hash guesses of the whole body.
    const guess = createHash('sha256').update(body).digest();
    expect((await store.range({ prefix: ['idempotency'] })).length).toBe(1);
    for (const name of readdirSync(storeDir)) {
      const bytes = readFileSync(join(storeDir, name));
      for (const spelling of [guess.toString('hex'), guess.toString('base64'), guess.toString('base64url')])
        expect(bytes.includes(spelling)).toBe(false);
    }
  });

  test('and issuers are for admins only', async () => {
    const { call, keyOf } = service;
    const made = await call('POST', '/v1/credentials', input);
    const routes: [string, string, unknown?][] = [
      ['GET', '/v1/credentials'],
      ['GET', `/v1/credentials/${made.json.id}`],
      ['POST', '/v1/credentials', input],
      ['PUT', `/v1/credentials/${made.json.id}/secret`, { secret: { token: 'a-secret' } }],
      ['GET', '/v1/issuers'],
      ['POST', '/v1/issuers', {}],
      ['DELETE', '/v1/issuers/iss_0'],
      ['DELETE', `/v1/credentials/${made.json.id}`],
    ];
    for (const role of ['viewer', 'developer', 'admin'] as const) {
      const headers = { authorization: `Bearer ${await keyOf(role)}` };
      for (const [method, path, body] of routes) {
        const { status } = await call(method, path, body, headers);
        if (role === 'admin') expect([401, 403]).not.toContain(status);
        else expect([role, method, path, status]).toEqual([role, method, path, 403]);
      }
    }
  });
});

describe('issuers', () => {
  test('are registered, listed and deleted', async () => {
    const { call } = service;
    const { jwk } = newSigner('ec', 'k1');
    const body = { issuer: 'https://login.example.com', audience: 'cordon', jwks: { keys: [jwk] } };
    const made = await call('POST', '/v1/issuers', body);
    expect([made.status, made.json]).toMatchObject([201, { ...body, algorithms: ['RS256', 'ES256'] }]);
    expect((await call('GET', '/v1/issuers')).json).toEqual({ items: [made.json] });
    expect((await call('POST', '/v1/issuers', body)).json.code).toBe('already_exists');
    expect((await call('DELETE', `/v1/issuers/${made.json.id}`)).status).toBe(204);
    expect((await call('GET', '/v1/issuers')).json).toEqual({ items: [] });
    expect((await call('DELETE', `/v1/issuers/${made.json.id}`)).status).toBe(404);
    expect((await call('DELETE', '/v1/issuers/nobody')).status).toBe(404);
  });

  test('that are wrong are refused with the field', async () => {
    const { call } = service;
    const good = { issuer: 'https://login.example.com', audience: 'cordon', jwksUri: 'https://login.example.com/keys' };
    const wrong: [object, string][] = [
      [{ issuer: undefined }, 'issuer'],
      [{ jwksUri: 'http://login.example.com/keys' }, 'jwksUri'],
      [{ algorithms: ['none'] }, 'algorithms.0'],
      [{ algorithms: ['HS256'] }, 'algorithms.0'],
      [{ jwks: { keys: [] } }, 'jwksUri'],
      [{ jwksUri: undefined, jwks: { keys: [{ kty: 'oct', k: 'x' }] } }, 'jwks.keys.0'],
      [{ role: 'admin' }, 'role'],
    ];
    for (const [change, field] of wrong) {
      const { status, json } = await call('POST', '/v1/issuers', { ...good, ...change });
      expect([change, status, json.errors?.[0].field]).toEqual([change, 400, field]);
    }
  });
});
