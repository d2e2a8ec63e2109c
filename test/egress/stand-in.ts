/**
 * A service on loopback that stands in for a real one: TLS with the real names, HTTP/1.1 and 2.
 * Calls reach it through a connector's `connectTo`.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createHttp1Server, type IncomingMessage, type ServerResponse } from 'node:http';
import { createSecureServer, type Http2ServerRequest, type Http2ServerResponse } from 'node:http2';
import { createServer as createTls1Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { TLSSocket } from 'node:tls';
import { type Authority, createAuthority, type Leaf } from './certificates.ts';

/** One request as it arrived. */
export interface SeenRequest {
  method: string;
  /** Path and query exactly as on the wire. */
  path: string;
  /** Lower-case names; repeated ones joined with a comma. Host of HTTP/1.1 and `:authority` of HTTP/2 both stand in `host`. */
  headers: Record<string, string>;
  /** In order, as on the wire, without pseudo-headers. */
  rawHeaders: [string, string][];
  body: Buffer;
  /** The body, parsed. */
  json(): any;
  httpVersion: '1.1' | '2.0';
  /** The name that the client asked for in its TLS handshake. */
  servername: string | undefined;
  /** Requests of one connection carry the same number. */
  connection: number;
}

export interface StandInAnswer {
  /** Default: 200. */
  status?: number;
  headers?: Record<string, string | string[]>;
  /** Bytes and texts as they are; anything else as JSON, with its content-type. */
  body?: unknown;
}

/** What Node gives, for answers that no StandInAnswer can describe. */
export interface RawExchange {
  request: IncomingMessage | Http2ServerRequest;
  response: ServerResponse | Http2ServerResponse;
}

/** Answers undefined when it has answered through `raw` itself (or never will). */
export type StandInHandler = (
  request: SeenRequest,
  raw: RawExchange,
) => StandInAnswer | undefined | Promise<StandInAnswer | undefined>;

export interface StandInOptions {
  /** DNS names of its certificate. */
  names: string[];
  handler: StandInHandler;
  /** Default: both. */
  protocols?: ('h2' | 'http/1.1')[];
  /** To give several stand-ins one authority, or to serve another certificate than is right. */
  authority?: Authority;
  leaf?: Leaf;
  /** Of one response head, in bytes; Node's own by default. */
  maxHeaderSize?: number;
}

export interface StandIn {
  port: number;
  /** Certificate of its authority. */
  caFile: string;
  caPem: string;
  /** As a connector wants it. */
  connectTo: { address: string; port: number; caFile: string };
  /** `https://` and its first name. */
  origin: string;
  /** In order of arrival; each when its body is complete. */
  requests: SeenRequest[];
  /** TLS connections since the start. */
  readonly connections: number;
  /** Sockets that are open now. */
  readonly open: number;
  /** Breaks what is open. */
  close(): Promise<void>;
}

export async function startStandIn(options: StandInOptions): Promise<StandIn> {
  const authority = options.authority ?? createAuthority();
  const leaf = options.leaf ?? authority.leaf(options.names);
  const folder = mkdtempSync(join(tmpdir(), 'cordon-stand-in-'));
  const caFile = join(folder, 'ca.pem');
  writeFileSync(caFile, authority.certPem);

  const requests: SeenRequest[] = [];
  const sockets = new Set<TLSSocket>();
  const numbers = new WeakMap<object, number>();
  let connections = 0;

  const protocols = options.protocols ?? ['h2', 'http/1.1'];
  const tls = { key: leaf.keyPem, cert: leaf.certPem, maxHeaderSize: options.maxHeaderSize };
  const onRequest = (request: RawExchange['request'], response: RawExchange['response']) =>
    void exchange(request, response).catch(() => request.destroy());
  const server = protocols.includes('h2')
    ? createSecureServer({ ...tls, allowHTTP1: protocols.includes('http/1.1') }, onRequest)
    : createTls1Server(tls, onRequest);

  async function exchange(request: RawExchange['request'], response: RawExchange['response']): Promise<void> {
    response.on('error', () => {});
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    const socket = ('stream' in request ? request.stream.session?.socket : request.socket) as TLSSocket | undefined;
    const rawHeaders: [string, string][] = [];
    for (let at = 0; at < request.rawHeaders.length; at += 2)
      if (!request.rawHeaders[at]!.startsWith(':'))
        rawHeaders.push([request.rawHeaders[at]!, request.rawHeaders[at + 1]!]);
    const headers: Record<string, string> = {};
    for (const [name, value] of rawHeaders) {
      const key = name.toLowerCase();
      headers[key] = headers[key] === undefined ? value : `${headers[key]}, ${value}`;
    }
    const isHttp2 = request.httpVersionMajor === 2;
    if (isHttp2 && typeof request.headers[':authority'] === 'string') headers.host ??= request.headers[':authority'];
    const session = 'stream' in request ? request.stream.session : undefined;
    const seen: SeenRequest = {
      method: request.method ?? '',
      path: request.url ?? '',
      headers,
      rawHeaders,
      body,
      json: () => JSON.parse(body.toString()),
      httpVersion: isHttp2 ? '2.0' : '1.1',
      servername: socket?.servername || undefined,
      connection: numbers.get(session ?? request.socket) ?? 0,
    };
    requests.push(seen);
    const answer = await options.handler(seen, { request, response });
    if (answer) await send(response, answer);
  }

  // First of all, so that a session of HTTP/2 finds its number.
  server.prependListener('secureConnection', (socket: TLSSocket) => {
    connections += 1;
    numbers.set(socket, connections);
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
  });
  server.on('session', (session: object) => numbers.set(session, connections));
  server.on('sessionError', () => {});
  server.on('tlsClientError', () => {});
  server.on('clientError', (_error: Error, socket: { destroy(): void }) => socket.destroy());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;

  return {
    port,
    caFile,
    caPem: authority.certPem,
    connectTo: { address: '127.0.0.1', port, caFile },
    origin: `https://${options.names[0]}`,
    requests,
    get connections() {
      return connections;
    },
    get open() {
      return sockets.size;
    },
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function send(response: RawExchange['response'], answer: StandInAnswer): Promise<void> {
  const { body } = answer;
  const isStream = typeof body === 'object' && body !== null && Symbol.asyncIterator in body;
  const isRaw = body === undefined || typeof body === 'string' || body instanceof Uint8Array || isStream;
  response.statusCode = answer.status ?? 200;
  if (!isRaw) response.setHeader('content-type', 'application/json');
  for (const [name, value] of Object.entries(answer.headers ?? {})) response.setHeader(name, value);
  const writable = response as ServerResponse;
  // The head goes out before there is anything of the body.
  if (isStream) writable.flushHeaders();
  if (isStream) await pipeline(body as AsyncIterable<Uint8Array>, writable).catch(() => writable.destroy());
  else writable.end(isRaw ? (body as string | Uint8Array | undefined) : JSON.stringify(body));
}

/** Plain HTTP on loopback: for what must never be reached, and to prove that it is not. */
export async function startBait(): Promise<{ port: number; readonly hits: number; close(): Promise<void> }> {
  let hits = 0;
  const server = createHttp1Server((_request, response) => {
    hits += 1;
    response.end('bait');
  });
  server.on('connection', () => {
    hits += 1;
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    get hits() {
      return hits;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
