import { execFileSync } from 'node:child_process';
import {
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { bytes, codeOf, messageOf, quota, type Scratch, scratch, text } from './scratch.ts';

const how = { quota };
const NFD = 'e\u0301';

describe.each([
  ['by descriptor', true],
  ['by path, as without /proc', false],
])('the gate %s', (_, descriptors) => {
  let s: Scratch;
  let canary: string;
  beforeEach(async () => {
    s = await scratch({ descriptors });
    canary = join(s.outside, 'canary');
    writeFileSync(canary, 'secret');
    return () => expect(readFileSync(canary, 'utf8')).toBe('secret');
  });

  test.each([
    ['../../../../canary', 'EACCES'],
    ['a/../../canary', 'EACCES'],
    ['/workspace/../canary', 'EACCES'],
    ['/workspace/./.././canary', 'EACCES'],
    ['/etc/passwd', 'EACCES'],
    ['/workspace2/x', 'EACCES'],
    ['/', 'EACCES'],
    ['//workspace/x', 'EACCES'],
    ['/proc/self/fd/0', 'EACCES'],
    ['', 'ENOENT'],
    ['..', 'EACCES'],
    ['a\0b', 'EINVAL'],
    ['../canary\0.txt', 'EACCES'],
    ['a\nb', 'EINVAL'],
    ['a\u001b[2Jb', 'EINVAL'],
    ['..\\canary', 'EINVAL'],
    ['a\\..\\..\\canary', 'EINVAL'],
    ['\uff0e\uff0e/canary', 'EINVAL'],
    ['\u2025/canary', 'EINVAL'],
    ['..\uff0fcanary', 'EINVAL'],
    ['..\uff3ccanary', 'EINVAL'],
    ['\u2100', 'EINVAL'],
    ['a\u202egpj.exe', 'EINVAL'],
    ['a\u2028b', 'EINVAL'],
    ['\ud800', 'EINVAL'],
    ['.. ', 'EINVAL'],
    ['...', 'EINVAL'],
    ['x'.repeat(256), 'ENAMETOOLONG'],
    ['\u00e9'.repeat(128), 'ENAMETOOLONG'],
    ['a/'.repeat(2100), 'ENAMETOOLONG'],
    ['a/'.repeat(300), 'ENAMETOOLONG'],
  ])('refuses %j with %s, for every operation', async (path, code) => {
    const w = s.workspace;
    const asked = [
      w.stat(path),
      w.list(path),
      w.open(path),
      w.write(path, bytes('x'), { ...how, parents: true }),
      w.append(path, bytes('x'), how),
      w.writeRange(path, 0, bytes('x'), how),
      w.truncate(path, 0, how),
      w.mkdir(path, { ...how, recursive: true }),
      w.remove(path, { ...how, recursive: true }),
      w.rename(path, 'b', how),
      w.copy(path, 'b', how),
      w.sync([path]),
    ];
    expect(new Set(await Promise.all(asked.map(codeOf)))).toEqual(new Set([code]));
    for (const item of await w.list('/workspace')) expect(item).toBe('nothing was made');
  });

  test.each([
    '%2e%2e%2fcanary',
    '..;',
    'a..b',
    '.hidden',
    'x'.repeat(255),
    'CON',
    'name.',
    'A',
    '\u2215',
    'caf\u00e9',
    `caf${NFD}`,
  ])('takes %j as a plain name inside', async (name) => {
    await s.workspace.write(name, bytes('in'), how);
    expect(await text(s.workspace, `/workspace/${name}`)).toBe('in');
    expect(readdirSync(s.files)).toEqual([name]);
    expect(readdirSync(s.root)).toEqual(['default']);
  });

  test('dots and repeated slashes inside the workspace mean what they mean everywhere', async () => {
    await s.workspace.write('a/b.txt', bytes('in'), { ...how, parents: true });
    expect(await text(s.workspace, '/workspace//a/./../a/b.txt')).toBe('in');
    expect(await codeOf(s.workspace.open('a/b.txt/'))).toBe('ENOTDIR');
    expect(await codeOf(s.workspace.stat('a/b.txt/'))).toBe('ENOTDIR');
    expect((await s.workspace.stat('/workspace')).type).toBe('directory');
  });

  test('a planted link to a host file is not read, written, listed, copied or renamed; it can be removed', async () => {
    symlinkSync(canary, join(s.files, 'link'));
    const w = s.workspace;
    expect(await codeOf(w.open('link'))).toBe('ELOOP');
    expect(await codeOf(w.stat('link'))).toBe('ELOOP');
    expect(await codeOf(w.write('link', bytes('x'), how))).toBe('ELOOP');
    expect(await codeOf(w.append('link', bytes('x'), how))).toBe('ELOOP');
    expect(await codeOf(w.writeRange('link', 0, bytes('x'), how))).toBe('ELOOP');
    expect(await codeOf(w.truncate('link', 0, how))).toBe('ELOOP');
    expect(await codeOf(w.copy('link', 'b', how))).toBe('ELOOP');
    expect(await codeOf(w.rename('link', 'b', how))).toBe('ELOOP');
    expect(await w.list('/workspace')).toEqual([]);
    await w.remove('link', how);
    expect(readdirSync(s.files)).toEqual([]);
  });

  test('a planted dangling link does not make a file where it points', async () => {
    symlinkSync(join(s.outside, 'new'), join(s.files, 'link'));
    expect(await codeOf(s.workspace.write('link', bytes('x'), how))).toBe('ELOOP');
    expect(await codeOf(s.workspace.append('link', bytes('x'), how))).toBe('ELOOP');
    expect(readdirSync(s.outside).sort()).toEqual(['canary', 'root']);
  });

  test('a planted link to a host directory is not entered, and a recursive removal does not empty it', async () => {
    mkdirSync(join(s.files, 'dir'));
    symlinkSync(s.outside, join(s.files, 'dir', 'out'));
    const w = s.workspace;
    expect(await codeOf(w.open('dir/out/canary'))).toBe('ENOTDIR');
    expect(await codeOf(w.list('dir/out'))).toBe('ENOTDIR');
    expect(await codeOf(w.write('dir/out/new', bytes('x'), { ...how, parents: true }))).toBe('ENOTDIR');
    expect(await codeOf(w.mkdir('dir/out/new', { ...how, recursive: true }))).toBe('ENOTDIR');
    expect(await codeOf(w.remove('dir/out/canary', how))).toBe('ENOTDIR');
    expect(await Array.fromAsync(w.walk('/workspace'))).toMatchObject([{ path: 'dir' }]);
    await w.remove('dir', { ...how, recursive: true });
    expect(readdirSync(s.outside).sort()).toEqual(['canary', 'root']);
  });

  test('a planted hard link to a host file is not read, changed or listed', async () => {
    linkSync(canary, join(s.files, 'hard'));
    const w = s.workspace;
    expect(await codeOf(w.open('hard'))).toBe('EACCES');
    expect(await codeOf(w.stat('hard'))).toBe('EACCES');
    expect(await codeOf(w.write('hard', bytes('x'), how))).toBe('EACCES');
    expect(await codeOf(w.append('hard', bytes('x'), how))).toBe('EACCES');
    expect(await codeOf(w.truncate('hard', 0, how))).toBe('EACCES');
    expect(await w.list('/workspace')).toEqual([]);
    await w.remove('hard', how);
  });

  test('a FIFO and a socket are not opened: no operation hangs', async () => {
    execFileSync('mkfifo', [join(s.files, 'fifo')]);
    const server = createServer().listen(join(s.files, 'socket'));
    onTestFinished(() => void server.close());
    await new Promise((resolve) => server.once('listening', resolve));
    const w = s.workspace;
    for (const name of ['fifo', 'socket']) {
      expect(await codeOf(w.open(name))).toBe('EACCES');
      expect(await codeOf(w.append(name, bytes('x'), how))).toBe('EACCES');
      expect(await codeOf(w.write(name, bytes('x'), how))).toBe('EACCES');
      expect(await codeOf(w.list(name))).toBe('ENOTDIR');
    }
    expect(await w.list('/workspace')).toEqual([]);
    await w.remove('fifo', how);
  });

  test('a device is not opened', async (context) => {
    try {
      execFileSync('mknod', [join(s.files, 'zero'), 'c', '1', '5'], { stdio: 'ignore' });
    } catch {
      return context.skip('planting a device needs root with CAP_MKNOD');
    }
    expect(await codeOf(s.workspace.open('zero'))).toBe('EACCES');
    expect(await codeOf(s.workspace.writeRange('zero', 0, bytes('x'), how))).toBe('EACCES');
    expect(await s.workspace.list('/workspace')).toEqual([]);
  });

  test('a directory that is swapped for a link again and again never shows what is outside', async () => {
    const dir = join(s.files, 'dir');
    const aside = join(s.files, 'aside');
    mkdirSync(dir);
    writeFileSync(join(dir, 'canary'), 'inside');
    let stop = false;
    let swaps = 0;
    const swapping = (async () => {
      while (!stop) {
        renameSync(dir, aside);
        symlinkSync(s.outside, dir);
        swaps++;
        await new Promise(setImmediate);
        unlinkSync(dir);
        renameSync(aside, dir);
        await new Promise(setImmediate);
      }
    })();
    const seen = new Set<string>();
    for (let i = 0; i < 300; i++) {
      await new Promise(setImmediate);
      await Promise.all([
        text(s.workspace, 'dir/canary').then(
          (content) => seen.add(content),
          (error) => seen.add(error.code),
        ),
        s.workspace.write('dir/new', bytes('x'), { ...how, durable: false }).catch(() => {}),
        Array.fromAsync(s.workspace.walk('/workspace')).then((all) => {
          for (const { path } of all) seen.add(path);
        }),
      ]);
    }
    stop = true;
    await swapping;
    expect(swaps).toBeGreaterThan(50);
    const inside = [
      'inside',
      'ENOTDIR',
      'ENOENT',
      'ELOOP',
      'dir',
      'aside',
      'dir/canary',
      'dir/new',
      'aside/canary',
      'aside/new',
    ];
    expect([...seen].filter((what) => !inside.includes(what))).toEqual([]);
    expect(readdirSync(s.outside).sort()).toEqual(['canary', 'root']);
  });

  test('names that no guest path can say are not listed, count, and go with their directory', async () => {
    mkdirSync(join(s.files, 'dir'));
    writeFileSync(join(s.files, 'dir', 'a\nb'), 'x');
    writeFileSync(Buffer.concat([Buffer.from(join(s.files, 'dir/')), Buffer.from([0xff, 0xfe])]), 'x');
    expect(await s.workspace.list('dir')).toEqual([]);
    await s.workspace.remove('dir', { ...how, recursive: true });
    expect(readdirSync(s.files)).toEqual([]);
    expect(readdirSync(s.incoming)).toEqual([]);
  });

  test('messages name guest paths and nothing of the host', async () => {
    symlinkSync(canary, join(s.files, 'link'));
    const w = s.workspace;
    expect(await messageOf(w.open('x'))).toBe("ENOENT: no such file or directory, open '/workspace/x'");
    await w.mkdir('full/inner', { ...how, recursive: true });
    const messages = await Promise.all(
      [
        w.remove('full', how),
        w.rename('x', 'y', how),
        w.open('link'),
        w.list('nope'),
        w.mkdir('full', how),
        w.open('full'),
        w.open('/etc/\u001b[31m'),
      ].map(messageOf),
    );
    expect(messages).toContain("ENOTEMPTY: directory not empty, rm '/workspace/full'");
    expect(messages).toContain("ENOENT: no such file or directory, rename '/workspace/x' -> '/workspace/y'");
    for (const message of messages) {
      expect(message).not.toMatch(/cordon-workspace|proc/);
      expect(message).not.toContain('\u001b');
    }
  });

  test('the workspace itself is not removed or replaced', async () => {
    expect(await codeOf(s.workspace.remove('/workspace', { ...how, recursive: true }))).toBe('EACCES');
    expect(await codeOf(s.workspace.rename('/workspace', 'a', how))).toBe('EACCES');
    expect(await codeOf(s.workspace.write('/workspace', bytes('x'), how))).toBe('EISDIR');
  });
});

test('no tenant or agent name leads elsewhere', async () => {
  const { workspaces } = await scratch();
  for (const agent of ['..', '.', 'a/b', '', 'A', 'a\0', '.removed']) {
    await expect(workspaces.open({ tenant: 'default', agent })).rejects.toThrow('not the id');
    await expect(workspaces.forget({ tenant: agent, agent: 'a' })).rejects.toThrow('not the id');
  }
});

test('one agent cannot name the files of another', async () => {
  const s = await scratch();
  const other = await s.workspaces.open({ tenant: 'default', agent: 'agent-b' });
  await other.write('secret', bytes('b'), how);
  for (const path of ['../../agent-b/files/secret', '/workspace/../../agent-b/files/secret', 'secret']) {
    expect(['EACCES', 'ENOENT']).toContain(await codeOf(s.workspace.open(path)));
  }
});
