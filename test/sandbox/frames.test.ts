/** The framing of the host-worker channel: what is cut where must not matter, and what is no frame must be refused. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodeFrame, FrameError, frameReader } from '../../runtime/sandbox/frames.ts';

const MiB = 1024 * 1024;

interface Frame {
  header: object;
  bytes: Uint8Array | undefined;
}

const frames: fc.Arbitrary<Frame[]> = fc.array(
  fc.record({
    header: fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue({ stringUnit: 'binary' })),
    bytes: fc.option(fc.uint8Array({ minLength: 1, maxLength: 300 }), { nil: undefined }),
  }),
  { maxLength: 8 },
);

/** What a reader makes of these bytes, given in pieces that end at `cuts`. */
function read(stream: Buffer, cuts: number[], maxBytes = MiB): Frame[] {
  const found: Frame[] = [];
  const feed = frameReader(maxBytes, (header, bytes) => found.push({ header, bytes }));
  let from = 0;
  for (const cut of [...cuts.map((any) => any % (stream.length + 1)).sort((a, b) => a - b), stream.length]) {
    feed(stream.subarray(from, cut));
    from = cut;
  }
  return found;
}

const plain = (given: Frame[]) =>
  given.map(({ header, bytes }) => [JSON.stringify(header), bytes && Buffer.from(bytes).toString('hex')]);

/** Two lengths and what follows them, true or not. */
function raw(headerBytes: number, bodyBytes: number, rest: string | Uint8Array = ''): Buffer {
  const lengths = Buffer.alloc(8);
  lengths.writeUInt32BE(headerBytes, 0);
  lengths.writeUInt32BE(bodyBytes, 4);
  return Buffer.concat([lengths, Buffer.from(rest as never)]);
}

describe('whole frames', () => {
  test('come out as they went in, however the stream is cut', () => {
    fc.assert(
      fc.property(frames, fc.array(fc.nat(), { maxLength: 20 }), (given, cuts) => {
        const stream = Buffer.concat(given.map(({ header, bytes }) => encodeFrame(header, bytes)));
        expect(plain(read(stream, cuts))).toEqual(plain(given));
      }),
      { numRuns: 500 },
    );
  });

  test('come out as they went in, byte by byte', () => {
    fc.assert(
      fc.property(frames, (given) => {
        const stream = Buffer.concat(given.map(({ header, bytes }) => encodeFrame(header, bytes)));
        const cuts = Array.from(stream, (_, at) => at);
        expect(plain(read(stream, cuts))).toEqual(plain(given));
      }),
      { numRuns: 50 },
    );
  });

  test('of no bytes at all carry none', () => {
    expect(read(encodeFrame({ a: 1 }, new Uint8Array(0)), [])).toEqual([{ header: { a: 1 }, bytes: undefined }]);
  });

  test('keep their bytes when the stream they came in is written over', () => {
    const stream = encodeFrame({}, new Uint8Array([1, 2, 3]));
    const found = read(stream, []);
    stream.fill(0);
    expect([...(found[0]?.bytes ?? [])]).toEqual([1, 2, 3]);
  });

  test('a frame of 32 MiB in pieces of 64 KiB is put together once, not once for each piece', () => {
    const stream = encodeFrame({}, new Uint8Array(32 * MiB));
    const cuts = Array.from({ length: stream.length / 65_536 }, (_, n) => n * 65_536);
    const began = performance.now();
    expect(read(stream, cuts, 64 * MiB)[0]?.bytes?.byteLength).toBe(32 * MiB);
    // Joined at each piece it would copy 8 GiB.
    expect(performance.now() - began).toBeLessThan(2000);
  });
});

describe('what is no frame', () => {
  test.each([
    ['a header of 4 GiB', raw(0xffff_ffff, 0)],
    ['bytes of 4 GiB', raw(2, 0xffff_ffff, '{}')],
    ['a header and bytes that are only together too large', raw(MiB / 2, MiB / 2)],
    ['one byte above the bound', raw(2, MiB - 9, '{}')],
  ])('%s is refused when it is announced, before it is buffered', (_, stream) => {
    expect(() => read(stream, [])).toThrow(FrameError);
  });

  test('the largest frame that is allowed passes', () => {
    const stream = raw(2, MiB - 10, Buffer.concat([Buffer.from('{}'), Buffer.alloc(MiB - 10)]));
    expect(read(stream, [100, 8])).toHaveLength(1);
  });

  test.each([
    ['an array', '[]'],
    ['null', 'null'],
    ['a number', '5'],
    ['text', '"{}"'],
    ['nothing', ''],
    ['broken JSON', '{"a":'],
    ['two objects', '{}{}'],
    ['bytes that are not UTF-8', new Uint8Array([0x7b, 0xff, 0x7d])],
  ])('a header of %s is refused', (_, header) => {
    expect(() => read(raw(Buffer.byteLength(header as never), 0, header), [])).toThrow(FrameError);
  });

  test('random bytes give frames or a FrameError, never another error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.array(fc.nat(), { maxLength: 5 }), (bytes, cuts) => {
        try {
          read(Buffer.from(bytes), cuts);
        } catch (error) {
          expect(error).toBeInstanceOf(FrameError);
        }
      }),
      { numRuns: 500 },
    );
  });

  test('the frames before it are delivered', () => {
    const found: object[] = [];
    const feed = frameReader(MiB, (header) => found.push(header));
    expect(() => feed(Buffer.concat([encodeFrame({ n: 1 }), raw(2, 0, '[]')]))).toThrow(FrameError);
    expect(found).toEqual([{ n: 1 }]);
  });

  test('hundred thousand levels of nesting are parsed or refused, and the stack holds', () => {
    const header = `{"a":${'['.repeat(100_000)}${']'.repeat(100_000)}}`;
    expect(read(raw(header.length, 0, header), [])).toHaveLength(1);
  });
});
