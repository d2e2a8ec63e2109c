/** Token endpoints of services, beside the service itself: RFC 6749, section 4.4, and RFC 7523, as their guides narrow them. */
import { type KeyObject, verify } from 'node:crypto';
import type { SeenRequest, StandInAnswer } from '../../egress/stand-in.ts';
import { mediaType, type ServiceStandIn } from './service.ts';

export interface TokenEndpoint {
  host: string;
  path: string;
  /** What it gives out. */
  token: string;
  /** Undefined when the form is right, else what is wrong with it. */
  refusal(form: URLSearchParams, request: SeenRequest): string | undefined;
}

/** The service with a token endpoint on a host of its own; its mistakes are told among the service's. */
export function withTokenEndpoint<T extends ServiceStandIn>(service: T, endpoint: TokenEndpoint): T {
  const { host, path, token, refusal } = endpoint;
  const answer = (request: SeenRequest): StandInAnswer => {
    const form = new URLSearchParams(request.body.toString());
    const isForm = mediaType(request) === 'application/x-www-form-urlencoded';
    const wrong =
      request.method !== 'POST' || request.path !== path || !isForm ? 'no request for a token' : refusal(form, request);
    if (wrong === undefined) return { body: { access_token: token, token_type: 'Bearer', expires_in: 3599 } };
    service.faults.push(`${host}: ${wrong}`);
    return { status: 400, body: { error: 'invalid_request', error_description: wrong } };
  };
  return {
    ...service,
    names: [...service.names, host],
    handler: (request) => (request.headers.host === host ? answer(request) : service.handler(request)),
  };
}

export interface WantedAssertion {
  publicKey: KeyObject;
  issuer: string;
  audience: string;
  subject?: string;
  scope?: string;
  /** Longest life in seconds that the service takes. */
  lifetime: number;
}

/** RFC 7523, section 3, with RS256. Undefined when it is right. */
export function assertionRefusal(form: URLSearchParams, wanted: WantedAssertion): string | undefined {
  if (form.get('grant_type') !== 'urn:ietf:params:oauth:grant-type:jwt-bearer') return 'unsupported_grant_type';
  const [head = '', claims = '', signature = ''] = (form.get('assertion') ?? '').split('.');
  const read = (part: string) => JSON.parse(Buffer.from(part, 'base64url').toString() || '{}');
  const { iss, sub, aud, scope, exp, iat } = read(claims);
  const nowS = Date.now() / 1000;
  if (read(head).alg !== 'RS256') return 'alg';
  if (!verify('sha256', Buffer.from(`${head}.${claims}`), wanted.publicKey, Buffer.from(signature, 'base64url')))
    return 'signature';
  if (iss !== wanted.issuer || aud !== wanted.audience || sub !== wanted.subject) return 'iss, aud or sub';
  if (scope !== wanted.scope) return 'scope';
  return exp > nowS && exp <= nowS + wanted.lifetime && iat <= nowS + 5 ? undefined : 'exp or iat';
}
