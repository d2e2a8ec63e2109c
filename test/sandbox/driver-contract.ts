/**
 * What every driver keeps, whatever it runs: one suite, called by each driver's short test file with its programs.
 * The guest's files and memory are the real ones; only the host calls that a test holds back are held back.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../runtime/clock.ts';
import { createMemory } from '../../runtime/memory/memory.ts';
import { createGuestFiles } from '../../runtime/run/guest-files.ts';
import { createGuestHost } from '../../runtime/run/guest-host.ts';
import { createGuestMemory } from '../../runtime/run/guest-memory.ts';
import { createJsPackages } from '../../runtime/run/js-packages.ts';
import { createLiveRun } from '../../runtime/run/live-run.ts';
import type { RunRecord } from '../../runtime/run/record.ts';
import type { Driver, HostCall, Language, Owner, StopCause } from '../../runtime/sandbox/driver.ts';
import { defaultLimits, type LimitName, type Limits } from '../../runtime/sandbox/limits.ts';
import { openStore } from '../../runtime/store/lmdb-store.ts';
import { createTelemetry } from '../../runtime/telemetry/telemetry.ts';
import { createWorkspaces } from '../../runtime/workspace/workspace.ts';

const MiB = 1024 * 1024;

/** The same behaviours in the driver's own language. `input` is what the run gets, where one is named. */
export interface ContractPrograms {
  /** Prints `out 1`, `err 1`, `out 2` to stdout, stderr, stdout. */
  prints: string;
  /** Prints `first`, sleeps 400 ms, prints `second`. */
  printsAndSleeps: string;
  /** Sleeps `input` ms and answers `input`. */
  sleeps: string;
  computes: string;
  /** Reads the file `a` and waits for the host, blocking. */
  waitsForHost: string;
  /** Allocates memory that the sandbox counts, for ever. */
  allocates: string;
  /** Writes `input` bytes into one file; then another file. Uncaught. */
  writesBytes: string;
  makesFiles: string;
  /** Calls the host for ever. */
  callsHost: string;
  /** As writesBytes, makesFiles and callsHost, but catches the failure and answers its code or name. */
  catchesBytes: string;
  catchesFiles: string;
  catchesCalls: string;
  /** Prints `input` characters, then answers `after`. */
  printsMuch: string;
  /** Answers text of `input` characters, after printing `before`. */
  answersMuch: string;
  /** Leaves everything behind that it can: globals, changed builtins, timers, pending promises, module state. */
  leavesTraces: string;
  /** Answers the list of what it finds of those. */
  findsTraces: string;
  /** Throws an error `TypeError: mine` on line 3 of the program, in a function called on line 5. */
  throwsOnLine3: string;
  /** Ends the program with exit code 3, and with 0. */
  exits3: string;
  exits0: string;
  /** Unhandled asynchronous failure: name, then the program. */
  failsLater: readonly (readonly [string, string])[];
}

export interface DriverUnderTest {
  createDriver(bounds: { maxWorkers: number; blankWorkers: number; workersPerAgent: number }): Promise<Driver>;
  language: Language;
  programs: ContractPrograms;
  /** What is answered, the program, `result` (undefined: none), `resultType`. */
  results: readonly (readonly [what: string, code: string, result: unknown, resultType?: string])[];
  /** Process ids of all workers now, blank ones included. */
  workerPids(): number[];
}

interface RunOptions {
  owner?: string;
  input?: unknown;
  limits?: Partial<Limits>;
  /** Calls that wait for ever. */
  hold?: (call: HostCall) => boolean;
}

