import { createHash } from 'node:crypto';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { text as collect } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { createWorkspaces } from '../../runtime/workspace/workspace.ts';
import { bytes, codeOf, MiB, owner, quota, scratch, text } from './scratch.ts';

const how = { quota };

test('a file is written, read whole, in ranges and as a stream, and replaced', async () => {
  const { workspace: w } = await scratch();
  const first = await w.write('data/report.txt', bytes('0123456789'), { ...how, parents: true });
  expect(first).toMatchObject({ created: true, stat: { type: 'file', bytes: 10 } });
  const file = await w.open('/workspace/data/report.txt');
  expect(file.stat).toEqual(await w.stat('data/report.txt'));
  expect(Buffer.from(await file.read({ offset: 2, length: 3 })).toString()).toBe('234');
  expect(Buffer.from(await file.read({ offset: 8, length: 100 })).toString()).toBe('89');
  expect(await file.read({ offset: 10 })).toHaveLength(0);
  // The open file stays what it was, also when its name is given to another.
  const second = await w.write('data/report.txt', bytes('new'), how);
  expect(second).toMatchObject({ created: false, stat: { bytes: 3 } });
  expect(await collect(file.stream({ offset: 3, length: 4 }))).toBe('3456');
  expect(await text(w, 'data/report.txt')).toBe('new');
  const all = await w.open('data/report.txt');
  expect(await collect(all.stream())).toBe('new');
  expect(await collect((await w.open('data/report.txt')).stream({ length: 0 }))).toBe('');
});

test('a missing parent is an error unless parents are asked for', async () => {
  const { workspace: w } = await scratch();
  expect(await codeOf(w.write('a/b', bytes('x'), how))).toBe('ENOENT');
  await w.write('a/b', bytes('x'), { ...how, parents: true });
  expect(await codeOf(w.write('a/b/c', bytes('x'), { ...how, parents: true }))).toBe('ENOTDIR');
  expect(await codeOf(w.write('a', bytes('x'), how))).toBe('EISDIR');
});

test('wx and ax refuse what exists; concurrent wx: one wins', async () => {
  const { workspace: w } = await scratch();
  const results = await Promise.all(
    [1, 2, 3, 4].map((n) => codeOf(w.write('x', bytes(`${n}`), { ...how, flag: 'wx' }))),
  );
  expect(results.sort()).toEqual(['EEXIST', 'EEXIST', 'EEXIST', 'no error']);
  expect(await codeOf(w.append('x', bytes('x'), { ...how, flag: 'ax' }))).toBe('EEXIST');
  expect(w.usage()).toEqual({ bytes: 1, files: 1 });
});

test('appends come one after the other, each in one piece', async () => {
  const { workspace: w } = await scratch();
  const lines = Array.from({ length: 40 }, (_, n) => `${String(n).padStart(3, '0').repeat(20_000)}\n`);
  await Promise.all(lines.map((line) => w.append('log', bytes(line), { ...how, durable: false })));
  const written = (await text(w, 'log')).trimEnd().split('\n');
  expect(written.sort()).toEqual(lines.map((line) => line.trimEnd()).sort());
  expect(w.usage()).toEqual({ bytes: 40 * 60_001, files: 1 });
});

test('ranges are written in place, gaps are zeros, and a file is cut and extended', async () => {
  const { workspace: w } = await scratch();
  await w.write('f', bytes('abc'), how);
  expect((await w.writeRange('f', 5, bytes('Z'), how)).bytes).toBe(6);
  expect(await text(w, 'f')).toBe('abc\0\0Z');
  await w.writeRange('f', 1, bytes('X'), how);
  await w.truncate('f', 2, how);
  expect(await text(w, 'f')).toBe('aX');
  await w.truncate('f', 4, how);
  expect(w.usage()).toEqual({ bytes: 4, files: 1 });
  expect(await codeOf(w.writeRange('none', 0, bytes('x'), how))).toBe('ENOENT');
});

