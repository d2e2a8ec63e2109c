import { execFileSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  realpathSync,
  rmSync,
  statSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { backupDataDir, restoreDataDir } from '../../../runtime/store/backup.ts';
import { openDataDir } from '../../../runtime/store/data-dir.ts';
import { sizedCopier } from '../../../runtime/workspace/sized/backup.ts';
import { mountedAt, readMounts } from '../../../runtime/workspace/sized/mounts.ts';
import { openSlots } from '../../../runtime/workspace/sized/slots.ts';
import { createWorkspaces } from '../../../runtime/workspace/workspace.ts';
import { scratchStore } from '../../store/scratch.ts';
import { bytes, codeOf, owner, text } from '../scratch.ts';
import { free, growth, guest, MiB, needsMounts, quota, sized } from './sized.ts';

needsMounts();

const how = { quota, parents: true };
const volumeOf = (home: string) => mountedAt(join(home, 'volume'));

test('a file system that nobody uses is unmounted after a while, and mounted again by whoever comes', async () => {
  const s = await sized({ idleMs: 150 });
  const a = await s.attach();
  await guest(a.path, 'echo hello > f');
  await new Promise((resolve) => setTimeout(resolve, 1500));
  expect(volumeOf(s.home)).toBeDefined();
  await a.detach();
  await expect.poll(() => volumeOf(s.home), { timeout: 5000 }).toBeUndefined();
  expect(await Promise.all([text(s.workspace, 'f'), text(s.workspace, 'f')])).toEqual(['hello\n', 'hello\n']);
  expect(volumeOf(s.home)).toBeDefined();
  // A download holds it.
  const download = await s.workspace.open('f');
  await new Promise((resolve) => setTimeout(resolve, 1500));
  expect(Buffer.from(await download.read()).toString()).toBe('hello\n');
  expect(volumeOf(s.home)).toBeDefined();
  download.close();
  await expect.poll(() => volumeOf(s.home), { timeout: 5000 }).toBeUndefined();
  const b = await s.attach();
  expect((await guest(b.path, 'cat f')).said).toBe('hello\n');
  await b.detach();
});

test('close leaves nothing mounted, also with files and a container still open; later calls are refused', async () => {
  const s = await sized();
  const a = await s.attach();
  await guest(a.path, 'echo x > f');
  const fd = openSync(join(a.path, 'f'), 'r');
  await s.workspaces.close();
  expect(readMounts().filter(({ point }) => point.startsWith(s.root) || point === a.path)).toEqual([]);
  expect(await a.detach()).toEqual({ changed: [], cut: false });
  expect(await codeOf(s.workspace.list('/workspace'))).toBe('ENOENT');
  expect(await codeOf(s.workspaces.open(owner))).toBe('shutting_down');
  // The kernel still has it: whoever opens it again gets the same file system, not a second one on one image.
  const w = await s.start().open(owner);
  await w.write('g', bytes('y'), how);
  closeSync(fd);
  expect(await text(w, 'g')).toBe('y');
  expect(await text(w, 'f')).toBe('x\n');
});

test('an agent that is removed while a container uses its files has nothing left; its successor starts empty', async () => {
  const s = await sized();
  const a = await s.attach();
  await guest(a.path, 'echo old > f');
  const sitting = guest(a.path, 'sleep 1; echo late > late; cat f; true');
  await new Promise((resolve) => setTimeout(resolve, 200));
  await s.workspaces.forget(owner);
  expect(existsSync(s.home)).toBe(false);
  expect(readdirSync(join(s.root, '.removed'))).toEqual([]);
  expect(await codeOf(s.workspace.list('/workspace'))).toBe('ENOENT');
  const next = await s.workspaces.open(owner);
  expect(await next.list('/workspace')).toEqual([]);
  await next.write('mine', bytes('new'), { quota });
  const b = await s.attach();
  expect((await guest(b.path, 'ls')).said).toBe('mine\n');
  await sitting;
  expect(await a.detach()).toEqual({ changed: [], cut: false });
  expect((await b.detach()).changed).toEqual([]);
});

test('an agent that is removed at once, while its files move, is gone, too', async () => {
  const s = await sized();
  for (let n = 0; n < 100; n++) await s.workspace.write(`f${n}`, bytes(1000), { quota, durable: false });
  const attaching = s.attach();
  attaching.catch(() => {});
  await new Promise((resolve) => setTimeout(resolve, 10));
  await s.workspaces.forget(owner);
  await Promise.allSettled([attaching]);
  expect(await (await s.workspaces.open(owner)).list('/workspace')).toEqual([]);
  expect(volumeOf(s.home)).toBeUndefined();
});

test('the disk must hold what all containers may still write; what it cannot is refused before the start', async () => {
  const base = realpathSync(mkdtempSync(join(tmpdir(), 'cordon-small-')));
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=200m', 'tmpfs', base]);
  onTestFinished(() => {
    execFileSync('umount', ['-l', base]);
    rmSync(base, { recursive: true });
  });
  const minimumFreeBytes = 20 * MiB;
  const s = await sized({ root: base, minimumFreeBytes });
  const big = { quota: { bytes: 1024 * MiB, files: 1000 }, growth: { bytes: 100 * MiB, files: 10 } };
  const a = await s.attach(big);
  expect(await codeOf(s.attach(big))).toBe('storage_full');
  const other = { ...owner, agent: 'other' };
  expect(await codeOf(s.workspaces.attach(other, s.slot(), big))).toBe('storage_full');
  expect(await codeOf((await s.workspaces.open(owner)).write('f', bytes(80 * MiB), { quota: big.quota }))).toBe(
    'storage_full',
  );
  // All that was promised is there, although it is written to memory first.
  expect((await guest(a.path, 'head -c 100M /dev/urandom > big && sync; stat -c %s big')).said).toBe(`${100 * MiB}\n`);
  await a.detach();
  expect(free(base).bytes).toBeGreaterThan(minimumFreeBytes);
  await s.workspace.remove('big', { quota: big.quota });
  // The image gives the room back to the disk.
  await expect.poll(() => free(base).bytes, { timeout: 10_000 }).toBeGreaterThan(150 * MiB);
  const b = await s.workspaces.attach(other, s.slot(), big);
  await b.detach();
}, 60_000);

test('slots: what a crash left mounted is removed, and close leaves nothing', async () => {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'cordon-slots-')));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const first = await openSlots(folder);
  mkdirSync(join(first.path, 'a'));
  execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', join(first.path, 'a')]);
  const second = await openSlots(folder);
  expect(readdirSync(second.path)).toEqual([]);
  expect(statSync(second.path).mode & 0o077).toBe(0);
  await second.close();
  await second.close();
  expect(readMounts().filter(({ point }) => point.startsWith(folder))).toEqual([]);
});

