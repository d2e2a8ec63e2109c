/** Credentials: who holds what, what is refused, and what goes with an agent. */
import { describe, expect, test } from 'vitest';
import { by, DAY_MS, errorOf, field, HOUR_MS, openVault } from './open-vault.ts';

const user = { issuer: 'https://login.example.com', subject: 'ada' };
const code = (name: string) => ({ code: name });
const page = { limit: 50 };

describe('a credential', () => {
  test('is kept, shown without its secret, lent, renewed and removed; the audit tells all of it', async () => {
    const { vault, clock, keep, lease, audit } = await openVault();
    const made = await keep('xoxb-first-secret');
    expect(made).toEqual({
      id: expect.stringMatching(/^cred_[0-9a-z]{30}$/),
      tenant: 'default',
      connector: 'slack',
      holder: { agent: 'reporter' },
      source: { kind: 'embedded' },
      version: 1,
      createdAt: '2026-01-01T00:00:00.000Z',
      rotatedAt: '2026-01-01T00:00:00.000Z',
      isOld: false,
    });
    const first = await lease();
    expect([first.credentialId, first.version, first.secret.token]).toEqual([made.id, 1, 'xoxb-first-secret']);
    clock.advance(HOUR_MS);
    const renewed = await vault.putSecret('default', made.id, { token: 'xoxb-second-secret' }, by);
    expect(renewed).toMatchObject({ version: 2, createdAt: made.createdAt, rotatedAt: '2026-01-01T01:00:00.000Z' });
    expect(await vault.get('default', made.id)).toEqual(renewed);
    expect((await lease()).secret).toEqual({ token: 'xoxb-second-secret' });
    await vault.delete('default', made.id, by);
    await expect(vault.get('default', made.id)).rejects.toMatchObject(code('not_found'));
    await expect(lease()).rejects.toMatchObject({ reason: 'credential_missing' });
    const told = await audit.list('default', { limit: 10, kind: 'credential' });
    expect(told.items.map(({ key, agent, detail }) => [key, agent, detail.action, detail.version])).toEqual([
      ['key_test', 'reporter', 'delete', 2],
      ['key_test', 'reporter', 'secret', 2],
      ['key_test', 'reporter', 'create', 1],
    ]);
  });

  test('is one per connector and holder', async () => {
    const { vault, keep } = await openVault();
    const create = (holder: object, connector = 'slack') =>
      vault.create('default', { connector, ...holder, secret: { token: 'a-secret' } }, by);
    await keep('a-secret');
    await expect(keep('another')).rejects.toMatchObject(code('already_exists'));
    // Others may have theirs.
    await create({ agent: 'default' });
    await create({ agent: 'reporter' }, 'crm');
    await create({ user });
    await create({ user: { ...user, subject: 'bob' } });
    await create({ user: { issuer: 'https://other.example.com', subject: 'ada' } });
    await expect(create({ user })).rejects.toMatchObject(code('already_exists'));
    const both = await Promise.allSettled([create({ user }, 'crm'), create({ user }, 'crm')]);
    expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  });

  test('of another tenant is as one that does not exist', async () => {
    const { vault, keep } = await openVault();
    const { id } = await keep('a-secret');
    for (const refused of [
      vault.get('acme', id),
      vault.delete('acme', id, by),
      vault.putSecret('acme', id, { token: 'a-secret' }, by),
      vault.get('default', 'cred_0'),
      vault.get('default', '../../x'),
      vault.get('default', 'x'.repeat(5000)),
    ])
      expect(await errorOf(refused)).toMatchObject({ code: 'not_found' });
    await expect(vault.get('acme', id)).rejects.toThrow(`Credential ${id} does not exist`);
    await expect(vault.get('default', '../../x')).rejects.toThrow('This credential does not exist');
    expect((await vault.list('acme', page)).items).toEqual([]);
    await expect(vault.lease({ tenant: 'acme', agent: 'reporter', connector: 'slack' })).rejects.toMatchObject({
      reason: 'credential_missing',
    });
  });

  test('from a source that is not set up is refused with the setting that is missing', async () => {
    const { vault } = await openVault();
    for (const [source, setting] of [
      [{ kind: 'hashicorp', path: 'slack' }, 'CORDON_VAULT_ADDR'],
      [{ kind: 'aws_secrets_manager', path: 'slack' }, 'CORDON_AWS_REGION'],
    ] as const)
      await expect(vault.create('default', { connector: 'slack', agent: 'reporter', source }, by)).rejects.toThrow(
        `${source.kind} is not set up in this installation: an operator sets ${setting}`,
      );
  });

  test('is refused when it says too little, too much, or names what is not there', async () => {
    const { vault } = await openVault();
    const good = { connector: 'slack', agent: 'reporter', secret: { token: 'a-secret' } };
    const wrong: [object, string][] = [
      [{ connector: 'nowhere' }, 'connector'],
      [{ connector: 'No Slug' }, 'connector'],
      [{ connector: 'open' }, 'connector'],
      [{ agent: 'nobody' }, 'agent'],
      [{ agent: undefined }, 'agent'],
      [{ user }, 'agent'],
      [{ agent: undefined, user: { issuer: 'x' } }, 'user.subject'],
      [{ agent: undefined, user: { ...user, subject: 'x'.repeat(256) } }, 'user.subject'],
      [{ agent: undefined, user: { ...user, issuer: 'a\nb' } }, 'user.issuer'],
      [{ agent: undefined, user: { ...user, role: 'admin' } }, 'user.role'],
      [{ secret: undefined }, 'secret'],
      [{ source: { kind: 'hashicorp', path: 'x' } }, 'secret'],
      [{ secret: undefined, source: { kind: 'file', path: '/etc/passwd' } }, 'source.kind'],
      [{ secret: undefined, source: { kind: 'hashicorp', path: '../other/x' } }, 'source.path'],
      [{ secret: undefined, source: { kind: 'hashicorp', path: 'a//b' } }, 'source.path'],
      [{ secret: undefined, source: { kind: 'hashicorp', path: 'a?b' } }, 'source.path'],
      [{ secret: undefined, source: { kind: 'hashicorp', path: 'a/%2e%2e/b' } }, 'source.path'],
      [{ secret: undefined, source: { kind: 'hashicorp', path: 'slack' } }, 'source.kind'],
      [{ rotation: { everyMs: HOUR_MS - 1 } }, 'rotation.everyMs'],
      [{ rotation: { everyMs: DAY_MS, webhook: 'http://hooks.example.com' } }, 'rotation.webhook'],
      [{ rotation: { everyMs: DAY_MS, webhook: 'https://a:b@hooks.example.com' } }, 'rotation.webhook'],
      [{ rotation: { everyMs: DAY_MS, then: 'x' } }, 'rotation.then'],
    ];
    for (const [change, name] of wrong)
      expect([change, await errorOf(vault.create('default', { ...good, ...change }, by))]).toMatchObject([
        change,
        field(name),
      ]);
    expect((await vault.list('default', page)).items).toEqual([]);
  });
});

