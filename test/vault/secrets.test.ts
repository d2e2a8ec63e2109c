/** Secrets: which are taken, and where they are not. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { by, errorOf, field, openVault, privateKey } from './open-vault.ts';

const user = { issuer: 'https://login.example.com', subject: 'ada' };
const code = (name: string) => ({ code: name });
const page = { limit: 50 };

describe('the fields of a secret', () => {
  const rsa = privateKey('rsa');
  const fits: [string, Record<string, string>][] = [
    ['slack', { token: '6bytes' }],
    ['mail', { username: 'key-as-user-name', password: 'x' }],
    ['mail', { username: 'Ångström', password: 'pass: wörd' }],
    ['maps', { value: 'a value' }],
    ['custom', { value: 'k-1234' }],
    ['drive', { clientId: 'a', refreshToken: 'r-1234' }],
    ['drive', { clientId: 'a', clientSecret: 'b-1234', refreshToken: 'r-1234' }],
    ['machine', { clientId: 'a', clientSecret: 'b-1234' }],
    ['rsa', { issuer: 'a@b', privateKey: rsa, keyId: 'k1' }],
    ['ec', { issuer: 'a@b', privateKey: privateKey('ec') }],
    ['s3', { accessKeyId: 'AKIA', secretAccessKey: 's/+1234' }],
    ['crm', { token: 'x'.repeat(65_536) }],
  ];
  test.each(fits)('%s takes %j', async (connector, secret) => {
    const { vault, lease } = await openVault();
    await vault.create('default', { connector, agent: 'reporter', secret }, by);
    expect((await lease(undefined, connector)).secret).toEqual(secret);
  });

  const wrong: [string, unknown, string][] = [
    ['slack', 'xoxb-123', 'secret'],
    ['slack', {}, 'secret.token'],
    ['slack', { token: '' }, 'secret.token'],
    ['slack', { token: 7 }, 'secret.token'],
    ['slack', { token: '5byte' }, 'secret.token'],
    ['custom', { value: '12345' }, 'secret.value'],
    ['drive', { clientId: 'a', clientSecret: 'b', refreshToken: 'r-1234' }, 'secret.clientSecret'],
    ['slack', { token: ['a'] }, 'secret.token'],
    ['slack', { token: 'a-secret\n' }, 'secret.token'],
    ['slack', { token: 'a\r\nX-Other: b' }, 'secret.token'],
    ['slack', { token: 'sécret' }, 'secret.token'],
    ['slack', { token: 'half \ud800' }, 'secret.token'],
    ['slack', { token: 'a-secret', extra: 'b' }, 'secret'],
    ['slack', { token: 'a-secret', __proto__: { constructor: 'x' }, constructor: 'b' }, 'secret'],
    ['slack', { value: 'a' }, 'secret'],
    ['slack', Object.create({ token: 'inherited' }), 'secret.token'],
    ['mail', { username: 'a:b', password: 'c' }, 'secret.username'],
    ['mail', { username: 'a' }, 'secret.password'],
    ['drive', { clientId: 'a' }, 'secret.refreshToken'],
    ['rsa', { issuer: 'a', privateKey: 'no key' }, 'secret.privateKey'],
    ['rsa', { issuer: 'a', privateKey: privateKey('small rsa') }, 'secret.privateKey'],
    ['rsa', { issuer: 'a', privateKey: privateKey('ec') }, 'secret.privateKey'],
    ['ec', { issuer: 'a', privateKey: privateKey('p384') }, 'secret.privateKey'],
    ['ec', { issuer: 'a', privateKey: rsa }, 'secret.privateKey'],
  ];
  test('are those of the scheme, text that can be sent, and nothing else', async () => {
    const { vault } = await openVault();
    for (const [connector, secret, name] of wrong)
      expect([connector, secret, await errorOf(vault.create('default', { connector, agent: 'reporter', secret }, by))])
        // The fields of a secret are compared as they were given.
        .toMatchObject([connector, secret, field(name)]);
  });

  test('are bounded, and 65536 bytes are counted as UTF-8', async () => {
    const { vault } = await openVault();
    const keep = (password: string) =>
      vault.create('default', { connector: 'mail', agent: 'reporter', secret: { username: 'a', password } }, by);
    expect(await errorOf(keep('ü'.repeat(32_769)))).toMatchObject({
      code: 'too_large',
      details: { errors: [{ field: 'secret.password' }] },
    });
    await keep('ü'.repeat(32_768));
  });

  test('are not repeated by an error, wherever the caller put the secret', async () => {
    const { vault, keep, lines } = await openVault();
    const { id } = await keep('xoxb-good-secret');
    const hidden = 'hunter2-hunter2';
    const misplaced = [hidden, { [hidden]: 'x' }, { token: { [hidden]: 1 } }, { token: `${hidden}\n` }, [hidden]];
    for (const secret of misplaced)
      for (const refused of [
        vault.create('default', { connector: 'crm', agent: 'reporter', secret }, by),
        vault.putSecret('default', id, secret, by),
      ]) {
        const error = await errorOf(refused);
        expect(error).toMatchObject(code('validation_failed'));
        expect(inspect(error, { depth: 9, showHidden: true })).not.toContain(hidden);
      }
    expect(lines.join('')).not.toContain(hidden);
  });
});

describe('secrets', () => {
  test('are in no file of the store, no listing, no log, no inspection and no JSON', async () => {
    const { vault, storeDir, keep, lease, lines } = await openVault();
    const token = 'xoxb-0123456789-very-secret';
    const { id } = await keep(token);
    await vault.create(
      'default',
      { connector: 'mail', user, secret: { username: 'ada-lovelace', password: 'enchantress' } },
      by,
    );
    const held = await lease();
    const seen = [
      JSON.stringify(await vault.list('default', page)),
      JSON.stringify(held),
      JSON.stringify({ ...held }),
      inspect(held, { depth: 9, showHidden: true }),
      inspect(held.secret, { depth: 9 }),
      `${held.secret}`,
      lines.join(''),
    ];
    for (const text of seen) expect(text).not.toContain('very-secret');
    await vault.putSecret('default', id, { token: `${token}-2` }, by);
    for (const name of readdirSync(storeDir)) {
      const bytes = readFileSync(join(storeDir, name)).toString('latin1');
      for (const text of ['very-secret', 'enchantress', 'ada-lovelace', Buffer.from(token).toString('base64')])
        expect(bytes.includes(text)).toBe(false);
    }
    expect(held.secret.token).toBe(token);
  });

  test('of a former version are removed', async () => {
    const { vault, store, keep } = await openVault();
    const { id } = await keep('one-secret');
    for (let version = 2; version < 5; version++)
      await vault.putSecret('default', id, { token: `secret-${version}` }, by);
    const left = await store.range({ prefix: ['credential-secret'] });
    expect(left.map(({ key }) => key)).toEqual([['credential-secret', 'default', id, 4]]);
    await vault.delete('default', id, by);
    for (const prefix of ['credential', 'credential-of', 'credential-secret', 'credential-due'])
      expect(await store.range({ prefix: [prefix] })).toEqual([]);
  });

  test('are not opened in another place: an entry that was copied or changed is refused', async () => {
    const { vault, store, keep, lease, lines } = await openVault();
    const mine = await keep('secret-of-slack');
    const other = await vault.create(
      'default',
      { connector: 'crm', agent: 'reporter', secret: { token: 'secret-of-crm' } },
      by,
    );
    const place = (id: string) => ['credential-secret', 'default', id, 1];
    const sealed = (await store.get<{ fields: { token: string } }>(place(other.id)))!.value;
    const own = (await store.get<{ fields: { token: string } }>(place(mine.id)))!.value;
    const bytes = Buffer.from(own.fields.token, 'base64');
    bytes[14]! ^= 1;
    const changed = { ...own, fields: { token: bytes.toString('base64') } };
    for (const value of [sealed, changed, { ...own, fields: { other: own.fields.token } }, { ...own, dataKey: '' }]) {
      await store.transaction((tx) => tx.put(place(mine.id), value));
      const error = await errorOf(lease());
      expect(error).toMatchObject({
        name: 'CredentialRefused',
        reason: 'credential_missing',
        message: 'the credential for slack cannot be used: its secret cannot be decrypted',
      });
    }
    await store.transaction((tx) => tx.delete(place(mine.id)));
    await expect(lease()).rejects.toMatchObject({ reason: 'credential_missing' });
    expect(lines.filter((line) => line.includes('could not be read')).length).toBe(5);
    await store.transaction((tx) => tx.put(place(mine.id), own));
    expect((await lease()).secret.token).toBe('secret-of-slack');
  });
});
