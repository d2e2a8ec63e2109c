/** Packages of the operator in real sandboxes: importable, described, bounded, and gone after the run. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createPythonPackages, type PythonPackages } from '../../../runtime/run/python-packages.ts';
import type { Driver, HostReply, Program } from '../../../runtime/sandbox/driver.ts';
import { createIsolateDriver } from '../../../runtime/sandbox/isolate/isolate-driver.ts';
import { defaultLimits } from '../../../runtime/sandbox/limits.ts';
import { packageCases, placePackages } from './package-cases.ts';

const MiB = 1024 ** 2;
const folder = mkdtempSync(join(tmpdir(), 'cordon-python-'));
let packages: PythonPackages;
let driver: Driver;

beforeAll(async () => {
  placePackages(folder);
  packages = createPythonPackages(folder);
  driver = await createIsolateDriver({
    requireWalls: [],
    blankWorkers: 1,
    maxWorkers: 1,
    workersPerAgent: 1,
    workerIdleMs: 60_000,
    workerRamBytes: 1024 * MiB,
    pythonRamBytes: 1024 * MiB,
    onWorkerLost: () => {},
  });
}, 60_000);

afterAll(async () => {
  await driver.close();
  rmSync(folder, { recursive: true });
});

/** The program's result, or how it ended, and the questions it asked about packages. */
async function run(code: string): Promise<{ result: unknown; asked: string[] }> {
  const asked: string[] = [];
  const none: HostReply = { ok: false, error: { name: 'Error', message: 'ENOENT: no such file', code: 'ENOENT' } };
  const owner = { tenant: 'default', agent: 'a' };
  const lease = await driver.lease(owner, defaultLimits, AbortSignal.timeout(10_000), 'python');
  const program: Program = { runId: 'run_packages', language: 'python', code, input: undefined, limits: defaultLimits };
  const { done } = lease.execute(program, {
    output: () => {},
    waiting: () => {},
    call: async (call) => {
      if (!call.op.startsWith('module.python')) return none;
      asked.push(call.op);
      return packages.call(call);
    },
  });
  const { outcome } = await done;
  return { result: outcome.status === 'succeeded' ? outcome.result : outcome, asked };
}

test.each(
  packageCases.map(({ what, code, result }) => [what, code, result] as const),
)('%s', async (_, code, result) => {
  expect((await run(code)).result).toEqual(result);
});

test('the next run has no package of the last one, and asks again', async () => {
  const first = await run('import base\nbase.NUMBER');
  const second = await run(
    "import os, sys\nleft = ['base' in sys.modules, os.path.exists('/lib/python3.14/site-packages-run/base.py')]\nimport base\nleft + [base.NUMBER]",
  );
  expect(first.result).toBe(42);
  expect(second.result).toEqual([false, false, 42]);
  expect(second.asked).toEqual(first.asked);
});
