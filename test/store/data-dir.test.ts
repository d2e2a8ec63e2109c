import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { openDataDir } from '../../runtime/store/data-dir.ts';
import { LockedError } from '../../runtime/store/directory-lock.ts';
import { FormatError, type Migration } from '../../runtime/store/format.ts';
import { openStore } from '../../runtime/store/lmdb-store.ts';
import { scratchDir, scratchStore } from './scratch.ts';

const program = join(import.meta.dirname, 'writing-child.ts');
const mode = (path: string) => (statSync(path).mode & 0o777).toString(8);

test('a new data directory is private and has its folders', async () => {
  const dir = join(scratchDir(), 'deep', 'data');
  const dataDir = await openDataDir(dir);
  onTestFinished(() => dataDir.close());
  expect([dir, dataDir.storeDir, dataDir.workspacesDir].map(mode)).toEqual(['700', '700', '700']);
  expect(readFileSync(join(dir, 'format'), 'utf8')).toBe('3\n');
});

test('a folder with other things in it is not taken for a data directory', async () => {
  const dir = scratchDir();
  writeFileSync(join(dir, 'thesis.txt'), 'precious');
  await expect(openDataDir(dir)).rejects.toThrow(FormatError);
  expect(await readdir(dir)).toEqual(['thesis.txt']);
});

test('a store without a format is no first start: an earlier version of Cordon left it so when a restore was killed', async () => {
  const dir = scratchDir();
  mkdirSync(join(dir, 'store'));
  await (await openStore({ dir: join(dir, 'store'), durability: 'disk', minimumFreeBytes: 0 })).close();
  await expect(openDataDir(dir)).rejects.toThrow(/restore again/);
  expect(existsSync(join(dir, 'format'))).toBe(false);
  await expect(openDataDir(dir)).rejects.toThrow(FormatError);
});

test('a second opener in the same process is refused until the first closes', async () => {
  const dir = scratchDir();
  const first = await openDataDir(dir);
  await expect(openDataDir(dir)).rejects.toThrow(`process ${process.pid} on`);
  await first.close();
  await (await openDataDir(dir)).close();
});

test('a second process is refused with the pid of the first, and kill -9 of the first frees the lock', async () => {
  const dir = scratchDir();
  const child = spawn(process.execPath, [program, dir, 'process'], { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  const exit = once(child, 'close');
  await once(child.stdout, 'data');
  child.stdout.resume();
  const refusal = await openDataDir(dir).catch((error) => error);
  expect(refusal).toBeInstanceOf(LockedError);
  expect(refusal.pid).toBe(child.pid);
  expect(refusal.message).toContain(`process ${child.pid}`);
  child.kill('SIGKILL');
  await exit;
  await (await openDataDir(dir)).close();
});

test('of many that open at once exactly one gets it', async () => {
  const dir = scratchDir();
  const opened = await Promise.allSettled(Array.from({ length: 8 }, () => openDataDir(dir)));
  const winners = opened.filter((result) => result.status === 'fulfilled');
  expect(winners.length).toBe(1);
  await winners[0]!.value.close();
});

test('a newer format, or a damaged format file, is refused and left alone', async () => {
  const dir = scratchDir();
  await (await openDataDir(dir)).close();
  writeFileSync(join(dir, 'format'), '7\n');
  await expect(openDataDir(dir)).rejects.toThrow('format 7');
  expect(readFileSync(join(dir, 'format'), 'utf8')).toBe('7\n');
  writeFileSync(join(dir, 'format'), 'x');
  await expect(openDataDir(dir)).rejects.toThrow(FormatError);
});

/** Renames the keys ['user', name] to ['person', name], then counts them. */
const steps = (log: number[], failAt?: number): Migration[] => [
  {
    to: 2,
    what: 'users are called persons',
    async run({ store }) {
      log.push(2);
      for (const { key, value } of await store.range({ prefix: ['user'] })) {
        if (key[1] === failAt) throw new Error('power loss');
        await store.transaction((tx) => {
          tx.put(['person', key[1]!], value);
          tx.delete(key);
        });
      }
    },
  },
  {
    to: 3,
    what: 'they are counted',
    async run({ store, dir }) {
      log.push(3);
      const count = (await store.range({ prefix: ['person'] })).length;
      await store.transaction((tx) => tx.put(['persons'], count));
      mkdirSync(join(dir, 'store'), { recursive: true });
    },
  },
];

async function oldDirectory(): Promise<string> {
  const dir = scratchDir();
  const dataDir = await openDataDir(dir, []);
  const store = await openStore({ dir: dataDir.storeDir, durability: 'disk', minimumFreeBytes: 0 });
  await store.transaction((tx) => {
    for (let i = 0; i < 10; i++) tx.put(['user', i], { n: i });
  });
  await store.close();
  await dataDir.close();
  return dir;
}

test('an older format is migrated step by step, once', async () => {
  const dir = await oldDirectory();
  const log: number[] = [];
  const dataDir = await openDataDir(dir, steps(log));
  const store = await scratchStore(dataDir.storeDir);
  expect((await store.range({ prefix: ['person'] })).map(({ value }) => value)).toEqual(
    Array.from({ length: 10 }, (_, n) => ({ n })),
  );
  expect(await store.range({ prefix: ['user'] })).toEqual([]);
  expect((await store.get(['persons']))?.value).toBe(10);
  expect(readFileSync(join(dir, 'format'), 'utf8')).toBe('3\n');
  await store.close();
  await dataDir.close();
  await (await openDataDir(dir, steps(log))).close();
  expect(log).toEqual([2, 3]);
  await expect(openDataDir(dir, [])).rejects.toThrow('format 3');
});

test('a migration that was cut off goes on at the next start', async () => {
  const dir = await oldDirectory();
  const log: number[] = [];
  await expect(openDataDir(dir, steps(log, 5))).rejects.toThrow('power loss');
  expect(readFileSync(join(dir, 'format'), 'utf8')).toBe('1\n');
  const dataDir = await openDataDir(dir, steps(log));
  const store = await scratchStore(dataDir.storeDir);
  expect((await store.get(['persons']))?.value).toBe(10);
  expect(log).toEqual([2, 2, 3]);
  await dataDir.close();
});
