import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { openDataDir } from '../../runtime/store/data-dir.ts';
import { openStore } from '../../runtime/store/lmdb-store.ts';
import { long, scratchDir } from './scratch.ts';

const program = join(import.meta.dirname, 'writing-child.ts');
const rounds = long ? 50 : 5;

/** Starts the writer, kills it after `ms` of writing, and returns what it had acknowledged, by writer. */
async function writeUntilKilled(dir: string, durability: string, ms: number): Promise<number[]> {
  const child: ChildProcess = spawn(process.execPath, [program, dir, durability], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  let output = '';
  let opened = () => {};
  const open = new Promise<void>((resolve) => {
    opened = resolve;
  });
  child.stdout!.on('data', (chunk) => {
    output += chunk;
    if (output.startsWith('open')) opened();
  });
  const exit = once(child, 'close');
  await Promise.race([open, exit]);
  await new Promise((resolve) => setTimeout(resolve, ms));
  child.kill('SIGKILL');
  await exit;
  const acknowledged = Array(8).fill(0);
  // The last line may be cut off.
  for (const [, writer, n] of output.matchAll(/^ack (\d+) (\d+)\n/gm)) acknowledged[Number(writer)] = Number(n);
  return acknowledged;
}

test.each([
  'disk',
  'process',
] as const)('kill -9 of a writer loses nothing acknowledged and leaves nothing half done (%s)', async (durability) => {
  const dir = scratchDir();
  const highest: number[] = Array(8).fill(0);
  for (let round = 0; round < rounds; round++) {
    const acknowledged = await writeUntilKilled(dir, durability, 20 + Math.random() * 150);
    // The lock of the killed process is gone: nothing to clean up by hand.
    const dataDir = await openDataDir(dir);
    const store = await openStore({ dir: dataDir.storeDir, durability, minimumFreeBytes: 0 });
    for (const [writer, n] of acknowledged.entries()) {
      highest[writer] = Math.max(highest[writer]!, n);
      const count = (await store.get<number>(['count', writer]))?.value ?? 0;
      expect(count).toBeGreaterThanOrEqual(highest[writer]!);
      const items = await store.range<{ next: number; text: string }>({ prefix: ['item', writer] });
      expect(items.map(({ value }) => value.next)).toEqual(Array.from({ length: count }, (_, i) => i + 1));
      expect(items.every(({ value }) => value.text.length === (value.next * 37) % 6000)).toBe(true);
      const twins = await store.range({ prefix: ['twin', writer] });
      expect(twins.length).toBe(count);
    }
    await store.close();
    await dataDir.close();
  }
  expect(Math.max(...highest)).toBeGreaterThan(0);
}, 120_000);

const strace = (() => {
  try {
    execFileSync('strace', ['-V'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
})();

test.skipIf(!strace)(
  'an acknowledgement comes after the flush of its pages and the flushed write of the root (needs strace)',
  async () => {
    const dir = scratchDir();
    const trace = join(scratchDir(), 'trace');
    const calls = 'trace=openat,fdatasync,fsync,pwrite64,pwritev,pwritev2,write';
    const arguments_ = ['-f', '-e', calls, '-o', trace, process.execPath, program, dir, 'disk'];
    const child = spawn('strace', arguments_, { stdio: ['ignore', 'pipe', 'ignore'], detached: true });
    let output = '';
    child.stdout.on('data', (chunk) => {
      output += chunk;
      // strace passes no SIGKILL on: the whole group goes.
      if (output.split('ack').length > 20) process.kill(-child.pid!, 'SIGKILL');
    });
    await once(child, 'close');
    const lines = readFileSync(trace, 'utf8').split('\n');
    const root = lines
      .map((line) => /data\.mdb", O_WRONLY\|O_DSYNC\|O_CLOEXEC\) = (\d+)/.exec(line)?.[1])
      .find(Boolean);
    expect(root).toBeDefined();
    let [flushed, rooted] = [false, false];
    let acknowledgements = 0;
    for (const line of lines.slice(lines.findIndex((l) => l.includes('write(1, "open')))) {
      const toRoot = line.includes(`pwrite64(${root},`);
      if (/pwritev?2?6?4?\(/.test(line) && !toRoot) [flushed, rooted] = [false, false];
      if (/fdatasync(\(\d+\)| resumed>.*) += 0/.test(line)) flushed = true;
      // The file is open with O_DSYNC: its write returns when it is on the disk. 128 bytes are the root.
      if ((toRoot || line.includes('pwrite64 resumed>')) && /= 128$/.test(line)) rooted = flushed;
      if (line.includes('write(1, "ack')) {
        acknowledgements++;
        expect(rooted).toBe(true);
      }
    }
    expect(acknowledgements).toBeGreaterThan(8);
  },
  30_000,
);
