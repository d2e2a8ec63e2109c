import { describe, expect, it } from 'vitest';
import type { AuthScheme } from '../../../runtime/connector/connector.ts';
import { createAuthenticator } from '../../../runtime/egress/auth/authenticate.ts';
import { EgressError } from '../../../runtime/egress/egress.ts';
import { callOf, connectorWith, handClock, headerOf, leaseOf, sendNothing } from './call.ts';

const authenticator = createAuthenticator({ clock: handClock(), send: sendNothing });
const sign = (auth: AuthScheme, secret: Record<string, string>, more: Parameters<typeof callOf>[2] = {}) =>
  authenticator.authenticate(callOf(connectorWith(auth), leaseOf(secret), more));

describe('a credential that travels as it is', () => {
  it('bearer', async () => {
    const signed = await sign({ type: 'bearer' }, { token: 'xoxb-123' });
    expect(signed.headers).toEqual([
      ['accept', 'application/json'],
      ['authorization', 'Bearer xoxb-123'],
    ]);
    expect(signed.secrets).toEqual(['xoxb-123']);
  });

  it('header, with and without a prefix', async () => {
    const bare = await sign({ type: 'header', name: 'X-Api-Key' }, { value: 'key-123' });
    expect(headerOf(bare.headers, 'x-api-key')).toBe('key-123');
    const prefixed = await sign({ type: 'header', name: 'Authorization', prefix: 'SSWS ' }, { value: 'key-123' });
    expect(headerOf(prefixed.headers, 'authorization')).toBe('SSWS key-123');
    expect(prefixed.secrets).toEqual(['key-123']);
  });

  it("query, behind the guest's own query, which stays as it was written", async () => {
    const auth = { type: 'query', name: 'app id' } as const;
    const signed = await sign(auth, { value: 'a&b=c d/ü' }, { url: new URL('https://api.example.com/v1?q=%7ea+b&c') });
    expect(signed.url.href).toBe('https://api.example.com/v1?q=%7ea+b&c&app%20id=a%26b%3Dc%20d%2F%C3%BC');
    expect(signed.url.searchParams.get('app id')).toBe('a&b=c d/ü');
    const alone = await sign(auth, { value: 'abc' }, { url: new URL('https://api.example.com/v1') });
    expect(alone.url.search).toBe('?app%20id=abc');
  });

  it('basic (RFC 7617), in UTF-8; the name is not scrubbed from answers', async () => {
    const signed = await sign({ type: 'basic' }, { username: 'someone@example.com', password: 'p:ä ß' });
    const value = headerOf(signed.headers, 'authorization') ?? '';
    expect(Buffer.from(value.replace('Basic ', ''), 'base64').toString()).toBe('someone@example.com:p:ä ß');
    expect(signed.secrets).toContain('p:ä ß');
    expect(signed.secrets).not.toContain('someone@example.com');
    // Services that take an API key for a name, and anything for a password.
    const key = await sign({ type: 'basic' }, { username: 'sk_live_123', password: 'x' });
    expect(key.secrets).toContain('sk_live_123');
  });

  it('none: nothing is added', async () => {
    const connector = connectorWith({ type: 'none' });
    const signed = await authenticator.authenticate(callOf(connector, undefined));
    expect(signed.headers).toEqual([['accept', 'application/json']]);
    expect(signed.secrets).toEqual([]);
  });

  it("takes the place of the guest's placeholder", async () => {
    const headers: [string, string][] = [['Authorization', 'Bearer cordon']];
    const signed = await sign({ type: 'bearer' }, { token: 'xoxb-123' }, { headers });
    expect(signed.headers).toEqual([['authorization', 'Bearer xoxb-123']]);
  });
});

describe('a secret that cannot travel is refused, and not shown', () => {
  it.each([
    ['a line break at the end', { type: 'bearer' }, { token: 'hunter2\n' }, 'token'],
    ['a header of its own', { type: 'bearer' }, { token: 'hunter2\r\nX-Admin: 1' }, 'token'],
    ['a NUL', { type: 'header', name: 'X-Key' }, { value: 'hunter2\0' }, 'value'],
    ['letters that no header carries', { type: 'header', name: 'X-Key' }, { value: 'hunter2ü' }, 'value'],
    ['a lone surrogate', { type: 'query', name: 'key' }, { value: 'hunter2\ud800' }, 'value'],
    ['a colon in the name', { type: 'basic' }, { username: 'hunter2:x', password: 'x' }, 'username'],
    ['a line break in the password', { type: 'basic' }, { username: 'me', password: 'hunter2\n' }, 'password'],
    ['nothing', { type: 'bearer' }, { token: '' }, 'token'],
    ['the field of another scheme', { type: 'bearer' }, { value: 'hunter2' }, 'token'],
  ] as [string, AuthScheme, Record<string, string>, string][])('%s', async (_what, auth, secret, field) => {
    const error = await sign(auth, secret).catch((caught: unknown) => caught);
    if (!(error instanceof EgressError)) throw new Error('it was let through');
    expect(error.reason).toBe('credential_missing');
    expect(error.message).toContain(`field ${field}`);
    expect(error.message).toContain('PUT /v1/credentials/crd_1/secret');
    expect(`${error.message} ${error.stack}`).not.toContain('hunter2');
  });

  it('no lease, although the scheme needs one', async () => {
    const call = callOf(connectorWith({ type: 'bearer' }), undefined);
    await expect(authenticator.authenticate(call)).rejects.toMatchObject({ reason: 'credential_missing' });
  });
});
