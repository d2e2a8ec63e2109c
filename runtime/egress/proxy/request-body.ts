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

const BLOCK_BYTES = 64 * 1024;

/** What the head says of the body; 0: there is none, or it comes in chunks. */
export const announcedBytes = ({ headers }: IncomingMessage): number => Number(headers['content-length'] ?? 0);

/** Whether the head says that a body follows. */
export const announcesBody = (request: IncomingMessage): boolean =>
  'transfer-encoding' in request.headers || announcedBytes(request) > 0;

/** Reads it to its end. The room that its bytes take is the caller's to give back. Never rejects. */
export function readBody(
  request: IncomingMessage,
  { bodyBytes, bodyMs, room, bytesPace }: BodyLimits,
): Promise<ReadBody> {
  const announced = announcedBytes(request);
  if (announced > bodyBytes) return Promise.resolve({ tooLarge: tooLarge(bodyBytes) });
  const { promise, resolve } = Promise.withResolvers<ReadBody>();
  const body = collector(announced);
  let taken = 0;
  const late = setTimeout(() => finish({ broken: true }), bodyMs);

  function finish(result: ReadBody): void {
    clearTimeout(late);
    request.off('data', onData).off('end', onEnd).off('close', onClose);
    if (!('bytes' in result)) room.give(taken);
    resolve(result);
  }
  const onEnd = () => finish({ bytes: body.whole() });
  const onClose = () => finish({ broken: true });
  function onData(piece: Buffer): void {
    // What it costs is waited for where the connection is read: nothing is kept waiting here.
    bytesPace(PIECE_COST);
    if (taken + piece.length > bodyBytes) return finish({ tooLarge: tooLarge(bodyBytes) });
    if (!room.take(piece.length)) return finish({ tooLarge: 'the bodies that this run sends at once are too large' });
    taken += piece.length;
    body.add(piece);
  }
  request.on('error', () => {});
  request.on('data', onData).on('end', onEnd).on('close', onClose);
  return promise;
}

const tooLarge = (bodyBytes: number) => `a request body has at most ${bodyBytes} bytes`;

/** Copies pieces into blocks: a million pieces of one byte, kept, would take a hundred times their size. */
function collector(announced: number) {
  const full: Buffer[] = [];
  let block = Buffer.allocUnsafe(announced || BLOCK_BYTES);
  let used = 0;
  return {
    add(piece: Buffer): void {
      for (let at = 0; at < piece.length; ) {
        if (used === block.length) {
          full.push(block);
          block = Buffer.allocUnsafe(BLOCK_BYTES);
          used = 0;
        }
        const step = piece.copy(block, used, at);
        used += step;
        at += step;
      }
    },
    whole: () => (full.length === 0 ? block.subarray(0, used) : Buffer.concat([...full, block.subarray(0, used)])),
  };
}
