/** A guest's own credential never travels: calls are made in the name that the grant says, or not at all. */
import type { Connector } from '../../connector/connector.ts';
import type { CallParameters } from '../../permission/grant.ts';
import { EgressError } from '../egress.ts';

/** What a guest writes where its client insists on a token. It is taken out, and the real one put in. */
export const placeholder = 'cordon';

/** Authorization, Cookie, X-Api-Key, Private-Token, X-Amz-Security-Token, Ocp-Apim-Subscription-Key and their like. */
const credentialHeader =
  /(?:^|-)(?:authorization|cookie2?|(?:api|access|auth|subscription|secret)-?key|(?:access|api|auth|private|security|session|vault)-?token|secret|password)$/;

/** RFC 6750, section 2.3, OAuth 1, Azure, and signed URLs of AWS (versions 2 and 4) and Google. */
const credentialQuery = new Set([
  'access_token',
  'api-key',
  'api_key',
  'apikey',
  'auth_token',
  'awsaccesskeyid',
  'client_secret',
  'oauth_signature',
  'oauth_token',
  'subscription-key',
  'x-amz-credential',
  'x-amz-security-token',
  'x-amz-signature',
  'x-goog-credential',
  'x-goog-signature',
]);

/**
 * The request without credentials: placeholders are taken out, everything else stays as it was written.
 * Errors: EgressError `invalid_request` when the guest brings a credential; the message names its place, not its value.
 */
export function refuseForeignCredential(
  connector: Pick<Connector, 'auth' | 'foreignCredentialFields'>,
  headers: readonly [string, string][],
  url: URL,
): { headers: [string, string][]; url: URL } {
  const { auth, foreignCredentialFields = [] } = connector;
  const own = auth.type === 'header' ? { name: auth.name.toLowerCase(), prefix: auth.prefix ?? '' } : undefined;
  const kept = headers.filter(([name, value]) => {
    const lower = name.toLowerCase();
    if (lower !== own?.name && !credentialHeader.test(lower)) return true;
    if (isPlaceholder(value, lower === own?.name ? own.prefix : '')) return false;
    throw brought(`the header ${lower}`);
  });
  return {
    headers: kept,
    url: withoutPlaceholder([...foreignCredentialFields, ...(auth.type === 'query' ? [auth.name] : [])], url),
  };
}

/** `cordon`, `Bearer cordon`, `Basic` of `anyone:cordon` or `cordon:`, and a signature of the access key `cordon`. */
function isPlaceholder(value: string, prefix: string): boolean {
  const text = value.trim();
  if (text === placeholder || text === `${prefix}${placeholder}`) return true;
  const basic = /^basic +([A-Za-z0-9+/]+={0,2})$/i.exec(text)?.[1];
  if (basic !== undefined) {
    const [user, ...password] = Buffer.from(basic, 'base64').toString().split(':');
    return password.join(':') === placeholder || (user === placeholder && password.join(':') === '');
  }
  if (/^AWS4-[A-Z0-9-]+ +Credential=cordon\//.test(text)) return true;
  return /^[A-Za-z][A-Za-z0-9-]* +cordon$/.test(text);
}

/**
 * The same for the fields of a body, which is not rewritten: a placeholder there stays, and the service makes of it what it will.
 * Errors: EgressError `invalid_request`, also when the body cannot be read.
 */
export function refuseForeignFields(
  { foreignCredentialFields = [] }: Pick<Connector, 'foreignCredentialFields'>,
  parameters: Pick<CallParameters, 'values'>,
): void {
  for (const name of foreignCredentialFields) {
    const { found, unreadable } = parameters.values(name);
    if (unreadable !== undefined)
      throw new EgressError(
        'invalid_request',
        `whether the body brings a credential (${name}) cannot be seen: ${unreadable}`,
      );
    if (found.some((value) => value !== placeholder)) throw brought(`the parameter ${name}`);
  }
}

function withoutPlaceholder(names: string[], url: URL): URL {
  if (url.search === '') return url;
  const own = new Set(names.map(plainName));
  const isCredential = (piece: string) => {
    const name = plainName(decoded(piece.split('=', 1)[0] as string));
    return own.has(name) || credentialQuery.has(name);
  };
  const pieces = url.search.slice(1).split('&');
  const kept = pieces.filter((piece) => {
    // Some services still part a query at semicolons.
    if (!piece.split(';').some(isCredential)) return true;
    if (isCredential(piece) && decoded(piece.slice(piece.indexOf('=') + 1)) === placeholder) return false;
    throw brought('the query');
  });
  if (kept.length === pieces.length) return url;
  const clean = new URL(url);
  clean.search = kept.join('&');
  return clean;
}

/** As lenient services read it: `Key`, `key[]` and ` key` are all `key`. */
const plainName = (name: string) => name.trim().toLowerCase().replace(/\[.*$/s, '');

function decoded(text: string): string {
  const spaced = text.replaceAll('+', ' ');
  try {
    return decodeURIComponent(spaced);
  } catch {
    return spaced;
  }
}

const brought = (place: string) =>
  new EgressError(
    'invalid_request',
    `${place} carries a credential of the request's own: leave it out, the gate adds the connector's; a client that insists on one is given the word ${placeholder}`,
  );
