/**
 * One request and its response on a connection of undici: the head as a promise, the body as bytes that wait to be read.
 * No stream of Node stands between: nothing can fail unheard, and an unread body holds a connection no longer than its time.
 */
import type { Dispatcher } from 'undici';
import type { Bytes } from './byte-stream.ts';
import { EgressError } from './egress.ts';
import { upstreamFailure } from './upstream-failure.ts';

/** A service's answer as it came: encoded, unscrubbed. */
export interface UpstreamResponse {
  status: number;
  /** Empty over HTTP/2. */
  statusText: string;
  /** Lower-case names; one character is one byte. */
  headers: [string, string][];
  /** Can be read once. Stopping early ends the request. Throws the signal's reason, or EgressError `upstream`. */
  body: Bytes;
}

export interface ExchangeOptions {
  /** For messages. */
  host: string;
  signal: AbortSignal | undefined;
  /** From now to the last byte of the body. */
  timeoutMs: number;
  maxHeaderBytes: number;
  /** Once, when it has a connection, or will never have one. */
  onStart(): void;
  /** Once, when nothing more comes. */
  onEnd(): void;
}

/** Bytes of body that wait for their reader before the service has to. */
const HIGH_WATER = 128 * 1024;
const MAX_HEADER_FIELDS = 256;
const MAX_INTERIM = 16;

/** Errors: the signal's reason; EgressError, also as thrown while connecting. */
export function exchange(
  send: (handler: Dispatcher.DispatchHandler) => void,
  { host, signal, timeoutMs, maxHeaderBytes, onStart, onEnd }: ExchangeOptions,
): Promise<UpstreamResponse> {
  return new Promise((resolve, reject) => {
    let controller: Dispatcher.DispatchController | undefined;
    let failure: { error: unknown } | undefined;
    let isStarted = false;
    let isEnded = false;
    let hasHead = false;
    let interim = 0;
    /** A read that waits. */
    let reader: { resolve(result: IteratorResult<Uint8Array>): void; reject(error: unknown): void } | undefined;
    const chunks: Uint8Array[] = [];
    let waiting = 0;
    const done: IteratorResult<Uint8Array> = { done: true, value: undefined };

    const timer = setTimeout(
      () => fail(new EgressError('upstream', `${host} did not answer in full within ${timeoutMs} ms`)),
      timeoutMs,
    );
    const onAbort = () => fail(signal?.reason);

    function start(): void {
      if (!isStarted) onStart();
      isStarted = true;
    }

    function end(): void {
      if (isEnded) return;
      isEnded = true;
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
      onEnd();
    }

    /** The first cause is the one that is told; what was not read yet is dropped. */
    function fail(error: unknown): void {
      if (isEnded) return;
      failure = { error };
      end();
      chunks.length = 0;
      controller?.abort(error instanceof Error ? error : new Error('aborted'));
      if (hasHead) {
        reader?.reject(error);
        reader = undefined;
      } else reject(error);
    }

    const body: AsyncIterator<Uint8Array> = {
      next() {
        // What has come but was not read ends with the call's right to it, too.
        if (signal?.aborted && chunks.length > 0) {
          chunks.length = 0;
          failure ??= { error: signal.reason };
        }
        const chunk = chunks.shift();
        if (chunk) {
          waiting -= chunk.byteLength;
          if (waiting < HIGH_WATER / 2 && controller?.paused) controller.resume();
          return Promise.resolve({ done: false, value: chunk });
        }
        if (failure) return Promise.reject(failure.error);
        if (isEnded) return Promise.resolve(done);
        return new Promise((onResult, onError) => {
          reader = { resolve: onResult, reject: onError };
        });
      },
      return() {
        if (!isEnded) {
          end();
          controller?.abort(new Error('the body is not wanted'));
        }
        chunks.length = 0;
        failure = undefined;
        reader?.resolve(done);
        reader = undefined;
        return Promise.resolve(done);
      },
    };

    const handler: Dispatcher.DispatchHandler = {
      onRequestStart(started) {
        controller = started;
        start();
        // It was given up while it waited. Thrown, for an abort would cost the connection.
        if (isEnded) throw new Error('given up');
      },
      onResponseStart(started, status, headers, statusText) {
        if (isEnded) return;
        if (status < 200) {
          if (++interim > MAX_INTERIM) fail(tooMuch(host, 'interim answers'));
          return;
        }
        const fields = readFields(started.rawHeaders, headers);
        const bytes = fields.reduce((sum, [name, value]) => sum + name.length + value.length + 4, 0);
        if (bytes > maxHeaderBytes || fields.length > MAX_HEADER_FIELDS) return fail(tooMuch(host, 'headers'));
        hasHead = true;
        resolve({
          status,
          statusText: statusText ?? '',
          headers: fields,
          body: { [Symbol.asyncIterator]: () => body },
        });
      },
      onResponseData(started, chunk) {
        if (isEnded || chunk.byteLength === 0) return;
        if (reader) {
          const { resolve: give } = reader;
          reader = undefined;
          give({ done: false, value: chunk });
          return;
        }
        chunks.push(chunk);
        waiting += chunk.byteLength;
        if (waiting >= HIGH_WATER) started.pause();
      },
      onResponseEnd() {
        end();
        reader?.resolve(done);
        reader = undefined;
      },
      onResponseError(_started, error) {
        start();
        fail(upstreamFailure(error, host));
      },
    };

    if (signal?.aborted) {
      start();
      return onAbort();
    }
    signal?.addEventListener('abort', onAbort);
    try {
      send(handler);
    } catch (error) {
      start();
      fail(upstreamFailure(error, host));
    }
  });
}

const tooMuch = (host: string, of: string) => new EgressError('upstream', `${host} answered with too many ${of}`);

/** HTTP/1.1 gives pairs of bytes in order, HTTP/2 an object. */
function readFields(
  raw: Dispatcher.DispatchController['rawHeaders'],
  headers: Record<string, string | string[] | undefined>,
): [string, string][] {
  const fields: [string, string][] = [];
  if (Array.isArray(raw)) {
    for (let at = 0; at + 1 < raw.length; at += 2) fields.push([text(raw[at]).toLowerCase(), text(raw[at + 1])]);
    return fields;
  }
  for (const [name, values] of Object.entries(headers))
    for (const value of Array.isArray(values) ? values : values === undefined ? [] : [values])
      fields.push([name.toLowerCase(), value]);
  return fields;
}

const text = (part: Buffer | string | undefined) =>
  typeof part === 'string' ? part : part === undefined ? '' : part.toString('latin1');
