import { expect, it } from 'vitest';
import { scrubbed } from './scrubbed.ts';

const escaped = (text: string) =>
  [...text].map((one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`).join('');

it.each([
  'aaaaaa%a',
  'abcdefgh%a',
  'abcdefgh&am',
  'abcdefgh',
])('%s in escapes is found behind a backslash, though its end may read as the beginning of an escape', async (secret) => {
  const spelled = escaped(secret);
  for (const [before, after] of [
    ['0\\', '0\\'],
    ['\\', 'p;'],
    ['\\', ''],
  ] as const) {
    const out = (await scrubbed([secret], [Buffer.from(before + spelled + after)])).toString();
    expect(out.slice(before.length, before.length + spelled.length)).toMatch(/^\\?\*+$/);
  }
});
