/** What programs of Python come to, in real sandboxes with the agent's real files and memory. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../../runtime/clock.ts';
import { createMemory } from '../../../runtime/memory/memory.ts';
import { createGuestFiles } from '../../../runtime/run/guest-files.ts';
import { createGuestHost } from '../../../runtime/run/guest-host.ts';
import { createGuestMemory } from '../../../runtime/run/guest-memory.ts';
import { createJsPackages } from '../../../runtime/run/js-packages.ts';
import { createLiveRun } from '../../../runtime/run/live-run.ts';
import { createPythonPackages } from '../../../runtime/run/python-packages.ts';
import type { RunRecord } from '../../../runtime/run/record.ts';
import type { Driver, Owner } from '../../../runtime/sandbox/driver.ts';
import { createIsolateDriver } from '../../../runtime/sandbox/isolate/isolate-driver.ts';
import { defaultLimits } from '../../../runtime/sandbox/limits.ts';
import { openStore } from '../../../runtime/store/lmdb-store.ts';
import type { Store } from '../../../runtime/store/store.ts';
import { createTelemetry } from '../../../runtime/telemetry/telemetry.ts';
import { createWorkspaces } from '../../../runtime/workspace/workspace.ts';
import { closedEgress } from '../../run/closed-egress.ts';
import { nothingSaved } from '../../run/nothing-saved.ts';
import { ends } from './programs/ends.ts';
import type { PythonProgram } from './programs/program.ts';
import { results } from './programs/results.ts';
import { cordonModule, surroundings } from './programs/surroundings.ts';
import { waiting } from './programs/waiting.ts';

const MiB = 1024 ** 2;
const owner: Owner = { tenant: 'programs', agent: 'one' };
const folder = mkdtempSync(join(tmpdir(), 'cordon-programs-'));
let store: Store;
let driver: Driver;

beforeAll(async () => {
  store = await openStore({ dir: join(folder, 'store'), durability: 'process', minimumFreeBytes: 0 });
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
}, 120_000);

afterAll(async () => {
  await driver.close();
  await store.close();
  rmSync(folder, { recursive: true, force: true });
});

let runs = 0;

/** Runs one program; answers the outcome with what it showed. */
async function run({ code, input, files: given = {}, limits: some }: PythonProgram) {
  const limits = { ...defaultLimits, wallMs: 20_000, ...some };
  const workspace = await createWorkspaces({ root: join(folder, 'workspaces') }).open(owner);
  const runId = `run_program${++runs}`;
  const files = createGuestFiles({ workspace, limits, quota: { bytes: 100 * MiB, files: 10_000 } });
  for (const [path, text] of Object.entries(given))
    await files.call({ op: 'fs.writeFile', args: { path, flag: 'w' }, bytes: Buffer.from(text) });
  const telemetry = await createTelemetry({});
  const host = createGuestHost({
    live: createLiveRun({
      record: { id: runId, limits, createdAt: new Date().toISOString() } as RunRecord,
      source: {} as never,
      trace: telemetry.startRun({}, { agent: owner.agent, language: 'python' }),
      clock: systemClock,
      savedEvents: nothingSaved,
    }),
    files,
    memory: createGuestMemory({
      memory: createMemory({ store, clock: systemClock }),
      owner,
      quotaBytes: MiB,
      onWrite: () => {},
    }),
    egress: closedEgress(),
    packages: { javascript: createJsPackages(undefined), python: createPythonPackages(undefined) },
    waiting: () => {},
  });
  const lease = await driver.lease(owner, limits, AbortSignal.timeout(20_000), 'python');
  const { done, stop } = lease.execute(
    { runId, language: 'python', code, input, limits },
    { output: (output) => host.output(output), call: (call) => host.call(call), waiting: () => {} },
  );
  const late = setTimeout(
    () => stop({ status: 'timed_out', error: { name: 'TimedOut', message: 'late', limit: 'wallMs' } }),
    limits.wallMs,
  );
  const { outcome } = await done;
  clearTimeout(late);
  host.shown.end();
  return { outcome: outcome as Record<string, unknown>, ...host.shown.text, displays: host.displays };
}

const like = (want: unknown) => (want instanceof RegExp ? expect.stringMatching(want) : want);

describe.each([
  ['results', results],
  ['ends', ends],
  ['surroundings', surroundings],
  ['waiting', waiting],
  ['the module cordon', cordonModule],
] as const)('%s', (_, programs) => {
  test.each(programs.map((program) => [program.name, program] as const))('%s', async (_name, program) => {
    const { expect: wanted } = program;
    const { outcome, stdout, stderr, displays } = await run(program);
    const error = wanted.error && Object.fromEntries(Object.entries(wanted.error).map(([key, is]) => [key, like(is)]));
    expect(outcome).toMatchObject({ status: wanted.status, ...(error && { error }) });
    if (!wanted.anyResult) {
      expect('result' in outcome).toBe('result' in wanted);
      expect(outcome.result).toEqual(wanted.result);
    }
    expect([outcome.resultType, outcome.exitCode]).toEqual([wanted.resultType, wanted.exitCode]);
    if (wanted.stdout !== undefined) expect(stdout).toEqual(like(wanted.stdout));
    expect(stderr).toEqual(like(wanted.stderr ?? ''));
    if (wanted.displays) expect(displays).toEqual(wanted.displays);
  });
});
