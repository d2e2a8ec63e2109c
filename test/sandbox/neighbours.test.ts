/**
 * Runs that share a worker, and the two caps that a worker has for all of them: its memory and the host's own count of its
 * CPU time. Real workers with real guests; for the CPU count a real process that computes, since no guest outruns its limit.
 */
import { spawn } from 'node:child_process';
import { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Driver, GuestHost, Lease, Outcome } from '../../runtime/sandbox/driver.ts';
import { createCpuBackstop } from '../../runtime/sandbox/isolate/cpu-backstop.ts';
import { encodeFrame } from '../../runtime/sandbox/isolate/frames.ts';
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
  driver.lease({ tenant: 'neighbours', agent }, defaultLimits, signal);

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
    driver = await createIsolateDriver({ ...options, maxWorkers: 4, workerRamBytes: 256 * MiB, onWorkerLost });
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
    const other = run(await lease(driver, 'other'), 'await new Promise((ok) => setTimeout(ok, 1500)); 1');
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
  const busy = spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' });
  const pid = () => busy.pid ?? 0;
  const usedMs = () => cpuTicks(pid()) * 10;
  afterAll(() => void busy.kill('SIGKILL'));

  /** The host's side of a worker that is this process; `lie` is what it can say. */
  async function workerOf(cpuMs?: number) {
    const told: { killedAt?: number; detail?: string | undefined } = {};
    const channel = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() });
    const { promise: exited, resolve } = Promise.withResolvers<{ code: null; signal: 'SIGKILL' }>();
    const kill = () => {
      told.killedAt ??= usedMs();
      resolve({ code: null, signal: 'SIGKILL' });
    };
    const ends = { channel: channel as unknown as WorkerProcess['channel'], exited, kill };
    const worker = createWorker(
      { ...ends, pid: pid(), ramBytes: () => 0, stderrTail: () => '' },
      { onFree() {}, onGone: (_, detail) => void (told.detail = detail) },
    );
    const lie = (message: object) => channel.push(encodeFrame(message));
    lie({ t: 'ready' });
    await worker.ready;
    const program = { runId: `run_n${++runs}`, language: 'javascript' as const, code: '', input: undefined };
    const running =
      cpuMs === undefined ? undefined : worker.execute({ ...program, limits: { ...defaultLimits, cpuMs } }, host);
    return { worker, told, lie, running };
  }

  // All at once on one process: each figure is CPU time of it, whatever else the machine does.
  test('ends a worker after its allowance and 3 s, not before, and nothing that it says delays that', async () => {
    await expect.poll(usedMs).toBeGreaterThan(20);
    const from = usedMs();
    const [none, small, large] = [createCpuBackstop(pid), createCpuBackstop(pid), createCpuBackstop(pid)];
    for (const backstop of [none, small, large]) backstop.idle();
    small.started(100);
    small.started(100);
    large.started(60_000);
    const [idle, running, allowed, lying] = await Promise.all([undefined, 200, 60_000, 200].map(workerOf));
    const workers = { idle, running, allowed, lying } as Record<string, Awaited<ReturnType<typeof workerOf>>>;
    const exceededAt = { none: 0, small: 0, large: 0 };
    while (usedMs() - from < 4000) {
      if (none.exceeded()) exceededAt.none ||= usedMs() - from;
      if (small.exceeded()) exceededAt.small ||= usedMs() - from;
      if (large.exceeded()) exceededAt.large ||= usedMs() - from;
      for (const { worker } of Object.values(workers)) worker.checkCpu();
      workers.lying.lie({ t: 'ready' });
      await sleep(50);
    }
    console.log(Object.values(workers).map(w => w.told), from);
    const at = (of: keyof typeof workers) => (workers[of].told.killedAt ?? Number.POSITIVE_INFINITY) - from;
    expect(exceededAt.none).toBeGreaterThan(2990);
    expect(exceededAt.none).toBeLessThan(3600);
    expect(exceededAt.small).toBeGreaterThan(3240);
    expect(exceededAt.small).toBeLessThan(3850);
    expect(exceededAt.large).toBe(0);
    expect(at('idle')).toBeGreaterThan(2990);
    expect(at('idle')).toBeLessThan(3600);
    expect(at('running')).toBeGreaterThan(3240);
    expect(at('running')).toBeLessThan(3850);
    expect((await workers.running.running?.done)?.outcome).toMatchObject({ status: 'interrupted' });
    expect(at('allowed')).toBe(Number.POSITIVE_INFINITY);
    expect(at('lying'), 'a worker that says `ready` again and again').toBeLessThan(3850);
  });

  test('knows nothing of a process that is not there', () => {
    for (const none of [0, 2 ** 22 + 1]) expect(createCpuBackstop(() => none).exceeded()).toBe(false);
  });
});
