import { parseJson } from '../json.ts';

/**
 * Framing of the host-worker channel: two lengths (32-bit, big-endian), a JSON header, raw bytes.
 * Used on both sides; the receiving side sets the largest frame it will buffer.
 */
const LENGTHS = 8;

/** Calls of one run that the host works on at once: the rest waits in the worker, whose memory is capped. */
export const callsAtOnce = 64;

export class FrameError extends Error {}

/** One frame as bytes, ready to write. `header` must be JSON-safe. */
export function encodeFrame(header: unknown, bytes?: Uint8Array): Buffer {
  const text = JSON.stringify(header);
  const headerBytes = Buffer.byteLength(text);
  const frame = Buffer.allocUnsafe(LENGTHS + headerBytes + (bytes?.byteLength ?? 0));
  frame.writeUInt32BE(headerBytes, 0);
  frame.writeUInt32BE(bytes?.byteLength ?? 0, 4);
  frame.write(text, LENGTHS, 'utf8');
  if (bytes) frame.set(bytes, LENGTHS + headerBytes);
  return frame;
}

/**
 * Feeds chunks, calls `onFrame` with the parsed header and the bytes of each whole frame.
 * Errors: FrameError for a frame above `maxBytes` or a header that is not a JSON object; the channel is unusable then.
 */
export function frameReader(maxBytes: number, onFrame: (header: object, bytes: Buffer | undefined) => void) {
  let chunks: Buffer[] = [];
  let buffered = 0;
  let needed = LENGTHS;

  const joined = () => {
    const whole = chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks, buffered);
    chunks = [whole];
    return whole;
  };

  return (chunk: Buffer): void => {
    chunks.push(chunk);
    buffered += chunk.byteLength;
    while (buffered >= needed) {
      const whole = joined();
      const headerBytes = whole.readUInt32BE(0);
      const bodyBytes = whole.readUInt32BE(4);
      const total = LENGTHS + headerBytes + bodyBytes;
      if (total > maxBytes) throw new FrameError(`frame of ${total} bytes is above ${maxBytes}`);
      if (buffered < total) {
        needed = total;
        return;
      }
      const header = parseHeader(whole.toString('utf8', LENGTHS, LENGTHS + headerBytes));
      const bytes = bodyBytes === 0 ? undefined : Buffer.from(whole.subarray(LENGTHS + headerBytes, total));
      buffered -= total;
      chunks = buffered === 0 ? [] : [whole.subarray(total)];
      needed = LENGTHS;
      onFrame(header, bytes);
    }
  };
}

function parseHeader(text: string): object {
  let header: unknown;
  try {
    header = parseJson(text);
  } catch {
    throw new FrameError('frame header is not JSON');
  }
  if (typeof header !== 'object' || header === null || Array.isArray(header))
    throw new FrameError('frame header is no object');
  return header;
}
