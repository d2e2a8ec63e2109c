/** A connector with an OAuth scheme beside its token endpoint. Endpoints are closed after each test. */
import { afterEach, expect } from 'vitest';
import type { AuthScheme } from '../../../runtime/connector/connector.ts';
import { type AuthenticatorDeps, createAuthenticator } from '../../../runtime/egress/auth/authenticate.ts';
import { EgressError } from '../../../runtime/egress/egress.ts';
import { callOf, connectorWith, handClock, headerOf, leaseOf, sendHttps } from './call.ts';
import { type KnownClient, startTokenStandIn, type TokenStandIn } from './token-stand-in.ts';

const open: TokenStandIn[] = [];
afterEach(async () => {
  for (const standIn of open.splice(0)) await standIn.close();
});

export const refreshing: KnownClient = {
  id: 'app',
  secret: 'hunter2-secret',
  refreshTokens: new Set(['hunter2-refresh']),
};
export const refreshSecret = { clientId: 'app', clientSecret: 'hunter2-secret', refreshToken: 'hunter2-refresh' };

/** A connector with an OAuth scheme, its token endpoint, and an authenticator. */
export async function scene(
  client: KnownClient,
  scheme: (tokenUrl: string) => AuthScheme,
  more: Pick<AuthenticatorDeps, 'keepRefreshToken'> = {},
) {
  const clock = handClock();
  const endpoint = await startTokenStandIn(client, clock);
  open.push(endpoint);
  const connector = connectorWith(scheme(endpoint.tokenUrl), { connectTo: endpoint.connectTo });
  const authenticator = createAuthenticator({ clock, send: sendHttps, ...more });
  const authenticate = (lease = leaseOf(refreshSecret), rest: Parameters<typeof callOf>[2] = {}) =>
    authenticator.authenticate(callOf(connector, lease, rest));
  const forget = (secrets?: string[], lease = leaseOf(refreshSecret)) =>
    authenticator.forget({ tenant: 'default', connector: 'service', lease, ...(secrets ? { secrets } : {}) });
  return { clock, endpoint, connector, authenticator, authenticate, forget };
}
export const refreshScene = (more: Pick<AuthenticatorDeps, 'keepRefreshToken'> = {}) =>
  scene(refreshing, (tokenUrl) => ({ type: 'oauth2_refresh', tokenUrl, scope: 'read write' }), more);

export const bearerOf = ({ headers }: { headers: [string, string][] }) => headerOf(headers, 'authorization');
export const formOf = (endpoint: TokenStandIn, at = 0) =>
  Object.fromEntries(new URLSearchParams(endpoint.requests[at]!.body.toString()));

export async function refusal(call: Promise<unknown>): Promise<EgressError> {
  const error = await call.then(
    () => undefined,
    (caught: unknown) => caught,
  );
  if (!(error instanceof EgressError)) throw new Error(`it was no refusal: ${String(error)}`);
  expect(`${error.message} ${error.stack} ${JSON.stringify(error)}`).not.toContain('hunter2');
  return error;
}
