/** Leases: whose credential it is, and when it ends. */
import { describe, expect, test } from 'vitest';
import { CredentialRefused } from '../../runtime/vault/credential.ts';
import { by, DAY_MS, HOUR_MS, openVault } from './open-vault.ts';

const ada = { issuer: 'https://login.example.com', subject: 'ada' };
const missing = { name: 'CredentialRefused', reason: 'credential_missing' };

describe('a lease', () => {
  test('is of the agent’s own credential, or of the user’s: the one never stands in for the other', async () => {
    const { vault, keep, lease } = await openVault();
    await keep('secret-of-agent');
    expect((await lease()).secret.token).toBe('secret-of-agent');
    const refused = await lease(ada).catch((error) => error);
    expect(refused).toBeInstanceOf(CredentialRefused);
    expect(refused).toMatchObject(missing);
    expect(refused.message).toMatch(/user .* has no credential for slack.*agent reporter does not stand in/);
    expect(refused.message).not.toContain('ada');
    await vault.create('default', { connector: 'slack', user: ada, secret: { token: 'secret-of-ada' } }, by);
    expect((await lease(ada)).secret.token).toBe('secret-of-ada');
    await expect(lease({ ...ada, subject: 'Ada' })).rejects.toMatchObject(missing);
    await expect(lease({ ...ada, issuer: `${ada.issuer}/` })).rejects.toMatchObject(missing);
    // A name that looks like the key of another holder.
    await expect(lease({ issuer: '', subject: 'agent:reporter' })).rejects.toMatchObject(missing);
  });

  test('is not to be had of a user’s credential without the user', async () => {
    const { vault, lease } = await openVault();
    await vault.create('default', { connector: 'slack', user: ada, secret: { token: 'secret-of-ada' } }, by);
    const refused = await lease().catch((error) => error);
    expect(refused).toMatchObject(missing);
    expect(refused.message).toContain(
      'agent reporter has no credential for slack. An admin adds it: POST /v1/credentials {"connector":"slack","agent":"reporter"',
    );
  });

  test('has no secret after it was released', async () => {
    const { keep, lease } = await openVault();
    await keep('a-secret');
    const [one, two] = [await lease(), await lease()];
    one.release();
    one.release();
    expect(() => one.secret).toThrow('has ended');
    expect(two.secret.token).toBe('a-secret');
    expect(one.revoked.aborted).toBe(false);
  });

  test('is revoked when the secret changes or goes, before the change is acknowledged; others are not', async () => {
    const { vault, keep, lease } = await openVault();
    const { id } = await keep('secret-one');
    const other = await vault.create(
      'default',
      { connector: 'crm', agent: 'reporter', secret: { token: 'a-secret' } },
      by,
    );
    const otherLease = await lease(undefined, 'crm');
    const held = [await lease(), await lease()];
    let told = 0;
    for (const { revoked } of held) revoked.addEventListener('abort', () => told++);
    await vault.putSecret('default', id, { token: 'secret-two' }, by);
    expect([told, ...held.map(({ revoked }) => revoked.aborted)]).toEqual([2, true, true]);
    const next = await lease();
    expect([next.version, next.secret.token, next.revoked.aborted]).toEqual([2, 'secret-two', false]);
    await vault.delete('default', id, by);
    expect(next.revoked.aborted).toBe(true);
    expect(otherLease.revoked.aborted).toBe(false);
    await vault.forget({ tenant: 'default', agent: 'reporter' });
    expect(otherLease.revoked.aborted).toBe(true);
    await expect(vault.get('default', other.id)).rejects.toMatchObject({ code: 'not_found' });
  });

  test('is revoked also when another one of the same secret was released before, however often', async () => {
    const { vault, keep, lease } = await openVault();
    const { id } = await keep('secret-one');
    const [released, held] = [await lease(), await lease()];
    released.release();
    released.release();
    await vault.putSecret('default', id, { token: 'secret-two' }, by);
    expect([released.revoked.aborted, held.revoked.aborted]).toEqual([true, true]);
    held.release();
    expect((await lease()).revoked.aborted).toBe(false);
  });

  test('that is asked for while the secret changes is of the present one, or revoked at once', async () => {
    const { vault, keep, lease } = await openVault();
    const { id } = await keep('secret-1');
    for (let version = 2; version < 40; version++) {
      const changing = vault.putSecret('default', id, { token: `secret-${version}` }, by);
      const asked = Array.from({ length: 4 }, () => lease());
      await changing;
      for (const held of await Promise.all(asked)) {
        const isPresent = held.version === version && held.secret.token === `secret-${version}`;
        expect([held.version, isPresent || held.revoked.aborted]).toEqual([held.version, true]);
        held.release();
      }
    }
  });

  test('is not to be had any more when a delete was acknowledged, whatever was on its way', async () => {
    const { vault, keep, lease } = await openVault();
    for (let i = 0; i < 20; i++) {
      const { id } = await keep(`secret-${i}`);
      const early = lease().catch((error) => error);
      await vault.delete('default', id, by);
      const held = await early;
      expect(held instanceof CredentialRefused || held.revoked.aborted).toBe(true);
      await expect(lease()).rejects.toMatchObject(missing);
    }
  });

  test('is of what the store holds: a sealed secret that changes there is read again', async () => {
    const { store, keep, lease, clock } = await openVault();
    const { id } = await keep('a-secret');
    await lease();
    const place = ['credential-secret', 'default', id, 1];
    const sealed = (await store.get<object>(place))!.value;
    await store.transaction((tx) => tx.put(place, { ...sealed, dataKey: 'AAAA' }));
    // The change was seen at once.
    await expect(lease()).rejects.toMatchObject(missing);
    await store.transaction((tx) => tx.put(place, sealed));
    expect((await lease()).secret.token).toBe('a-secret');
    clock.advance(60_000);
    expect((await lease()).secret.token).toBe('a-secret');
  });

  test('is refused past the operator’s limit of age, also from memory, until there is a new secret', async () => {
    const { vault, keep, lease, clock } = await openVault({ refuseAfterMs: 90 * DAY_MS });
    const { id } = await keep('a-secret');
    clock.advance(90 * DAY_MS - 1);
    await lease();
    clock.advance(1);
    await expect(lease()).rejects.toMatchObject({
      reason: 'credential_expired',
      message: expect.stringMatching(
        /agent reporter for slack is older than the operator allows.*PUT \/v1\/credentials/,
      ),
    });
    await vault.putSecret('default', id, { token: 'another' }, by);
    expect((await lease()).secret.token).toBe('another');
  });
});

