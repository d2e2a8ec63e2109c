/**
 * The way out of a container: an HTTP proxy (RFC 9110, sections 7 and 9.3.6) for one run. It ends TLS itself with a leaf
 * of the run's CA, so that the gate sees every request; what it cannot read is refused, never tunnelled. The connection
 * alone says whose run it is.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { isIP } from 'node:net';
import type { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { TLSSocket } from 'node:tls';
import type { RunEgress } from '../egress.ts';
import { type Destination, readDestination } from './destination.ts';
import { type ExchangeOptions, exchange } from './exchange.ts';
import { type Metered, metered } from './metered.ts';
import { createPace, type Pace, type PaceOptions } from './pace.ts';
import { misuse, noProxyPassword, type Refusal, refusalBytes, writeRefusal } from './refusal.ts';
import { createBodyRoom } from './request-body.ts';
import type { RunCa } from './run-ca.ts';

export interface RunProxyOptions {
  egress: Pick<RunEgress, 'request'>;
  ca: Pick<RunCa, 'leafFor'>;
  /** Largest request body. */
  bodyBytes: number;
  /** Whether a connector is served at this port, which is not 443. Absent: none is. */
  isServed?(host: string, port: number): boolean | Promise<boolean>;
  limits?: Partial<ProxyLimits>;
}

export interface ProxyLimits {
  /** At once; further ones are closed. */
  connections: number;
  /** A handshake costs Cordon a millisecond or two of its one thread. */
  newConnections: PaceOptions;
  /** A head of some KiB counts as several. */
  requests: PaceOptions;
  /** Of all connections, and for the pieces in which they come. */
  bytes: PaceOptions;
  /** From one step of a client to the next: the head of a request, a handshake. An idle connection is closed then. */
  quietMs: number;
  bodyMs: number;
  stallMs: number;
}

const MiB = 1024 * 1024;

export const proxyLimits: ProxyLimits = {
  connections: 64,
  newConnections: { perSecond: 50, burst: 100, longestMs: 2000 },
  requests: { perSecond: 500, burst: 500, longestMs: 2000 },
  bytes: { perSecond: 64 * MiB, burst: 16 * MiB, longestMs: 30_000 },
  quietMs: 60_000,
  bodyMs: 5 * 60_000,
  stallMs: 2 * 60_000,
};

export interface RunProxy {
  /** For each connection of the container. */
  onConnection(socket: Duplex): void;
  /** Ends every connection; takes none afterwards. */
  close(): void;
}

/** Request line and headers together. */
const MAX_HEAD_BYTES = 32 * 1024;
const MAX_HEADERS = 200;
/** A head of this size costs as much again as the request itself. */
const HEAD_OF_ONE = 4096;
/** For a client to read why its connection ends, while it may still be sending. */
const LAST_WORD_MS = 1000;
/** Bodies of this many of the largest size can be under way. */
const BODIES_AT_ONCE = 4;

/** Where a request is to go, and its path with query from the first slash. */
interface Target {
  destination: Destination;
  path: string;
}

interface Connection {
  /** Set when its CONNECT was accepted. */
  destination?: Destination;
  /** The one that is owed: the next request comes after it. */
  response: ServerResponse | undefined;
  isGarbage: boolean;
  timer: NodeJS.Timeout | undefined;
  readonly metered: Metered;
  end(): void;
}

