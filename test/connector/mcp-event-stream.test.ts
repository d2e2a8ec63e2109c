import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { eventData } from '../../runtime/connector/mcp/event-stream.ts';

async function events(...chunks: Uint8Array[]): Promise<string[]> {
  async function* body() {
    yield* chunks;
  }
  const found: string[] = [];
  for await (const data of eventData(body())) found.push(data);
  return found;
}
const of = (text: string) => events(Buffer.from(text));

describe('a stream of events', () => {
  it.each([
    ['data: a\n\n', ['a']],
    ['data:a\r\rdata: b\r\n\r\n', ['a', 'b']],
    ['data:  a\ndata\ndata: b\n\n', [' a\n\nb']],
    [': comment\nid: 7\nretry: 10\ndata: a\nnonsense\n\n\n\n', ['a']],
    ['event: message\ndata: a\n\nevent: other\ndata: b\n\ndata: c\n\n', ['a', 'c']],
    ['\ufeffdata: a\n\n', ['a']],
    ['event: other\n\ndata: a\n\n', ['a']],
    // Cut off: an event without its end is none.
    ['data: a\n\ndata: b\n', ['a']],
    ['data: a', []],
    ['', []],
  ])('%j', async (text, expected) => {
    expect(await of(text)).toEqual(expected);
  });

  it('is the same however it is cut into chunks (property)', async () => {
    const line = fc.constantFrom('data: ä', 'data: 世界', 'data:', ': x', 'event: other', 'event: message', '');
    const text = fc.array(fc.tuple(line, fc.constantFrom('\n', '\r', '\r\n')), { maxLength: 20 });
    await fc.assert(
      fc.asyncProperty(text, fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 }), async (lines, sizes) => {
        const bytes = Buffer.from(`${lines.map((parts) => parts.join('')).join('')}data: z\n\ndata: z\n\n`);
        const chunks: Uint8Array[] = [];
        for (let at = 0, turn = 0; at < bytes.length; turn++) {
          const size = sizes[turn % sizes.length] as number;
          chunks.push(bytes.subarray(at, at + size));
          at += size;
        }
        expect(await events(...chunks)).toEqual(await events(bytes));
      }),
    );
  });

  it('refuses what is no UTF-8', async () => {
    await expect(events(Buffer.from('data: '), Buffer.from([0xff]))).rejects.toThrow(TypeError);
  });
});
