/** Who gets which worker, and when one goes. The workers are sockets that speak the protocol; pool and clients are the real ones. */
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { GuestHost } from '../../runtime/sandbox/driver.ts';
import { encodeFrame, frameReader } from '../../runtime/sandbox/frames.ts';
import type { WorkerExit, WorkerProcess } from '../../runtime/sandbox/isolate/walls/walls.ts';
import type { Worker } from '../../runtime/sandbox/isolate/worker-client.ts';
import { createWorkerPool, type PoolOptions } from '../../runtime/sandbox/isolate/worker-pool.ts';
import { defaultLimits } from '../../runtime/sandbox/limits.ts';

const folder = mkdtempSync(join(tmpdir(), 'cordon-pool-'));
const address = join(folder, 'socket');
/** How the next workers start: as they should, or not. */
let starts: 'well' | 'dies' | 'throws' = 'well';

/** A worker's own end: ready at once; the code of a run says how it ends, `hold` not at all. */
const server = createServer((peer) => {
  if (starts === 'well') peer.write(encodeFrame({ t: 'ready' }));
  const ended = { t: 'ended', end: '{"status":"succeeded"}', cpuMs: 1, ramPeakBytes: 1 };
  const read = frameReader(2 ** 20, (header) => {
    const { t, run, code } = header as { t: string; run: string; code: string };
    if (t === 'start' && code !== 'hold') peer.write(encodeFrame({ ...ended, run, unclean: code === 'unclean' }));
    if (t === 'stop') peer.write(encodeFrame({ ...ended, run, end: undefined, stopped: true, unclean: false }));
  });
  peer.on('data', read).on('error', () => {});
});

let spawned = 0;
function spawn(): WorkerProcess {
  if (starts === 'throws') throw new Error('spawn EMFILE');
  spawned++;
  const channel = connect(address).on('error', () => {});
  const { promise: exited, resolve } = Promise.withResolvers<WorkerExit>();
  const exit = (end: WorkerExit) => {
    channel.destroy();
    resolve(end);
  };
  if (starts === 'dies') setTimeout(() => exit({ code: 1, signal: null }), 1);
  // A process that was killed is there for some more moments.
  const kill = () => void setTimeout(() => exit({ code: null, signal: 'SIGKILL' }), 20);
  return { pid: 0, channel, exited, kill, ramBytes: () => 0, stderrTail: () => 'its last words' };
}

const lost: string[] = [];
const pools: ReturnType<typeof createWorkerPool>[] = [];

async function openPool(options: Partial<PoolOptions> = {}) {
  spawned = lost.length = 0;
  const rest = { blankWorkers: 1, maxWorkers: 4, workersPerAgent: 1, idleMs: 60_000 };
  const pool = createWorkerPool({ spawn, ...rest, onWorkerLost: (detail) => lost.push(detail), ...options });
  pools.push(pool);
  await pool.open();
  return pool;
}

type Pool = Awaited<ReturnType<typeof openPool>>;

beforeAll(() => new Promise<void>((listening) => server.listen(address, listening)));
afterEach(async () => {
  starts = 'well';
  await Promise.all(pools.splice(0).map((pool) => pool.close()));
});
afterAll(() => {
  server.close();
  rmSync(folder, { recursive: true });
});

const owner = (agent: string) => ({ tenant: 't', agent });
const forever = new AbortController().signal;
const host: GuestHost = { output() {}, waiting() {}, call: async () => ({ ok: true }) };
let runs = 0;

/** What a lease does: takes the place back and runs. */
function execute(worker: Worker, code = '1') {
  worker.reserved--;
  const program = { runId: `run_${++runs}`, language: 'javascript' as const, code, input: undefined };
  return worker.execute({ ...program, limits: defaultLimits }, host);
}

const take = async (pool: Pool, agent: string, signal = forever) => pool.take(owner(agent), signal);

/** One whole run of this agent; answers where it ran. */
async function runOf(pool: Pool, agent: string): Promise<Worker> {
  const worker = await take(pool, agent);
  expect((await execute(worker).done).outcome.status).toBe('succeeded');
  return worker;
}