export function driverContract(name: string, { createDriver, language, programs, results, workerPids }: DriverUnderTest): void {
  const folder = mkdtempSync(join(tmpdir(), 'cordon-contract-'));
  let bench: Awaited<ReturnType<typeof openBench>>;

  async function openBench() {
    const store = await openStore({ dir: join(folder, 'store'), durability: 'process', minimumFreeBytes: 0 });
    const memory = createMemory({ store, clock: systemClock });
    const workspaces = createWorkspaces({ root: join(folder, 'workspaces') });
    const telemetry = await createTelemetry({});
    let runs = 0;

    /** Starts one run on this driver. `ended` has its outcome, what it showed and when the text came. */
    async function start(driver: Driver, code: string, { owner = 'one', input, limits: some, hold }: RunOptions = {}) {
      const who: Owner = { tenant: 'contract', agent: owner };
      const limits = { ...defaultLimits, wallMs: 20_000, ...some };
      const workspace = await workspaces.open(who);
      const lease = await driver.lease(who, limits, new AbortController().signal);
      const runId = `run_contract${++runs}`;
      const record = { id: runId, limits, createdAt: new Date().toISOString() } as RunRecord;
      const trace = telemetry.startRun({}, { agent: owner, language });
      const live = createLiveRun({ record, request: {} as never, trace, clock: systemClock });
      const files = createGuestFiles({ workspace, limits, quota: { bytes: 100 * MiB, files: 10_000 } });
      const guestMemory = createGuestMemory({ memory, owner: who, quotaBytes: MiB, onWrite: () => {} });
      const host = createGuestHost({ live, files, memory: guestMemory, packages: createJsPackages(undefined), waiting: () => {} });
      const shown: { at: number; type: string; text: string }[] = [];
      const execution = lease.execute(
        { runId, language, code, input: input as never, limits },
        {
          output(output) {
            host.output(output);
            if ('text' in output) shown.push({ at: performance.now(), type: output.type, text: output.text });
          },
          call: (call) => (hold?.(call) ? new Promise(() => {}) : host.call(call)),
          waiting: () => {},
        },
      );
      const timedOut: StopCause = { status: 'timed_out', error: { name: 'TimedOut', message: 'wallMs', limit: 'wallMs' } };
      const deadline = setTimeout(() => execution.stop(timedOut), limits.wallMs);
      const began = performance.now();
      const ended = execution.done.then(({ outcome, usage }) => {
        clearTimeout(deadline);
        host.shown.end();
        const at = performance.now();
        return { outcome, usage, shown, at, tookMs: at - began, stdout: host.shown.text.stdout, stderr: host.shown.text.stderr, truncated: host.shown.truncated };
      });
      return { execution, ended, walls: lease.walls };
    }
    return { start, close: () => store.close() };
  }

  /** A driver of its own for one test; `pids` are its workers now. */
  async function withDriver<T>(
    body: (driver: Driver, pids: () => number[]) => Promise<T>,
    bounds = { maxWorkers: 1, blankWorkers: 1, workersPerAgent: 1 },
  ): Promise<T> {
    const others = new Set(workerPids());
    const driver = await createDriver(bounds);
    try {
      return await body(driver, () => workerPids().filter((pid) => !others.has(pid)));
    } finally {
      await driver.close();
    }
  }

  describe(`${name}: the contract of drivers`, () => {
    let shared: Driver;
    beforeAll(async () => {
      bench = await openBench();
      shared = await createDriver({ maxWorkers: 6, blankWorkers: 2, workersPerAgent: 2 });
    }, 60_000);
    afterAll(async () => {
      await shared.close();
      await bench.close();
      rmSync(folder, { recursive: true, force: true });
      expect(workerPids()).toEqual([]);
    }, 60_000);

    const run = async (code: string, options?: RunOptions) => (await bench.start(shared, code, options)).ended;
    const limitOf = async (code: string, options: RunOptions) => {
      const { outcome } = await run(code, options);
      return [outcome.status, 'error' in outcome ? outcome.error.limit : undefined];
    };

    test('it reports its languages, and the walls of its leases are those that stand', async () => {
      const report = shared.report();
      expect(report.available).toBe(true);
      expect(report.languages.map((entry) => entry.language)).toContain(language);
      expect(shared.languages).toContain(language);
      const { walls, ended } = await bench.start(shared, programs.sleeps, { input: 0 });
      await ended;
      expect(walls).toEqual(report.walls.filter(({ stands }) => stands).map((wall) => wall.name));
    });

    describe('output', () => {
      test('comes in order, each stream whole', async () => {
        const { stdout, stderr, shown } = await run(programs.prints);
        expect([stdout, stderr]).toEqual(['out 1\nout 2\n', 'err 1\n']);
        expect(shown.map(({ type, text }) => `${type} ${text}`).join('')).toBe('stdout out 1\nstderr err 1\nstdout out 2\n');
      });

      test('arrives while the guest runs', async () => {
        const { shown, at } = await run(programs.printsAndSleeps);
        expect(shown.map(({ text }) => text)).toEqual(['first\n', 'second\n']);
        expect((shown[1]?.at ?? 0) - (shown[0]?.at ?? 0)).toBeGreaterThan(300);
        expect(at - (shown[0]?.at ?? at)).toBeGreaterThan(300);
      });
    });

    describe('results', () => {
      test.each(results)('%s', async (_what, code, result, resultType) => {
        const { outcome } = await run(code);
        expect(outcome).toMatchObject({ status: 'succeeded' });
        if (outcome.status !== 'succeeded') return;
        expect('result' in outcome).toBe(result !== undefined);
        if (typeof result === 'function') (result as (value: unknown) => void)(outcome.result);
        else expect(outcome.result).toEqual(result);
        expect(outcome.resultType).toBe(resultType);
      });
    });

    describe('limits end a run with their own reason', () => {
      const at: [LimitName, string, string, RunOptions][] = [
        ['wallMs', 'while it sleeps', programs.sleeps, { input: 60_000, limits: { wallMs: 300 } }],
        ['wallMs', 'while it computes', programs.computes, { limits: { wallMs: 300 } }],
        ['cpuMs', 'while it computes', programs.computes, { limits: { cpuMs: 200 } }],
        ['ramBytes', 'while it allocates', programs.allocates, { limits: { ramBytes: 32 * MiB } }],
        ['workspaceBytes', 'in one file', programs.writesBytes, { input: 200_000, limits: { workspaceBytes: 100_000 } }],
        ['workspaceBytes', 'in the second file', programs.writesBytes, { input: 60_000, limits: { workspaceBytes: 100_000 } }],
        ['files', 'and the file before it stays', programs.makesFiles, { limits: { files: 5 } }],
        ['hostCalls', 'of calls in turn', programs.callsHost, { limits: { hostCalls: 20 } }],
        ['resultBytes', 'of text', programs.answersMuch, { input: 5000, limits: { resultBytes: 4000 } }],
      ];
      test.each(at)('%s %s', async (limit, what, code, options) => {
        const status = limit === 'wallMs' ? 'timed_out' : 'limit_exceeded';
        expect(await limitOf(code, { ...options, owner: `limit-${limit}-${what.replaceAll(' ', '-')}`.toLowerCase() })).toEqual([status, limit]);
      });

      test('what is at its limit, not above, succeeds', async () => {
        expect((await run(programs.answersMuch, { input: 3998, limits: { resultBytes: 4000 } })).outcome.status).toBe('succeeded');
      });

      test('output and files are kept when the result is too large', async () => {
        const { outcome, stdout } = await run(programs.answersMuch, { input: 5000, limits: { resultBytes: 4000 } });
        expect([outcome.status, stdout]).toEqual(['limit_exceeded', 'before\n']);
      });

      test.each([
        ['workspaceBytes', programs.catchesBytes, { input: 200_000, limits: { workspaceBytes: 100_000 } }, 'ENOSPC'],
        ['files', programs.catchesFiles, { limits: { files: 5 } }, 'ENOSPC'],
        ['hostCalls', programs.catchesCalls, { limits: { hostCalls: 20 } }, 'QuotaExceeded'],
      ] as [LimitName, string, RunOptions, string][])('%s that the guest catches lets the run go on', async (limit, code, options, told) => {
        expect((await run(code, { ...options, owner: `caught-${limit}`.toLowerCase() })).outcome).toMatchObject({ status: 'succeeded', result: told });
      });

      test('outputBytes cuts with a visible mark, and is no end', async () => {
        const { outcome, stdout, truncated } = await run(programs.printsMuch, { input: 100_000, limits: { outputBytes: 1000 } });
        expect(outcome).toMatchObject({ status: 'succeeded', result: 'after' });
        expect([stdout.slice(0, 1000), stdout.slice(1000), truncated.stdout]).toEqual(['x'.repeat(1000), '\n[output cut: outputBytes is 1000]\n', true]);
      });

      test('CPU time and memory are measured', async () => {
        const { usage } = await run(programs.computes, { limits: { cpuMs: 300 } });
        expect(usage.cpuMs).toBeGreaterThanOrEqual(295);
        expect(usage.cpuMs).toBeLessThan(1000);
        expect((await run(programs.sleeps, { input: 300 })).usage.cpuMs).toBeLessThan(250);
      });
    });

    describe('stop', () => {
      const cancelled: StopCause = { status: 'cancelled', error: { name: 'Cancelled', message: 'by the test' } };
      test.each([
        ['while it computes', programs.computes, {}],
        ['while it sleeps', programs.sleeps, { input: 60_000 }],
        ['while it waits for the host', programs.waitsForHost, { hold: (call: HostCall) => call.op === 'fs.readFile' }],
      ] as [string, string, RunOptions][])('%s ends it soon, with the first cause', async (_when, code, options) => {
        const { execution, ended } = await bench.start(shared, code, { ...options, owner: 'stopped' });
        await sleep(150);
        execution.stop(cancelled);
        execution.stop({ status: 'killed', error: { name: 'Killed', message: 'too late' } });
        const { outcome, tookMs } = await ended;
        expect(outcome).toEqual(cancelled);
        expect(tookMs).toBeLessThan(3000);
        execution.stop(cancelled);
        expect((await run(programs.sleeps, { owner: 'stopped', input: 1 })).outcome).toMatchObject({ status: 'succeeded', result: 1 });
      });

      test('at once, before anything ran', async () => {
        const { execution, ended } = await bench.start(shared, programs.prints, { owner: 'stopped' });
        execution.stop(cancelled);
        expect((await ended).outcome).toEqual(cancelled);
      });

      test('a lease can be given back unused, and one that is no longer wanted is refused', async () => {
        const owner = { tenant: 'contract', agent: 'unused' };
        const lease = await shared.lease(owner, defaultLimits, new AbortController().signal);
        lease.release();
        lease.release();
        await withDriver(async (driver) => {
          const abort = new AbortController();
          const busy = await bench.start(driver, programs.sleeps, { input: 60_000, owner: 'busy' });
          const waiting = driver.lease({ tenant: 'contract', agent: 'late' }, defaultLimits, abort.signal);
          abort.abort(new Error('not wanted'));
          await expect(waiting).rejects.toThrow('not wanted');
          busy.execution.stop(cancelled);
          await busy.ended;
        });
      });
    });

    describe('errors of the guest', () => {
      test('have name, message and the guest’s own lines, and nothing of the host', async () => {
        const { outcome } = await run(programs.throwsOnLine3);
        expect(outcome).toMatchObject({ status: 'failed', error: { name: 'TypeError', message: 'mine' } });
        const stack = (outcome as { error: { stack?: string } }).error.stack ?? '';
        expect(stack.split('\n')[0]).toMatch(/main\.\w+:3\b/);
        expect(stack).toMatch(/main\.\w+:5\b/);
        expect(stack.replaceAll('/workspace/main', '')).not.toMatch(/node_modules|node:|runtime\/|\/app|cordon:|isolated|\/tmp|\/home|\/usr/);
      });

      test.each(programs.failsLater)('an asynchronous failure that nobody handled ends as %s', async (expected, code) => {
        expect((await run(code)).outcome).toMatchObject({ status: 'failed', error: { name: expected } });
      });

      test('an exit with a code other than zero is ExitCode', async () => {
        expect((await run(programs.exits3)).outcome).toMatchObject({ status: 'failed', error: { name: 'ExitCode' }, exitCode: 3 });
        expect((await run(programs.exits0)).outcome).toMatchObject({ status: 'succeeded' });
      });
    });

    describe('one run and the next', () => {
      test('of the same agent share nothing but files and memory', async () => {
        await withDriver(async (driver) => {
          for (let round = 0; round < 3; round++) {
            expect((await (await bench.start(driver, programs.leavesTraces)).ended).outcome.status).toBe('succeeded');
            expect((await (await bench.start(driver, programs.findsTraces)).ended).outcome).toMatchObject({ status: 'succeeded', result: [] });
          }
        });
      });

      test('at the same time share nothing either', async () => {
        const both = await Promise.all([programs.leavesTraces, programs.findsTraces, programs.leavesTraces, programs.findsTraces].map((code) => run(code, { owner: 'twins' })));
        for (const [n, { outcome }] of both.entries()) if (n % 2) expect(outcome).toMatchObject({ status: 'succeeded', result: [] });
      });

      test('when the worker was killed, the run is WorkerLost and the next one works', async () => {
        await withDriver(async (driver, pids) => {
          const { ended } = await bench.start(driver, programs.sleeps, { input: 60_000 });
          await sleep(100);
          expect(pids()).toHaveLength(1);
          process.kill(pids()[0] as number, 'SIGKILL');
          expect((await ended).outcome).toMatchObject({ status: 'interrupted', error: { name: 'WorkerLost' } });
          expect((await (await bench.start(driver, programs.sleeps, { input: 5 })).ended).outcome).toMatchObject({ status: 'succeeded', result: 5 });
        });
      });
    });

    describe('owners', () => {
      test('never share a worker: with room for one, each change of owner is a new process', async () => {
        const served = new Map<number, string>();
        await withDriver(async (driver, pids) => {
          for (const owner of ['a', 'b', 'a', 'c', 'b']) {
            const { ended } = await bench.start(driver, programs.sleeps, { owner, input: 20 });
            for (const pid of pids()) {
              expect(served.get(pid) ?? owner).toBe(owner);
              served.set(pid, owner);
            }
            expect((await ended).outcome).toMatchObject({ status: 'succeeded', result: 20 });
          }
        });
        expect(served.size).toBe(5);
      });

      test('a worker that dies takes the runs of one owner with it', async () => {
        await withDriver(
          async (driver, pids) => {
            const owners = ['x', 'y', 'z'];
            const running = await Promise.all(owners.flatMap((owner) => [1, 2].map(async () => ({ owner, ...(await bench.start(driver, programs.sleeps, { owner, input: 4000 })) }))));
            expect(pids()).toHaveLength(3);
            process.kill(pids()[1] as number, 'SIGKILL');
            const ends = await Promise.all(running.map(async ({ owner, ended }) => ({ owner, status: (await ended).outcome.status })));
            const lost = new Set(ends.filter(({ status }) => status === 'interrupted').map(({ owner }) => owner));
            expect(lost.size).toBe(1);
            expect(ends.filter(({ status }) => status === 'succeeded')).toHaveLength(4);
          },
          { maxWorkers: 3, blankWorkers: 0, workersPerAgent: 1 },
        );
      });

      test('several at once all get their own answers', async () => {
        const ends = await Promise.all(Array.from({ length: 24 }, (_, n) => run(programs.sleeps, { owner: `many-${n % 4}`, input: 100 + n })));
        expect(ends.map(({ outcome }) => (outcome.status === 'succeeded' ? outcome.result : outcome))).toEqual(Array.from({ length: 24 }, (_, n) => 100 + n));
      });

      test('that are forgotten leave no process', async () => {
        await withDriver(async (driver, pids) => {
          const { ended } = await bench.start(driver, programs.sleeps, { owner: 'gone', input: 60_000 });
          const [worker] = pids();
          const during = driver.report().sandboxes.running;
          await driver.forget({ tenant: 'contract', agent: 'gone' });
          expect((await ended).outcome.status).toBe('interrupted');
          expect([during, driver.report().sandboxes.running]).toEqual([1, 0]);
          expect(pids()).not.toContain(worker);
        });
      });
    });
  });
}
