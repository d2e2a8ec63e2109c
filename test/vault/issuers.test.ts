/** Issuers: how they are registered, and how their keys are kept. */
import { describe, expect, test } from 'vitest';
import { by, ec, iss, openIssuers, refusedWith, rsa, signed } from './open-issuers.ts';
import { newSigner, token } from './tokens.ts';

describe('keys that an issuer publishes', () => {
  test('are fetched once in ten minutes, and by one request for many tokens', async () => {
    const { register, claims, verify, fetched, clock, published } = await openIssuers();
    await register();
    await Promise.all(Array.from({ length: 5 }, () => verify(signed(claims()))));
    clock.advance(599_999);
    await verify(signed(claims()));
    expect(fetched.length).toBe(1);
    published.keys = [ec.jwk];
    await verify(signed(claims()));
    clock.advance(1);
    // The key was taken back: from now on its tokens are refused.
    await expect(verify(signed(claims()))).rejects.toMatchObject(refusedWith(/no key of its issuer/));
    expect(fetched.length).toBe(2);
  });

  test('are fetched again for a key that is new, at most every 30 seconds', async () => {
    const { register, claims, verify, fetched, clock, published } = await openIssuers([rsa.jwk]);
    await register();
    await verify(signed(claims()));
    const newer = newSigner('ec', 'e2');
    published.keys = [rsa.jwk, newer.jwk];
    await expect(verify(signed(claims(), newer))).rejects.toMatchObject(refusedWith(/no key of its issuer/));
    clock.advance(30_000);
    const both = await Promise.all([verify(signed(claims(), newer)), verify(signed(claims(), newer))]);
    expect(both.map(({ subject }) => subject)).toEqual(['ada', 'ada']);
    expect(fetched.length).toBe(2);
    for (let i = 0; i < 20; i++) {
      clock.advance(1000);
      await expect(verify(signed(claims(), rsa, { kid: `invented-${i}` }))).rejects.toMatchObject(
        refusedWith(/no key of its issuer/),
      );
    }
    expect(fetched.length).toBe(2);
  });

  test('that cannot be had refuse, and are asked for again after 30 seconds; known ones go on for their time', async () => {
    const { register, claims, verify, fetched, clock, published } = await openIssuers(new Error('secret reason'));
    await register();
    const refused = refusedWith(/^cannot be checked: the keys of its issuer could not be fetched$/);
    for (let i = 0; i < 3; i++) await expect(verify(signed(claims()))).rejects.toMatchObject(refused);
    expect(fetched.length).toBe(1);
    published.keys = [rsa.jwk];
    clock.advance(30_000);
    await verify(signed(claims()));
    published.keys = new Error('away');
    clock.advance(590_000);
    await expect(verify(signed(claims(), ec))).rejects.toMatchObject(refusedWith(/no key of its issuer/));
    await verify(signed(claims()));
    clock.advance(10_000);
    await expect(verify(signed(claims()))).rejects.toMatchObject(refused);
  });

  test('count only when they are public and strong', async () => {
    const weak = newSigner('small rsa', 'w1');
    const secret = { kty: 'oct', k: Buffer.from('a-shared-secret-of-32-bytes-long').toString('base64url'), kid: 'o1' };
    const { register, claims, verify } = await openIssuers([
      weak.jwk,
      secret,
      null,
      'x',
      { kty: 'new', kid: 'n1' },
      rsa.jwk,
    ]);
    await register();
    await verify(signed(claims()));
    await expect(verify(signed(claims(), weak))).rejects.toMatchObject(refusedWith(/no key of its issuer/));
    await expect(
      verify(token({ alg: 'HS256', kid: 'o1' }, claims(), 'a-shared-secret-of-32-bytes-long')),
    ).rejects.toMatchObject(refusedWith(/algorithm/));
  });

  test('that are no key set refuse', async () => {
    for (const keys of [null, 7, { r1: rsa.jwk }]) {
      const { register, claims, verify } = await openIssuers(keys);
      await register();
      await expect(verify(signed(claims()))).rejects.toMatchObject(refusedWith(/could not be fetched/));
    }
  });
});

