/** What is asked of a token endpoint: RFC 6749, sections 2.3.1, 4.4.2 and 6; RFC 7523, section 2.1. */
import type { AuthScheme } from '../../connector/connector.ts';
import { signAssertion } from './jwt-assertion.ts';
import type { SecretFields } from './secret-field.ts';

export type TokenScheme = Extract<
  AuthScheme,
  { type: 'oauth2_refresh' | 'oauth2_client_credentials' | 'jwt_assertion' }
>;

export interface TokenRequest {
  method: 'POST';
  headers: [string, string][];
  body: Uint8Array;
}

/** `refreshToken`: the newest, where the service gave another in place of the stored one. */
export function tokenRequest(
  auth: TokenScheme,
  fields: SecretFields,
  { nowMs, refreshToken }: { nowMs: number; refreshToken?: string | undefined },
): TokenRequest {
  switch (auth.type) {
    case 'oauth2_refresh': {
      const token = refreshToken ?? fields.read('refreshToken');
      return asClient(auth, fields, { grant_type: 'refresh_token', refresh_token: token, ...scope(auth) });
    }
    case 'oauth2_client_credentials': {
      const audience = auth.audience === undefined ? {} : { audience: auth.audience };
      return asClient(auth, fields, { grant_type: 'client_credentials', ...scope(auth), ...audience });
    }
    case 'jwt_assertion': {
      const assertion = signAssertion(auth, fields, nowMs);
      return form({ grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', assertion, ...scope(auth) });
    }
  }
}

/** By Basic unless the connector says `body`: servers have to take Basic, and may take the other. */
function asClient(
  auth: Exclude<TokenScheme, { type: 'jwt_assertion' }>,
  fields: SecretFields,
  parameters: Record<string, string>,
): TokenRequest {
  const id = fields.read('clientId');
  const secret = auth.type === 'oauth2_refresh' ? fields.readOptional('clientSecret') : fields.read('clientSecret');
  if (secret === undefined) return form({ ...parameters, client_id: id });
  if (auth.clientAuth === 'body') return form({ ...parameters, client_id: id, client_secret: secret });
  const pair = Buffer.from(`${formEncoded(id)}:${formEncoded(secret)}`).toString('base64');
  return form(parameters, [['authorization', `Basic ${pair}`]]);
}

function form(parameters: Record<string, string>, headers: [string, string][] = []): TokenRequest {
  return {
    method: 'POST',
    headers: [
      ['content-type', 'application/x-www-form-urlencoded'],
      ['accept', 'application/json'],
      ['accept-encoding', 'identity'],
      ...headers,
    ],
    body: Buffer.from(new URLSearchParams(parameters).toString()),
  };
}

const scope = (auth: TokenScheme) => (auth.scope === undefined ? {} : { scope: auth.scope });
const formEncoded = (text: string) => new URLSearchParams({ '': text }).toString().slice(1);
