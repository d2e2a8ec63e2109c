/**
 * What every driver keeps, whatever it runs: one suite, called by each driver's short test file with its programs.
 * The guest's files and memory are the real ones; only the host calls that a test holds back are held back.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Driver, Language } from '../../runtime/sandbox/driver.ts';
import { type ContractBench, type ContractEnd, openBench, type RunOptions } from './contract-bench.ts';
import { endsContract } from './contract-ends.ts';
import { separationContract } from './contract-separation.ts';

/** The same behaviours in the driver's own language. `input` is what the run gets, where one is named. */
export interface ContractPrograms {
  /** Prints `out 1`, `err 1`, `out 2` to stdout, stderr, stdout. */
  prints: string;
  /** Prints `first`, sleeps a second, prints `second`. */
  printsAndSleeps: string;
  /** Sleeps `input` ms and answers `input`. */
  sleeps: string;
  computes: string;
  /** Reads the file `a`, which the host does not answer: blocks. */
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
  /** Throws an error `TypeError: mine` on line 3 of the program, in a function called on line 5; absent: the language has no such errors. */
  throwsOnLine3?: string;
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
  /** Process ids of all workers of this language now, blank ones included; of this driver's, where they can be told apart. */
  workerPids(driver?: Driver): number[];
  /** What cannot be so here, and why: by the beginning of a test's title. */
  cannot?: Readonly<Record<string, string>>;
  /** A stack names the place of the failure last, not first. */
  placeLast?: boolean;
  /** Each run has a sandbox of its own, which ends with it. */
  oneRunEach?: boolean;
  /** A further language of a driver whose whole contract another one proves: output, results and errors only. */
  brief?: boolean;
}

/** What the files of the contract share. */
export interface ContractParts {
  programs: ContractPrograms;
  /** Runs to the end on the shared driver. */
  run(code: string, options?: RunOptions): Promise<ContractEnd>;
  /** A driver of its own for one test; `pids` are its workers now. Default bounds: one worker at most. */
  withDriver<T>(
    body: (driver: Driver, pids: () => number[]) => Promise<T>,
    bounds?: { maxWorkers: number; blankWorkers: number; workersPerAgent: number },
  ): Promise<T>;
  /** Filled before the first test. */
  parts: { bench: ContractBench; shared: Driver; language: Language; oneRunEach: boolean };
}

export function driverContract(
  name: string,
  {
    createDriver,
    language,
    programs,
    results,
    workerPids,
    placeLast = false,
    oneRunEach = false,
    brief = false,
    cannot = {},
  }: DriverUnderTest,
): void {
  const folder = mkdtempSync(join(tmpdir(), 'cordon-contract-'));
  const parts = { language, oneRunEach } as ContractParts['parts'];

  async function withDriver<T>(
    body: (driver: Driver, pids: () => number[]) => Promise<T>,
    bounds = { maxWorkers: 1, blankWorkers: 1, workersPerAgent: 1 },
  ): Promise<T> {
    const others = new Set(workerPids());
    const driver = await createDriver(bounds);
    try {
      return await body(driver, () => workerPids(driver).filter((pid) => !others.has(pid)));
    } finally {
      await driver.close();
    }
  }

  describe(`${name}: the contract of drivers`, () => {
    beforeAll(async () => {
      parts.bench = await openBench(folder, language);
      parts.shared = await createDriver({ maxWorkers: 6, blankWorkers: 2, workersPerAgent: 2 });
    }, 60_000);
    afterAll(async () => {
      await parts.shared.close();
      await parts.bench.close();
      rmSync(folder, { recursive: true, force: true });
      expect(workerPids()).toEqual([]);
    }, 60_000);

    beforeEach(({ task, skip }) => {
      for (const [title, why] of Object.entries(cannot)) if (task.name.startsWith(title)) skip(why);
    });

    const run = async (code: string, options?: RunOptions) =>
      (await parts.bench.start(parts.shared, code, options)).ended;

    test('it reports its languages, and the walls of its leases are those that stand', async () => {
      const report = parts.shared.report();
      expect(report.available).toBe(true);
      expect(report.languages.map((entry) => entry.language)).toContain(language);
      expect(parts.shared.languages).toContain(language);
      const { walls, ended } = await parts.bench.start(parts.shared, programs.sleeps, { input: 0 });
      await ended;
      expect(walls).toEqual(report.walls.filter(({ stands }) => stands).map((wall) => wall.name));
    });

    describe('output', () => {
      test('comes in order, each stream whole', async () => {
        const { stdout, stderr, shown } = await run(programs.prints);
        expect([stdout, stderr]).toEqual(['out 1\nout 2\n', 'err 1\n']);
        expect(shown.map(({ type, text }) => `${type} ${text}`).join('')).toBe(
          'stdout out 1\nstderr err 1\nstdout out 2\n',
        );
      });

      test('arrives while the guest runs', async () => {
        const { shown, at } = await run(programs.printsAndSleeps);
        expect(shown.map(({ text }) => text)).toEqual(['first\n', 'second\n']);
        expect((shown[1]?.at ?? 0) - (shown[0]?.at ?? 0)).toBeGreaterThan(300);
        expect(at - (shown[0]?.at ?? at)).toBeGreaterThan(300);
      });
    });

    describe('results', () => {
      test.each(
        results.map((row) => [...row] as [string, string, unknown, string?]),
      )('%s', async (_what, code, result, resultType) => {
        const { outcome } = await run(code);
        expect(outcome).toMatchObject({ status: 'succeeded' });
        if (outcome.status !== 'succeeded') return;
        expect('result' in outcome).toBe(result !== undefined);
        if (typeof result === 'function') (result as (value: unknown) => void)(outcome.result);
        else expect(outcome.result).toEqual(result);
        expect(outcome.resultType).toBe(resultType);
      });
    });

    describe('errors of the guest', () => {
      const { throwsOnLine3, failsLater } = programs;
      const stacked = throwsOnLine3 === undefined ? [] : [throwsOnLine3];
      test.each(stacked)('have name, message and the guest’s own lines, and nothing of the host', async (code) => {
        const { outcome } = await run(code);
        expect(outcome).toMatchObject({ status: 'failed', error: { name: 'TypeError', message: 'mine' } });
        const stack = (outcome as { error: { stack?: string } }).error.stack ?? '';
        const lines = [...stack.matchAll(/main\.\w+(?::|", line )(\d+)\b/g)].map((found) => Number(found[1]));
        expect(placeLast ? lines.reverse() : lines).toEqual([3, 5]);
        if (!placeLast) expect(stack.split('\n')[0]).toMatch(/main\.\w+:3\b/);
        expect(stack.replaceAll('/workspace/main', '')).not.toMatch(
          /node_modules|node:|runtime\/|\/app|cordon:|isolated|\/tmp|\/home|\/usr/,
        );
      });

      test.each(failsLater)('an asynchronous failure that nobody handled ends as %s', async (expected, code) => {
        expect((await run(code)).outcome).toMatchObject({ status: 'failed', error: { name: expected } });
      });

      test('an exit with a code other than zero is ExitCode', async () => {
        expect((await run(programs.exits3)).outcome).toMatchObject({
          status: 'failed',
          error: { name: 'ExitCode' },
          exitCode: 3,
        });
        expect((await run(programs.exits0)).outcome).toMatchObject({ status: 'succeeded' });
      });
    });

    if (brief) return;
    endsContract({ programs, run, withDriver, parts });
    separationContract({ programs, run, withDriver, parts });
  });
}
