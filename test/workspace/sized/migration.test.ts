import { spawn } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { homeAt } from '../../../runtime/workspace/sized/home.ts';
import { migrate } from '../../../runtime/workspace/sized/migrate.ts';
import { mountedAt, readMounts, unmount } from '../../../runtime/workspace/sized/mounts.ts';
import { createWorkspaces, type Workspace } from '../../../runtime/workspace/workspace.ts';
import { bytes, codeOf, owner, text } from '../scratch.ts';
import { GUEST, growth, guest, MiB, needsMounts, quota, sized } from './sized.ts';

needsMounts();

const how = { quota, parents: true };

async function fill(w: Workspace): Promise<void> {
  await w.write('a/b/c.txt', bytes('deep'), how);
  await w.write('big', Buffer.alloc(3 * MiB + 17, 'abc'), how);
  await w.write('empty', bytes(0), how);
  await w.mkdir('folder', { quota });
}

async function expectFilled(w: Workspace): Promise<void> {
  expect(await text(w, 'a/b/c.txt')).toBe('deep');
  const big = await w.open('big');
  expect(Buffer.from(await big.read()).equals(Buffer.alloc(3 * MiB + 17, 'abc'))).toBe(true);
  big.close();
  expect((await Array.fromAsync(w.walk('/workspace'))).map(({ path }) => path).sort()).toEqual(
    ['a', 'a/b', 'a/b/c.txt', 'big', 'empty', 'folder'].sort(),
  );
  expect(w.usage()).toEqual({ bytes: 3 * MiB + 21, files: 6 });
}

test('a plain workspace moves at the first lease, whole, and is the same one afterwards, after a restart too', async () => {
  const s = await sized();
  await fill(s.workspace);
  expect(existsSync(join(s.home, 'volume.ext4'))).toBe(false);
  const modified = (await s.workspace.stat('a/b/c.txt')).modifiedAtMs;
  const download = await s.workspace.open('a/b/c.txt');
  const a = await s.attach();
  await expectFilled(s.workspace);
  expect((await s.workspace.stat('a/b/c.txt')).modifiedAtMs).toBe(modified);
  expect(Buffer.from(await download.read()).toString()).toBe('deep');
  download.close();
  expect((await guest(a.path, 'cat a/b/c.txt; rm a/b/c.txt; printf deep > a/b/c.txt')).said).toBe('deep');
  await a.detach();
  await expect.poll(() => readdirSync(s.home).sort()).toEqual(['volume', 'volume.ext4']);
  await s.workspaces.close();
  expect(mountedAt(join(s.home, 'volume'))).toBeUndefined();
  const again = await s.start().open(owner);
  await expectFilled(again);
  await again.write('new', bytes('x'), how);
  expect(statSync(join(s.home, 'volume/files/new')).uid).toBe(GUEST);
});

test.each([
  'made',
  'mounted',
  'copied',
  'flushed',
  'named',
])('a crash after "%s" leaves the files whole, the old ones or the new', async (at) => {
  const s = await sized();
  await fill(s.workspace);
  const step = (name: string) => {
    if (name === at) throw new Error('power lost');
  };
  const options = { guest: { uid: GUEST, gid: GUEST }, bytes: 256 * MiB, inodes: 1000, step };
  await expect(migrate(homeAt(s.home), options)).rejects.toThrow('power lost');
  // Either the mount is still there, as when only the service died, or not.
  for (const restarted of [false, true]) {
    if (restarted) await unmount(join(s.home, 'volume'));
    const w = s.start();
    await expectFilled(await w.open(owner));
    expect(readdirSync(s.home).filter((name) => name.includes('unfinished'))).toEqual([]);
    expect(existsSync(join(s.home, 'files'))).toBe(at !== 'named');
    if (restarted) {
      const a = await s.attach({}, w);
      expect((await guest(a.path, 'cat a/b/c.txt')).said).toBe('deep');
      await a.detach();
      await expectFilled(await w.open(owner));
    }
    await w.close();
  }
});

test('operations during the move wait for it, and none is lost', async () => {
  const s = await sized();
  for (let n = 0; n < 300; n++) await s.workspace.write(`old/${n}`, bytes(2000), { ...how, durable: false });
  const attaching = s.attach({ quota: { bytes: 64 * MiB, files: 5000 } });
  const loose = { quota: { bytes: 64 * MiB, files: 5000 }, parents: true, durable: false };
  const work: Promise<unknown>[] = [];
  for (let n = 0; n < 200; n++) {
    work.push(s.workspace.write(`new/${n}`, bytes(`${n}`), loose));
    work.push(s.workspace.append('log', bytes('x'), loose));
    if (n % 2 === 0) work.push(s.workspace.remove(`old/${n}`, loose));
    if (n % 50 === 1) work.push(s.workspace.rename(`old/${n}`, `moved${n}`, loose), s.workspace.list('old'));
    await new Promise(setImmediate);
  }
  await Promise.all(work);
  const a = await attaching;
  expect((await s.workspace.list('new')).length).toBe(200);
  expect((await s.workspace.stat('log')).bytes).toBe(200);
  expect((await s.workspace.list('old')).length).toBe(300 - 100 - 4);
  await a.detach();
  const used = s.workspace.usage();
  await s.workspaces.close();
  expect((await s.start().open(owner)).usage()).toEqual(used);
});

