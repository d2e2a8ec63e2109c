/** What a guest's client is told when a call does not happen: JSON, and the same in the reason phrase. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { DenyReason } from '../../permission/grant.ts';
import type { LimitName } from '../../sandbox/limits.ts';
import { EgressError } from '../egress.ts';

export interface Refusal {
  /** 403: the gate or the proxy does not allow it. 502: it was allowed, and the service could not be reached. */
  status: number;
  name: string;
  message: string;
  reason: DenyReason | 'upstream';
  /** The limit of the run that is used up. */
  limit?: LimitName;
}

/** Of a request that is not one, or that the proxy does not carry. */
export const misuse = (message: string, status = 403): Refusal => ({
  status,
  name: 'EgressDenied',
  message,
  reason: 'invalid_request',
});

export const noProxyPassword: Refusal = misuse(
  'this proxy takes no Proxy-Authorization: the run is known by its connection',
  407,
);

/** What an error of the gate is to a client. What is no EgressError is ours, and not told. */
export function refusalOf(error: unknown): Refusal {
  if (!(error instanceof EgressError))
    return { status: 502, name: 'EgressFailed', message: 'the call could not be made', reason: 'upstream' };
  const { name, message, reason, limit } = error;
  return { status: reason === 'upstream' ? 502 : 403, name, message, reason, ...(limit ? { limit } : {}) };
}

const MAX_PHRASE = 400;

/**
 * Python's urllib and many clients show an error's status line and nothing else. One line, ASCII (RFC 9112, section 4),
 * which also keeps words of a guest or of a service from becoming headers.
 */
const phrase = ({ message }: Refusal): string => message.replaceAll(/[^\x20-\x7e]/g, ' ').slice(0, MAX_PHRASE);

interface Body {
  type: string;
  bytes: Buffer;
}

function bodyOf({ status: _, ...error }: Refusal): Body {
  return { type: 'application/json', bytes: Buffer.from(`${JSON.stringify({ error })}\n`) };
}

/** As S3 writes its errors: its clients read no JSON, and would show a fault of the parser instead of the reason. */
function xmlBodyOf({ name, message, reason }: Refusal): Body {
  const text = message.replaceAll(/[&<>]|[^\x20-\x7e]/g, (char) =>
    /[&<>]/.test(char) ? `&#${char.charCodeAt(0)};` : ' ',
  );
  const error = `<Error><Code>${name}</Code><Message>${text}</Message><Reason>${reason}</Reason></Error>`;
  return { type: 'application/xml', bytes: Buffer.from(`<?xml version="1.0" encoding="UTF-8"?>\n${error}\n`) };
}

/** A client of S3 signs even what the gate signs anew. */
const isOfS3 = ({ headers }: IncomingMessage) =>
  /^AWS4-[^ ]+ +Credential=[^ ,]*\/s3\/aws4_request/.test(headers.authorization ?? '');

function headersOf(refusal: Refusal, { type, bytes }: Body): [string, string][] {
  return [
    ['content-type', type],
    ['content-length', String(bytes.length)],
    ['cordon-egress', refusal.status === 502 ? 'failed' : 'refused'],
    ...(refusal.status === 407 ? [['proxy-authenticate', 'Cordon'] as [string, string]] : []),
  ];
}

/** Writes it whole; the caller ends the response. `isLast`: the connection is closed afterwards. */
export function writeRefusal(response: ServerResponse, refusal: Refusal, isLast: boolean): void {
  const body = isOfS3(response.req) ? xmlBodyOf(refusal) : bodyOf(refusal);
  response.sendDate = false;
  response.writeHead(refusal.status, phrase(refusal), [
    ...headersOf(refusal, body).flat(),
    ...(isLast ? ['connection', 'close'] : []),
  ]);
  response.write(body.bytes);
}

/** The same for a connection that is no longer a server's of node:http. */
export function refusalBytes(refusal: Refusal): Buffer {
  const body = bodyOf(refusal);
  const headers = [...headersOf(refusal, body), ['connection', 'close'] as const];
  const head = headers.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  return Buffer.concat([Buffer.from(`HTTP/1.1 ${refusal.status} ${phrase(refusal)}\r\n${head}\r\n`), body.bytes]);
}
