/**
 * Runs that share a worker, and the two caps that a worker has for all of them: its memory and the host's own count of its
 * CPU time. Real workers with real guests; for the CPU count a real process that computes, since no guest outruns its limit.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Driver, GuestHost, Lease, Outcome } from '../../runtime/sandbox/driver.ts';
import { encodeFrame } from '../../runtime/sandbox/frames.ts';
import { createCpuBackstop } from '../../runtime/sandbox/isolate/cpu-backstop.ts';
import { createIsolateDriver } from '../../runtime/sandbox/isolate/isolate-driver.ts';
import type { WorkerProcess } from '../../runtime/sandbox/isolate/walls/walls.ts';
import { createWorker } from '../../runtime/sandbox/isolate/worker-client.ts';
import { defaultLimits, type Limits } from '../../runtime/sandbox/limits.ts';
import { cpuTicks } from '../attacks/processes.ts';

const MiB = 1024 * 1024;
const host: GuestHost = { output() {}, waiting() {}, call: () => new Promise(() => {}) };
const forever = new AbortController().signal;
let runs = 0;

const lease = (driver: Driver, agent: string, signal = forever) =>
  driver.lease({ tenant: 'neighbours', agent }, defaultLimits, signal, 'javascript');

function run(leased: Lease, code: string, limits: Partial<Limits> = {}) {
  const program = { runId: `run_n${++runs}`, language: 'javascript' as const, code, input: undefined };
  return leased.execute({ ...program, limits: { ...defaultLimits, ...limits } }, host);
}

const outcomeOf = async (driver: Driver, agent: string, code: string): Promise<Outcome> =>
  (await run(await lease(driver, agent), code).done).outcome;

const options = { requireWalls: [], blankWorkers: 1, workersPerAgent: 1, workerIdleMs: 60_000 };

describe('the memory cap of a worker', () => {
  const lost: string[] = [];
  let driver: Driver;

  beforeAll(async () => {
    const onWorkerLost = (detail: string) => void lost.push(detail);
    driver = await createIsolateDriver({
      ...options,
      maxWorkers: 4,
      workerRamBytes: 256 * MiB,
      pythonRamBytes: 2 * 1024 ** 3,
      onWorkerLost,
    });
  });
  afterAll(() => driver.close());

  /** Memory that V8 does not count as its heap, written to so that the machine has to give it. */
  const grows: [string, string][] = [
    [
      'one WebAssembly memory',
      `const memory = new WebAssembly.Memory({ initial: 1, maximum: 65536 });
       for (;;) { memory.grow(256); new Uint8Array(memory.buffer).fill(1, memory.buffer.byteLength - 256 * 65536); }`,
    ],
    [
      'many WebAssembly memories',
      'const all = []; for (;;) { const m = new WebAssembly.Memory({ initial: 128 }); new Uint8Array(m.buffer).fill(1); all.push(m); }',
    ],
    ['arrays of bytes', 'const all = []; for (;;) all.push(new Uint8Array(8 * 1024 * 1024).fill(1));'],
  ];

  test.each(
    grows,
  )('ends the run that grew (%s), its neighbour is interrupted, other agents and the next run work', async (_, code) => {
    lost.length = 0;
    const other = run(await lease(driver, 'other'), 'await new Promise((ok) => setTimeout(ok, 800)); 1');
    const neighbour = run(await lease(driver, 'greedy'), 'await new Promise((ok) => setTimeout(ok, 20_000)); 1');
    const greedy = run(await lease(driver, 'greedy'), code, { ramBytes: 2048 * MiB });
    expect((await greedy.done).outcome).toMatchObject({ status: 'limit_exceeded', error: { limit: 'ramBytes' } });
    const { outcome } = await neighbour.done;
    expect(outcome).toMatchObject({ status: 'interrupted', error: { name: 'WorkerLost' } });
    expect(await outcomeOf(driver, 'greedy', '6 * 7')).toEqual({ status: 'succeeded', result: 42 });
    expect((await other.done).outcome).toEqual({ status: 'succeeded', result: 1 });
    expect(lost).toEqual(['out of memory']);
  });

  test('is not reached by a run that stays within its own limit, nor by its neighbour', async () => {
    const neighbour = run(await lease(driver, 'modest'), 'await new Promise((ok) => setTimeout(ok, 300)); 1');
    const own =
      'const all = []; for (let n = 0; n < 4; n++) all.push(new Uint8Array(8 * 1024 * 1024).fill(1)); all.length';
    expect(await outcomeOf(driver, 'modest', own)).toEqual({ status: 'succeeded', result: 4 });
    expect((await neighbour.done).outcome).toEqual({ status: 'succeeded', result: 1 });
  });
});

