/** A service's response on its way to the guest: decoded, bounded, scrubbed, counted; its last byte ends the call. */
import { type Bytes, through } from './byte-stream.ts';
import type { OpenCall } from './call-book.ts';
import { decodeBody } from './decode-body.ts';
import { EgressError, type EgressResponse } from './egress.ts';
import { cleanResponseHeaders } from './headers.ts';
import type { Scrubber } from './scrub.ts';
import type { UpstreamResponse } from './upstream.ts';

export interface Answered {
  call: OpenCall;
  received: UpstreamResponse;
  url: URL;
  /** Takes out all that must not reach the guest. */
  scrubber: Scrubber;
  /** Bytes of body that may come, and what is said when more do: absent, that a response is too large. */
  room: { bytes: number; used?: EgressError };
  /** Errors: EgressError, when the run has had enough. */
  onBytes(count: number): void;
}

export function answer({ call, received, url, scrubber, room, onBytes }: Answered): EgressResponse {
  call.tell({ status: received.status });
  const headers = scrubber.fields(cleanResponseHeaders(received.headers));
  const encodings = received.headers
    .filter(([name]) => name.toLowerCase() === 'content-encoding')
    .map(([, value]) => value);
  const decoded = decodeBody(received.body, encodings.join(','), room.bytes);
  return {
    status: received.status,
    statusText: scrubber.text(received.statusText),
    headers,
    body: told(scrubber.stream(decoded)),
    url: scrubber.text(url.href),
  };

  /** The end is told once, also of a body that nobody reads. */
  function told(body: Bytes): Bytes {
    let responseBytes = 0;
    const counted = through(body, {
      push(chunk) {
        responseBytes += chunk.byteLength;
        onBytes(chunk.byteLength);
        return chunk;
      },
      settled(error) {
        call.tell({ responseBytes });
        call.end(error === undefined ? undefined : failureOf(error));
      },
    })[Symbol.asyncIterator]();
    const iterator: AsyncIterator<Uint8Array> = {
      next: () =>
        counted.next().catch((error: unknown) => {
          throw failureOf(error);
        }),
      return: async () => (await counted.return?.()) ?? { done: true, value: undefined },
    };
    return { [Symbol.asyncIterator]: () => iterator };
  }

  function failureOf(error: unknown): EgressError {
    if (call.signal.reason instanceof EgressError) return call.signal.reason;
    if (error instanceof EgressError) return error.reason === 'limit' ? (room.used ?? error) : error;
    return new EgressError('upstream', 'the response broke off', { cause: error });
  }
}