export function createRunProxy({ egress, ca, bodyBytes, isServed, limits: given }: RunProxyOptions): RunProxy {
  const limits = { ...proxyLimits, ...given };
  const connections = new Set<Connection>();
  const bySocket = new WeakMap<Duplex, Connection>();
  const [connectionPace, requestPace, bytesPace] = [limits.newConnections, limits.requests, limits.bytes].map((rate) =>
    createPace(rate),
  ) as [Pace, Pace, Pace];
  const exchanging: ExchangeOptions = {
    egress,
    bytesPace,
    room: createBodyRoom(bodyBytes * BODIES_AT_ONCE),
    bodyBytes,
    bodyMs: limits.bodyMs,
    stallMs: limits.stallMs,
  };
  let isClosed = false;
  const plain = serverOf(readAbsolute);
  const inside = serverOf(readInside);
  plain.on('connect', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    connect(request, socket, head).catch(() => bySocket.get(request.socket)?.end());
  });
  inside.on('connect', (_, socket: Duplex) =>
    socket.end(refusalBytes(misuse('a tunnel inside a tunnel is not carried'))),
  );

  /** A server that never listens: connections are handed to it. Its own clocks run only where it listens; ours do instead. */
  function serverOf(read: (request: IncomingMessage, connection: Connection) => Target | Refusal): Server {
    const server = createServer({
      maxHeaderSize: MAX_HEAD_BYTES,
      insecureHTTPParser: false,
      // Told to clients, so that they close an idle connection before it is closed here.
      keepAliveTimeout: Math.floor(limits.quietMs * 0.8),
    });
    // Further ones are dropped unseen: a request that reaches it is refused.
    server.maxHeadersCount = MAX_HEADERS + 1;
    const onRequest = (request: IncomingMessage, response: ServerResponse) => {
      const connection = bySocket.get(request.socket);
      // Requests that do not wait for the answer before: no client sends them.
      if (connection === undefined || connection.response) return void request.socket.destroy();
      connection.response = response;
      clearTimeout(connection.timer);
      response.on('error', () => {});
      serve(request, response, read(request, connection)).then(
        () => {
          connection.response = undefined;
          expectMore(connection);
        },
        () => connection.end(),
      );
    };
    for (const event of ['request', 'checkContinue', 'checkExpectation']) server.on(event, onRequest);
    return server.on('clientError', onGarbage);
  }

  /** What cannot be read as HTTP. Told unless an answer is on its way: then nothing can be added to it. */
  function onGarbage(error: Error & { code?: string }, socket: Duplex): void {
    const connection = bySocket.get(socket);
    if (connection === undefined || connection.response?.headersSent) return void socket.destroy();
    if (connection.isGarbage) return;
    connection.isGarbage = true;
    const isTooLarge = error.code === 'HPE_HEADER_OVERFLOW';
    const told = isTooLarge
      ? misuse(`a request line and its headers have at most ${MAX_HEAD_BYTES} bytes`, 431)
      : misuse('this is not HTTP', 400);
    socket.end(refusalBytes(told));
    clearTimeout(connection.timer);
    connection.timer = setTimeout(connection.end, LAST_WORD_MS);
  }

  async function serve(request: IncomingMessage, response: ServerResponse, target: Target | Refusal): Promise<void> {
    // Before anything is looked at: what is refused costs work too.
    const waitMs = requestPace(1 + headBytes(request) / HEAD_OF_ONE);
    if (waitMs >= 1) await sleep(waitMs, undefined, { ref: false });
    if (request.rawHeaders.length > 2 * MAX_HEADERS)
      target = misuse(`a request has at most ${MAX_HEADERS} headers`, 431);
    const hasPassword = request.headers['proxy-authorization'] !== undefined;
    if (!hasPassword && !('status' in target)) return exchange(request, response, target, exchanging);
    writeRefusal(response, 'status' in target && !hasPassword ? target : noProxyPassword, true);
    response.end();
  }

  async function connect(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const connection = bySocket.get(request.socket);
    if (connection === undefined || connection.response) return void request.socket.destroy();
    expectMore(connection);
    const destination = readDestination(request.url ?? '', undefined);
    const refusal = await whyNoTunnel(request, head, destination);
    if (refusal !== undefined || destination === undefined || isClosed || socket.destroyed)
      return void socket.end(refusal && refusalBytes(refusal));
    connection.destination = destination;
    connection.metered.countRecords();
    socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
    const secure = new TLSSocket(socket, {
      isServer: true,
      secureContext: ca.leafFor(destination.host),
      ALPNProtocols: ['http/1.1'],
    });
    bySocket.set(secure, connection);
    secure.on('error', connection.end);
    secure.once('close', connection.end);
    secure.once('secure', () => {
      expectMore(connection);
      inside.emit('connection', secure);
    });
  }

  async function whyNoTunnel(
    { headers }: IncomingMessage,
    head: Buffer,
    destination: Destination | undefined,
  ): Promise<Refusal | undefined> {
    if (headers['proxy-authorization'] !== undefined) return noProxyPassword;
    const isMore = head.length > 0 || 'content-length' in headers || 'transfer-encoding' in headers;
    if (isMore) return misuse('CONNECT has no body, and its client waits for the answer', 400);
    if (destination === undefined) return misuse('CONNECT names a host and a port', 400);
    const { host, port } = destination;
    if (port === 443 || (await isServed?.(host, port))) return undefined;
    return misuse(`no connector is at port ${port} of ${host}: https on port 443 is carried`);
  }

  /** The client has its time for the next step. */
  function expectMore(connection: Connection): void {
    clearTimeout(connection.timer);
    if (connections.has(connection)) connection.timer = setTimeout(connection.end, limits.quietMs).unref();
  }

  return {
    onConnection(socket) {
      socket.on('error', () => {});
      // One that is gone by now tells nobody again that it is.
      if (isClosed || socket.destroyed || connections.size >= limits.connections) return void socket.destroy();
      const connection: Connection = {
        response: undefined,
        isGarbage: false,
        timer: undefined,
        metered: metered(socket, bytesPace),
        end() {
          clearTimeout(connection.timer);
          connections.delete(connection);
          stream.destroy();
        },
      };
      const { stream } = connection.metered;
      stream.on('error', () => {});
      connections.add(connection);
      bySocket.set(stream, connection);
      stream.once('close', connection.end);
      const waitMs = connectionPace();
      const begin = () => {
        expectMore(connection);
        plain.emit('connection', stream);
      };
      if (waitMs < 1) begin();
      else connection.timer = setTimeout(begin, waitMs).unref();
    },
    close() {
      isClosed = true;
      for (const connection of connections) connection.end();
    },
  };
}

