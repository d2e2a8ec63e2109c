/** A repeat of a request for a run is answered from what is remembered, whatever has become of what the run needed. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Service, slowCode, startService } from './service.ts';

let service: Service;
beforeAll(async () => {
  service = await startService({ CORDON_DRAIN_MS: '20000' });
});
afterAll(() => service.close());

const ISSUER = 'https://login.example.com';

async function userToken() {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const { privateKey, publicKey } = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const jwk = { ...(await crypto.subtle.exportKey('jwk', publicKey)), kid: 'k1', alg: 'ES256', use: 'sig' };
  const now = Math.floor(Date.now() / 1000);
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const claims = { iss: ISSUER, aud: 'cordon', sub: 'ada', iat: now, exp: now + 600 };
  const head = `${part({ alg: 'ES256', kid: 'k1' })}.${part(claims)}`;
  const signature = await crypto.subtle.sign(algorithm, privateKey, Buffer.from(head));
  return { jwk, token: `${head}.${Buffer.from(signature).toString('base64url')}` };
}

const withKey = (key: string, more: Record<string, string> = {}) => ({ headers: { 'idempotency-key': key, ...more } });

test('a repeat after the agent was deleted is answered with the run; another body is still the conflict', async () => {
  await service.call('POST', '/v1/agents', { body: { id: 'short-lived' } });
  const first = await service.run('7', { agent: 'short-lived' }, withKey('gone-agent'));
  expect(first.json.result).toBe(7);
  await service.call('DELETE', '/v1/agents/short-lived');
  const again = await service.run('7', { agent: 'short-lived' }, withKey('gone-agent'));
  expect([again.status, again.json, again.headers.get('idempotent-replayed')]).toEqual([200, first.json, 'true']);
  const other = await service.run('8', { agent: 'short-lived' }, withKey('gone-agent'));
  expect([other.status, other.json.code]).toEqual([409, 'idempotency_conflict']);
  const unknown = await service.run('7', { agent: 'short-lived' }, withKey('another-key'));
  expect(unknown.status).toBe(404);
});

test('a repeat whose token of the user is not believed any more is answered with the run', async () => {
  const { token, jwk } = await userToken();
  const body = { issuer: ISSUER, audience: 'cordon', jwks: { keys: [jwk] }, algorithms: ['ES256'] };
  const { id } = (await service.call('POST', '/v1/issuers', { body })).json;
  const run = (key: string) => service.run('9', { onBehalfOf: token }, withKey(key));
  const first = await run('of-a-user');
  expect([first.status, first.json.onBehalfOf]).toEqual([200, { issuer: ISSUER, subject: 'ada' }]);
  expect((await service.call('DELETE', `/v1/issuers/${id}`)).status).toBe(204);
  const fresh = await run('another-of-a-user');
  expect([fresh.status, fresh.json.errors[0].field]).toEqual([400, 'onBehalfOf']);
  expect((await run('of-a-user')).json).toEqual(first.json);
});

test('a repeat needs a key of the same tenant that may run', async () => {
  await service.run('1', {}, withKey('whose'));
  const none = await service.run('1', {}, { ...withKey('whose'), key: null });
  const viewer = await service.run('1', {}, { ...withKey('whose'), key: await service.key('viewer') });
  expect([none.status, viewer.status]).toEqual([401, 403]);
});

test('the text of a repeat whose run was removed says so', async () => {
  const { json } = await service.run('1', {}, withKey('removed'));
  await service.call('DELETE', `/v1/runs/${json.id}`);
  const again = await service.run('1', {}, withKey('removed'));
  expect([again.status, again.json.code]).toEqual([404, 'not_found']);
  expect(again.json.detail).toContain(json.id);
  expect(again.json.detail).toContain('was removed');
});

test('a repeat while the service drains joins the run that goes on', async () => {
  const first = await service.run(slowCode(1000), {}, withKey('drained', { prefer: 'respond-async' }));
  await expect.poll(async () => (await service.call('GET', `/v1/runs/${first.json.id}`)).json.status).toBe('running');
  const restarted = service.restart();
  const again = await service.run(slowCode(1000), {}, withKey('drained'));
  const fresh = await service.run('1', {}, withKey('too-late'));
  await restarted;
  expect([again.status, again.json.id, again.json.result]).toEqual([200, first.json.id, 'slow']);
  expect([fresh.status, fresh.json.code]).toEqual([503, 'shutting_down']);
});
