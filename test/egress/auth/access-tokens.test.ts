import { describe, expect, it } from 'vitest';
import type { AuthScheme } from '../../../runtime/connector/connector.ts';
import { EgressError } from '../../../runtime/egress/egress.ts';
import { callOf, leaseOf } from './call.ts';
import { bearerOf, formOf, refreshing, refreshScene, refreshSecret, refusal } from './oauth-scene.ts';

describe('access tokens', () => {
  it('are kept until shortly before they expire', async () => {
    const { clock, endpoint, authenticate } = await refreshScene();
    await authenticate();
    clock.nowMs += 3_539_000;
    expect(bearerOf(await authenticate())).toBe('Bearer token-1-of-app');
    clock.nowMs += 1_000;
    expect(bearerOf(await authenticate())).toBe('Bearer token-2-of-app');
    expect(endpoint.requests).toHaveLength(2);
  });

  it('of short or unknown life are not kept for long', async () => {
    const { clock, endpoint, authenticate } = await refreshScene();
    endpoint.extra = { expires_in: 20 };
    await authenticate();
    clock.nowMs += 19_000;
    endpoint.extra = { expires_in: undefined };
    expect(bearerOf(await authenticate())).toBe('Bearer token-2-of-app');
    clock.nowMs += 500_000;
    expect(bearerOf(await authenticate())).toBe('Bearer token-2-of-app');
    clock.nowMs += 60_000;
    endpoint.extra = { expires_in: 0 };
    expect(bearerOf(await authenticate())).toBe('Bearer token-3-of-app');
    expect(bearerOf(await authenticate())).toBe('Bearer token-4-of-app');
  });

  it('are fetched once for many calls at the same time, per credential and version', async () => {
    const { endpoint, authenticate } = await refreshScene();
    const signed = await Promise.all(Array.from({ length: 20 }, () => authenticate()));
    expect(new Set(signed.map(bearerOf))).toEqual(new Set(['Bearer token-1-of-app']));
    expect(endpoint.requests).toHaveLength(1);
    await Promise.all([
      authenticate(leaseOf(refreshSecret, { version: 2 })),
      authenticate(leaseOf(refreshSecret, { credentialId: 'crd_2' })),
    ]);
    expect(endpoint.tokens).toHaveLength(3);
  });

  it('are not used for another tenant, connector or scheme', async () => {
    const { endpoint, connector, authenticator, authenticate } = await refreshScene();
    await authenticate();
    const others = [
      { tenant: 'other' },
      { id: 'other' },
      { auth: { ...connector.auth, scope: 'read' } as AuthScheme },
      { connectTo: { ...endpoint.connectTo, address: 'localhost' } },
    ];
    for (const [at, other] of others.entries()) {
      const signed = await authenticator.authenticate(callOf({ ...connector, ...other }, leaseOf(refreshSecret)));
      expect(bearerOf(signed)).toBe(`Bearer token-${at + 2}-of-app`);
    }
  });

  it('that the service refuses are forgotten: once, however many calls say so', async () => {
    const { clock, endpoint, authenticate, forget } = await refreshScene();
    const { secrets } = await authenticate();
    expect(forget(secrets)).toBe(true);
    const second = await authenticate();
    expect(bearerOf(second)).toBe('Bearer token-2-of-app');
    // The late ones of the first token.
    expect([forget(secrets), forget(secrets)]).toEqual([true, true]);
    expect(bearerOf(await authenticate())).toBe('Bearer token-2-of-app');
    // A guest whose calls all end with 401 does not have a token fetched for each.
    expect(forget(second.secrets)).toBe(false);
    expect(bearerOf(await authenticate())).toBe('Bearer token-2-of-app');
    clock.nowMs += 10_000;
    expect(forget(second.secrets)).toBe(true);
    await authenticate();
    expect(endpoint.tokens).toHaveLength(3);
  });

  it('forget has nothing to say of fixed schemes and unknown credentials', async () => {
    const { authenticator, forget } = await refreshScene();
    expect(forget()).toBe(false);
    expect(authenticator.forget({ tenant: 'default', connector: 'service', lease: undefined })).toBe(false);
  });
});