const within = <T>(promise: Promise<T>, ms = 2000) => Promise.race([promise, sleep(ms, 'it waits')]);

describe('who gets which', () => {
  test('an agent keeps its worker, and no two agents share one', async () => {
    const pool = await openPool();
    const [a, b] = [await runOf(pool, 'a'), await runOf(pool, 'b')];
    expect(b).not.toBe(a);
    expect(await runOf(pool, 'a')).toBe(a);
    expect(a.owner).toEqual(owner('a'));
  });

  test('runs of one agent at once spread over workersPerAgent workers, not more', async () => {
    const pool = await openPool({ blankWorkers: 2, workersPerAgent: 2 });
    await expect.poll(() => pool.counts().blankWorkers).toBe(2);
    const taken = [await take(pool, 'a'), await take(pool, 'a'), await take(pool, 'a')];
    expect(new Set(taken).size).toBe(2);
  });

  test('agents of the same name in two tenants share nothing', async () => {
    const pool = await openPool();
    const mine = await pool.take({ tenant: 'x', agent: 'a' }, forever);
    expect(await pool.take({ tenant: 'y', agent: 'a' }, forever)).not.toBe(mine);
  });
});

describe('when all places are taken', () => {
  test('who was idle for longest gives way, and only that one', async () => {
    const pool = await openPool({ maxWorkers: 3 });
    const old = await runOf(pool, 'a');
    await sleep(5);
    const [b, c] = [await runOf(pool, 'b'), await runOf(pool, 'c')];
    const d = await runOf(pool, 'd');
    expect([old, b, c, d].map((worker) => worker.retired)).toEqual([true, false, false, false]);
    expect(lost).toEqual([]);
  });
  test('one that works never gives way: who waits gets the place of its end', async () => {
    const pool = await openPool({ maxWorkers: 1 });
    const running = execute(await take(pool, 'a'), 'hold');
    const waiting = take(pool, 'b');
    expect(await within(waiting, 200)).toBe('it waits');
    running.stop({ status: 'cancelled', error: { name: 'Cancelled', message: '' } });
    expect((await running.done).outcome.status).toBe('cancelled');
    expect((await execute(await waiting).done).outcome.status).toBe('succeeded');
  });

  test('an agent that has a worker does not wait behind those that have none', async () => {
    const pool = await openPool({ maxWorkers: 1 });
    execute(await take(pool, 'a'), 'hold');
    const waiting = take(pool, 'b');
    await expect(runOf(pool, 'a')).resolves.toBeDefined();
    const closed = expect(waiting).rejects.toThrow('the pool is closed');
    await pool.close();
    await closed;
  });

  test('ten runs of one agent that wait together end one idle worker of others, as all ten will share one', async () => {
    const pool = await openPool({ maxWorkers: 4 });
    const others = [];
    for (const agent of ['a', 'b', 'c', 'd']) others.push(await runOf(pool, agent));
    const taken = await Promise.all(Array.from({ length: 10 }, () => take(pool, 'e')));
    expect(new Set(taken).size).toBe(1);
    await sleep(100);
    expect(others.filter(({ retired }) => retired)).toHaveLength(1);
  });
});

