/** The body of one response between the service that sends it and the guest that reads it: a bounded part of it is here. */
import { setImmediate as turn } from 'node:timers/promises';
import { ArgumentError } from './guest-args.ts';

/** Of one answer to the guest; and what is read ahead of it, up to one chunk of the service (64 KiB) more. */
export const PIECE_BYTES = 256 * 1024;

const SMALL_BYTES = 4096;

export interface ResponseBody {
  /** Resolves when all of it is here, when as much as fits is, or when it broke. */
  readonly complete: Promise<void>;
  /**
   * What is here, at most PIECE_BYTES; with `wait`, not before something is. `done`: nothing follows. Errors: those of the
   * body, at once, whatever was here; ArgumentError while another read waits.
   */
  read(options: { wait: boolean }): Promise<{ bytes: Uint8Array; done: boolean }>;
  /** Ends the call behind it. */
  cancel(): void;
}

/** Begins to read at once, so that a short body ends its call by itself. */
export function createResponseBody(source: AsyncIterable<Uint8Array>): ResponseBody {
  const from = source[Symbol.asyncIterator]();
  const complete = Promise.withResolvers<void>();
  let chunks: Uint8Array[] = [];
  let bytes = 0;
  let failure: { error: unknown } | undefined;
  let isDone = false;
  let isFilling = false;
  let isReading = false;
  let changed = Promise.withResolvers<void>();

  /** Reads ahead up to a piece; one chunk at least unless `enough` bytes are here. */
  async function fill(enough: number): Promise<void> {
    if (isFilling || isDone || failure || bytes >= enough) return;
    isFilling = true;
    try {
      do {
        const next = await from.next();
        if (isDone) return;
        if (next.done) isDone = true;
        else if (next.value.byteLength > 0) keep(next.value);
        tell();
      } while (!isDone && bytes < PIECE_BYTES);
    } catch (error) {
      if (isDone) return;
      failure = { error };
      forget();
      tell();
    } finally {
      isFilling = false;
      complete.resolve();
    }
  }

  /** A chunk of a few bytes costs a hundred times as many: neighbours become one. */
  function keep(chunk: Uint8Array): void {
    bytes += chunk.byteLength;
    const last = chunks.at(-1);
    if (last && last.byteLength + chunk.byteLength <= SMALL_BYTES)
      chunks[chunks.length - 1] = Buffer.concat([last, chunk]);
    else chunks.push(chunk);
  }

  function tell(): void {
    changed.resolve();
    changed = Promise.withResolvers<void>();
  }

  function forget(): void {
    chunks = [];
    bytes = 0;
  }

  function take(): Uint8Array {
    const all = chunks.length === 1 ? (chunks[0] as Uint8Array) : Buffer.concat(chunks, bytes);
    const piece = all.subarray(0, PIECE_BYTES);
    chunks = all.byteLength > PIECE_BYTES ? [all.subarray(PIECE_BYTES)] : [];
    bytes = all.byteLength - piece.byteLength;
    return piece;
  }

  void fill(PIECE_BYTES);
  return {
    complete: complete.promise,
    async read({ wait }) {
      if (isReading) throw new ArgumentError('The "body" argument is a body that is being read');
      isReading = true;
      try {
        // One chunk more than is needed: a call that lost its right meanwhile breaks there, and gives nothing.
        void fill(2 * PIECE_BYTES);
        // Chunks that have come but were not handed on yet come along.
        await turn();
        while (wait && bytes === 0 && !isDone && !failure) await changed.promise;
        if (failure) throw failure.error;
        const piece = take();
        return { bytes: piece, done: isDone && bytes === 0 };
      } finally {
        isReading = false;
        void fill(PIECE_BYTES);
      }
    },
    cancel() {
      if (isDone || failure) return forget();
      isDone = true;
      forget();
      tell();
      complete.resolve();
      Promise.resolve(from.return?.()).catch(() => {});
    },
  };
}
