/** Which tokens of issuers are believed: attacks on JSON Web Tokens. */
import { randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { manualClock } from '../store/scratch.ts';
import { by, ec, ed, iss, jwksUri, openIssuers, refusedWith, rsa, signed } from './open-issuers.ts';
import { newSigner, signature, token } from './tokens.ts';

const stranger = newSigner('rsa', 'r1');
const second = newSigner('rsa', 'r2');

describe('a token', () => {
  test('names its user when issuer, audience, time and signature fit', async () => {
    const { register, claims, verify, fetched } = await openIssuers();
    await register();
    expect(await verify(signed(claims()))).toEqual({ issuer: iss, subject: 'ada' });
    // One key alone can be meant.
    expect((await verify(signed(claims(), { ...rsa, jwk: { kty: 'RSA' } }))).subject).toBe('ada');
    expect(await verify(signed(claims({ aud: ['other', 'cordon'], sub: 'bob|7', extra: { deep: true } }), ec))).toEqual(
      {
        issuer: iss,
        subject: 'bob|7',
      },
    );
    expect(fetched).toEqual([jwksUri]);
  });

  test('is believed only with the algorithms that its issuer is registered for', async () => {
    const { register, claims, verify, issuers } = await openIssuers();
    const { id } = await register();
    const ps = token({ alg: 'PS256', kid: 'r1' }, claims(), rsa.privateKey);
    for (const jwt of [ps, signed(claims(), ed)])
      await expect(verify(jwt)).rejects.toMatchObject(refusedWith(/algorithm/));
    await issuers.delete('default', id, by);
    await register({ algorithms: ['PS256', 'EdDSA'] });
    for (const jwt of [ps, signed(claims(), ed)]) expect((await verify(jwt)).subject).toBe('ada');
    await expect(verify(signed(claims()))).rejects.toMatchObject(refusedWith(/algorithm/));
  });

  test('is a registered issuer’s of this tenant, and only until it is deleted', async () => {
    const { register, claims, verify, issuers } = await openIssuers();
    await expect(verify(signed(claims()))).rejects.toMatchObject(refusedWith(/no registered issuer/));
    const { id } = await register();
    await verify(signed(claims()));
    await expect(verify(signed(claims()), 'acme')).rejects.toMatchObject(refusedWith(/no registered issuer/));
    await issuers.delete('default', id, by);
    await expect(verify(signed(claims()))).rejects.toMatchObject(refusedWith(/no registered issuer/));
  });

  test('has a skew of a minute and no more', async () => {
    const { register, claims, verify, clock, seconds } = await openIssuers();
    await register();
    const jwt = signed(claims({ exp: seconds() + 10 }));
    clock.advance(69_000);
    await verify(jwt);
    clock.advance(1_000);
    await expect(verify(jwt)).rejects.toMatchObject(refusedWith('has expired'));
    await verify(signed(claims({ nbf: seconds() + 60 })));
    await expect(verify(signed(claims({ nbf: seconds() + 61 })))).rejects.toMatchObject(refusedWith('not valid yet'));
  });

  const now = Math.floor(manualClock().now() / 1000);
  const good = { iss, aud: 'cordon', sub: 'ada', exp: now + 300 };
  const pem = rsa.publicKey.export({ type: 'spki', format: 'pem' }) as string;
  const [head, body] = signed(good).split('.') as [string, string, string];
  const noKid = { ...rsa, jwk: { kty: 'RSA' } as Record<string, string> };
  const attacks: [string, string, RegExp][] = [
    ['without a signature, alg none', token({ alg: 'none' }, good, undefined), /algorithm|no JSON Web Token/],
    ['alg None', token({ alg: 'None', kid: 'r1' }, good, undefined), /algorithm|no JSON Web Token/],
    ['an HMAC under the public key', token({ alg: 'HS256', kid: 'r1' }, good, pem), /algorithm/],
    ['an HMAC under the public key, no kid', token({ alg: 'HS256' }, good, pem.trim()), /algorithm/],
    ['a signature cut off', `${head}.${body}.`, /signature|no JSON Web Token/],
    ['the signature of another token', `${head}.${body}.${signed({ ...good, sub: 'bob' }).split('.')[2]}`, /signature/],
    [
      'another payload under the signature',
      `${head}.${signed({ ...good, sub: 'bob' }).split('.')[1]}.${signed(good).split('.')[2]}`,
      /signature/,
    ],
    ['a foreign key under a known kid', signed(good, stranger), /wrong signature/],
    [
      'its own key in the header',
      signed(good, stranger, { jwk: stranger.jwk, jku: 'https://evil.example.com/keys' }),
      /signature/,
    ],
    ['an unknown kid', signed(good, rsa, { kid: '../../r1' }), /no key of its issuer/],
    ['no kid where two keys could be meant', signed(good, noKid), /no key of its issuer/],
    ['alg of another kind of key', token({ alg: 'ES256', kid: 'r1' }, good, ec.privateKey), /no key of its issuer/],
    ['an unknown critical header', signed(good, rsa, { crit: ['exp2'], exp2: 1 }), /could be checked/],
    ['an unencoded payload (RFC 7797)', signed(good, rsa, { b64: false, crit: ['b64'] }), /could be checked/],
    ['another audience', signed({ ...good, aud: 'cordon2' }), /another audience/],
    ['an audience that begins the same', signed({ ...good, aud: ['cordon.evil', 'Cordon'] }), /another audience/],
    ['no audience', signed({ ...good, aud: undefined }), /another audience/],
    ['an issuer that differs by a slash', signed({ ...good, iss: `${iss}/` }), /no registered issuer/],
    ['no issuer', signed({ ...good, iss: undefined }), /no registered issuer/],
    ['issuers in a list', signed({ ...good, iss: [iss] as never }), /no registered issuer/],
    ['no end', signed({ ...good, exp: undefined }), /`exp`/],
    ['an end that is text', signed({ ...good, exp: `${good.exp}` }), /`exp`/],
    ['no subject', signed({ ...good, sub: undefined }), /`sub`/],
    ['an empty subject', signed({ ...good, sub: '' }), /`sub`/],
    ['a subject that is a number', signed({ ...good, sub: 7 }), /`sub`/],
    ['a subject of 256 characters', signed({ ...good, sub: 'x'.repeat(256) }), /`sub`/],
    ['a subject with a NUL', signed({ ...good, sub: 'ada\0' }), /`sub`/],
    ['a payload that is no object', signed('"text"'), /JSON Web Token/],
    ['an encrypted token', `${head}.${body}.a.b.c`, /JSON Web Token/],
    ['no token', 'hunter2', /no JSON Web Token/],
    ['nothing', '', /no JSON Web Token/],
    ['white space around it', ` ${signed(good)} `, /JSON Web Token|signature/],
    ['a huge token', signed({ ...good, pad: 'x'.repeat(20_000) }), /no JSON Web Token/],
  ];
  test.each(attacks)('is refused: %s', async (_, jwt, reason) => {
    const { register, verify } = await openIssuers([rsa.jwk, second.jwk, ec.jwk]);
    await register();
    const error = await verify(jwt).catch((refused) => refused);
    expect(error).toMatchObject(refusedWith(reason));
    const shown = inspect(error, { depth: 9, showHidden: true });
    for (const piece of jwt.split('.').filter((text) => text.length > 12)) expect(shown).not.toContain(piece);
  });

  test('is refused after any change of a character', async () => {
    const { register, claims, verify } = await openIssuers();
    await register();
    const jwt = signed(claims(), ec);
    const random = randomBytes(60);
    for (const byte of random) {
      const at = Math.floor((byte / 256) * jwt.length);
      // The last characters of a part hold bits that no byte has; another part is then the same.
      if (jwt[at + 1] === '.' || at === jwt.length - 1 || jwt[at] === '.') continue;
      const changed = `${jwt.slice(0, at)}${jwt[at] === 'A' ? 'B' : 'A'}${jwt.slice(at + 1)}`;
      await expect(verify(changed)).rejects.toMatchObject({ code: 'validation_failed' });
    }
  });

  test('with a signature of another encoding is refused', async () => {
    const { register, claims, verify } = await openIssuers();
    await register();
    const text = signed(claims(), ec).split('.').slice(0, 2).join('.');
    const raw = signature('ES256', text, ec.privateKey);
    expect((await verify(`${text}.${raw.toString('base64url')}`)).subject).toBe('ada');
    const zero = Buffer.alloc(64).toString('base64url');
    for (const wrong of [zero, Buffer.concat([raw, raw]).toString('base64url'), raw.subarray(1).toString('base64url')])
      await expect(verify(`${text}.${wrong}`)).rejects.toMatchObject(refusedWith(/signature|could be checked/));
  });
});
