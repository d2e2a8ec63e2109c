/**
 * The way out: a resolved and judged address, a verified certificate, HTTP/1.1 or 2 as the service likes, connections kept
 * per tenant, connector and origin. No redirects, no decoding, no proxy of the environment.
 */
import { readFileSync } from 'node:fs';
import { isIP, type LookupFunction } from 'node:net';
import { buildConnector, Pool } from 'undici';
import type { ConnectTo } from '../connector/connector.ts';
import { isPublicUnicast, parseAddress } from './addresses.ts';
import { EgressError } from './egress.ts';
import { exchange, type UpstreamResponse } from './exchange.ts';
import { isHeader } from './headers.ts';
import { createResolver, type Lookup, type Resolver } from './resolve.ts';

export type { UpstreamResponse } from './exchange.ts';

export interface UpstreamRequest {
  /** Connections are never shared between tenants or connectors. */
  tenant: string;
  connector: string;
  connectTo?: ConnectTo | undefined;
  /** Upper case. */
  method: string;
  /** https, to a name. */
  url: URL;
  /** As `cleanRequestHeaders` leaves them, with the credential. */
  headers: readonly (readonly [string, string])[];
  body?: Uint8Array | undefined;
  signal?: AbortSignal | undefined;
  /** To the last byte of the body; never more than the upstream's own. */
  timeoutMs?: number | undefined;
}

export interface Upstream {
  /**
   * Resolves with the head of the response. Errors: the signal's reason; EgressError `address_refused`, `invalid_request`,
   * `upstream`.
   */
  send(request: UpstreamRequest): Promise<UpstreamResponse>;
  /** Pools that are kept now. */
  readonly pools: number;
  /** Breaks what is under way. */
  close(): Promise<void>;
}

export interface UpstreamOptions {
  /** Default: the machine's own. Its answers are judged whatever it is. */
  lookup?: Lookup;
  /** Of one call. Default: 15 minutes. */
  timeoutMs?: number;
  /** To connect, TLS included. Default: 10 s. */
  connectMs?: number;
  /** Without a byte, before or within the body. Default: 5 minutes: some services think for long. */
  idleMs?: number;
  /** Of one response's head. Default: 32 KiB. */
  maxHeaderBytes?: number;
  /** To one origin, by one tenant's connector. Default: 32. HTTP/2 needs one. */
  connections?: number;
  /** A connection without request is dropped; services drop theirs without a word after 10 s and more. Default: 8 s. */
  keepAliveMs?: number;
  /** Default: 1,000, a quarter of them for one tenant at most; the one unused for longest gives way. */
  maxPools?: number;
  /** Calls that wait for a connection to one origin; more are refused. Default: 256. */
  maxWaiting?: number;
}

interface Held {
  tenant: string;
  pool: Pool;
  inFlight: number;
  /** Without a connection yet; those that were given up too, while undici still holds them. */
  waiting: number;
  usedAt: number;
}

export function createUpstream(options: UpstreamOptions = {}): Upstream {
  const {
    lookup,
    timeoutMs = 900_000,
    connectMs = 10_000,
    idleMs = 300_000,
    maxPools = 1000,
    maxWaiting = 256,
  } = options;
  const { maxHeaderBytes = 32 * 1024, connections = 32, keepAliveMs = 8000 } = options;
  const resolver = createResolver(lookup, { timeoutMs: connectMs });
  const share = Math.max(1, Math.floor(maxPools / 4));
  const held = new Map<string, Held>();
  let isClosed = false;

  const sweep = setInterval(
    () => {
      const old = performance.now() - Math.max(keepAliveMs * 2, 1000);
      for (const [key, { inFlight, usedAt }] of held) if (inFlight === 0 && usedAt < old) drop(key);
    },
    Math.max(keepAliveMs, 500),
  ).unref();

  function drop(key: string): void {
    const dropped = held.get(key);
    held.delete(key);
    dropped?.pool.destroy().catch(() => {});
  }

  function poolFor({ tenant, connector, url, connectTo }: UpstreamRequest): Held {
    const way = connectTo ? `${connectTo.address}\n${connectTo.port}\n${connectTo.caFile ?? ''}` : '';
    const key = `${tenant}\n${connector}\n${url.origin}\n${way}`;
    const kept = held.get(key);
    if (kept) return kept;
    makeRoom(tenant, url.host);
    const pool = new Pool(url.origin, {
      connect: connectorFor(url, connectTo, resolver, connectMs),
      connections,
      allowH2: true,
      pipelining: 1,
      keepAliveTimeout: keepAliveMs,
      keepAliveMaxTimeout: keepAliveMs * 2,
      headersTimeout: idleMs,
      bodyTimeout: idleMs,
      maxHeaderSize: maxHeaderBytes,
      useMilo: false,
    });
    const made = { tenant, pool, inFlight: 0, waiting: 0, usedAt: 0 };
    held.set(key, made);
    return made;
  }

  /** A tenant at its share gives way to itself alone: no tenant keeps the others from new services. */
  function makeRoom(tenant: string, host: string): void {
    const own = [...held].filter(([, one]) => one.tenant === tenant);
    if (own.length >= share) {
      if (dropOldest(own)) return;
      throw new EgressError(
        'limit',
        `${host} cannot be called now: calls of this tenant to ${own.length} services are under way, as many as it may have`,
      );
    }
    if (held.size < maxPools || dropOldest([...held])) return;
    throw new EgressError('limit', `${host} cannot be called now: calls to too many services are under way`);
  }

  function dropOldest(some: readonly [string, Held][]): boolean {
    const [oldest] = some.filter(([, { inFlight }]) => inFlight === 0).sort(([, a], [, b]) => a.usedAt - b.usedAt);
    if (oldest) drop(oldest[0]);
    return oldest !== undefined;
  }

  return {
    async send(request) {
      if (isClosed) throw new EgressError('upstream', 'Cordon is shutting down');
      const { url, method, headers, body, signal } = request;
      checkRequest(url, method, headers);
      const to = poolFor(request);
      if (to.waiting >= maxWaiting)
        throw new EgressError('limit', `too many calls to ${url.host} wait for a connection`);
      to.inFlight += 1;
      to.waiting += 1;
      const parts = { path: url.pathname + url.search, method, headers: headers.flat(), body: body ?? null };
      return exchange((handler) => to.pool.dispatch(parts, handler), {
        host: url.host,
        signal,
        timeoutMs: Math.min(request.timeoutMs ?? timeoutMs, timeoutMs),
        maxHeaderBytes,
        onStart() {
          to.waiting -= 1;
        },
        onEnd() {
          to.inFlight -= 1;
          to.usedAt = performance.now();
          // A call that was given up may wait in undici for long.
          parts.body = null;
        },
      });
    },

    get pools() {
      return held.size;
    },

    async close() {
      isClosed = true;
      clearInterval(sweep);
      const pools = [...held.values()];
      held.clear();
      await Promise.all(pools.map(({ pool }) => pool.destroy(new EgressError('upstream', 'Cordon is shutting down'))));
    },
  };
}