describe('an issuer', () => {
  test('is registered with its keys, listed and deleted; the audit tells it', async () => {
    const { issuers, register, claims, verify, fetched, audit, clock } = await openIssuers();
    const made = await register({ jwksUri: undefined, jwks: { keys: [rsa.jwk] } });
    expect(made).toEqual({
      id: expect.stringMatching(/^iss_[0-9a-z]{30}$/),
      tenant: 'default',
      issuer: iss,
      audience: 'cordon',
      jwks: { keys: [rsa.jwk] },
      algorithms: ['RS256', 'ES256'],
      createdAt: '2026-01-01T00:00:00.000Z',
    });
    await verify(signed(claims()));
    await expect(verify(signed(claims(), ec))).rejects.toMatchObject(refusedWith(/no key/));
    expect(fetched).toEqual([]);
    await expect(register()).rejects.toMatchObject({ code: 'already_exists' });
    clock.advance(1);
    const other = await register({ issuer: 'https://other.example.com' });
    expect((await issuers.list('default', { limit: 5 })).items).toEqual([other, made]);
    expect(await issuers.get('default', made.id)).toEqual(made);
    expect((await issuers.list('acme', { limit: 5 })).items).toEqual([]);
    for (const tenant of ['acme', 'default'])
      await expect(issuers.delete(tenant, tenant === 'acme' ? made.id : 'iss_0', by)).rejects.toMatchObject({
        code: 'not_found',
      });
    await issuers.delete('default', made.id, by);
    const told = await audit.list('default', { limit: 5, kind: 'issuer' });
    expect(told.items.map(({ key, detail }) => [key, detail.action, detail.issuer])).toEqual([
      ['key_test', 'delete', iss],
      ['key_test', 'create', 'https://other.example.com'],
      ['key_test', 'create', iss],
    ]);
  });

  test('is refused with the field that is wrong', async () => {
    const { register, issuers } = await openIssuers();
    const privateJwk = rsa.privateKey.export({ format: 'jwk' });
    const keys = (...list: unknown[]) => ({ jwksUri: undefined, jwks: { keys: list } });
    const wrong: [object, string][] = [
      [{ issuer: '' }, 'issuer'],
      [{ issuer: 7 }, 'issuer'],
      [{ audience: 'a\nb' }, 'audience'],
      [{ audience: ['cordon'] }, 'audience'],
      [{ jwksUri: undefined }, 'jwksUri'],
      [{ jwks: { keys: [rsa.jwk] } }, 'jwksUri'],
      [{ jwksUri: 'http://login.example.com/keys' }, 'jwksUri'],
      [{ jwksUri: 'https://a:b@login.example.com/keys' }, 'jwksUri'],
      [{ jwksUri: 'file:///etc/passwd' }, 'jwksUri'],
      [{ algorithms: [] }, 'algorithms'],
      [{ algorithms: ['RS256', 'none'] }, 'algorithms'],
      [{ algorithms: ['HS256'] }, 'algorithms'],
      [{ algorithms: ['RS256', 'RS256'] }, 'algorithms'],
      [{ algorithms: 'RS256' }, 'algorithms'],
      [{ jwksUri: undefined, jwks: [rsa.jwk] }, 'jwks'],
      [keys(), 'jwks.keys'],
      [keys(rsa.jwk, privateJwk), 'jwks.keys.1'],
      [keys({ kty: 'oct', k: 'c2VjcmV0' }), 'jwks.keys.0'],
      [keys(newSigner('small rsa').jwk), 'jwks.keys.0'],
      [keys({ kty: 'RSA', n: 'x', e: 'AQAB' }), 'jwks.keys.0'],
    ];
    for (const [change, name] of wrong)
      expect([change, await register(change).catch((error) => error)]).toMatchObject([
        change,
        { code: 'validation_failed', details: { errors: [{ field: name }] } },
      ]);
    expect((await issuers.list('default', { limit: 5 })).items).toEqual([]);
  });

  test('goes with its tenant', async () => {
    const { register, issuers, store, claims, verify } = await openIssuers();
    await register();
    await verify(signed(claims()));
    await issuers.forgetTenant('default');
    await expect(verify(signed(claims()))).rejects.toMatchObject(refusedWith(/no registered issuer/));
    for (const prefix of ['issuer', 'issuer-of']) expect(await store.range({ prefix: [prefix] })).toEqual([]);
  });
});
