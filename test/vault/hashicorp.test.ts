/** Secrets that are kept in HashiCorp Vault or OpenBao, against a stand-in of its HTTP API. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createHashicorp } from '../../runtime/vault/backends/hashicorp.ts';
import { openBackends } from '../../runtime/vault/backends/open-backends.ts';
import { manualClock } from '../store/scratch.ts';
import { roleId, secretId, startHashicorp } from './hashicorp-stand-in.ts';
import { by, DAY_MS, type OpenOptions, openVault } from './open-vault.ts';

const path = 'cordon/default/slack/reporter';
const source = { kind: 'hashicorp' as const, path: 'slack/reporter' };
const input = { connector: 'slack', agent: 'reporter', source };
const token = { token: 'root-token' };
const day = (n: number) => `2025-12-${String(n).padStart(2, '0')}T00:00:00.000000123Z`;

async function setUp(login: Parameters<typeof createHashicorp>[0]['login'] = token, options: OpenOptions = {}) {
  const standIn = await startHashicorp();
  const clock = manualClock();
  const hashicorp = createHashicorp({ address: `${standIn.address}/`, mount: 'secret', login, clock, timeoutMs: 3000 });
  const opened = await openVault({ backends: { hashicorp }, ...options });
  const advance = (ms: number) => {
    clock.advance(ms);
    opened.clock.advance(ms);
  };
  return { ...opened, standIn, advance, reads: () => standIn.seen.filter(({ method }) => method === 'GET').length };
}

describe('a credential with a source', () => {
  test('is lent as the source has it, below the folder of its tenant, with the age that the source says', async () => {
    const { vault, standIn, lease, store } = await setUp();
    standIn.put(path, { token: 'secret-one', comment: 'not a field', port: 7 }, day(31));
    const made = await vault.create('default', input, by);
    expect(made).toMatchObject({ source, version: 1, rotatedAt: '2025-12-31T00:00:00.000Z', isOld: false });
    expect((await lease()).secret).toEqual({ token: 'secret-one' });
    expect(new Set(standIn.seen.map((one) => `${one.method} ${one.path} ${one.token}`))).toEqual(
      new Set([`GET /v1/secret/data/${path} root-token`]),
    );
    expect(await store.range({ prefix: ['credential-secret'] })).toEqual([]);
    await expect(vault.putSecret('default', made.id, { token: 'a-secret' }, by)).rejects.toMatchObject({
      code: 'conflict',
    });
    // Resolves without an effect: there is nowhere to keep it.
    await vault.keepRefreshToken({ tenant: 'default', credentialId: made.id, version: 1 }, 'x-1234');
  });

  test('is read once a minute at most; a new secret there is a new version, and ends leases of the former', async () => {
    const { vault, standIn, lease, advance, reads } = await setUp();
    standIn.put(path, { token: 'secret-one' }, day(1));
    const { id } = await vault.create('default', input, by);
    const before = reads();
    const held = await lease();
    for (let i = 0; i < 5; i++) (await lease()).release();
    advance(59_999);
    await lease();
    expect(reads() - before).toBe(1);
    standIn.put(path, { token: 'secret-two' }, day(30));
    advance(1);
    const [next, same] = await Promise.all([lease(), lease()]);
    expect(reads() - before).toBe(2);
    expect([next.version, next.secret.token, same.version]).toEqual([2, 'secret-two', 2]);
    expect([held.revoked.aborted, next.revoked.aborted]).toEqual([true, false]);
    expect(await vault.get('default', id)).toMatchObject({ version: 2, rotatedAt: '2025-12-30T00:00:00.000Z' });
    // The same version number of a secret that was made anew.
    standIn.remove(path);
    standIn.put(path, { token: 'secret-three' }, day(31), 2);
    advance(60_000);
    expect([(await lease()).version, (await lease()).secret.token]).toEqual([3, 'secret-three']);
    advance(60_000);
    expect((await lease()).version).toBe(3);
  });

  test('that was deleted is not lent any more: not from memory, and not by a read that was on its way', async () => {
    const { vault, standIn, lease } = await setUp();
    standIn.put(path, { token: 'secret-one' }, day(1));
    const first = await vault.create('default', input, by);
    (await lease()).release();
    await vault.delete('default', first.id, by);
    await expect(lease()).rejects.toMatchObject({ reason: 'credential_missing' });
    const { id } = await vault.create('default', input, by);
    const asked = Promise.withResolvers<void>();
    const answer = Promise.withResolvers<void>();
    const body = JSON.stringify({
      data: { data: { token: 'secret-one' }, metadata: { created_time: day(1), version: 1 } },
    });
    standIn.answerInstead((_, response) => {
      asked.resolve();
      void answer.promise.then(() => response.end(body));
    });
    const early = lease();
    early.catch(() => {});
    await asked.promise;
    await vault.delete('default', id, by);
    answer.resolve();
    await expect(early).rejects.toMatchObject({ reason: 'credential_missing' });
  });

  test('is refused when it is too old there', async () => {
    const { vault, standIn, lease } = await setUp(token, { refuseAfterMs: 10 * DAY_MS });
    standIn.put(path, { token: 'secret-one' }, day(1));
    expect(await vault.create('default', input, by)).toMatchObject({ isOld: true });
    await expect(lease()).rejects.toMatchObject({ reason: 'credential_expired' });
  });

  test('is refused at its making when the source has no such secret, or another one than the connector needs', async () => {
    const { vault, standIn } = await setUp();
    const refused = async () => vault.create('default', input, by).catch((error) => error);
    expect(await refused()).toMatchObject({
      code: 'validation_failed',
      message: 'source: hashicorp: there is no secret at this path',
    });
    standIn.put(path, { password: 'hunter2-hunter2' }, day(1));
    expect((await refused()).message).toBe('source: hashicorp: secret.token: is required by bearer');
    standIn.put(path, { token: { nested: 'hunter2-hunter2' } }, day(1));
    expect((await refused()).message).toBe('source: hashicorp: secret.token: must be text that is not empty');
    standIn.put(path, null, day(1));
    expect((await refused()).message).toContain('there is no secret at this path');
    expect((await vault.list('default', { limit: 5 })).items).toEqual([]);
  });

  test('of another tenant cannot be named', async () => {
    const { vault, standIn } = await setUp();
    standIn.put('cordon/acme/slack', { token: 'of-acme' }, day(1));
    for (const other of ['../acme/slack', '..%2Facme/slack', '/acme/slack', 'x/../../acme/slack', './../acme/slack'])
      await expect(
        vault.create('default', { ...input, source: { kind: 'hashicorp', path: other } }, by),
      ).rejects.toMatchObject({ details: { errors: [{ field: 'source.path' }] } });
    expect(standIn.seen).toEqual([]);
  });
});

describe('AppRole', () => {
  const approle = { roleId, secretId };

  test('gets a token, uses it for most of its lifetime, and gets another', async () => {
    const { vault, standIn, lease, advance } = await setUp(approle);
    standIn.leaseFor(1000);
    standIn.put(path, { token: 'secret-one' }, day(1));
    await vault.create('default', input, by);
    const logins = () => standIn.seen.filter(({ method }) => method === 'POST').length;
    for (let minute = 0; minute < 13; minute++) {
      (await lease()).release();
      advance(60_000);
    }
    expect(logins()).toBe(1);
    advance(60_000);
    await lease();
    expect(logins()).toBe(2);
    expect(JSON.parse(standIn.seen[0]?.body ?? '')).toEqual({ role_id: roleId, secret_id: secretId });
  });

  test('logs in again once when its token was revoked', async () => {
    const { vault, standIn, lease, advance } = await setUp(approle);
    standIn.put(path, { token: 'secret-one' }, day(1));
    await vault.create('default', input, by);
    standIn.tokens.clear();
    advance(60_000);
    expect((await lease()).secret.token).toBe('secret-one');
  });

  test('that is not taken is a refusal that names neither of its parts', async () => {
    const { vault, standIn } = await setUp({ roleId, secretId: 'wrong-secret-id' });
    standIn.put(path, { token: 'secret-one' }, day(1));
    const error = await vault.create('default', input, by).catch((reason) => reason);
    expect(error.message).toBe('source: hashicorp: it refused the AppRole with status 400');
  });
});

describe('a source that fails', () => {
  const failures: [string, RegExp, Parameters<Awaited<ReturnType<typeof startHashicorp>>['answerInstead']>[0]][] = [
    [
      'is sealed',
      /it answered with status 503/,
      (_, response) => void response.writeHead(503).end('{"errors":["sealed"]}'),
    ],
    ['does not let us read', /does not let Cordon read this path/, (_, r) => void r.writeHead(403).end('{}')],
    ['is no KV of version 2', /not that of a KV engine of version 2/, (_, r) => void r.end('{"data":{"token":"abc"}}')],
    ['answers no JSON', /broke off, or is not JSON/, (_, r) => void r.end('<html>')],
    ['answers too much', /too large/, (_, r) => void r.end(Buffer.alloc(3_000_000, 0x20))],
    ['breaks off', /broke off|could not be reached/, (_, r) => void r.write('{"data":', () => r.destroy())],
    ['never answers', /could not be reached \(TimeoutError\)/, () => {}],
    ['drips without an end', /broke off/, (_, r) => void r.write('{')],
  ];
  test.each(failures)('%s: calls are refused with a reason, and go on when it is back', async (_, reason, answer) => {
    const { vault, standIn, lease, advance, lines } = await setUp();
    standIn.put(path, { token: 'secret-one' }, day(1));
    await vault.create('default', input, by);
    await lease();
    standIn.answerInstead(answer);
    advance(60_000);
    const error = await lease().catch((refused) => refused);
    expect(error).toMatchObject({ name: 'CredentialRefused', reason: 'credential_missing' });
    expect(error.message).toMatch(reason);
    expect(error.message).toMatch(/^the credential for slack cannot be used: hashicorp: /);
    expect(lines.join('')).toContain('a credential could not be read');
    for (const hidden of ['root-token', 'secret-one', standIn.address]) {
      expect(error.message).not.toContain(hidden);
      expect(lines.join('')).not.toContain(hidden);
    }
    standIn.answerInstead(undefined);
    expect((await lease()).secret.token).toBe('secret-one');
  });

  test('sends us elsewhere: the token does not follow', async () => {
    const { vault, standIn } = await setUp();
    const reached: unknown[] = [];
    const elsewhere = createServer((request, response) => {
      reached.push(request.headers['x-vault-token']);
      response.end('{}');
    });
    await new Promise<void>((resolve) => elsewhere.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void elsewhere.close());
    const location = `http://127.0.0.1:${(elsewhere.address() as AddressInfo).port}/v1/secret/data/x`;
    standIn.answerInstead((_, response) => response.writeHead(307, { location }).end());
    await expect(vault.create('default', input, by)).rejects.toThrow('answered with a redirect');
    expect(reached).toEqual([]);
  });
});

test('half a setting of the backend is refused', () => {
  const clock = manualClock();
  const unset = { vaultToken: undefined, vaultRoleId: undefined, vaultSecretId: undefined, vaultMount: 'secret' };
  const none = { ...unset, awsRegion: undefined, awsSecretsPrefix: undefined };
  const at = { ...none, vaultAddress: 'https://vault.example.com' };
  expect(openBackends({ ...none, vaultAddress: undefined }, clock)).toEqual({});
  expect(Object.keys(openBackends({ ...at, vaultToken: 'x' }, clock))).toEqual(['hashicorp']);
  expect(Object.keys(openBackends({ ...at, vaultRoleId: 'x', vaultSecretId: 'y' }, clock))).toEqual(['hashicorp']);
  for (const half of [{}, { vaultRoleId: 'x' }, { vaultSecretId: 'x' }, { vaultToken: 'x', vaultRoleId: 'x' }])
    expect(() => openBackends({ ...at, ...half }, clock)).toThrow('CORDON_VAULT_ADDR needs either');
});
