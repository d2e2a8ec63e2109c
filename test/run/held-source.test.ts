import { expect, test } from 'vitest';
import { holdSource, type WholeSource } from '../../runtime/run/held-source.ts';

const large: [string, Partial<WholeSource>][] = [
  ['code', { code: 'x'.repeat(20_000) }],
  ['input', { input: ['x'.repeat(20_000)] }],
  ['files', { files: [{ path: 'a', content: Buffer.alloc(20_000) }] }],
];

function hold(more: Partial<WholeSource>) {
  const source: WholeSource = { code: '1', files: [], ...more };
  let reads = 0;
  const held = holdSource(source, async () => {
    reads++;
    return source;
  });
  return { held, source, reads: () => reads };
}

test.each(large)('much %s is not in memory while its run waits, and is read when it starts', async (_what, more) => {
  const { held, source, reads } = hold(more);
  await held.get();
  expect(reads()).toBe(0);
  held.waits();
  expect(await held.get()).toBe(source);
  expect(reads()).toBe(1);
});

test('what is small stays', async () => {
  const { held, reads } = hold({ input: { a: 1 }, files: [{ path: 'a', content: Buffer.alloc(100) }] });
  held.waits();
  await held.get();
  expect(reads()).toBe(0);
});

test('who had no files is known without reading', () => {
  expect(hold({}).held.mayHaveFiles).toBe(false);
  expect(hold({ files: [{ path: 'a', content: Buffer.alloc(0) }] }).held.mayHaveFiles).toBe(true);
  expect(holdSource(undefined, () => Promise.reject(new Error('unread'))).mayHaveFiles).toBe(true);
});
