/**
 * Frames (frames.ts) from what a guest may have taken over: bounded by what they cost the service, before they are parsed.
 * Apart from frames.ts, which lies in images and workers, where the peer is trusted.
 */
import type { HostReply } from './driver.ts';
import { FrameError, frameReader } from './frames.ts';
import { jsonWeight } from './json-weight.ts';

/** Only a value of memory is large; arguments of other calls wait in the service for as long as their call. */
export const mayWeigh = (op: string, weight: number) => op === 'memory.set' || weight <= MOST_OF_A_CALL;
const MOST_OF_A_CALL = 4 * 1024 * 1024;

const LENGTHS = 8;
const SMALLEST = 256;
/** What a header costs more than bytes of the same length: it is decoded and parsed. */
const TEXT_WEIGHT = 8;
const MARK_WEIGHT = 256;

export interface GuestFrames {
  /** `weight`: bytes that the header stands for, besides its own. */
  onFrame(header: object, bytes: Buffer | undefined, weight: number): void;
  /** A call that is nested too deeply or has too many parts, and is not parsed. Absent: it is a FrameError, as all others. */
  onRefused?(id: number, weight: number): void;
}

/** What a call is answered that is too deep or too large to be looked at. */
export const refusedCall: HostReply = {
  ok: false,
  error: {
    name: 'TypeError',
    message: 'the arguments are nested too deeply, or too large',
    code: 'ERR_INVALID_ARG_VALUE',
  },
};

/** What a call is answered whose answer cannot be given. */
export const failedCall: HostReply = {
  ok: false,
  error: { name: 'Error', message: 'Cordon could not answer this call', code: 'EIO' },
};

/**
 * Feeds chunks; answers how many bytes of an unfinished frame it keeps. They are copies: no chunk lives on for a part of it.
 * Errors: FrameError for a frame above `maxBytes`, or a header that is no JSON object or costs too much.
 */
export function guestFrameReader(maxBytes: number, { onFrame, onRefused }: GuestFrames) {
  let weight = 0;
  const parse = frameReader(maxBytes, (header, bytes) => onFrame(header, bytes, weight));
  let kept = Buffer.alloc(0);
  let length = 0;
  let needed = LENGTHS;

  /** Grows with what has come, not with what was announced. */
  function keep(chunk: Buffer): void {
    const size = length + chunk.length;
    if (size > kept.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(size, Math.min(needed, 2 * kept.length), SMALLEST));
      kept.copy(grown, 0, 0, length);
      kept = grown;
    }
    chunk.copy(kept, length);
    length = size;
  }

  function take(frame: Buffer, headerBytes: number): void {
    const header = frame.subarray(LENGTHS, LENGTHS + headerBytes);
    const { marks, isTooMuch } = jsonWeight(header);
    weight = headerBytes * TEXT_WEIGHT + marks * MARK_WEIGHT;
    if (!isTooMuch) return void parse(frame);
    // As the guest's own modules write it; what is written otherwise is none of theirs.
    const id = /^\{"t":"call","id":(\d{1,15}),/.exec(header.toString('latin1', 0, 64))?.[1];
    if (id === undefined || !onRefused) throw new FrameError('frame header is nested too deeply or has too many parts');
    onRefused(Number(id), weight);
  }

  return (chunk: Buffer): number => {
    if (length > 0 || chunk.length < needed) keep(chunk);
    if (length > 0 && length < needed) return length;
    let rest = length > 0 ? kept.subarray(0, length) : chunk;
    kept = Buffer.alloc(0);
    length = 0;
    for (needed = LENGTHS; rest.length >= needed; needed = LENGTHS) {
      const headerBytes = rest.readUInt32BE(0);
      const total = LENGTHS + headerBytes + rest.readUInt32BE(4);
      if (total > maxBytes) throw new FrameError(`frame of ${total} bytes is above ${maxBytes}`);
      if (rest.length < total) {
        needed = total;
        break;
      }
      take(rest.subarray(0, total), headerBytes);
      rest = rest.subarray(total);
    }
    if (rest.length > 0) keep(rest);
    return length;
  };
}