describe('lists', () => {
  test('are pages, newest first, also narrowed to a connector or an agent', async () => {
    const { vault, clock } = await openVault();
    for (let i = 0; i < 12; i++) {
      clock.advance(1000);
      const holder =
        i % 3 === 0 ? { agent: i % 2 === 0 ? 'reporter' : 'default' } : { user: { ...user, subject: `${i}` } };
      const connector = ['slack', 'crm'][Math.floor(i / 6)];
      await vault.create('default', { connector, ...holder, secret: { token: `secret-${i}` } }, by);
    }
    const all = async (query: object, limit = 5) => {
      const items: unknown[] = [];
      let pages = 0;
      for (let cursor: string | undefined; ; pages++) {
        const found = await vault.list('default', { limit, cursor, ...query });
        items.push(...found.items.map((item) => Date.parse(item.createdAt) / 1000));
        cursor = found.nextCursor;
        if (cursor === undefined) return { pages: pages + 1, order: items.map((at) => Number(at) - 1767225601) };
      }
    };
    expect(await all({})).toEqual({ pages: 3, order: [11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0] });
    expect(await all({}, 12)).toEqual({ pages: 1, order: expect.anything() });
    expect(await all({ connector: 'slack' }, 4)).toEqual({ pages: 2, order: [5, 4, 3, 2, 1, 0] });
    expect((await all({ agent: 'reporter' }, 1)).order).toEqual([6, 0]);
    expect((await all({ agent: 'default', connector: 'crm' }, 1)).order).toEqual([9]);
    expect((await all({ agent: 'nobody' })).order).toEqual([]);
  });

  test('show which are old', async () => {
    const { vault, clock, keep } = await openVault();
    const { id } = await keep('a-secret');
    clock.advance(30 * DAY_MS);
    expect((await vault.get('default', id)).isOld).toBe(false);
    clock.advance(1);
    expect((await vault.get('default', id)).isOld).toBe(true);
    expect((await vault.list('default', page)).items[0]?.isOld).toBe(true);
    expect((await vault.find('default', 'slack', { agent: 'reporter' }))?.isOld).toBe(true);
    expect((await vault.putSecret('default', id, { token: 'another' }, by)).isOld).toBe(false);
    expect(await vault.find('default', 'slack', { user })).toBeUndefined();
  });
});

describe('what goes with an agent or a tenant', () => {
  test('is its own credentials, and nobody else’s', async () => {
    const { vault, store } = await openVault();
    const create = (connector: string, holder: object) =>
      vault.create('default', { connector, ...holder, secret: { token: 'a-secret' } }, by);
    await create('slack', { agent: 'reporter' });
    await create('crm', { agent: 'reporter' });
    const others = [await create('slack', { agent: 'default' }), await create('slack', { user })];
    await vault.forget({ tenant: 'default', agent: 'reporter' });
    const left = (await vault.list('default', page)).items.map(({ id }) => id).sort();
    expect(left).toEqual(others.map(({ id }) => id).sort());
    await vault.forgetTenant('acme');
    expect((await vault.list('default', page)).items.length).toBe(2);
    await vault.forgetTenant('default');
    for (const prefix of ['credential', 'credential-of', 'credential-secret'])
      expect(await store.range({ prefix: [prefix] })).toEqual([]);
  });
});
