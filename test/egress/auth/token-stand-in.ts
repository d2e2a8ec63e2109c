/** A token endpoint that demands what RFC 6749 and RFC 7523 demand, and answers 400 or 401 with the reason otherwise. */
import { type KeyObject, verify } from 'node:crypto';
import { type SeenRequest, type StandIn, type StandInAnswer, startStandIn } from '../stand-in.ts';

export interface KnownClient {
  id: string;
  secret?: string;
  /** How it has to show its secret. */
  by?: 'basic' | 'body';
  refreshTokens?: Set<string>;
  /** Of JWT assertions. */
  issuer?: string;
  publicKey?: KeyObject;
}

export interface TokenStandIn extends StandIn {
  tokenUrl: string;
  /** Those that were given out, in order. */
  tokens: string[];
  /** Called instead of the usual answer when set. */
  answer?: ((form: URLSearchParams) => StandInAnswer | undefined | Promise<StandInAnswer | undefined>) | undefined;
  /** Fields added to every good answer. */
  extra: Record<string, unknown>;
}

export async function startTokenStandIn(client: KnownClient, clock: { now(): number }): Promise<TokenStandIn> {
  const tokens: string[] = [];
  const usedIds = new Set<string>();
  const standIn = await startStandIn({
    names: ['login.example.com'],
    async handler(seen) {
      const refused = judged(seen);
      if (refused) return refused;
      const form = new URLSearchParams(seen.body.toString());
      const special = await endpoint.answer?.(form);
      if (special) return special;
      const token = `token-${tokens.length + 1}-of-${encodeURIComponent(client.id)}`;
      tokens.push(token);
      return good({ access_token: token, token_type: 'Bearer', expires_in: 3600, ...endpoint.extra });
    },
  });

  function judged(seen: SeenRequest): StandInAnswer | undefined {
    if (seen.method !== 'POST' || seen.path !== '/oauth2/token?v=2') return error(404, 'invalid_request');
    if (seen.headers['content-type'] !== 'application/x-www-form-urlencoded') return error(400, 'invalid_request');
    const form = new URLSearchParams(seen.body.toString());
    const names = [...form.keys()];
    if (new Set(names).size !== names.length) return error(400, 'invalid_request');
    switch (form.get('grant_type')) {
      case 'refresh_token':
        if (!isClient(seen, form)) return error(401, 'invalid_client');
        return client.refreshTokens?.has(form.get('refresh_token') ?? '') ? undefined : error(400, 'invalid_grant');
      case 'client_credentials':
        return isClient(seen, form) ? undefined : error(401, 'invalid_client');
      case 'urn:ietf:params:oauth:grant-type:jwt-bearer':
        return isAssertion(form.get('assertion') ?? '') ? undefined : error(400, 'invalid_grant');
      default:
        return error(400, 'unsupported_grant_type');
    }
  }

  /** RFC 6749, section 2.3: one way of showing who one is, never two. */
  function isClient({ headers }: SeenRequest, form: URLSearchParams): boolean {
    const basic = /^Basic (.+)$/.exec(headers.authorization ?? '')?.[1];
    if (client.secret === undefined) return basic === undefined && form.get('client_id') === client.id;
    if (client.by === 'body')
      return basic === undefined && form.get('client_id') === client.id && form.get('client_secret') === client.secret;
    if (basic === undefined || form.has('client_secret')) return false;
    const [id = '', secret = ''] = Buffer.from(basic, 'base64').toString().split(':');
    const [pair] = new URLSearchParams(`${id}=${secret}`);
    return pair?.[0] === client.id && pair[1] === client.secret;
  }

  /** RFC 7523, section 3. */
  function isAssertion(assertion: string): boolean {
    const [head = '', claims = '', signature = ''] = assertion.split('.');
    const header = JSON.parse(Buffer.from(head, 'base64url').toString());
    const said = JSON.parse(Buffer.from(claims, 'base64url').toString());
    const isEc = client.publicKey?.asymmetricKeyType === 'ec';
    const nowS = clock.now() / 1000;
    const isFresh = said.exp > nowS && said.exp <= nowS + 180 && said.iat <= nowS && !usedIds.has(said.jti);
    usedIds.add(said.jti);
    return (
      header.alg === (isEc ? 'ES256' : 'RS256') &&
      said.iss === client.issuer &&
      said.sub === 'someone@example.com' &&
      said.aud === endpoint.tokenUrl &&
      isFresh &&
      verify(
        'sha256',
        Buffer.from(`${head}.${claims}`),
        { key: client.publicKey as KeyObject, dsaEncoding: 'ieee-p1363' },
        Buffer.from(signature, 'base64url'),
      )
    );
  }

  const endpoint: TokenStandIn = Object.assign(standIn, {
    tokenUrl: 'https://login.example.com/oauth2/token?v=2',
    tokens,
    extra: {},
  });
  return endpoint;
}

export const good = (body: unknown): StandInAnswer => ({ body, headers: { 'cache-control': 'no-store' } });
const error = (status: number, code: string): StandInAnswer => ({
  status,
  body: { error: code, error_description: 'the secret hunter2-secret is wrong' },
});
