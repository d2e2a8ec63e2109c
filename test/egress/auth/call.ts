/** What the tests of authentication share: a connector, a lease, a call, and real HTTPS to a stand-in. */
import { readFileSync } from 'node:fs';
import { request as httpsRequest } from 'node:https';
import type { AuthScheme, Connector, Operation } from '../../../runtime/connector/connector.ts';
import type { McpSend } from '../../../runtime/connector/mcp/exchange.ts';
import type { AuthenticateRequest, AuthenticatorDeps } from '../../../runtime/egress/auth/authenticate.ts';
import { refuseForeignCredential } from '../../../runtime/egress/auth/foreign-credential.ts';
import { EgressError } from '../../../runtime/egress/egress.ts';
import type { CredentialLease, Secret } from '../../../runtime/vault/credential.ts';
import { operation } from '../../connector/operation.ts';

export const startMs = Date.parse('2026-03-01T12:00:00Z');

/** A clock that stands until a test moves it. */
export function handClock(nowMs = startMs) {
  const clock = { nowMs, now: () => clock.nowMs };
  return clock;
}

export function connectorWith(auth: AuthScheme, more: Partial<Connector> = {}): Connector {
  const at = new Date(startMs).toISOString();
  return {
    id: 'service',
    tenant: 'default',
    name: 'Service',
    origins: ['https://api.example.com'],
    auth,
    operations: [],
    source: { kind: 'operations' },
    createdAt: at,
    updatedAt: at,
    ...more,
  };
}

export function leaseOf(secret: Secret, more: Partial<CredentialLease> = {}): CredentialLease {
  const revoked = new AbortController().signal;
  return { credentialId: 'crd_1', version: 1, secret, revoked, release() {}, ...more };
}

export type MoreOfCall = Partial<Omit<AuthenticateRequest, 'clean'>> & { url?: URL; headers?: [string, string][] };

export function callOf(
  connector: Connector,
  lease: CredentialLease | undefined,
  more: MoreOfCall = {},
): AuthenticateRequest {
  const {
    url = new URL('https://api.example.com/v1/items?limit=2'),
    headers = [['accept', 'application/json']],
    ...rest
  } = more;
  return {
    connector,
    lease,
    method: 'GET',
    clean: refuseForeignCredential(connector, headers, url),
    signal: new AbortController().signal,
    ...rest,
  };
}

/** Of a call without query. */
export const plain = new URL('https://api.example.com/v1/items');
export const operationWith = (name: string, place: 'header' | 'query' | 'body', more: Partial<Operation> = {}) =>
  operation('GET', '/v1/items', 'items', { parameters: [{ name, in: place }], ...more });

/** The error with which it is refused. Errors: it was not. */
export function refusal(act: () => unknown): EgressError {
  try {
    act();
  } catch (error) {
    if (error instanceof EgressError) return error;
    throw error;
  }
  throw new Error('it was let through');
}

/** For schemes that ask nobody. */
export const sendNothing: AuthenticatorDeps['send'] = () => Promise.reject(new Error('nothing is to be sent'));

/** One request over TLS, to where `connectTo` says. */
export const sendHttps: McpSend = ({ url, method, headers, body, connectTo, signal }) =>
  new Promise((resolve, reject) => {
    if (!connectTo) throw new Error('tests reach loopback only');
    const sent = httpsRequest(
      {
        host: connectTo.address,
        port: connectTo.port,
        servername: url.hostname,
        ...(connectTo.caFile === undefined ? {} : { ca: readFileSync(connectTo.caFile) }),
        path: `${url.pathname}${url.search}`,
        method,
        headers: ['host', url.host, 'content-length', String(body?.byteLength ?? 0), ...headers.flat()],
        agent: false,
        signal,
      },
      (response) => {
        const { rawHeaders, statusCode = 0 } = response;
        const pairs = rawHeaders.flatMap((name, at): [string, string][] =>
          at % 2 === 0 ? [[name, rawHeaders[at + 1] as string]] : [],
        );
        response.on('error', () => {});
        resolve({ status: statusCode, headers: pairs, body: response });
      },
    );
    sent.on('error', reject);
    sent.end(body);
  });

export const headerOf = (headers: readonly [string, string][], name: string): string | undefined => {
  const found = headers.filter(([key]) => key.toLowerCase() === name);
  if (found.length > 1) throw new Error(`${name} stands there ${found.length} times`);
  return found[0]?.[1];
};
