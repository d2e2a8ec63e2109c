/** Rotation: who is told that a secret is due, and when. */
import { expect, test } from 'vitest';
import { createHashicorp } from '../../runtime/vault/backends/hashicorp.ts';
import { manualClock } from '../store/scratch.ts';
import { startHashicorp } from './hashicorp-stand-in.ts';
import { by, DAY_MS, HOUR_MS, openVault } from './open-vault.ts';

const webhook = 'https://hooks.example.com/rotate?key=of-the-hook';
const rotation = { everyMs: 7 * DAY_MS, webhook };

/** A vault whose webhooks are written down. */
async function setUp(fail = false) {
  const told: { url: string; body: Record<string, unknown> }[] = [];
  const opened = await openVault({
    postWebhook: async (tenant, url, body) => {
      expect(tenant).toBe('default');
      told.push({ url, body: JSON.parse(body) });
      if (fail) throw new TypeError(`fetch of ${url} failed`);
    },
  });
  return { ...opened, told };
}

test('the webhook is told when the time has come, every hour, until there is a new secret', async () => {
  const { vault, clock, keep, told, lines } = await setUp();
  const made = await keep('a-secret', { rotation });
  expect(made.rotation).toEqual(rotation);
  await keepOther(vault);
  await vault.sweep();
  clock.advance(7 * DAY_MS - 1);
  await vault.sweep();
  expect(told).toEqual([]);
  clock.advance(1);
  await Promise.all([vault.sweep(), vault.sweep()]);
  await vault.sweep();
  expect(told).toEqual([
    {
      url: webhook,
      body: {
        type: 'credential_due',
        credential: made.id,
        connector: 'slack',
        agent: 'reporter',
        version: 1,
        rotatedAt: '2026-01-01T00:00:00.000Z',
        dueAt: '2026-01-08T00:00:00.000Z',
      },
    },
  ]);
  clock.advance(HOUR_MS);
  await vault.sweep();
  expect(told.length).toBe(2);
  await vault.putSecret('default', made.id, { token: 'another-secret' }, by);
  clock.advance(7 * DAY_MS - 1);
  await vault.sweep();
  expect(told.length).toBe(2);
  clock.advance(1);
  await vault.sweep();
  expect(told[2]?.body).toMatchObject({ version: 2, dueAt: '2026-01-15T01:00:00.000Z' });
  await vault.delete('default', made.id, by);
  clock.advance(DAY_MS);
  await vault.sweep();
  expect(told.length).toBe(3);
  expect(JSON.stringify(told)).not.toMatch(/a-secret|another-secret/);
  expect(lines.join('')).not.toContain('of-the-hook');
});

/** Has no rotation, so nobody is told. */
const keepOther = (vault: Awaited<ReturnType<typeof openVault>>['vault']) =>
  vault.create('default', { connector: 'crm', agent: 'reporter', secret: { token: 'a-secret' } }, by);

test('a lease goes on while its credential is due', async () => {
  const { vault, clock, keep, lease } = await setUp();
  await keep('a-secret', { rotation });
  const held = await lease();
  clock.advance(8 * DAY_MS);
  await vault.sweep();
  expect(held.revoked.aborted).toBe(false);
});

test('a webhook that fails keeps no other from being told, and its address is not logged', async () => {
  const { vault, clock, keep, told, lines } = await setUp(true);
  await keep('a-secret', { rotation });
  await vault.create('default', { connector: 'crm', agent: 'reporter', secret: { token: 'a-secret' }, rotation }, by);
  clock.advance(7 * DAY_MS);
  await vault.sweep();
  expect(told.map(({ body }) => body.connector).sort()).toEqual(['crm', 'slack']);
  expect(lines.join('')).toContain('could not be told');
  expect(lines.join('')).not.toContain('hooks.example.com');
  await vault.sweep();
  expect(told.length).toBe(2);
});

test('a source is read again when its time has come: a new secret there is noted, and nobody told', async () => {
  const standIn = await startHashicorp();
  const clock = manualClock();
  const login = { token: 'root-token' };
  const hashicorp = createHashicorp({ address: standIn.address, mount: 'secret', login, clock });
  const told: unknown[] = [];
  const opened = await openVault({ backends: { hashicorp }, postWebhook: async (_tenant, url) => void told.push(url) });
  const path = 'cordon/default/slack';
  standIn.put(path, { token: 'secret-one' }, '2025-12-31T00:00:00Z');
  const source = { kind: 'hashicorp', path: 'slack' };
  const { vault } = opened;
  const { id } = await vault.create('default', { connector: 'slack', agent: 'reporter', source, rotation }, by);
  standIn.put(path, { token: 'secret-two' }, '2026-01-06T00:00:00Z');
  opened.clock.advance(6 * DAY_MS);
  await vault.sweep();
  expect(await vault.get('default', id)).toMatchObject({ version: 2, rotatedAt: '2026-01-06T00:00:00.000Z' });
  opened.clock.advance(5 * DAY_MS);
  await vault.sweep();
  expect(told).toEqual([]);
  opened.clock.advance(DAY_MS);
  // The source is away: told all the same, since it is due.
  standIn.answerInstead((_, response) => response.writeHead(503).end());
  await vault.sweep();
  expect(told).toEqual([webhook]);
  standIn.answerInstead(undefined);
  standIn.put(path, { token: 'secret-three' }, '2026-01-12T00:00:00Z');
  opened.clock.advance(HOUR_MS);
  await vault.sweep();
  expect(told.length).toBe(1);
  expect(await vault.get('default', id)).toMatchObject({ version: 3 });
});