/** Of one with too many headers the rest is not there to be counted: it may have been as large as it can be. */
function headBytes({ url = '', rawHeaders }: IncomingMessage): number {
  if (rawHeaders.length > 2 * MAX_HEADERS) return MAX_HEAD_BYTES;
  return rawHeaders.reduce((sum, text) => sum + text.length, url.length);
}

/** What a client asks of a proxy that it does not tunnel through. `https` is some clients' way: it is judged alike. */
function readAbsolute({ url = '' }: IncomingMessage): Target | Refusal {
  const [, scheme = '', authority = '', rest = ''] = /^([a-z]+):\/\/([^/?#]*)(.*)$/i.exec(url) ?? [];
  if (scheme === '') return misuse('this is the proxy of the run, no server: ask it for https URLs', 400);
  if (scheme.toLowerCase() !== 'https') return misuse('only https is carried: use the https URL');
  const destination = readDestination(authority, 443);
  if (destination === undefined) return misuse('the URL names no host', 400);
  return { destination, path: rest === '' ? '/' : rest };
}

/** What a client asks after its CONNECT. The name that it gave to TLS must be the one that it gave to the proxy. */
function readInside({ url = '', socket }: IncomingMessage, { destination }: Connection): Target | Refusal {
  if (destination === undefined || !(socket instanceof TLSSocket)) return misuse('this connection leads nowhere');
  const { host } = destination;
  const told = socket.servername || (isIP(host) ? host : '');
  if (told.toLowerCase() === host) return { destination, path: url };
  return misuse(`this connection leads to ${host}: the server name of TLS must say the same`, 421);
}
