import { expect, test } from 'vitest';
import { fromDisk, toDisk } from '../../runtime/run/stored-source.ts';

const content = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));

test('files come back from JSON as the bytes they were, and take a third more than those there', () => {
  const text = JSON.stringify(toDisk({ code: '1', input: { a: [1] }, files: [{ path: 'b.bin', content }] }));
  expect(text.length).toBeLessThan((content.length * 4) / 3 + 100);
  expect(fromDisk(JSON.parse(text))).toEqual({ code: '1', input: { a: [1] }, files: [{ path: 'b.bin', content }] });
});

test('bytes of a part of a larger buffer are that part alone', () => {
  const part = new Uint8Array(content.buffer, content.byteOffset + 2, 3);
  expect(fromDisk(toDisk({ code: '1', files: [{ path: 'p', content: part }] })).files?.[0]?.content).toEqual(
    Buffer.from([2, 3, 4]),
  );
});

test('what an earlier version left is read', () => {
  const left = JSON.parse(JSON.stringify({ code: '1', files: [{ path: 'old', content: Buffer.from('old') }] }));
  expect(fromDisk(left).files).toEqual([{ path: 'old', content: Buffer.from('old') }]);
});

test('a source without files has none', () => {
  expect(fromDisk(toDisk({ code: '1' }))).toEqual({ code: '1' });
});