test('directories are made, listed, walked, renamed and removed', async () => {
  const { workspace: w, incoming } = await scratch();
  await w.mkdir('a/b/c', { ...how, recursive: true });
  await w.mkdir('a/b/c', { ...how, recursive: true });
  expect(await codeOf(w.mkdir('a', how))).toBe('EEXIST');
  expect(await codeOf(w.mkdir('x/y', how))).toBe('ENOENT');
  await w.write('a/b/f', bytes('1234'), how);
  await w.write('a/z', bytes('1'), how);
  expect((await w.list('a')).map(({ path, type, bytes }) => [path, type, bytes])).toEqual([
    ['b', 'directory', 0],
    ['z', 'file', 1],
  ]);
  expect((await Array.fromAsync(w.walk('/workspace'))).map(({ path }) => path)).toEqual([
    'a',
    'a/b',
    'a/z',
    'a/b/c',
    'a/b/f',
  ]);
  expect(await codeOf(w.rename('a', 'a/b/inside', how))).toBe('EINVAL');
  await w.rename('a/b', 'moved', how);
  expect(await text(w, 'moved/f')).toBe('1234');
  await w.rename('a/z', 'moved/f', how);
  expect(await text(w, 'moved/f')).toBe('1');
  expect(w.usage()).toEqual({ bytes: 1, files: 4 });
  expect(await codeOf(w.rename('a', 'moved', how))).toBe('ENOTEMPTY');
  expect(await codeOf(w.rename('moved/f', 'a', how))).toBe('EISDIR');
  expect(await codeOf(w.remove('moved', how))).toBe('ENOTEMPTY');
  expect(await codeOf(w.remove('none', how))).toBe('ENOENT');
  await w.remove('moved', { ...how, recursive: true });
  await w.remove('a', how);
  expect(w.usage()).toEqual({ bytes: 0, files: 0 });
  expect(readdirSync(incoming)).toEqual([]);
});

test('a directory moved deeper than paths can say is refused', async () => {
  const { workspace: w } = await scratch();
  const deep = (name: string) => Array.from({ length: 150 }, () => name).join('/');
  const loose = { ...how, durable: false };
  await w.mkdir(deep('a'), { ...loose, recursive: true });
  await w.mkdir(deep('b'), { ...loose, recursive: true });
  expect(await codeOf(w.rename('a', `${deep('b')}/a`, loose))).toBe('ENAMETOOLONG');
  await w.remove('a', { ...loose, recursive: true });
  expect(w.usage().files).toBe(150);
});

test('a copy is a file of its own', async () => {
  const { workspace: w } = await scratch();
  const content = Buffer.alloc(3 * MiB + 17, 'abc');
  await w.write('from', content, how);
  await w.copy('from', 'to', how);
  await w.writeRange('from', 0, bytes('changed'), how);
  const sha = (value: Uint8Array) => createHash('sha256').update(value).digest('hex');
  const copy = await w.open('to');
  expect(sha(await copy.read())).toBe(sha(content));
  copy.close();
  expect(await codeOf(w.copy('from', 'to', { ...how, exclusive: true }))).toBe('EEXIST');
  expect(await codeOf(w.copy('none', 'to', how))).toBe('ENOENT');
});

test('a stream above its bound is refused and leaves the old content, no temporary file and no usage', async () => {
  const { workspace: w, incoming, files } = await scratch();
  await w.write('f', bytes('old'), how);
  const chunks = () => Readable.from(Array.from({ length: 10 }, () => Buffer.alloc(1000)));
  expect(await codeOf(w.write('f', chunks(), { ...how, maxBytes: 9999 }))).toBe('too_large');
  expect(await codeOf(w.write('dir/f', chunks(), { ...how, parents: true, maxBytes: 9999 }))).toBe('too_large');
  expect(await text(w, 'f')).toBe('old');
  expect(w.usage()).toEqual({ bytes: 3, files: 1 });
  expect(readdirSync(incoming)).toEqual([]);
  expect(readdirSync(files)).toEqual(['f']);
  await w.write('f', chunks(), { ...how, maxBytes: 10_000 });
  expect((await w.stat('f')).bytes).toBe(10_000);
});

test('a stream that breaks passes its own error on and leaves nothing', async () => {
  const { workspace: w, incoming } = await scratch();
  async function* broken() {
    yield Buffer.alloc(1000);
    throw new Error('the caller hung up');
  }
  await expect(w.write('f', broken(), how)).rejects.toThrow('the caller hung up');
  expect(await codeOf(w.stat('f'))).toBe('ENOENT');
  expect(w.usage()).toEqual({ bytes: 0, files: 0 });
  expect(readdirSync(incoming)).toEqual([]);
});

test('the ETag changes with every write, also one of the same size in the same millisecond', async () => {
  const { workspace: w } = await scratch();
  const tags = new Set<string>();
  const loose = { ...how, durable: false };
  for (let n = 0; n < 100; n++) tags.add((await w.write('f', bytes('same'), loose)).stat.etag);
  for (let n = 0; n < 100; n++) tags.add((await w.writeRange('f', 0, bytes('size'), loose)).etag);
  expect(tags.size).toBe(200);
  expect((await w.stat('f')).etag).toMatch(/^"[0-9a-z-]+"$/);
  expect((await w.stat('f')).etag).toBe((await w.stat('f')).etag);
});

test('a condition holds at the moment of replacement, not only before the upload', async () => {
  const { workspace: w } = await scratch();
  const { stat } = await w.write('f', bytes('one'), how);
  const unchanged = (now: { etag: string } | undefined) => {
    if (now?.etag !== stat.etag) throw Object.assign(new Error('mismatch'), { code: 'mismatch' });
  };
  async function* slow() {
    yield bytes('two');
    await w.write('f', bytes('in between'), how);
  }
  expect(await codeOf(w.write('f', slow(), { ...how, condition: unchanged }))).toBe('mismatch');
  expect(await text(w, 'f')).toBe('in between');
  expect(await codeOf(w.remove('f', { ...how, condition: unchanged }))).toBe('mismatch');
});