test('a lease that is given back wakes who waits for its place', async () => {
  const driver = await createIsolateDriver({
    ...options,
    maxWorkers: 1,
    workerRamBytes: 1024 * MiB,
    pythonRamBytes: 2 * 1024 ** 3,
    onWorkerLost: () => {},
  });
  try {
    const unused = await lease(driver, 'one');
    const abort = new AbortController();
    const waiting = lease(driver, 'two', abort.signal).then((leased) => run(leased, '1').done);
    await sleep(50);
    unused.release();
    const late = sleep(3000, 'it waits');
    expect(await Promise.race([waiting.then(({ outcome }) => outcome.status), late])).toBe('succeeded');
  } finally {
    await driver.close();
  }
});

describe('the host’s count of CPU time', () => {
  let busy: ChildProcess;
  const pid = () => busy.pid ?? 0;
  const usedMs = () => cpuTicks(pid()) * 10;

  /** The host's side of a worker that is this process; `lie` is what it can say. */
  async function workerOf(cpuMs?: number) {
    const told: { killedAt?: number } = {};
    const channel = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() });
    const { promise: exited, resolve } = Promise.withResolvers<{ code: null; signal: 'SIGKILL' }>();
    const kill = () => {
      told.killedAt ??= usedMs();
      resolve({ code: null, signal: 'SIGKILL' });
    };
    const ends = { channel: channel as unknown as WorkerProcess['channel'], exited, kill };
    const worker = createWorker(
      { ...ends, pid: pid(), ramBytes: () => 0, stderrTail: () => '' },
      { onFree() {}, onGone() {} },
    );
    const lie = (message: object) => channel.push(encodeFrame(message));
    lie({ t: 'ready' });
    await worker.ready;
    const program = { runId: `run_n${++runs}`, language: 'javascript' as const, code: '', input: undefined };
    const running =
      cpuMs === undefined ? undefined : worker.execute({ ...program, limits: { ...defaultLimits, cpuMs } }, host);
    return { worker, told, lie, running };
  }

  /** CPU time of the process, in ms from the start of the count, at which each was judged; undefined: never. */
  const judged: Record<string, number | undefined> = {};
  /** The same, from when all were counted: the last time at which each was asked and let be. */
  const spared: Record<string, number> = {};
  let ended: Outcome | undefined;

  // All at once on one process, in its own CPU time: whatever else the machine does changes nothing.
  beforeAll(async () => {
    busy = spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' });
    while (usedMs() < 100) await sleep(20);
    const from = usedMs();
    const backstops = [0, 200, 60_000].map((allowance) => {
      const backstop = createCpuBackstop(pid);
      backstop.idle();
      backstop.started(allowance / 2);
      backstop.started(allowance / 2);
      return [`count of ${allowance}`, backstop] as const;
    });
    const of = async (name: string, cpuMs?: number) => [name, await workerOf(cpuMs)] as const;
    const workers = await Promise.all([of('idle'), of('at work', 200), of('allowed', 60_000), of('liar', 200)]);
    // That of an idle worker begins when it is first asked.
    let counted: number | undefined;
    for (let at = from; at - (counted ?? at) < 3800; await sleep(50)) {
      at = usedMs();
      const letBe = (name: string) => {
        spared[name] = at - (counted ?? at);
      };
      for (const [name, backstop] of backstops)
        if (backstop.exceeded()) judged[name] ??= usedMs() - from;
        else letBe(name);
      for (const [name, { worker, told, lie }] of workers) {
        worker.checkCpu();
        if (told.killedAt !== undefined) judged[name] = told.killedAt - from;
        else letBe(name);
        if (told.killedAt === undefined && name === 'liar') lie({ t: 'ready' });
      }
      counted ??= usedMs();
    }
    ended = (await workers[1][1].running?.done)?.outcome;
  });
  afterAll(() => void busy.kill('SIGKILL'));

  test.each([
    ['count of 0', 3000],
    ['count of 200', 3250],
    ['idle', 3000],
    ['at work', 3250],
  ])('%s: judged at a quarter more than its runs were allowed and 3 s, not before', (name, atMs) => {
    expect(judged[name]).toBeGreaterThan(atMs - 20);
    expect(spared[name]).toBeLessThan(atMs + 20);
  });

  test('the only run of a worker that used more than it was allowed is at its cpuMs', () => {
    expect(ended).toMatchObject({ status: 'limit_exceeded', error: { limit: 'cpuMs' } });
  });

  test.each(['count of 60000', 'allowed'])('%s: is let be within its allowance', (name) => {
    expect(judged[name]).toBeUndefined();
  });

  test('a worker cannot put it off by saying `ready` again and again', () => {
    expect(judged.liar).toBeDefined();
    expect(spared.liar).toBeLessThan(3250 + 20);
  });

  test('knows nothing of a process that is not there', () => {
    for (const none of [0, 2 ** 22 + 1]) expect(createCpuBackstop(() => none).exceeded()).toBe(false);
  });
});
