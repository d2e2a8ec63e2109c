/** Decodes a response's body (RFC 9110, section 8.4) while it streams, with a cap on what comes in and what comes out. */
import { pipeline, Readable, type Transform } from 'node:stream';
import {
  constants,
  createBrotliDecompress,
  createGunzip,
  createInflate,
  createInflateRaw,
  createZstdDecompress,
} from 'node:zlib';
import { type Bytes, type Stage, through } from './byte-stream.ts';
import { EgressError } from './egress.ts';

/** More than one on top of another is no service's habit, and the way of bombs. */
const MAX_CODINGS = 2;

/** RFC 9659: a window of at most 8 MiB. */
const zstdWindowLog = 23;

/**
 * The decoded body: at most `maxBytes`, and at most as many before decoding. `contentEncoding`: the header's value, several
 * joined with commas. Errors: EgressError `limit` at the cap; `upstream` for codings that are unknown, too many or broken.
 */
export function decodeBody(body: Bytes, contentEncoding: string | undefined, maxBytes: number): Bytes {
  const { decoded: plain, cap } = decodeStage(body, contentEncoding, maxBytes);
  return through(plain, cap);
}

/** The same, with the cap on what is decoded left to be applied. */
export function decodeStage(
  body: Bytes,
  contentEncoding: string | undefined,
  maxBytes: number,
): { decoded: Bytes; cap: Stage } {
  const codings = (contentEncoding ?? '')
    .toLowerCase()
    .split(',')
    .map((coding) => coding.trim())
    .filter((coding) => coding !== '' && coding !== 'identity');
  const cap = capOf(maxBytes);
  if (codings.length === 0) return { decoded: body, cap };
  const bounded = through(body, capOf(maxBytes));
  if (codings.length > MAX_CODINGS)
    return { decoded: broken(bounded, `is encoded more than ${MAX_CODINGS} times`), cap };
  if (!codings.every((coding) => decoders.has(coding)))
    return { decoded: broken(bounded, 'has an encoding that is not known'), cap };
  return { decoded: decoded(bounded, codings.toReversed()), cap };
}

type Decoder = (first: number | undefined) => Transform;

/** By name; each is told the first byte. */
const decoders: ReadonlyMap<string, Decoder> = new Map<string, Decoder>([
  ['gzip', () => createGunzip()],
  ['x-gzip', () => createGunzip()],
  ['br', () => createBrotliDecompress()],
  ['zstd', () => createZstdDecompress({ params: { [constants.ZSTD_d_windowLogMax]: zstdWindowLog } })],
  // Some services leave out the wrapping of zlib, whose first byte says what it is (RFC 1950, section 2.2).
  ['deflate', (first) => (first !== undefined && (first & 0x0f) !== 8 ? createInflateRaw() : createInflate())],
]);

function capOf(maxBytes: number): Stage {
  let bytes = 0;
  return {
    push(chunk) {
      bytes += chunk.byteLength;
      if (bytes > maxBytes) throw new EgressError('limit', `the response has more than ${maxBytes} bytes`);
      return chunk;
    },
  };
}

function broken(body: Bytes, why: string): Bytes {
  return through(body, {
    push() {
      throw new EgressError('upstream', `the response ${why}`);
    },
  });
}

/** Nothing is made before the first byte is read: a body without bytes needs no decoder. */
function decoded(body: Bytes, codings: string[]): Bytes {
  const from = body[Symbol.asyncIterator]();
  const done: IteratorResult<Uint8Array> = { done: true, value: undefined };
  let stream: Readable | undefined;
  let out: AsyncIterator<Uint8Array> | undefined;
  let isOver = false;

  async function open(): Promise<boolean> {
    let first = await from.next();
    while (!first.done && first.value.byteLength === 0) first = await from.next();
    if (first.done || isOver) return false;
    const { value } = first;
    const source = Readable.from(resumed(value, from), { objectMode: false });
    // Only the outermost coding is known by its first byte; one beneath is taken as it should be.
    const stages = codings.map((coding, at) => (decoders.get(coding) as Decoder)(at === 0 ? value[0] : undefined));
    stream = stages.at(-1) as Readable;
    // The error is the last stage's, and is thrown by reading it.
    pipeline([source, ...stages], () => {});
    out = stream[Symbol.asyncIterator]();
    return true;
  }

  const iterator: AsyncIterator<Uint8Array> = {
    async next() {
      try {
        if (isOver || (!out && !(await open()))) return done;
        const read = await (out as AsyncIterator<Uint8Array>).next();
        if (read.done) isOver = true;
        return read;
      } catch (error) {
        if (isOver) return done;
        isOver = true;
        throw asEgressError(error, codings);
      }
    },
    async return() {
      if (isOver) return done;
      isOver = true;
      stream?.destroy();
      await from.return?.();
      return done;
    },
  };
  return { [Symbol.asyncIterator]: () => iterator };
}

function resumed(first: Uint8Array, rest: AsyncIterator<Uint8Array>): Bytes {
  let isFirst = true;
  const iterator: AsyncIterator<Uint8Array> = {
    next() {
      if (!isFirst) return rest.next();
      isFirst = false;
      return Promise.resolve({ done: false, value: first });
    },
    return: () => rest.return?.() ?? Promise.resolve({ done: true, value: undefined }),
  };
  return { [Symbol.asyncIterator]: () => iterator };
}

function asEgressError(error: unknown, codings: string[]): unknown {
  const isZlib = error instanceof Error && 'code' in error && /^(?:Z_|ERR_|ZSTD_)/.test(String(error.code));
  if (!isZlib) return error;
  return new EgressError('upstream', `the response is no valid ${codings.join(' in ')}`, { cause: error });
}