test('readers during writes see whole contents only', async () => {
  const { workspace: w } = await scratch();
  const content = (n: number) => `${n % 10}`.repeat(200_000 + n);
  await w.write('f', bytes(content(0)), how);
  let writing = true;
  const writer = (async () => {
    for (let n = 1; n < 60; n++) await w.write('f', bytes(content(n)), { ...how, durable: false });
    writing = false;
  })();
  while (writing) {
    const seen = await text(w, 'f');
    expect(seen).toBe(content(seen.length - 200_000));
  }
  await writer;
});

test('sync flushes files, directories, missing paths and removals without complaint', async () => {
  const { workspace: w } = await scratch();
  const loose = { ...how, durable: false };
  await w.write('a/b/f', bytes('x'), { ...loose, parents: true });
  await w.write('gone/f', bytes('x'), { ...loose, parents: true });
  await w.remove('gone', { ...loose, recursive: true });
  await w.sync(['a/b/f', 'a/b', 'gone/f', '/workspace']);
  await w.sync([]);
});

test('files survive a new start, with their usage; other users of the machine cannot enter', async () => {
  const s = await scratch();
  await s.workspace.write('a/f', bytes(1000), { ...how, parents: true });
  const again = await createWorkspaces({ root: s.root }).open(owner);
  expect(await text(again, 'a/f')).toBe('x'.repeat(1000));
  expect(again.usage()).toEqual({ bytes: 1000, files: 2 });
  expect(statSync(s.root).mode & 0o077).toBe(0);
  expect(statSync(join(s.files, 'a')).mode & 0o077).toBe(0);
  expect(statSync(join(s.files, 'a', 'f')).mode & 0o077).toBe(0);
});

test('a forgotten agent has nothing left, and work under way does not touch its successor', async () => {
  const s = await scratch();
  const other = await s.workspaces.open({ tenant: 'default', agent: 'agent-b' });
  await other.write('keep', bytes('x'), how);
  await s.workspace.write('a/f', bytes('x'), { ...how, parents: true });
  async function* slow() {
    yield bytes('late');
    await Promise.all([s.workspaces.forget(owner), s.workspaces.forget(owner)]);
    await s.workspaces.open(owner);
  }
  expect(await codeOf(s.workspace.write('late', slow(), how))).toBe('ENOENT');
  expect(await codeOf(s.workspace.list('/workspace'))).toBe('ENOENT');
  const successor = await s.workspaces.open(owner);
  expect(await successor.list('/workspace')).toEqual([]);
  expect(successor.usage()).toEqual({ bytes: 0, files: 0 });
  expect(await text(other, 'keep')).toBe('x');
  expect(readdirSync(join(s.root, '.removed'))).toEqual([]);
});

test.skipIf(!existsSync('/proc/self/fd'))('no operation keeps a descriptor, whether it succeeds or fails', async () => {
  const { workspace: w } = await scratch();
  const run = async () => {
    await w.write('a/b/f', bytes('x'), { ...how, parents: true });
    const broken = Readable.from(
      (async function* () {
        yield bytes('x');
        throw new Error('broken');
      })(),
    );
    await Promise.allSettled([
      w.stat('a/b/f'),
      w.stat('a/x/f'),
      text(w, 'a/b/f'),
      w.open('a/b/f/'),
      w.open('a'),
      w.write('a', bytes('x'), how),
      w.write('a/b/f/g', bytes('x'), { ...how, parents: true }),
      w.write('g', broken, how),
      w.write('g', bytes('x'), { quota: { bytes: 0, files: 0 } }),
      w.append('a/b/f', bytes('x'), how),
      w.append('a/b/f', bytes('x'), { quota: { bytes: 0, files: 0 } }),
      w.append('a/n', bytes('x'), how),
      w.truncate('a', 1, how),
      w.mkdir('a/b/f/c', { ...how, recursive: true }),
      w.mkdir('m/n', { ...how, recursive: true }),
      w.rename('a/none', 'b', how),
      w.rename('a/b', 'm/b', how),
      w.copy('m/b/f', 'c', how),
      w.sync(['a/b/f', 'none', 'm']),
      w.list('a'),
      w.list('none'),
    ]);
    for await (const _ of w.walk('/workspace')) break;
    await Promise.all((await w.list('/workspace')).map(({ path }) => w.remove(path, { ...how, recursive: true })));
    expect(w.usage()).toEqual({ bytes: 0, files: 0 });
  };
  await run();
  const before = readdirSync('/proc/self/fd').length;
  for (let n = 0; n < 5; n++) await run();
  expect(readdirSync('/proc/self/fd').length).toBe(before);
});