describe('ends', () => {
  test('a worker without a run ends after idleMs, a blank one stays', async () => {
    const pool = await openPool({ idleMs: 100 });
    const worker = await runOf(pool, 'a');
    await expect.poll(() => worker.retired, { timeout: 3000 }).toBe(true);
    await expect.poll(() => pool.counts()).toEqual({ workers: 1, blankWorkers: 1, running: 0 });
    expect(lost).toEqual([]);
  });

  test('neither one that works nor one that is reserved ends as idle', async () => {
    const pool = await openPool({ idleMs: 1 });
    const running = execute(await take(pool, 'a'), 'hold');
    const reserved = await take(pool, 'b');
    expect(await within(running.done, 1300)).toBe('it waits');
    expect((await execute(reserved).done).outcome.status).toBe('succeeded');
  });

  test('forget: all workers of this agent are gone when it resolves, its runs are lost, others go on', async () => {
    const pool = await openPool();
    const [first, other] = [await take(pool, 'a'), await take(pool, 'b')];
    const [lostRun, goesOn] = [execute(first, 'hold'), execute(other, 'hold')];
    await pool.forget(owner('a'));
    expect((await lostRun.done).outcome).toMatchObject({ status: 'interrupted', error: { name: 'WorkerLost' } });
    expect(await within(goesOn.done, 50)).toBe('it waits');
    expect(await runOf(pool, 'a')).not.toBe(first);
    await pool.forget(owner('nobody'));
  });

  test('an unclean end costs the worker its life after its last run, those that are reserved included', async () => {
    const pool = await openPool();
    const [worker] = [await take(pool, 'a'), await take(pool, 'a')];
    expect((await execute(worker, 'unclean').done).outcome.status).toBe('succeeded');
    await sleep(60);
    expect(await runOf(pool, 'a')).not.toBe(worker);
    expect((await execute(worker).done).outcome.status).toBe('succeeded');
    await expect.poll(() => within(worker.process.exited, 0)).not.toBe('it waits');
  });

  test('a worker that dies by itself is reported, and its place is free', async () => {
    const pool = await openPool();
    const worker = await take(pool, 'a');
    worker.process.kill();
    await expect.poll(() => lost).toEqual(['exit SIGKILL']);
    await expect.poll(() => pool.counts()).toMatchObject({ workers: 1, blankWorkers: 1 });
  });
});

describe('a signal', () => {
  test('that aborts while it waits rejects, and the place goes to who waits next', async () => {
    const pool = await openPool({ maxWorkers: 1 });
    const running = execute(await take(pool, 'a'), 'hold');
    const abort = new AbortController();
    const given = take(pool, 'b', abort.signal);
    const next = take(pool, 'c');
    abort.abort(new Error('not any more'));
    await expect(given).rejects.toThrow('not any more');
    running.stop({ status: 'cancelled', error: { name: 'Cancelled', message: '' } });
    expect((await next).owner).toEqual(owner('c'));
  });

  test('that has aborted before rejects, with a free worker and without one, and no place stays reserved', async () => {
    const pool = await openPool({ maxWorkers: 1 });
    const aborted = AbortSignal.abort(new Error('not any more'));
    const served = (agent: string) => within(take(pool, agent, aborted), 500).then(() => 'served');
    await expect(served('a')).rejects.toThrow('not any more');
    const worker = await take(pool, 'a');
    expect(worker.reserved).toBe(1);
    await expect(served('b')).rejects.toThrow('not any more');
  });
});

describe('workers that cannot start', () => {
  test('again and again: who waits is told the last words; when they can, the next is served', async () => {
    const pool = await openPool({ blankWorkers: 0, maxWorkers: 2 });
    starts = 'dies';
    const before = performance.now();
    const [one, two] = [take(pool, 'a'), take(pool, 'b')];
    await expect(Promise.all([one, two])).rejects.toThrow('exit 1: its last words');
    expect(performance.now() - before).toBeLessThan(3000);
    expect(spawned).toBeLessThan(8);
    await expect(take(pool, 'a')).rejects.toThrow('exit 1');
    starts = 'well';
    expect(await within(runOf(pool, 'a'))).not.toBe('it waits');
    expect(pool.counts().workers).toBeLessThanOrEqual(2);
  });

  test('since the machine refuses (spawn throws): who asks is told, and it recovers', async () => {
    const pool = await openPool({ maxWorkers: 3 });
    starts = 'throws';
    const asked = ['a', 'b', 'c'].map((agent) => take(pool, agent).catch(() => 'told'));
    await sleep(300);
    starts = 'well';
    expect(await within(runOf(pool, 'd').then(() => 'served'))).toBe('served');
    expect(await within(Promise.all(asked).then(() => 'answered'))).toBe('answered');
  });
});
