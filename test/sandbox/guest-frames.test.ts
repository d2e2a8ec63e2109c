/** Frames that a guest may have written: what they cost the service is bounded before they are parsed. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { jsonDepth, maxJsonDepth } from '../../runtime/json.ts';
import { encodeFrame, FrameError } from '../../runtime/sandbox/frames.ts';
import { guestFrameReader } from '../../runtime/sandbox/guest-frames.ts';
import { jsonWeight, maxMarks } from '../../runtime/sandbox/json-weight.ts';

const MiB = 1024 * 1024;
setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');

function raw(header: string, bodyBytes = 0, rest: Uint8Array = new Uint8Array(0)): Buffer {
  const lengths = Buffer.alloc(8);
  lengths.writeUInt32BE(Buffer.byteLength(header), 0);
  lengths.writeUInt32BE(bodyBytes, 4);
  return Buffer.concat([lengths, Buffer.from(header), rest]);
}

function reader(maxBytes = 64 * MiB) {
  const found: { header: object; bytes: Buffer | undefined; weight: number }[] = [];
  const refused: number[] = [];
  const feed = guestFrameReader(maxBytes, {
    onFrame: (header, bytes, weight) => found.push({ header, bytes, weight }),
    onRefused: (id) => refused.push(id),
  });
  return { feed, found, refused };
}

const call = (args: string, id = 7) => raw(`{"t":"call","id":${id},"op":"memory.set","args":${args}}`);

describe('whole frames', () => {
  const frames = fc.array(
    fc.record({
      header: fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue({ stringUnit: 'binary' })),
      bytes: fc.option(fc.uint8Array({ minLength: 1, maxLength: 300 }), { nil: undefined }),
    }),
    { maxLength: 8 },
  );

  test('come out as they went in, however the stream is cut, and none is announced as kept at their end', () => {
    fc.assert(
      fc.property(frames, fc.array(fc.nat(), { maxLength: 20 }), (given, cuts) => {
        const stream = Buffer.concat(given.map(({ header, bytes }) => encodeFrame(header, bytes)));
        const { feed, found } = reader();
        let from = 0;
        let kept = 0;
        const ends = [...cuts.map((any) => any % (stream.length + 1)).sort((a, b) => a - b), stream.length];
        for (const cut of ends) {
          kept = feed(stream.subarray(from, cut));
          from = cut;
        }
        expect(kept).toBe(0);
        const plain = (all: { header: object; bytes: Uint8Array | undefined }[]) =>
          all.map(({ header, bytes }) => [JSON.stringify(header), bytes && Buffer.from(bytes).toString('hex')]);
        expect(plain(found)).toEqual(plain(given));
      }),
      { numRuns: 300 },
    );
  });

  test('come out as they went in, byte by byte', () => {
    const stream = Buffer.concat([encodeFrame({ a: 1 }, new Uint8Array([1, 2])), encodeFrame({ b: '"\\,[' })]);
    const { feed, found } = reader();
    for (const byte of stream) feed(Buffer.from([byte]));
    expect(found.map(({ header }) => header)).toEqual([{ a: 1 }, { b: '"\\,[' }]);
  });

  test('a frame of 32 MiB in pieces of 64 KiB is not copied for each piece', () => {
    const stream = encodeFrame({}, new Uint8Array(32 * MiB));
    const { feed, found } = reader();
    const began = performance.now();
    for (let at = 0; at < stream.length; at += 65_536) feed(stream.subarray(at, at + 65_536));
    expect(found[0]?.bytes?.byteLength).toBe(32 * MiB);
    expect(performance.now() - began).toBeLessThan(2000);
  });

  test.each([
    ['4 GiB of header', Buffer.from([0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0])],
    ['one byte above the bound', raw('{}', 64 * MiB - 9)],
    ['no object', raw('[]')],
    ['no JSON', raw('{"a":')],
  ])('%s is refused', (_, stream) => {
    expect(() => reader().feed(stream)).toThrow(FrameError);
  });
});

describe('memory', () => {
  /** Asks again: V8 gives back the bytes of buffers on another thread. */
  const expectLittleKept = (before: NodeJS.MemoryUsage) =>
    expect
      .poll(
        () => {
          collectGarbage();
          const { arrayBuffers, heapUsed } = process.memoryUsage();
          return arrayBuffers - before.arrayBuffers + Math.max(0, heapUsed - before.heapUsed);
        },
        { timeout: 10_000 },
      )
      .toBeLessThan(10 * MiB);

  test('what follows a frame of 32 MiB does not keep it', async () => {
    collectGarbage();
    const before = process.memoryUsage();
    const readers = [1, 2, 3].map(() => {
      const feed = guestFrameReader(64 * MiB, { onFrame() {} });
      feed(raw('{}', 32 * MiB, Buffer.alloc(32 * MiB + 1)));
      return feed;
    });
    await expectLittleKept(before);
    expect(readers.map((feed) => feed(Buffer.alloc(1)))).toEqual([2, 2, 2]);
  });

  test('200,000 chunks of one byte of an unfinished frame are kept in little more than their bytes', async () => {
    const { feed } = reader();
    collectGarbage();
    const before = process.memoryUsage();
    feed(raw('{}', 40 * MiB));
    let kept = 0;
    for (let n = 0; n < 200_000; n++) kept = feed(Buffer.allocUnsafeSlow(1));
    expect(kept).toBe(200_010);
    await expectLittleKept(before);
    expect(feed(Buffer.alloc(1))).toBe(200_011);
  });
});

