/** One request of a guest's client: checked, judged and sent by the gate, its answer streamed back. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setImmediate as immediate } from 'node:timers/promises';
import { EgressError, type EgressResponse, type RunEgress } from '../egress.ts';
import { authorityOf, type Destination, readDestination, sameDestination } from './destination.ts';
import { misuse, type Refusal, refusalOf, writeRefusal } from './refusal.ts';
import { announcedBytes, announcesBody, type BodyLimits, readBody } from './request-body.ts';

export interface ExchangeOptions extends BodyLimits {
  egress: Pick<RunEgress, 'request'>;
  /** How long a client may take nothing of its response. */
  stallMs: number;
}

/** Of a request that was refused, while it is still sent: so much is read and dropped. */
const [LINGER_MS, LINGER_BYTES] = [2000, 1024 * 1024];

/** Of this connection, or written anew by whoever sends the request on (RFC 9110, section 7.6.1). */
const ofTheConnection = new Set([
  'connection',
  'content-length',
  'expect',
  'host',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/**
 * `destination` is where this connection leads and `path` what is asked there, from the first slash. Resolves when the
 * response was handed over or the connection ended; never rejects.
 */
export async function exchange(
  request: IncomingMessage,
  response: ServerResponse,
  { destination, path }: { destination: Destination; path: string },
  options: ExchangeOptions,
): Promise<void> {
  const { egress, room } = options;
  const gone = new AbortController();
  response.once('close', () => gone.abort(new EgressError('upstream', 'the client went away')));
  const refused = whyNot(request, destination, path);
  if (refused) return refuse(request, response, refused);
  if (request.headers.expect !== undefined && announcedBytes(request) <= options.bodyBytes) response.writeContinue();
  const body = await readBody(request, options);
  if ('broken' in body) return void response.destroy();
  if ('tooLarge' in body) return refuse(request, response, tooLarge(body.tooLarge));
  // It may have gone before anybody listened: its call must not be made for nobody.
  if (gone.signal.aborted || request.socket.destroyed) {
    room.give(body.bytes.length);
    return void response.destroy();
  }
  let answer: EgressResponse;
  try {
    const url = `https://${authorityOf(destination)}${path}`;
    answer = await egress.request(
      {
        method: request.method ?? '',
        url,
        headers: headersOf(request),
        ...(body.bytes.length === 0 ? {} : { body: body.bytes }),
      },
      { redirect: 'manual', signal: gone.signal },
    );
  } catch (error) {
    if (gone.signal.aborted) return void response.destroy();
    return refuse(request, response, refusalOf(error));
  } finally {
    room.give(body.bytes.length);
  }
  await pass(answer, request, response, gone.signal, options.stallMs);
}

/** What the proxy itself does not carry. */
function whyNot(request: IncomingMessage, destination: Destination, path: string): Refusal | undefined {
  const { method, headers, rawHeaders, httpVersion } = request;
  // There a body ends with its connection: one that broke off would look whole.
  if (httpVersion !== '1.1') return misuse('HTTP/1.1 is carried', 505);
  if (!/^(100-continue)?$/i.test(headers.expect ?? ''))
    return misuse('what the request expects is not known here', 417);
  if (method === 'TRACE' || method === 'CONNECT') return misuse(`${method} is not carried`);
  if (headers.upgrade !== undefined) return misuse('no upgrade to another protocol (WebSocket, HTTP/2) is carried');
  if (!path.startsWith('/') || path.includes('#')) return misuse('the request target is not a path of its host', 400);
  const hosts = rawHeaders.filter((name, index) => index % 2 === 0 && name.toLowerCase() === 'host').length;
  if (hosts !== 1) return misuse('a request has exactly one Host header', 400);
  if (sameDestination(destination, readDestination(headers.host ?? '', 443))) return undefined;
  return misuse(`this connection leads to ${authorityOf(destination)}: the Host header must say the same`, 421);
}

const tooLarge = (message: string): Refusal => ({ status: 413, name: 'QuotaExceeded', message, reason: 'limit' });

/** As they came, without those of this connection. */
function headersOf({ rawHeaders, headers }: IncomingMessage): [string, string][] {
  const named = (headers.connection ?? '').split(',').map((name) => name.trim().toLowerCase());
  const left: [string, string][] = [];
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const name = (rawHeaders[at] as string).toLowerCase();
    if (!ofTheConnection.has(name) && !named.includes(name)) left.push([name, rawHeaders[at + 1] as string]);
  }
  return left;
}

/** Hears the client out for a moment where it is still sending: many read an answer only after they have sent all. */
async function refuse(request: IncomingMessage, response: ServerResponse, refusal: Refusal): Promise<void> {
  if (response.destroyed || response.writableEnded) return;
  const isWhole = request.complete || !announcesBody(request);
  writeRefusal(response, refusal, !isWhole);
  if (!isWhole) {
    const over = Promise.withResolvers<void>();
    let left = LINGER_BYTES;
    request.on('data', ({ length }: Buffer) => {
      left -= length;
      if (left < 0) over.resolve();
    });
    request.once('end', over.resolve).once('close', over.resolve).resume();
    const timer = setTimeout(over.resolve, LINGER_MS);
    await over.promise;
    clearTimeout(timer);
  }
  response.end();
}

/** Streams the answer. One that breaks off is broken off here too: half a body must not look whole. */
async function pass(
  answer: EgressResponse,
  request: IncomingMessage,
  response: ServerResponse,
  gone: AbortSignal,
  stallMs: number,
): Promise<void> {
  try {
    if (answer.status < 200) throw new Error('what precedes an answer is none');
    response.sendDate = false;
    response.strictContentLength = true;
    response.writeHead(answer.status, answer.statusText, answer.headers.flat());
  } catch (error) {
    await answer.body[Symbol.asyncIterator]().return?.();
    if (response.headersSent) return void response.destroy();
    return refuse(request, response, refusalOf(error));
  }
  try {
    for await (const chunk of answer.body) {
      gone.throwIfAborted();
      if (!response.write(chunk)) await drained(response, gone, stallMs);
    }
    response.end();
  } catch {
    // What was written in this turn reaches the socket after it.
    await immediate();
    request.socket.end(() => request.socket.destroy());
  }
}

async function drained(response: ServerResponse, gone: AbortSignal, stallMs: number): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const stop = () => reject(new Error('nobody reads the response'));
  const timer = setTimeout(stop, stallMs);
  response.once('drain', resolve);
  gone.addEventListener('abort', stop, { once: true });
  await promise.finally(() => {
    clearTimeout(timer);
    response.off('drain', resolve);
    gone.removeEventListener('abort', stop);
  });
}
