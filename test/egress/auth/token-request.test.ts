import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { leaseOf } from './call.ts';
import { bearerOf, formOf, refreshScene, refusal, scene } from './oauth-scene.ts';

describe('what is asked of the token endpoint', () => {
  it('a refresh (RFC 6749, 6), the client by Basic', async () => {
    const { endpoint, authenticate } = await refreshScene();
    const signed = await authenticate();
    expect(bearerOf(signed)).toBe('Bearer token-1-of-app');
    expect(signed.secrets[0]).toBe('token-1-of-app');
    expect(signed.secrets).toEqual(expect.arrayContaining(['hunter2-secret', 'hunter2-refresh']));
    expect(formOf(endpoint)).toEqual({
      grant_type: 'refresh_token',
      refresh_token: 'hunter2-refresh',
      scope: 'read write',
    });
  });

  it('names and secrets with odd characters survive Basic and body', async () => {
    const odd = { id: 'a:b c/ä', secret: 'p+w%:& =ß' };
    for (const by of ['basic', 'body'] as const) {
      const { authenticate } = await scene({ ...odd, by }, (tokenUrl) => ({
        type: 'oauth2_client_credentials',
        tokenUrl,
        clientAuth: by,
      }));
      const signed = await authenticate(leaseOf({ clientId: odd.id, clientSecret: odd.secret }));
      expect(bearerOf(signed)).toBe('Bearer token-1-of-a%3Ab%20c%2F%C3%A4');
    }
  });

  it('a refresh of a public client, which has no secret', async () => {
    const { endpoint, authenticate } = await scene(
      { id: 'app', refreshTokens: new Set(['hunter2-refresh']) },
      (tokenUrl) => ({ type: 'oauth2_refresh', tokenUrl }),
    );
    await authenticate(leaseOf({ clientId: 'app', refreshToken: 'hunter2-refresh' }));
    expect(formOf(endpoint)).toEqual({
      grant_type: 'refresh_token',
      refresh_token: 'hunter2-refresh',
      client_id: 'app',
    });
  });

  it('client credentials (RFC 6749, 4.4) with scope and audience', async () => {
    const { endpoint, authenticate } = await scene({ id: 'app', secret: 'hunter2-secret' }, (tokenUrl) => ({
      type: 'oauth2_client_credentials',
      tokenUrl,
      scope: 'a b',
      audience: 'https://api.example.com',
    }));
    await authenticate(leaseOf({ clientId: 'app', clientSecret: 'hunter2-secret' }));
    expect(formOf(endpoint)).toEqual({
      grant_type: 'client_credentials',
      scope: 'a b',
      audience: 'https://api.example.com',
    });
  });

  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const pem = (pair: { privateKey: KeyObject }) => pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  const jwt = (algorithm: 'RS256' | 'ES256') => (tokenUrl: string) =>
    ({ type: 'jwt_assertion', tokenUrl, algorithm, scope: 'drive.readonly' }) as const;

  it.each([
    ['RS256', rsa],
    ['ES256', ec],
  ] as const)('a JWT assertion (RFC 7523) with %s, each of its own', async (algorithm, pair) => {
    const client = { id: 'account', issuer: 'robot@example.com', publicKey: pair.publicKey };
    const { endpoint, clock, authenticate } = await scene(client, jwt(algorithm));
    const secret = {
      issuer: 'robot@example.com',
      subject: 'someone@example.com',
      privateKey: pem(pair),
      keyId: 'key-7',
    };
    const signed = await authenticate(leaseOf(secret));
    expect(bearerOf(signed)).toBe('Bearer token-1-of-account');
    expect(signed.secrets).toEqual(['token-1-of-account']);
    const [head, claims] = formOf(endpoint)
      .assertion!.split('.')
      .map((part) => Buffer.from(part, 'base64url').toString());
    expect(JSON.parse(head!)).toEqual({ alg: algorithm, typ: 'JWT', kid: 'key-7' });
    expect(JSON.parse(claims!)).toMatchObject({ scope: 'drive.readonly', aud: endpoint.tokenUrl });
    clock.nowMs += 3_600_000;
    expect(bearerOf(await authenticate(leaseOf(secret)))).toBe('Bearer token-2-of-account');
  });

  it('a private key that does not fit is refused before anything is asked, and not shown', async () => {
    const client = { id: 'account', issuer: 'robot@example.com', publicKey: rsa.publicKey };
    const { endpoint, authenticate } = await scene(client, jwt('RS256'));
    const short = generateKeyPairSync('rsa', { modulusLength: 1024 });
    const cut = pem(rsa).replace(/\n[^-][\s\S]{40}/, '\nhunter2');
    for (const privateKey of [pem(ec), pem(short), cut, 'hunter2']) {
      const error = await refusal(authenticate(leaseOf({ issuer: 'robot@example.com', privateKey })));
      expect(error.reason).toBe('credential_missing');
      expect(error.message).toContain('privateKey');
      expect(error.message).not.toContain('BEGIN');
    }
    expect(endpoint.requests).toEqual([]);
  });
});
