import { brotliCompressSync, constants, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { through } from '../../runtime/egress/byte-stream.ts';
import { decodeBody } from '../../runtime/egress/decode-body.ts';
import { EgressError } from '../../runtime/egress/egress.ts';

const encoders: Record<string, (bytes: Uint8Array) => Uint8Array> = {
  gzip: gzipSync,
  'x-gzip': gzipSync,
  deflate: deflateSync,
  br: (bytes) => brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 2 } }),
  zstd: zstdCompressSync,
};

/** Counts what is taken of it, and whether it was told to stop. */
function source(chunks: Iterable<Uint8Array>) {
  const iterator = chunks[Symbol.iterator]();
  const seen = { taken: 0, stopped: 0 };
  const body: AsyncIterable<Uint8Array> = {
    [Symbol.asyncIterator]: () => ({
      async next() {
        const read = iterator.next();
        if (read.done) return { done: true, value: undefined };
        seen.taken += read.value.byteLength;
        return read;
      },
      async return() {
        seen.stopped += 1;
        return { done: true, value: undefined };
      },
    }),
  };
  return { body, seen };
}

function inPieces(bytes: Uint8Array, size: number): Uint8Array[] {
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, at) => bytes.subarray(at * size, (at + 1) * size));
}

async function whole(body: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks);
}

const failure = (work: Promise<unknown>) =>
  work.then(
    () => 'passed',
    (error: unknown) => (error instanceof EgressError ? `${error.reason}: ${error.message}` : `OTHER ${error}`),
  );

const megabyte = 1 << 20;
const plain = Buffer.from('{"hello":"world"}'.repeat(5000));

describe('a body is decoded', () => {
  it.each(Object.keys(encoders))('%s, in chunks of any size', async (coding) => {
    const encoded = encoders[coding]!(plain);
    for (const size of [1, 7, 1000, encoded.length]) {
      expect(await whole(decodeBody(source(inPieces(encoded, size)).body, coding.toUpperCase(), megabyte))).toEqual(
        plain,
      );
    }
  });

  it('deflate without its wrapping, two codings, several members', async () => {
    const once = (encoded: Uint8Array, coding: string) => whole(decodeBody(source([encoded]).body, coding, megabyte));
    expect(await once(deflateRawSync(plain), 'deflate')).toEqual(plain);
    expect(await once(brotliCompressSync(gzipSync(plain)), 'gzip, br')).toEqual(plain);
    expect(await once(gzipSync(gzipSync(plain)), 'gzip,gzip')).toEqual(plain);
    expect(await once(Buffer.concat([gzipSync(plain), gzipSync(plain)]), 'gzip')).toEqual(
      Buffer.concat([plain, plain]),
    );
  });

  it('none, identity and an empty body stay as they are', async () => {
    for (const coding of [undefined, '', 'identity', ' , identity'])
      expect(await whole(decodeBody(source([plain]).body, coding, megabyte))).toEqual(plain);
    for (const coding of Object.keys(encoders))
      expect(await whole(decodeBody(source([]).body, coding, megabyte))).toEqual(Buffer.alloc(0));
  });
});

describe('a bomb is cut short', () => {
  const big = Buffer.alloc(32 * megabyte);
  it.each(['gzip', 'deflate', 'br', 'zstd'])('%s', async (coding) => {
    const encoded = encoders[coding]!(big);
    expect(encoded.length).toBeLessThan(megabyte);
    let given = 0;
    const { body, seen } = source([encoded, ...inPieces(Buffer.alloc(megabyte), 1000)]);
    const decoded = through(decodeBody(body, coding, megabyte), {
      push(chunk) {
        given += chunk.byteLength;
        return chunk;
      },
    });
    expect(await failure(whole(decoded))).toBe(`limit: the response has more than ${megabyte} bytes`);
    expect(given).toBeLessThanOrEqual(megabyte);
    expect(seen).toMatchObject({ stopped: 1 });
    expect(seen.taken).toBeLessThan(encoded.length + megabyte);
  });

  it('one within another', async () => {
    const encoded = gzipSync(gzipSync(big));
    expect(encoded.length).toBeLessThan(10_000);
    expect(await failure(whole(decodeBody(source([encoded]).body, 'gzip, gzip', megabyte)))).toMatch(/^limit: /);
    const { body, seen } = source([encoded]);
    expect(await failure(whole(decodeBody(body, 'gzip, gzip, gzip', megabyte)))).toMatch(
      /^upstream: .*more than 2 times/,
    );
    expect(seen.stopped).toBe(1);
  });

  it('bytes without end that decode to nothing', async () => {
    const empty = gzipSync(Buffer.alloc(0));
    const { body, seen } = source(
      (function* () {
        for (;;) yield empty;
      })(),
    );
    expect(await failure(whole(decodeBody(body, 'gzip', 100_000)))).toMatch(/^limit: /);
    expect(seen.taken).toBeLessThan(200_000);
  });

  it('a body that is not encoded', async () => {
    const { body, seen } = source([plain, plain, plain]);
    expect(await failure(whole(decodeBody(body, undefined, plain.length * 2)))).toMatch(/^limit: /);
    expect(seen.stopped).toBe(1);
    expect(await failure(whole(decodeBody(source([plain, plain]).body, undefined, plain.length * 2)))).toBe('passed');
  });

  it('a window that would take more memory than is proper', async () => {
    const wide = zstdCompressSync(Buffer.alloc(32 * megabyte, 'x'), {
      params: { [constants.ZSTD_c_windowLog]: 27, [constants.ZSTD_c_contentSizeFlag]: 0 },
    });
    expect(await failure(whole(decodeBody(source([wide]).body, 'zstd', 64 * megabyte)))).toBe(
      'upstream: the response is no valid zstd',
    );
  });
});

