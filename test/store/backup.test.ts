import { createHook } from 'node:async_hooks';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { BackupError, backupDataDir, restoreDataDir } from '../../runtime/store/backup.ts';
import { openDataDir } from '../../runtime/store/data-dir.ts';
import { FormatError } from '../../runtime/store/format.ts';
import { scratchDir, scratchStore } from './scratch.ts';

const run = promisify(execFile);
const root = join(import.meta.dirname, '../..');

async function filledDirectory(): Promise<string> {
  const dir = scratchDir();
  const dataDir = await openDataDir(dir);
  const store = await scratchStore(dataDir.storeDir);
  await store.transaction((tx) => {
    for (let i = 0; i < 100; i++) tx.put(['a', i], { i });
  });
  await store.close();
  writeFileSync(dataDir.adminKeyFile, 'crd_secret\n', { mode: 0o600 });
  mkdirSync(join(dataDir.workspacesDir, 't/a/empty'), { recursive: true });
  writeFileSync(join(dataDir.workspacesDir, 't/a/é.txt'), 'content');
  writeFileSync(join(dataDir.workspacesDir, 't/a/run.sh'), '#!', { mode: 0o755 });
  symlinkSync('é.txt', join(dataDir.workspacesDir, 't/a/link'));
  await dataDir.close();
  return dir;
}

async function expectFilled(dir: string) {
  const store = await scratchStore(join(dir, 'store'));
  expect((await store.range({ prefix: ['a'] })).length).toBe(100);
  expect(await store.transaction((tx) => tx.put(['a', 0], 0))).toBeGreaterThan(100);
  await store.close();
  expect(readFileSync(join(dir, 'admin-key'), 'utf8')).toBe('crd_secret\n');
  expect(statSync(join(dir, 'admin-key')).mode & 0o777).toBe(0o600);
  expect(readFileSync(join(dir, 'workspaces/t/a/link'), 'utf8')).toBe('content');
  expect(statSync(join(dir, 'workspaces/t/a/run.sh')).mode & 0o777).toBe(0o755);
  expect(statSync(join(dir, 'workspaces/t/a/empty')).isDirectory()).toBe(true);
}

test('the commands bring back store, files and key', async () => {
  const dir = await filledDirectory();
  const [backup, restored] = [join(scratchDir(), 'backup'), join(scratchDir(), 'restored')];
  const command = (name: string, folder: string, data: string) =>
    run(process.execPath, [join(root, 'scripts', name), folder], { env: { ...process.env, CORDON_DATA: data } });
  expect((await command('backup.ts', backup, dir)).stdout).toContain('3 files');
  expect(statSync(backup).mode & 0o777).toBe(0o700);
  await command('restore.ts', backup, restored);
  await expectFilled(restored);
  await expect(command('restore.ts', backup, restored)).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringContaining('not empty'),
  });
  await expect(command('backup.ts', backup, dir)).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringContaining('not empty'),
  });
});