describe('a secret does not follow its connector', () => {
  test('to another host, another token endpoint or another scheme, until it is set anew', async () => {
    const { vault, setConnector, lease } = await openVault();
    const create = (connector: string, secret: object) =>
      vault.create('default', { connector, agent: 'reporter', secret }, by);
    const { id } = await create('slack', { token: 'a-secret' });
    await create('drive', { clientId: 'a', refreshToken: 'b-1234' });
    for (const connector of ['slack', 'drive']) (await lease(undefined, connector)).release();
    await setConnector('slack', { type: 'bearer' }, 'https://evil.example.net');
    await setConnector('drive', { type: 'oauth2_refresh', tokenUrl: 'https://evil.example.net/token' });
    for (const connector of ['slack', 'drive'])
      await expect(lease(undefined, connector)).rejects.toMatchObject({
        reason: 'credential_missing',
        message: expect.stringContaining('other hosts or another scheme'),
      });
    await setConnector('slack', { type: 'header', name: 'X-Key' });
    await expect(lease()).rejects.toMatchObject(missing);
    // Back to what it was.
    await setConnector('slack', { type: 'bearer' });
    expect((await lease()).secret.token).toBe('a-secret');
    await setConnector('slack', { type: 'bearer' }, 'https://slack.example.net');
    await vault.putSecret('default', id, { token: 'another-secret' }, by);
    expect((await lease()).secret.token).toBe('another-secret');
  });
});

describe('a refresh token that the service replaced', () => {
  test('is kept in its version: no lease ends, and neither version nor age change', async () => {
    const { vault, lease, clock, store, lines } = await openVault();
    const secret = { clientId: 'me', clientSecret: 'shh-shh', refreshToken: 'refresh-1' };
    const made = await vault.create('default', { connector: 'drive', agent: 'reporter', secret }, by);
    const held = await lease(undefined, 'drive');
    clock.advance(HOUR_MS);
    const of = { tenant: 'default', credentialId: made.id, version: 1 };
    await vault.keepRefreshToken(of, 'refresh-2');
    expect(held.revoked.aborted).toBe(false);
    expect((await lease(undefined, 'drive')).secret).toEqual({ ...secret, refreshToken: 'refresh-2' });
    expect(await vault.get('default', made.id)).toEqual(made);
    await vault.putSecret('default', made.id, { ...secret, refreshToken: 'refresh-3' }, by);
    // Too late: it belongs to a version that is gone.
    await vault.keepRefreshToken(of, 'refresh-late');
    expect((await lease(undefined, 'drive')).secret.refreshToken).toBe('refresh-3');
    await expect(vault.keepRefreshToken({ ...of, version: 2 }, 'a\nb')).rejects.toMatchObject({
      code: 'validation_failed',
    });
    await expect(vault.keepRefreshToken({ ...of, credentialId: 'cred_0' }, 'x-1234')).rejects.toMatchObject({
      code: 'not_found',
    });
    expect((await store.range({ prefix: ['credential-secret'] })).length).toBe(1);
    expect(lines.join('')).not.toMatch(/refresh-/);
  });
});
