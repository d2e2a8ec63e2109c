import { createHash } from 'node:crypto';
import { readdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Json } from '../../runtime/json.ts';
import { createChangedPaths } from '../../runtime/run/changed-files.ts';
import { bytes, MiB, text } from '../workspace/scratch.ts';
import { failed, guest } from './guest.ts';

const sha256 = (content: string | Uint8Array) => createHash('sha256').update(content).digest('hex');
test('a guest writes, reads, appends, changes ranges, lists and removes', async () => {
  const g = await guest();
  expect(await g.ask('mkdir', { path: 'data/in', recursive: true })).toEqual({ ok: true });
  expect(await g.write('/workspace/data/in/a.txt', 'hello')).toEqual({ ok: true });
  expect(await g.write('data/in/a.txt', ' world', 'a')).toEqual({ ok: true });
  expect(await g.ask('writeRange', { path: 'data/in/a.txt', offset: 0 }, bytes('J'))).toEqual({ ok: true });
  const read = await g.ask('readFile', { path: 'data/in/a.txt' });
  expect(read).toMatchObject({ ok: true, value: { bytes: 11 } });
  expect(Buffer.from(read.ok ? (read.bytes as Uint8Array) : []).toString()).toBe('Jello world');
  const part = await g.ask('readFile', { path: 'data/in/a.txt', offset: 6, length: 3 });
  expect(Buffer.from(part.ok ? (part.bytes as Uint8Array) : []).toString()).toBe('wor');
  expect(await g.ask('stat', { path: 'data' })).toMatchObject({ ok: true, value: { type: 'directory', bytes: 0 } });
  const stat = await g.ask('stat', { path: 'data/in/a.txt' });
  expect(Object.keys(stat.ok ? (stat.value as object) : {}).sort()).toEqual([
    'bytes',
    'createdAtMs',
    'modifiedAtMs',
    'type',
  ]);
  expect(await g.ask('readdir', { path: '/workspace' })).toEqual({
    ok: true,
    value: [{ name: 'data', type: 'directory' }],
  });
  expect(await g.ask('readdir', { path: '.', recursive: true })).toEqual({
    ok: true,
    value: [
      { name: 'data', type: 'directory' },
      { name: 'data/in', type: 'directory' },
      { name: 'data/in/a.txt', type: 'file' },
    ],
  });
  await g.ask('copyFile', { from: 'data/in/a.txt', to: 'copy', exclusive: true });
  await g.ask('truncate', { path: 'copy', bytes: 5 });
  expect(await text(g.workspace, 'copy')).toBe('Jello');
  await g.ask('rename', { from: 'copy', to: 'moved' });
  expect(await g.ask('rm', { path: 'moved', recursive: false, force: false })).toEqual({ ok: true });
  expect(failed(await g.ask('rm', { path: 'moved' }))).toBe('Error ENOENT undefined');
  expect(await g.ask('rm', { path: 'moved', force: true })).toEqual({ ok: true });
});

test('errors are as Node.js says them', async () => {
  const g = await guest();
  expect(await g.ask('readFile', { path: 'x' })).toEqual({
    ok: false,
    error: { name: 'Error', code: 'ENOENT', message: "ENOENT: no such file or directory, open '/workspace/x'" },
  });
  await g.write('f', 'x');
  await g.ask('mkdir', { path: 'd' });
  expect(failed(await g.write('f', 'x', 'wx'))).toBe('Error EEXIST undefined');
  expect(failed(await g.write('d', 'x'))).toBe('Error EISDIR undefined');
  expect(failed(await g.write('f/x', 'x'))).toBe('Error ENOTDIR undefined');
  await g.write('d/f', 'x');
  expect(failed(await g.ask('rm', { path: 'd' }))).toBe('Error ENOTEMPTY undefined');
  expect(failed(await g.ask('readFile', { path: '/etc/passwd' }))).toBe('Error EACCES undefined');
});

