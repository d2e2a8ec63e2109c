/** Bodies of a run's requests, held whole because they are judged whole: bounded each, and all together. */
import type { IncomingMessage } from 'node:http';
import { PIECE_COST } from './metered.ts';
import type { Pace } from './pace.ts';

export interface BodyRoom {
  /** Takes this many bytes; whether there was room. */
  take(bytes: number): boolean;
  give(bytes: number): void;
}

/** Room for the bodies that one run has under way. */
export function createBodyRoom(mostBytes: number): BodyRoom {
  let taken = 0;
  return {
    take(bytes) {
      if (taken + bytes > mostBytes) return false;
      taken += bytes;
      return true;
    },
    give(bytes) {
      taken -= bytes;
    },
  };
}

export type ReadBody =
  | { bytes: Uint8Array }
  | { tooLarge: string }
  /** Too slow, or the client went away. */
  | { broken: true };

export interface BodyLimits {
  /** Of one body. */
  bodyBytes: number;
  /** From its head to its end. */
  bodyMs: number;
  room: BodyRoom;
  /** In bytes. Those of the connection are counted; a body can still come in pieces of one byte. */
  bytesPace: Pace;
}

const FIRST_BYTES = 16 * 1024;

/** Whether the head says that a body follows. */
export const announcesBody = ({ headers }: IncomingMessage): boolean =>
  'transfer-encoding' in headers || Number(headers['content-length'] ?? 0) > 0;

/** Reads it to its end. The room that its bytes take is the caller's to give back. Never rejects. */
export function readBody(
  request: IncomingMessage,
  { bodyBytes, bodyMs, room, bytesPace }: BodyLimits,
): Promise<ReadBody> {
  const { promise, resolve } = Promise.withResolvers<ReadBody>();
  // One buffer that grows: a million pieces of a byte would take a hundred times their size.
  let held = Buffer.alloc(0);
  let size = 0;
  let pause: NodeJS.Timeout | undefined;
  const late = setTimeout(() => finish({ broken: true }), bodyMs);

  function finish(result: ReadBody): void {
    clearTimeout(late);
    clearTimeout(pause);
    request.off('data', onData).off('end', onEnd).off('close', onClose);
    if (!('bytes' in result)) room.give(size);
    resolve(result);
  }
  const onEnd = () => finish({ bytes: held.subarray(0, size) });
  const onClose = () => finish({ broken: true });
  function onData(piece: Buffer): void {
    const whole = size + piece.length;
    if (whole > bodyBytes) return finish({ tooLarge: `a request body has at most ${bodyBytes} bytes` });
    if (!room.take(piece.length)) return finish({ tooLarge: 'the bodies that this run sends at once are too large' });
    if (whole > held.length) {
      const larger = Buffer.allocUnsafe(Math.min(bodyBytes, Math.max(FIRST_BYTES, whole, 2 * held.length)));
      held.copy(larger, 0, 0, size);
      held = larger;
    }
    piece.copy(held, size);
    size = whole;
    wait(bytesPace(PIECE_COST));
  }
  function wait(ms: number): void {
    if (ms < 1) return;
    request.pause();
    clearTimeout(pause);
    pause = setTimeout(() => request.resume(), ms);
  }
  request.on('error', () => {});
  request.on('data', onData).on('end', onEnd).on('close', onClose);
  return promise;
}