test('an upload that is slower than the move arrives whole, and keeps nobody waiting', async () => {
  const s = await sized();
  const gate = Promise.withResolvers<void>();
  async function* slow() {
    yield bytes('before ');
    await gate.promise;
    yield bytes('after');
  }
  const upload = s.workspace.write('d/f', slow(), how);
  const a = await s.attach();
  gate.resolve();
  await upload;
  expect((await guest(a.path, 'cat d/f; stat -c %u d/f d')).said).toBe(`before after${GUEST}\n${GUEST}\n`);
  await a.detach();
  expect(s.workspace.usage()).toEqual({ bytes: 12, files: 2 });
  expect(readdirSync(join(s.home, 'volume/incoming'))).toEqual([]);
});

test('a service that was killed while a container used the files: taken over, with all that was written', async () => {
  const s = await sized();
  const module = new URL('../../../runtime/workspace/workspace.ts', import.meta.url).href;
  const slot = s.slot();
  const program = `import { createWorkspaces } from ${JSON.stringify(module)};
    const w = createWorkspaces({ root: ${JSON.stringify(s.root)} });
    const a = await w.attach(${JSON.stringify({ ...owner, agent: 'killed' })}, ${JSON.stringify(slot)}, ${JSON.stringify({ growth, quota })});
    process.stdout.write('attached'); setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await new Promise((resolve) => child.stdout.once('data', resolve));
  child.kill('SIGKILL');
  await new Promise((resolve) => child.once('close', resolve));
  expect((await guest(slot, 'mkdir d && echo still here > d/f && ls')).said).toBe('d\n');
  const who = { ...owner, agent: 'killed' };
  const w = await s.workspaces.open(who);
  expect(await text(w, 'd/f')).toBe('still here\n');
  // Nothing is reserved for a run that is no more.
  await w.write('big', bytes(60 * MiB), { quota });
  const again = s.slot();
  const a = await s.workspaces.attach(who, again, { growth, quota });
  expect((await guest(again, 'cat d/f')).said).toBe('still here\n');
  await a.detach();
});

test('an image that was not unmounted cleanly is repaired when it is opened', async () => {
  const s = await sized();
  const a = await s.attach();
  await guest(a.path, 'for n in $(seq 50); do echo $n > f$n; done; sync');
  await a.detach();
  const copy = join(s.root, 'default/copy');
  // What a power loss leaves: the image as it is now, mounted.
  mkdirSync(copy);
  cpSync(join(s.home, 'volume.ext4'), join(copy, 'volume.ext4'));
  const w = await s.workspaces.open({ tenant: 'default', agent: 'copy' });
  expect(await text(w, 'f50')).toBe('50\n');
  expect(w.usage().files).toBe(50);
});

test('links and holes move as they are; a failed move leaves everything as it was', async () => {
  const s = await sized();
  symlinkSync('/etc/passwd', join(s.home, 'files/link'));
  writeFileSync(join(s.home, 'files/hole'), 'start');
  truncateSync(join(s.home, 'files/hole'), 30 * MiB);
  const target = join(s.slots.path, 'none');
  await expect(s.workspaces.attach(owner, target, { growth, quota })).rejects.toThrow();
  const a = await s.attach();
  expect((await guest(a.path, 'readlink link; head -c 5 hole; stat -c %s hole; du -k hole')).said).toMatch(
    /\/etc\/passwd\nstart31457280\n64\t/,
  );
  expect(await codeOf(s.workspace.open('link'))).toBe('ELOOP');
  await a.detach();
  expect(readMounts().filter(({ point }) => point === target)).toEqual([]);
  expect(readFileSync('/etc/passwd', 'utf8')).toContain('root');
});

test('where the image cannot be made the workspace goes on as a plain folder', async () => {
  const s = await sized();
  await fill(s.workspace);
  const failed = s.attach({ quota, growth: { bytes: 2 ** 60, files: 10 } });
  expect(await codeOf(failed)).toBe('storage_full');
  await expectFilled(s.workspace);
  expect(readdirSync(s.home).sort()).toEqual(['files', 'incoming']);
  expect(await codeOf(createWorkspaces({ root: s.root }).open(owner))).toBe('no error');
});