test('hostile arguments are refused as a TypeError, change nothing and are no fault of ours', async () => {
  const g = await guest();
  const hostile: [string, Json][] = [
    ['readFile', null],
    ['readFile', []],
    ['readFile', 'x'],
    ['readFile', {}],
    ['readFile', { path: 1 }],
    ['readFile', { path: ['a'] }],
    ['readFile', { path: 'a', offset: -1 }],
    ['readFile', { path: 'a', offset: 0.5 }],
    ['readFile', { path: 'a', length: 1e300 }],
    ['readFile', { path: 'a', encoding: 'utf8' }],
    ['readFile', JSON.parse('{"path":"a","__proto__":{"x":1}}')],
    ['writeFile', { path: 'a' }],
    ['writeFile', { path: 'a', flag: 'r+' }],
    ['writeFile', { path: 'a', flag: null }],
    ['writeRange', { path: 'a' }],
    ['writeRange', { path: 'a', offset: '0' }],
    ['truncate', { path: 'a', bytes: null }],
    ['mkdir', { path: 'a', recursive: 'yes' }],
    ['rm', { path: 'a', force: 1 }],
    ['rename', { from: 'a' }],
    ['copyFile', { to: 'a' }],
    ['constructor', {}],
    ['__proto__', {}],
    ['symlink', { from: 'a', to: 'b' }],
  ];
  for (const [op, args] of hostile)
    expect([op, failed(await g.ask(op, args))]).toEqual([op, 'TypeError ERR_INVALID_ARG_TYPE undefined']);
  for (const path of ['../x', 'a\0', 'a\\b', 'x'.repeat(5000)]) {
    expect(failed(await g.write(path, 'x'))).toMatch(/^Error (EACCES|EINVAL|ENAMETOOLONG) /);
  }
  expect(readdirSync(g.hostFiles)).toEqual([]);
  expect(g.faults).toEqual([]);
});

test('the growth limit of the run is ENOSPC with its name, and holds exactly under parallel writes', async () => {
  const g = await guest();
  const replies = await Promise.all(Array.from({ length: 30 }, (_, n) => g.write(`f${n % 3}`, 1000, 'a')));
  expect(replies.filter((reply) => reply.ok)).toHaveLength(10);
  expect(new Set(replies.map(failed))).toEqual(new Set(['no error', 'Error ENOSPC workspaceBytes']));
  expect(g.workspace.usage()).toEqual({ bytes: 10_000, files: 3 });
  // Net growth: what is freed can be written again.
  await g.ask('truncate', { path: 'f0', bytes: 0 });
  expect(failed(await g.write('g', 1000))).toBe('no error');
  await g.ask('rm', { path: 'f1' });
  expect(failed(await g.write('g', 2000))).toBe('no error');
  const many = await Promise.all(Array.from({ length: 30 }, (_, n) => g.write(`n${n}`, 0)));
  expect(many.filter((reply) => reply.ok)).toHaveLength(7);
  expect(new Set(many.map(failed))).toEqual(new Set(['no error', 'Error ENOSPC files']));
  expect(failed(await g.ask('mkdir', { path: 'd' }))).toBe('Error ENOSPC files');
  expect(failed(await g.write('new', 1, 'ax'))).toBe('Error ENOSPC files');
  expect(g.faults).toEqual([]);
});

test("the agent's quota is QuotaExceeded and names what is used up", async () => {
  const g = await guest({ quota: { bytes: 1500, files: 2 } });
  expect(failed(await g.write('a', 1000))).toBe('no error');
  const reply = await g.write('b', 1000);
  expect(failed(reply)).toBe('QuotaExceeded ENOSPC workspaceBytes');
  expect(reply.ok ? '' : reply.error.message).toBe("The agent's quota workspaceBytes is used up: 1000 of 1500");
  await g.write('b', 1);
  expect(failed(await g.write('c', 1))).toBe('QuotaExceeded ENOSPC files');
});

test('a hole counts in full: one byte far out is refused', async () => {
  const g = await guest();
  await g.write('f', 'x');
  expect(failed(await g.ask('writeRange', { path: 'f', offset: 10 * 1024 ** 3 }, bytes('x')))).toBe(
    'QuotaExceeded ENOSPC workspaceBytes',
  );
  expect(failed(await g.ask('truncate', { path: 'f', bytes: Number.MAX_SAFE_INTEGER }))).toBe(
    'QuotaExceeded ENOSPC workspaceBytes',
  );
  expect(failed(await g.ask('truncate', { path: 'f', bytes: 20_000 }))).toBe('Error ENOSPC workspaceBytes');
  expect((await g.workspace.stat('f')).bytes).toBe(1);
});

