/** A service's response on its way to the guest: decoded, bounded, scrubbed, counted; its last byte ends the call. */
import { inTurn, type Stage, through } from './byte-stream.ts';
import type { OpenCall } from './call-book.ts';
import { decodeStage } from './decode-body.ts';
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
  const encodings = received.headers
    .filter(([name]) => name.toLowerCase() === 'content-encoding')
    .map(([, value]) => value);
  const { decoded, cap } = decodeStage(received.body, encodings.join(','), room.bytes);
  // All that is text is searched at once.
  const [[, statusText], [, href], ...headers] = scrubber.fields([
    ['', received.statusText],
    ['', url.href],
    ...cleanResponseHeaders(received.headers),
  ]) as [[string, string], [string, string], ...[string, string][]];
  let responseBytes = 0;
  /** The end is told once, also of a body that nobody reads. */
  const told: Stage = {
    push(chunk) {
      responseBytes += chunk.byteLength;
      onBytes(chunk.byteLength);
      return chunk;
    },
    settled(error) {
      call.tell({ responseBytes });
      call.end(error === undefined ? undefined : failureOf(error));
    },
    failed: failureOf,
  };
  const body = through(decoded, inTurn([cap, scrubber.stage(), told]));
  return { status: received.status, statusText, headers, body, url: href };

  function failureOf(error: unknown): EgressError {
    if (call.signal.reason instanceof EgressError) return call.signal.reason;
    if (error instanceof EgressError) return error.reason === 'limit' ? (room.used ?? error) : error;
    return new EgressError('upstream', 'the response broke off', { cause: error });
  }
}
