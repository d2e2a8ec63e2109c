/** Adds a connector's credential to a call, whatever its scheme; the guest's own never gets this far. */
import type { Clock } from '../../clock.ts';
import type { AuthScheme, Connector, ConnectTo } from '../../connector/connector.ts';
import type { CredentialLease } from '../../vault/credential.ts';
import { EgressError } from '../egress.ts';
import { createAccessTokens } from './access-tokens.ts';
import { withSigV4 } from './aws-sigv4.ts';
import { bearer, type Signed, withFixed } from './fixed-schemes.ts';
import type { CleanRequest } from './foreign-credential.ts';
import { type SecretFields, secretFields } from './secret-field.ts';
import { type AccessToken, readTokenAnswer, type TokenAnswer } from './token-answer.ts';
import { type TokenScheme, tokenRequest } from './token-request.ts';

const TOKEN_MS = 30_000;

export interface AuthenticatorDeps {
  clock: Clock;
  /** How token endpoints are reached: by the rules of every other call, and where the connector's `connectTo` says. */
  send(request: {
    tenant: string;
    connector: string;
    connectTo: ConnectTo | undefined;
    method: string;
    url: URL;
    headers: [string, string][];
    body: Uint8Array;
    signal: AbortSignal;
  }): Promise<TokenAnswer>;
  /**
   * Told of a refresh token that takes the place of the stored one (RFC 6749, section 6), before it is used.
   * Without it the new one lives until the restart.
   */
  keepRefreshToken?(
    credential: { tenant: string; credentialId: string; version: number },
    refreshToken: string,
  ): Promise<void>;
}

export interface AuthenticateRequest {
  connector: Connector;
  /** Undefined only for the scheme `none`. */
  lease: CredentialLease | undefined;
  method: string;
  clean: CleanRequest;
  body?: Uint8Array | undefined;
  signal: AbortSignal;
}

export interface Authenticator {
  /**
   * Resolves with what is sent, and with what has to be scrubbed from the answer.
   * Errors: EgressError `invalid_request` (what cannot be signed), `credential_missing` (the
   * stored secret does not fit the scheme), `upstream` (the token endpoint); the reason of `signal`. No message holds a secret.
   */
  authenticate(request: AuthenticateRequest): Promise<Signed>;
  /**
   * The service answered 401. True when a new token may help: the caller may authenticate and send once more.
   * `secrets`: those of the call, so that a token that came later is not thrown away.
   */
  forget(call: {
    tenant: string;
    connector: string;
    lease: CredentialLease | undefined;
    secrets?: readonly string[];
  }): boolean;
}

export function createAuthenticator({ clock, send, keepRefreshToken }: AuthenticatorDeps): Authenticator {
  const tokens = createAccessTokens({ clock });

  async function withToken(auth: TokenScheme, call: WithLease, fields: SecretFields): Promise<Signed> {
    const { connector, lease, signal } = call;
    // Read now: while others wait for the same token, this caller's lease may end.
    const [clientSecret, stored] = [fields.readOptional('clientSecret'), fields.readOptional('refreshToken')];
    const { token, refreshToken } = await tokens.get(keyOf(connector.tenant, connector.id, lease), {
      scheme: JSON.stringify([auth, connector.connectTo]),
      signal,
      revoked: lease.revoked,
      fetch: (newest) => fetchToken(auth, call, fields, newest),
      keep: async (newest) => (newest === stored ? undefined : keep(call, newest)),
    });
    const secrets = [token, refreshToken, clientSecret, stored].filter((secret) => secret !== undefined);
    return { headers: [...call.headers, bearer(token)], url: call.url, secrets: [...new Set(secrets)] };
  }

  /** Not under the signal of one call: others wait for the same token. */
  async function fetchToken(
    auth: TokenScheme,
    { connector, lease }: WithLease,
    fields: SecretFields,
    newest: string | undefined,
  ): Promise<AccessToken> {
    const { tenant, id, connectTo } = connector;
    const endpoint = `the token endpoint of connector ${id}`;
    const url = tokenUrl(auth, endpoint);
    const request = tokenRequest(auth, fields, { nowMs: clock.now(), refreshToken: newest });
    const late = AbortSignal.timeout(TOKEN_MS);
    const signal = AbortSignal.any([lease.revoked, late]);
    try {
      const answer = await send({ tenant, connector: id, connectTo, url, ...request, signal });
      return await readTokenAnswer(answer, endpoint);
    } catch (error) {
      if (late.aborted)
        throw new EgressError('upstream', `${endpoint} did not answer within ${TOKEN_MS / 1000} seconds`);
      if (error instanceof EgressError || lease.revoked.aborted) throw error;
      throw new EgressError('upstream', `${endpoint} could not be asked`, { cause: error });
    }
  }

  async function keep({ connector, lease }: WithLease, refreshToken: string): Promise<void> {
    try {
      await keepRefreshToken?.({ tenant: connector.tenant, ...versionOf(lease) }, refreshToken);
    } catch (error) {
      const what = `the token endpoint of connector ${connector.id} gave a new refresh token that could not be stored`;
      throw new EgressError('upstream', what, { cause: error });
    }
  }

  return {
    async authenticate(request) {
      const { connector, lease, method, clean, body, signal } = request;
      const { auth } = connector;
      const { headers, url } = clean;
      if (auth.type === 'none') return { headers, url, secrets: [] };
      if (!lease) throw new EgressError('credential_missing', `connector ${connector.id} has no credential here`);
      const fields = secretFields(connector, lease);
      switch (auth.type) {
        case 'bearer':
        case 'header':
        case 'query':
        case 'basic':
          return withFixed(auth, clean, fields);
        case 'aws_sigv4':
          return withSigV4(auth, { method, body, headers, url }, fields, clock.now());
        case 'oauth2_refresh':
        case 'oauth2_client_credentials':
        case 'jwt_assertion':
          return withToken(auth, { connector, lease, signal, headers, url }, fields);
      }
    },

    forget({ tenant, connector, lease, secrets }) {
      return lease !== undefined && tokens.forget(keyOf(tenant, connector, lease), secrets?.[0]);
    },
  };
}

interface WithLease {
  connector: Connector;
  lease: CredentialLease;
  signal: AbortSignal;
  headers: [string, string][];
  url: URL;
}

const versionOf = ({ credentialId, version }: CredentialLease) => ({ credentialId, version });
const keyOf = (tenant: string, connector: string, lease: CredentialLease) => ({
  tenant,
  connector,
  ...versionOf(lease),
});

/** RFC 6749, section 3.2: TLS, no fragment. */
function tokenUrl(auth: Pick<TokenScheme & AuthScheme, 'tokenUrl'>, endpoint: string): URL {
  const url = URL.parse(auth.tokenUrl);
  if (url?.protocol === 'https:' && url.username === '' && url.password === '' && !auth.tokenUrl.includes('#'))
    return url;
  throw new EgressError('upstream', `${endpoint} is no https URL without user and fragment`);
}
