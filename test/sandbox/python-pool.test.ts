/** Python's pool when it cannot be opened: what the failed opening left must not go on. The workers are sockets. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, expect, test } from 'vitest';
import { encodeFrame } from '../../runtime/sandbox/frames.ts';
import { pythonFiles } from '../../runtime/sandbox/isolate/python/files.ts';
import { createPythonPool } from '../../runtime/sandbox/isolate/python/python-pool.ts';
import type { Walls, WorkerExit, WorkerProcess } from '../../runtime/sandbox/isolate/walls/walls.ts';
import { defaultLimits } from '../../runtime/sandbox/limits.ts';

const folder = mkdtempSync(join(tmpdir(), 'cordon-python-pool-'));
const server = createServer((peer) => {
  peer.write(encodeFrame({ t: 'ready' }));
  peer.on('error', () => {}).resume();
});
afterAll(() => {
  server.close();
  rmSync(folder, { recursive: true });
});

test('a first worker that dies leaves nothing behind that starts others', async () => {
  await new Promise<void>((listening) => server.listen(join(folder, 'socket'), listening));
  const { fingerprint } = pythonFiles('');
  mkdirSync(join(folder, 'cache'));
  for (const [ending, text] of [
    ['heap', 'h'],
    ['code', 'c'],
    ['json', '{"state":"{}","bytes":2}'],
  ])
    writeFileSync(join(folder, 'cache', `python-${fingerprint}.${ending}`), text as string);

  let spawned = 0;
  let alive = 0;
  const walls = {
    add: async () => {},
    spawn(): WorkerProcess {
      const channel = connect(join(folder, 'socket')).on('error', () => {});
      const { promise: exited, resolve } = Promise.withResolvers<WorkerExit>();
      alive++;
      let isAlive = true;
      const exit = (end: WorkerExit) => {
        if (isAlive) alive--;
        isAlive = false;
        channel.destroy();
        resolve(end);
      };
      // The first has no memory left to start in.
      if (++spawned === 1) exit({ code: null, signal: 'SIGKILL' });
      const kill = () => exit({ code: null, signal: 'SIGKILL' });
      return { pid: 0, channel, exited, kill, ramBytes: () => 0, stderrTail: () => '' };
    },
  } as unknown as Walls;
  const broken: string[] = [];
  const pool = createPythonPool({
    walls,
    engine: '',
    ramBytes: 2 * 1024 ** 3,
    workerRamBytes: 1024 ** 3,
    maxWorkers: 4,
    workersPerAgent: 1,
    idleMs: 60_000,
    onWorkerLost() {},
    onBroken: (reason) => broken.push(reason),
    cacheFolders: [join(folder, 'cache')],
  });
  const owner = { tenant: 't', agent: 'a' };
  await expect(pool.take(owner, defaultLimits, new AbortController().signal)).rejects.toThrow(/Python cannot run/);
  // A pool tries again after 200 ms.
  await sleep(700);
  expect([broken.length, spawned, alive]).toEqual([1, 1, 0]);
  expect(pool.counts()).toEqual({ workers: 0, blankWorkers: 0, running: 0 });
  await pool.close();
});
