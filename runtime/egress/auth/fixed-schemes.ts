/** The schemes whose credential travels as it is: bearer, header, query and basic. */
import type { AuthScheme } from '../../connector/connector.ts';
import type { SecretFields } from './secret-field.ts';

export interface Signed {
  headers: [string, string][];
  url: URL;
  /** What must not come back in an answer. */
  secrets: string[];
}

export type FixedScheme = Extract<AuthScheme, { type: 'bearer' | 'header' | 'query' | 'basic' }>;

/** `request` holds no credential. Errors: EgressError `credential_missing` when the secret cannot travel this way. */
export function withFixed(
  auth: FixedScheme,
  request: { headers: [string, string][]; url: URL },
  fields: SecretFields,
): Signed {
  const { headers, url } = request;
  switch (auth.type) {
    case 'bearer': {
      const token = fields.readForHeader('token');
      return { headers: [...headers, bearer(token)], url, secrets: [token] };
    }
    case 'header': {
      const value = fields.readForHeader('value');
      return { headers: [...headers, [auth.name, `${auth.prefix ?? ''}${value}`]], url, secrets: [value] };
    }
    case 'query': {
      const value = fields.read('value');
      if (!value.isWellFormed()) throw fields.unusable('value', 'is no valid text');
      const signed = new URL(url);
      // Appended to the text: searchParams would spell the guest's part anew, after it was judged.
      const mine = `${encodeURIComponent(auth.name)}=${encodeURIComponent(value)}`;
      signed.search = url.search === '' || url.search === '?' ? mine : `${url.search}&${mine}`;
      return { headers, url: signed, secrets: [value] };
    }
    case 'basic': {
      const { pair, username, password } = basicPair(fields);
      // A name stands in many an answer (an address of mail) and would be blackened there, unless it is an API key itself:
      // beside no password, or one such as `x`.
      const secrets = Buffer.byteLength(password) < 6 ? [username, password, pair] : [password, pair];
      return { headers: [...headers, ['authorization', `Basic ${pair}`]], url, secrets };
    }
  }
}

export const bearer = (token: string): [string, string] => ['authorization', `Bearer ${token}`];

/** RFC 7617, section 2. */
function basicPair(fields: SecretFields): { pair: string; username: string; password: string } {
  const [username, password] = [fields.read('username'), fields.read('password')];
  if (/[\p{Cc}:]/u.test(username)) throw fields.unusable('username', 'holds a colon or a control character');
  if (/\p{Cc}/u.test(password)) throw fields.unusable('password', 'holds a control character (a line break?)');
  return { pair: Buffer.from(`${username}:${password}`).toString('base64'), username, password };
}