describe('headers that cost too much', () => {
  test('weight agrees with a parser about depth, and counts no text', () => {
    fc.assert(
      fc.property(fc.jsonValue({ stringUnit: 'binary' }), fc.nat(200), (value, pad) => {
        const text = JSON.stringify([value, '\\"'.repeat(pad), 'x'.repeat(pad), `${'y'.repeat(pad)}\\`, value]);
        expect(jsonWeight(Buffer.from(text))).toMatchObject({ depth: jsonDepth(text), isTooMuch: false });
        const bare = text.replace(/"(?:[^"\\]|\\.)*"/gs, '').replace(/[^[\]{},:]/g, '');
        expect(jsonWeight(Buffer.from(text)).marks).toBe(bare.length + 2 * (bare.split(':').length - 1));
      }),
    );
  });

  test.each([
    ['ten million objects', `[${'{},'.repeat(10_000_000)}0]`],
    ['five million keys', `{${'"a":0,'.repeat(5_000_000)}"b":0}`],
    ['1,001 levels', '['.repeat(maxJsonDepth) + ']'.repeat(maxJsonDepth)],
    ['a million levels', '{"1":'.repeat(1_000_000)],
  ])('%s: the call is refused before it is parsed, and the next one is read', (_, args) => {
    const { feed, found, refused } = reader();
    const stream = Buffer.concat([call(args), call('{}', 8)]);
    const began = process.threadCpuUsage();
    feed(stream);
    const { user, system } = process.threadCpuUsage(began);
    // Parsed, ten million objects take seconds.
    expect((user + system) / 1000).toBeLessThan(500);
    expect(refused).toEqual([7]);
    expect(found.map(({ header }) => (header as { id: number }).id)).toEqual([8]);
  });

  test('what is not written as a call is refused with its connection', () => {
    const { feed } = reader();
    expect(() => feed(raw(`{"t":"end","id":1,"end":[${'{},'.repeat(1_000_000)}0]}`))).toThrow(FrameError);
    const deaf = guestFrameReader(64 * MiB, { onFrame() {} });
    expect(() => deaf(call(`[${'{},'.repeat(1_000_000)}0]`))).toThrow(FrameError);
  });

  test('the largest value of memory, a thousand levels and 24 MiB of text pass', () => {
    const { feed, found, refused } = reader();
    feed(call(`{"key":"k","value":[${'0,'.repeat(MiB / 2 - 2)}0]}`));
    feed(call('['.repeat(maxJsonDepth - 1) + ']'.repeat(maxJsonDepth - 1)));
    feed(encodeFrame({ t: 'display', id: 1, mime: 'text/plain', data: '\n,'.repeat(12 * MiB) }));
    expect([found.length, refused]).toEqual([3, []]);
    expect(found[0]?.weight).toBeGreaterThan(MiB * 64);
    expect(maxMarks).toBeGreaterThan(MiB);
  });
});