describe('refresh tokens that the service replaces', () => {
  it('are told before use, and used from then on, across expiry and forgetting', async () => {
    const kept: [unknown, string][] = [];
    const { clock, endpoint, authenticate, forget } = await refreshScene({
      keepRefreshToken: async (credential, token) => void kept.push([credential, token]),
    });
    endpoint.extra = { refresh_token: 'hunter2-second' };
    refreshing.refreshTokens!.add('hunter2-second');
    const signed = await authenticate();
    expect(kept).toEqual([[{ tenant: 'default', credentialId: 'crd_1', version: 1 }, 'hunter2-second']]);
    expect(signed.secrets).toEqual(expect.arrayContaining(['hunter2-refresh', 'hunter2-second']));

    refreshing.refreshTokens!.delete('hunter2-refresh');
    clock.nowMs += 3_600_000;
    await authenticate();
    expect(formOf(endpoint, 1).refresh_token).toBe('hunter2-second');
    forget();
    await authenticate();
    expect(formOf(endpoint, 2).refresh_token).toBe('hunter2-second');
    expect(kept).toHaveLength(1);
    refreshing.refreshTokens!.add('hunter2-refresh').delete('hunter2-second');
  });

  it('that could not be kept fail the call, and are offered again', async () => {
    const offered: string[] = [];
    const { endpoint, authenticate } = await refreshScene({
      keepRefreshToken: async (_credential, token) => {
        offered.push(token);
        if (offered.length === 1) throw new Error('the disk is full of hunter2');
      },
    });
    refreshing.refreshTokens!.add('hunter2-second');
    endpoint.extra = { refresh_token: 'hunter2-second' };
    expect((await refusal(authenticate())).reason).toBe('upstream');
    await authenticate();
    expect(offered).toEqual(['hunter2-second', 'hunter2-second']);
    expect(formOf(endpoint, 1).refresh_token).toBe('hunter2-second');
    refreshing.refreshTokens!.delete('hunter2-second');
  });
});

describe('waiting for a token', () => {
  it('ends for one caller when that call is aborted, and goes on for the others', async () => {
    const { endpoint, authenticate } = await refreshScene();
    const held = Promise.withResolvers<undefined>();
    const arrived = Promise.withResolvers<void>();
    endpoint.answer = () => {
      arrived.resolve();
      return held.promise;
    };
    const controller = new AbortController();
    const leaving = authenticate(undefined, { signal: controller.signal });
    const staying = authenticate();
    await arrived.promise;
    controller.abort(new Error('the run is over'));
    await expect(leaving).rejects.toThrow('the run is over');
    held.resolve(undefined);
    expect(bearerOf(await staying)).toBe('Bearer token-1-of-app');
    expect(endpoint.requests).toHaveLength(1);
  });

  it('needs nothing of the lease of the one who asked first, which may have ended', async () => {
    const kept: string[] = [];
    const { endpoint, authenticate } = await refreshScene({
      keepRefreshToken: async (_of, token) => void kept.push(token),
    });
    endpoint.extra = { refresh_token: 'hunter2-second' };
    const held = Promise.withResolvers<undefined>();
    const arrived = Promise.withResolvers<void>();
    endpoint.answer = () => {
      arrived.resolve();
      return held.promise;
    };
    const controller = new AbortController();
    let isOver = false;
    const ending = Object.defineProperty(leaseOf(refreshSecret), 'secret', {
      get() {
        if (isOver) throw new Error('the lease has ended');
        return refreshSecret;
      },
    });
    const leaving = authenticate(ending, { signal: controller.signal });
    const staying = authenticate();
    await arrived.promise;
    isOver = true;
    controller.abort(new Error('the run is over'));
    await expect(leaving).rejects.toThrow('the run is over');
    held.resolve(undefined);
    expect(bearerOf(await staying)).toBe('Bearer token-1-of-app');
    expect(kept).toEqual(['hunter2-second']);
  });

  it('ends for all when the credential is revoked, and what was fetched is gone', async () => {
    const { endpoint, authenticate } = await refreshScene();
    const revoking = new AbortController();
    const lease = () => leaseOf(refreshSecret, { revoked: revoking.signal });
    const arrived = Promise.withResolvers<void>();
    endpoint.answer = () => {
      arrived.resolve();
      return new Promise(() => {});
    };
    const waiting = Promise.allSettled([authenticate(lease()), authenticate(lease())]);
    await arrived.promise;
    revoking.abort(new EgressError('credential_revoked', 'the credential was deleted'));
    expect((await waiting).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    await expect(authenticate(lease())).rejects.toMatchObject({ reason: 'credential_revoked' });
    endpoint.answer = undefined;
    expect(bearerOf(await authenticate())).toBe('Bearer token-1-of-app');
  });

  it('leaves nothing of a credential that was revoked after its token came', async () => {
    const { authenticate, endpoint } = await refreshScene();
    const revoking = new AbortController();
    await authenticate();
    await authenticate(leaseOf(refreshSecret, { revoked: revoking.signal }));
    expect(endpoint.tokens).toHaveLength(1);
    revoking.abort();
    await authenticate();
    expect(endpoint.tokens).toHaveLength(2);
  });
});