test('the probe of a container’s mount is seen at the slot, and goes', async () => {
  const s = await sized();
  const path = s.slot();
  const end = await s.workspaces.mountProbe(path);
  expect(readdirSync(path)).toEqual(['cordon-probe']);
  await end();
  expect(readdirSync(path)).toEqual([]);
});

test('a backup of a live data directory has the files, and is restored as plain folders that move again', async () => {
  const base = realpathSync(mkdtempSync(join(tmpdir(), 'cordon-backup-test-')));
  onTestFinished(() => rmSync(base, { recursive: true, force: true }));
  const dataDir = await openDataDir(join(base, 'data'));
  await (await scratchStore(dataDir.storeDir)).close();
  const workspaces = createWorkspaces({ root: dataDir.workspacesDir });
  const slots = await openSlots(join(base, 'slots'));
  onTestFinished(async () => {
    await workspaces.close();
    await slots.close();
  });
  const plain = await workspaces.open({ ...owner, agent: 'plain' });
  await plain.write('p', bytes('plain'), { quota });
  const w = await workspaces.open(owner);
  await w.write('d/api', bytes('by the API'), how);
  const slot = `${slots.path}/a`;
  mkdirSync(slot);
  const a = await workspaces.attach(owner, slot, { growth, quota });
  await guest(
    slot,
    `echo live > live; chmod 750 live; ln -s live link; ln -s /etc/shadow evil; mkfifo fifo; truncate -s 10T hole; touch $'\\xff'; mkdir e`,
  );
  // Live, with the container attached; then when the service has ended.
  await backupDataDir(dataDir.path, join(base, 'b1'), sizedCopier);
  await guest(slot, 'echo later > live');
  await a.detach();
  await workspaces.close();
  await backupDataDir(dataDir.path, join(base, 'b2'), sizedCopier);
  await dataDir.close();
  expect(readMounts().filter(({ point }) => point.includes('cordon-backup-') && !point.startsWith(base))).toEqual([]);
  for (const [backup, content] of [
    ['b1', 'live\n'],
    ['b2', 'later\n'],
  ] as const) {
    const target = join(base, `restored-${backup}`);
    await restoreDataDir(join(base, backup), target);
    const home = join(target, 'workspaces', owner.tenant, owner.agent);
    expect(readdirSync(home).sort()).toEqual(['files', 'incoming']);
    expect(readdirSync(join(home, 'files')).sort()).toEqual(['d', 'e', 'evil', 'link', 'live']);
    const again = createWorkspaces({ root: join(target, 'workspaces') });
    const files = await again.open(owner);
    expect(await text(files, 'live')).toBe(content);
    expect(await text(files, 'd/api')).toBe('by the API');
    expect(await codeOf(files.open('evil'))).toBe('ELOOP');
    expect(await text(await again.open({ ...owner, agent: 'plain' }), 'p')).toBe('plain');
    const b = await again.attach(owner, slot, { growth, quota });
    expect((await guest(slot, 'cat link; stat -c %a live')).said).toBe(`${content}750\n`);
    await b.detach();
    await again.close();
  }
}, 60_000);