test('the request files are there, count against the quota but not as growth or change, until the guest changes them', async () => {
  const g = await guest({ limits: { workspaceBytes: 10, files: 1 } });
  await g.files.place([
    { path: 'in/a.csv', content: bytes(5000) },
    { path: '/workspace/b.csv', content: bytes('b') },
  ]);
  expect(await g.files.changed()).toEqual([]);
  expect(failed(await g.write('out', 10))).toBe('no error');
  expect(failed(await g.write('b.csv', 'B'))).toBe('no error');
  expect(await g.files.changed()).toEqual([
    { path: 'b.csv', bytes: 1, sha256: sha256('B') },
    { path: 'out', bytes: 10, sha256: sha256('x'.repeat(10)) },
  ]);
  await g.files.flush();
  await expect(g.files.place([{ path: '../x', content: bytes('x') }])).rejects.toMatchObject({ code: 'EACCES' });
});

test('changed files: written, appended, moved and copied ones that exist, sorted, as they are in the end', async () => {
  const g = await guest();
  await g.files.place([
    { path: 'kept', content: bytes('kept') },
    { path: 'dir/x', content: bytes('x') },
    { path: 'dir/sub/y', content: bytes('y') },
    { path: 'removed', content: bytes('r') },
  ]);
  await g.write('z', 'first');
  await g.write('z', 'second');
  await g.write('temporary', 't');
  await g.ask('rm', { path: 'temporary' });
  await g.ask('rm', { path: 'removed' });
  await g.ask('mkdir', { path: 'empty' });
  await g.ask('rename', { from: 'dir', to: 'moved' });
  await g.ask('copyFile', { from: 'kept', to: 'copy' });
  await g.write('kept', 'no', 'wx');
  await g.ask('readFile', { path: 'kept' });
  await g.write('tree/f', 'x');
  expect(await g.files.changed()).toEqual([
    { path: 'copy', bytes: 4, sha256: sha256('kept') },
    { path: 'moved/sub/y', bytes: 1, sha256: sha256('y') },
    { path: 'moved/x', bytes: 1, sha256: sha256('x') },
    { path: 'z', bytes: 6, sha256: sha256('second') },
  ]);
  await g.files.flush();
});

test('a file that is swapped for a link before the end is not hashed', async () => {
  const g = await guest();
  await g.write('f', 'x');
  await g.ask('rm', { path: 'f' });
  symlinkSync('/etc/passwd', join(g.hostFiles, 'f'));
  await g.write('f', 'x');
  expect(await g.files.changed()).toEqual([]);
});

test('the end waits for calls under way, and hashes large files piece by piece', async () => {
  const g = await guest({ limits: { workspaceBytes: 64 * MiB, files: 10 } });
  const content = Buffer.alloc(20 * MiB + 5, 'ab');
  const write = g.ask('writeFile', { path: 'big', flag: 'w' }, content);
  expect(await g.files.changed()).toEqual([{ path: 'big', bytes: content.length, sha256: sha256(content) }]);
  expect(await write).toEqual({ ok: true });
});

test('a file above the size of an answer is read in ranges only', async () => {
  const g = await guest({ maxReplyBytes: 1000 });
  await g.write('f', 1001);
  expect(failed(await g.ask('readFile', { path: 'f' }))).toBe('RangeError ERR_FS_FILE_TOO_LARGE undefined');
  expect(await g.ask('readFile', { path: 'f', length: 1000 })).toMatchObject({ ok: true, value: { bytes: 1001 } });
  expect(await g.ask('readFile', { path: 'f', offset: 1000 })).toMatchObject({
    ok: true,
    bytes: Buffer.from('x'),
  });
});

test('a flood of files made and removed leaves no marks behind, and what remains is still known', async () => {
  const g = await guest();
  const marks = createChangedPaths(g.workspace, 50);
  await g.workspace.write('kept', bytes('k'), { quota: { bytes: 1000, files: 10 } });
  await g.workspace.mkdir('d', { quota: { bytes: 1000, files: 10 } });
  marks.mark('kept', 'file');
  for (let n = 0; n < 1000; n++) {
    marks.mark(`d/gone/${n}`, 'file');
    await marks.prune();
  }
  expect((await marks.paths()).length).toBeLessThan(60);
  expect((await marks.files()).map(({ path }) => path)).toEqual(['kept']);
  expect(await marks.paths()).toContain('/workspace/d');
});
