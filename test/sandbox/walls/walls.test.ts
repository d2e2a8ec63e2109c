import { existsSync, readdirSync } from 'node:fs';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { prepareWalls, type Walls, type WorkerProcess } from '../../../runtime/sandbox/isolate/walls/walls.ts';
import { jailed } from './processes.ts';

const source = `
import { Socket } from 'node:net';
import { word } from './word.ts';
const channel = new Socket({ fd: 3 });
channel.write(word + ' ' + Object.keys(process.env).join() + ' ' + process.getuid!());
channel.on('data', (chunk) => {
  if (String(chunk) === 'noise') { process.stdout.write('x'.repeat(100_000)); process.stderr.write('the end', () => channel.write('ok')); }
  if (String(chunk) === 'exit') process.exit(7);
  if (String(chunk) === 'spin') { channel.write('ok', () => { for (;;) {} }); }
});
`;
const files = new Map([
  ['worker/main.ts', source],
  ['worker/word.ts', "type Word = string;\nexport const word: Word = 'hello';\n"],
]);
const ramBytes = 256 * 1024 * 1024;
const next = (worker: WorkerProcess) =>
  new Promise<string>((resolve) => worker.channel.once('data', (chunk: Buffer) => resolve(chunk.toString())));

let scratchDir: string;
let walls: Walls;
beforeAll(async () => {
  scratchDir = await mkdtemp(join(tmpdir(), 'cordon-walls-test-'));
  await chmod(scratchDir, 0o755);
  walls = await prepareWalls({ files, scratchDir });
});
afterAll(async () => {
  await walls.close();
  await rm(scratchDir, { recursive: true });
});

describe('a worker inside its walls', () => {
  it('speaks on its channel, without environment, and is killed within a second while it spins', async () => {
    const worker = walls.spawn({ ramBytes, name: 'a worker/../x' });
    expect(await next(worker)).toMatch(/^hello (PWD|LD_PRELOAD|__CF_USER_TEXT_ENCODING|) \d+$/);
    expect(worker.pid).toBeGreaterThan(1);
    expect(worker.ramBytes()).toBeGreaterThan(1024 * 1024);
    worker.channel.write('spin');
    await next(worker);
    const before = performance.now();
    worker.kill();
    expect(await worker.exited).toEqual({ code: null, signal: 'SIGKILL' });
    // A fuse: a worker that spins ends by the signal, at once, or not at all.
    expect(performance.now() - before).toBeLessThan(10_000);
    expect(existsSync(`/proc/${worker.pid}`)).toBe(false);
    worker.kill();
    expect(worker.ramBytes()).toBe(0);
  });

  it('tells its own exit code, and only the last 16 KiB each of what it printed', async () => {
    const worker = walls.spawn({ ramBytes, name: 'noise' });
    await next(worker);
    worker.channel.write('noise');
    await next(worker);
    worker.channel.write('exit');
    expect(await worker.exited).toEqual({ code: 7, signal: null });
    expect(worker.stderrTail().length).toBeLessThanOrEqual(32 * 1024);
    expect(worker.stderrTail()).toMatch(/^x+the end$/);
  });

  it('may be killed at any moment of its start', async () => {
    const workers = Array.from({ length: 6 }, (_, index) => ({
      worker: walls.spawn({ ramBytes, name: 'early' }),
      after: index * 6,
    }));
    await Promise.all(
      workers.map(async ({ worker, after }) => {
        await new Promise((resolve) => setTimeout(resolve, after));
        worker.kill();
        expect((await worker.exited).signal).toBe('SIGKILL');
      }),
    );
    expect(jailed(scratchDir)).toEqual([]);
  });
});

describe('the report', () => {
  it('names each wall once and says what its probe saw', () => {
    expect(walls.report.map((wall) => wall.name)).toEqual(['isolate', 'permissions', 'jail', 'seccomp', 'user', 'ram']);
    for (const wall of walls.report) expect(wall.detail).not.toBe('');
    expect(walls.standing).toContain('permissions');
  });

  it('counts the isolate only once it was probed, and unknown names as missing', () => {
    expect(walls.missing(['isolate', 'moat']).map((wall) => wall.name)).toEqual(['isolate', 'moat']);
    walls.reportIsolate({ stands: true, detail: 'probed by the worker' });
    expect(walls.missing(['isolate'])).toEqual([]);
    expect(walls.standing[0]).toBe('isolate');
  });

  it('shows a removed wall as not standing', async () => {
    const without = await prepareWalls({ files, scratchDir, disable: ['seccomp', 'ram'] });
    expect(without.missing('all').map((wall) => wall.name)).toEqual(
      expect.arrayContaining(['isolate', 'seccomp', 'ram']),
    );
    await without.close();
  });
});

it('leaves no folder, no process and no cgroup behind after close', async () => {
  const before = readdirSync(scratchDir).length;
  const more = await prepareWalls({ files, scratchDir });
  const worker = more.spawn({ ramBytes, name: 'last' });
  await next(worker);
  await more.close();
  expect(existsSync(`/proc/${worker.pid}`)).toBe(false);
  expect(readdirSync(scratchDir).length).toBe(before);
});