/** undici writes these itself. */
const ofFraming =
  /^(?:connection|content-length|expect|host|http2-settings|keep-alive|proxy-connection|te|trailer|transfer-encoding|upgrade)$/i;

/**
 * The judges before have said so already: nothing else leaves even when they erred. And undici must find no fault: what it
 * refuses while it dispatches keeps a new pool waiting for ever.
 */
function checkRequest(url: URL, method: string, headers: UpstreamRequest['headers']): void {
  if (url.protocol !== 'https:') throw new EgressError('invalid_request', 'only https leaves');
  if (url.hostname.startsWith('[') || isIP(url.hostname) !== 0)
    throw new EgressError('address_refused', 'calls go to names, not to addresses');
  if (!/^[A-Z][A-Z-]*$/.test(method) || /^(?:CONNECT|TRACE|TRACK)$/.test(method))
    throw new EgressError('invalid_request', 'the method is refused: GET, POST and their like, in upper case');
  for (const [name, value] of headers)
    if (!isHeader(name, value) || ofFraming.test(name))
      throw new EgressError('invalid_request', `the header ${JSON.stringify(name)} cannot be sent`);
}

function connectorFor(
  url: URL,
  connectTo: ConnectTo | undefined,
  resolver: Resolver,
  timeout: number,
): buildConnector.connector {
  if (connectTo && isIP(connectTo.address) === 0)
    throw new EgressError('upstream', "the connector's connectTo names no address: an operator must mend it");
  const tls = {
    allowH2: true,
    timeout,
    servername: url.hostname,
    // Said, so that no variable of the environment says otherwise.
    rejectUnauthorized: true,
    minVersion: 'TLSv1.2' as const,
    ...(connectTo?.caFile === undefined ? {} : { ca: certificates(connectTo.caFile) }),
  };
  if (connectTo) {
    const { address, port } = connectTo;
    const connect = buildConnector(tls);
    return (where, callback) =>
      connect({ ...where, hostname: address, port: String(port), servername: url.hostname }, callback);
  }
  const connect = buildConnector({ ...tls, autoSelectFamily: true, lookup: judgedLookup(resolver) });
  return (where, callback) =>
    connect({ ...where, hostname: url.hostname, servername: url.hostname }, (...result) => {
      const [error, socket] = result;
      if (error) return callback(error, null);
      // Once more, at the socket itself: that a name was judged says nothing of a library that did not ask.
      const remote = parseAddress(('remoteAddress' in socket && socket.remoteAddress) || '');
      if (remote && isPublicUnicast(remote)) return callback(null, socket);
      socket.destroy();
      return callback(new EgressError('address_refused', `the host ${url.hostname} is not public`), null);
    });
}

/** What Node connects to is this answer; it asks once for each connection. */
export function judgedLookup(resolver: Resolver): LookupFunction {
  return (host, options, callback) => {
    resolver(host).then(
      (judged) => {
        const [first] = judged;
        if (options.all) callback(null, judged);
        else callback(null, (first as (typeof judged)[0]).address, (first as (typeof judged)[0]).family);
      },
      (error: Error) => callback(error, []),
    );
  };
}

/** Errors: EgressError. An empty list would mean the usual authorities to TLS. */
function certificates(file: string): string {
  let pem = '';
  try {
    pem = readFileSync(file, 'utf8');
  } catch (cause) {
    throw new EgressError('upstream', "the connector's caFile cannot be read: an operator must mend it", { cause });
  }
  if (!pem.includes('-----BEGIN CERTIFICATE-----'))
    throw new EgressError('upstream', "the connector's caFile holds no certificate: an operator must mend it");
  return pem;
}
