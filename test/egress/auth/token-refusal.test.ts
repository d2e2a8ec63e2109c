import { describe, expect, it } from 'vitest';
import { leaseOf } from './call.ts';
import { bearerOf, refreshing, refreshScene, refreshSecret, refusal, scene } from './oauth-scene.ts';
import { good } from './token-stand-in.ts';

describe('a token endpoint that says no', () => {
  it('gives a refusal with its code and nothing of its text; a new secret is tried at once', async () => {
    const { clock, endpoint, authenticate } = await refreshScene();
    const wrong = { ...refreshSecret, refreshToken: 'hunter2-wrong' };
    const error = await refusal(authenticate(leaseOf(wrong)));
    expect(error.reason).toBe('upstream');
    expect(error.message).toContain('connector service');
    expect(error.message).toContain('invalid_grant');

    // A guest in a loop does not have the endpoint asked for each call.
    await refusal(authenticate(leaseOf(wrong)));
    expect(endpoint.requests).toHaveLength(1);
    clock.nowMs += 10_000;
    await refusal(authenticate(leaseOf(wrong)));
    expect(endpoint.requests).toHaveLength(2);
    expect(bearerOf(await authenticate(leaseOf(refreshSecret, { version: 2 })))).toBe('Bearer token-1-of-app');
  });

  it.each([
    ['a wrong client', { status: 401, body: { error: 'invalid_client' } }, 'invalid_client'],
    ['an error of its own', { status: 400, body: { error: 'hunter2' } }, 'HTTP 400'],
    ['200 without a token (Slack)', good({ ok: false, error: 'hunter2' }), 'access_token'],
    ['a token that no header carries', good({ access_token: 'hunter2\r\nx: y', token_type: 'bearer' }), 'access_token'],
    ['a token of another kind', good({ access_token: 'hunter2', token_type: 'DPoP' }), 'token_type'],
    ['a token of no kind', good({ access_token: 'hunter2' }), 'token_type'],
    ['no JSON', { body: 'access_token=hunter2&token_type=bearer' }, 'JSON'],
    ['JSON that is no object', { body: 'null' }, 'JSON'],
    ['a redirect', { status: 302, headers: { location: 'https://evil.example.com/' } }, 'HTTP 302'],
    ['a failure', { status: 503, body: 'hunter2' }, 'HTTP 503'],
    ['too much', { body: `{"access_token":"hunter2${'x'.repeat(70_000)}","token_type":"bearer"}` }, 'bytes'],
  ])('%s', async (_what, answer, told) => {
    const { endpoint, authenticate } = await refreshScene();
    endpoint.answer = () => answer;
    const error = await refusal(authenticate());
    expect(error.reason).toBe('upstream');
    expect(error.message).toContain(told);
  });

  it('a failure is no refusal: the next call asks again', async () => {
    const { endpoint, authenticate } = await refreshScene();
    endpoint.answer = () => ({ status: 503 });
    await refusal(authenticate());
    endpoint.answer = undefined;
    expect(bearerOf(await authenticate())).toBe('Bearer token-1-of-app');
  });

  it('is not there', async () => {
    const { endpoint, authenticate } = await refreshScene();
    await endpoint.close();
    expect((await refusal(authenticate())).reason).toBe('upstream');
  });

  it('is no https URL', async () => {
    for (const tokenUrl of ['http://login.example.com/', 'https://hunter2@login.example.com/', 'https://x/#y', 'x']) {
      const { endpoint, authenticate } = await scene(refreshing, () => ({ type: 'oauth2_refresh', tokenUrl }));
      expect((await refusal(authenticate())).reason).toBe('upstream');
      expect(endpoint.requests).toEqual([]);
    }
  });

  it('takes a token of Slack, whose kind is its own', async () => {
    const { endpoint, authenticate } = await refreshScene();
    endpoint.answer = () => good({ ok: true, access_token: 'xoxe-1', token_type: 'bot', expires_in: '43200' });
    expect(bearerOf(await authenticate())).toBe('Bearer xoxe-1');
  });
});
