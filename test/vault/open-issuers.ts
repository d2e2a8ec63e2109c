/** Issuers on a store of their own; what the issuer publishes is a variable of the test. */
import { expect } from 'vitest';
import { createAudit } from '../../runtime/audit/audit.ts';
import { createIssuers } from '../../runtime/vault/issuers.ts';
import { manualClock, scratchStore } from '../store/scratch.ts';
import { newSigner, type Signer, token } from './tokens.ts';

export const by = { key: 'key_test' };
export const iss = 'https://login.example.com';
export const jwksUri = `${iss}/keys`;
export const rsa = newSigner('rsa', 'r1');
export const ec = newSigner('ec', 'e1');
export const ed = newSigner('ed25519', 'd1');

export async function openIssuers(keys: unknown = [rsa.jwk, ec.jwk, ed.jwk], more: object = {}) {
  const store = await scratchStore();
  const clock = manualClock();
  const audit = createAudit({ store, clock });
  const fetched: string[] = [];
  /** What the issuer publishes now: keys, or an error. */
  const published: { keys: unknown } = { keys };
  const issuers = createIssuers({
    store,
    clock,
    audit,
    async fetchDocument(_tenant, url) {
      fetched.push(url);
      if (published.keys instanceof Error) throw published.keys;
      return Buffer.from(JSON.stringify({ keys: published.keys }));
    },
  });
  const register = (change: object = {}) =>
    issuers.create('default', { issuer: iss, audience: 'cordon', jwksUri, ...more, ...change }, by);
  const seconds = () => Math.floor(clock.now() / 1000);
  const claims = (change: object = {}) => ({ iss, aud: 'cordon', sub: 'ada', exp: seconds() + 300, ...change });
  const verify = (jwt: string, tenant = 'default') => issuers.verify(tenant, jwt);
  return { issuers, store, clock, audit, fetched, published, register, claims, verify, seconds };
}

export const signed = (
  payload: Record<string, unknown> | string,
  { privateKey, jwk }: Signer = rsa,
  header: object = {},
) => {
  const alg = jwk.kty === 'EC' ? 'ES256' : jwk.kty === 'OKP' ? 'EdDSA' : 'RS256';
  return token({ alg, ...(jwk.kid === undefined ? {} : { kid: jwk.kid }), typ: 'JWT', ...header }, payload, privateKey);
};
export const refusedWith = (message: string | RegExp) => ({
  code: 'validation_failed',
  details: { errors: [{ field: 'onBehalfOf', message: expect.stringMatching(message) }] },
});