test('a backup under writes of another process is one consistent snapshot', async () => {
  const dir = scratchDir();
  const child = spawn(process.execPath, [join(import.meta.dirname, 'writing-child.ts'), dir, 'disk'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  let acknowledged = '';
  child.stdout.on('data', (chunk) => {
    acknowledged += chunk;
  });
  const lastOf = (writer: number) =>
    Number(
      acknowledged
        .match(new RegExp(`^ack ${writer} \\d+\n`, 'gm'))
        ?.at(-1)
        ?.split(' ')[2] ?? 0,
    );
  const all = () => Array.from({ length: 8 }, (_, writer) => lastOf(writer));
  for (let round = 0; round < 4; round++) {
    await new Promise((resolve) => setTimeout(resolve, 60));
    const [backup, restored] = [join(scratchDir(), 'b'), join(scratchDir(), 'r')];
    const before = all();
    await backupDataDir(dir, backup);
    await expect.poll(all).not.toEqual(before);
    await restoreDataDir(backup, restored);
    const store = await scratchStore(join(restored, 'store'));
    for (let writer = 0; writer < 8; writer++) {
      const count = (await store.get<number>(['count', writer]))?.value ?? 0;
      expect(count).toBeGreaterThanOrEqual(before[writer]!);
      for (const part of ['item', 'twin'])
        expect((await store.range({ prefix: [part, writer] })).map(({ key }) => key[2])).toEqual(
          Array.from({ length: count }, (_, i) => i + 1),
        );
    }
    await store.close();
  }
});

test('a damaged or incomplete backup, or a newer one, is refused, and nothing stays behind', async () => {
  const dir = await filledDirectory();
  const backup = join(scratchDir(), 'backup');
  await backupDataDir(dir, backup);
  const damages: Record<string, (copy: string) => void> = {
    store: (copy) => {
      const path = join(copy, 'store/data.mdb');
      const bytes = readFileSync(path);
      bytes[bytes.length - 100]! ^= 1;
      writeFileSync(path, bytes);
    },
    'admin-key': (copy) => writeFileSync(join(copy, 'admin-key'), 'other'),
    workspaces: (copy) => appendFileSync(join(copy, 'workspaces/t/a/é.txt'), '!'),
    'has no backup.json': (copy) => run('rm', [join(copy, 'backup.json')]),
    'format 9': (copy) => {
      const manifest = JSON.parse(readFileSync(join(copy, 'backup.json'), 'utf8'));
      writeFileSync(join(copy, 'backup.json'), JSON.stringify({ ...manifest, format: 9 }));
    },
  };
  for (const [message, damage] of Object.entries(damages)) {
    const copy = join(scratchDir(), 'copy');
    cpSync(backup, copy, { recursive: true, verbatimSymlinks: true, preserveTimestamps: true });
    await damage(copy);
    const target = scratchDir();
    await expect(restoreDataDir(copy, target)).rejects.toThrow(message);
    expect(existsSync(join(target, 'store'))).toBe(false);
  }
});

/** What a kill -9 before each file operation of `work` would leave of `dir`: copies, without those that are alike. */
async function leftAtEachStep(dir: string, work: () => Promise<unknown>): Promise<string[]> {
  const left = new Map<string, string>();
  const hook = createHook({
    init(_id, type) {
      if (type !== 'FSREQPROMISE' || !existsSync(dir)) return;
      const names = readdirSync(dir, { recursive: true, encoding: 'utf8' }).sort();
      const state = names.map((name) => `${name} ${lstatSync(join(dir, name)).size}`).join('\n');
      if (left.has(state)) return;
      const copy = join(scratchDir(), 'left');
      cpSync(dir, copy, { recursive: true, verbatimSymlinks: true });
      left.set(state, copy);
    },
  }).enable();
  await work().finally(() => hook.disable());
  return [...left.values()];
}

test('a restore that is cut off at any point is not started as if it were whole, and says what to do', async () => {
  const backup = join(scratchDir(), 'backup');
  await backupDataDir(await filledDirectory(), backup);
  const target = join(scratchDir(), 'restored');
  const whole = await leftAtEachStep(target, () => restoreDataDir(backup, target));
  const damaged = join(scratchDir(), 'damaged');
  cpSync(backup, damaged, { recursive: true, verbatimSymlinks: true, preserveTimestamps: true });
  appendFileSync(join(damaged, 'workspaces/t/a/é.txt'), '!');
  const refused = join(scratchDir(), 'refused');
  const cleaned = await leftAtEachStep(refused, () => restoreDataDir(damaged, refused).catch(() => {}));
  expect(whole.length).toBeGreaterThan(10);
  const outcomes = { refused: 0, empty: 0, whole: 0 };
  for (const left of [...whole, ...cleaned]) {
    if (readdirSync(left).length === 0) {
      // Nothing of it is there: a first start, or the next restore, may have it.
      outcomes.empty++;
      await restoreDataDir(backup, left);
      await expectFilled(left);
      continue;
    }
    const again = await restoreDataDir(backup, left).catch((error) => error);
    expect(again).toBeInstanceOf(BackupError);
    const opened = await openDataDir(left).catch((error) => error);
    if (opened instanceof Error) {
      outcomes.refused++;
      expect(opened).toBeInstanceOf(FormatError);
      for (const { message } of [opened, again]) expect(message).toMatch(/restore.* empty it.* restore again/);
      continue;
    }
    outcomes.whole++;
    await opened.close();
    await expectFilled(left);
  }
  expect(outcomes.empty).toBeGreaterThan(0);
  expect(outcomes.refused).toBeGreaterThan(10);
  expect(outcomes.whole).toBeGreaterThan(0);
});

test('kill -9 of the command while files are copied: the service does not start on what is there', async () => {
  const backup = join(scratchDir(), 'backup');
  await backupDataDir(await filledDirectory(), backup);
  const target = join(scratchDir(), 'restored');
  const killer = `
    import { createHook } from 'node:async_hooks';
    import { existsSync } from 'node:fs';
    const init = () => existsSync(process.env.CORDON_DATA + '/workspaces/t/a') && process.kill(process.pid, 'SIGKILL');
    createHook({ init }).enable();`;
  const command = run(
    process.execPath,
    ['--import', `data:text/javascript,${encodeURIComponent(killer)}`, join(root, 'scripts/restore.ts'), backup],
    { env: { ...process.env, CORDON_DATA: target } },
  );
  await expect(command).rejects.toMatchObject({ signal: 'SIGKILL' });
  await expect(openDataDir(target)).rejects.toThrow('restore again');
  await expect(
    run(process.execPath, [join(root, 'scripts/restore.ts'), backup], { env: { ...process.env, CORDON_DATA: target } }),
  ).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringContaining('restore again'),
  });
});