describe('what cannot be decoded fails', () => {
  it.each(Object.keys(encoders))('%s that breaks off, or is something else', async (coding) => {
    const encoded = encoders[coding]!(plain);
    const broken = [encoded.subarray(0, encoded.length - 10), Buffer.from('<html>not encoded at all</html>')];
    for (const bytes of broken) {
      const said = await failure(whole(decodeBody(source([bytes]).body, coding, megabyte)));
      expect(said).toBe(`upstream: the response is no valid ${coding}`);
    }
  });

  it('an encoding that is not known', async () => {
    for (const coding of ['compress', 'aes128gcm', 'gzip, x', 'constructor'])
      expect(await failure(whole(decodeBody(source([plain]).body, coding, megabyte)))).toMatch(/^upstream: /);
  });

  it('with the error of the source as it is', async () => {
    const revoked = new EgressError('credential_revoked', 'gone');
    const encoded = gzipSync(plain);
    const body = (async function* () {
      yield encoded.subarray(0, 20);
      throw revoked;
    })();
    await expect(whole(decodeBody(body, 'gzip', megabyte))).rejects.toBe(revoked);
  });

  it('property: whatever the bytes, it ends within the cap or with an EgressError', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...Object.keys(encoders)),
        fc.uint8Array({ maxLength: 60 }),
        fc.nat(40),
        async (coding, noise, at) => {
          const encoded = Buffer.from(encoders[coding]!(Buffer.from('abcabcabc'.repeat(40))));
          encoded.set(noise.subarray(0, Math.max(0, encoded.length - at)), at % encoded.length === at ? at : 0);
          const work = whole(decodeBody(source([encoded]).body, coding, 5000)).then((out) => {
            expect(out.length).toBeLessThanOrEqual(5000);
          });
          expect(await failure(work)).toMatch(/^(?:passed|upstream: |limit: )/);
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe('whoever stops reading stops the source', () => {
  it.each([undefined, 'gzip'])('before the first read (%s)', async (coding) => {
    const { body, seen } = source([gzipSync(plain)]);
    await decodeBody(body, coding, megabyte)[Symbol.asyncIterator]().return?.();
    expect(seen).toEqual({ taken: 0, stopped: 1 });
  });

  it.each([undefined, 'gzip'])('in the middle (%s)', async (coding) => {
    const member = gzipSync(plain);
    const { body, seen } = source(
      (function* () {
        for (;;) yield member;
      })(),
    );
    for await (const _ of decodeBody(body, coding, megabyte * 10)) break;
    expect(seen.stopped).toBe(1);
  });

  it.each([undefined, 'gzip'])('while a read waits (%s)', async (coding) => {
    let stopped = 0;
    const body: AsyncIterable<Uint8Array> = {
      [Symbol.asyncIterator]: () => ({
        next: () => new Promise(() => {}),
        return: async () => {
          stopped += 1;
          return { done: true, value: undefined };
        },
      }),
    };
    const iterator = decodeBody(body, coding, megabyte)[Symbol.asyncIterator]();
    void iterator.next();
    await iterator.return?.();
    expect(stopped).toBe(1);
  });
});
