import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createEventLog } from '../../runtime/run/event-log.ts';
import type { RunRecord } from '../../runtime/run/record.ts';
import { recoverRuns } from '../../runtime/run/recover.ts';
import { createRunOutput } from '../../runtime/run/run-output.ts';
import { createRunStore, type RunStore } from '../../runtime/run/run-store.ts';
import { defaultLimits } from '../../runtime/sandbox/limits.ts';
import { openStore } from '../../runtime/store/lmdb-store.ts';
import type { Store } from '../../runtime/store/store.ts';
import { endedRun } from './ended-run.ts';
import { nothingSaved } from './nothing-saved.ts';

const START = Date.parse('2026-01-01T00:00:00.000Z');

let dir: string;
let store: Store;
let runStore: RunStore;
let now: number;
const clock = { now: () => now };

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'cordon-recover-'));
  store = await openStore({ dir, durability: 'process', minimumFreeBytes: 0 });
  runStore = createRunStore(store);
  now = START;
});
afterEach(async () => {
  await store.close();
  rmSync(dir, { recursive: true, force: true });
});

const admit = (state: 'started' | 'queued', more: Partial<RunRecord> = {}) =>
  store.transaction((tx) =>
    runStore.admit(
      tx,
      endedRun('run_1', { status: 'queued', startedAt: null, finishedAt: null, ...more }),
      { code: '1', files: [] },
      state,
    ),
  );

/** What the next start of the service finds, and what it makes of it. */
async function recovered(): Promise<RunRecord> {
  const agents = { get: () => Promise.reject(new Error('gone')) };
  await recoverRuns({ runStore, clock, agents, log: { warn() {} } } as never);
  return runStore.get('t', 'run_1');
}

/** A run that prints `texts`, one a second, and starts a quarter of a second after its admission. */
async function ranUntilTheCrash(texts: ['stdout' | 'stderr', string][], outputBytes = defaultLimits.outputBytes) {
  await admit('started', { limits: { ...defaultLimits, outputBytes } });
  const log = createEventLog(clock, nothingSaved);
  const output = createRunOutput(outputBytes, (type, text) => void log.append(type, { text }));
  log.append('queued');
  now += 250;
  log.append('started', { walls: ['jail', 'seccomp'] });
  for (const [stream, text] of texts) {
    now += 1000;
    output.write(stream, text);
  }
  log.append('display', { mime: 'text/html', data: '<b>1</b>' });
  await runStore.saveEvents('run_1', log.unsaved(0));
  now += 3_600_000;
}

test('a run that a restart interrupted is recorded as its saved events tell it', async () => {
  await ranUntilTheCrash([
    ['stdout', 'hé\n'],
    ['stderr', 'oh\n'],
  ]);
  expect(await recovered()).toMatchObject({
    status: 'interrupted',
    error: { name: 'ServiceRestarted' },
    startedAt: '2026-01-01T00:00:00.250Z',
    finishedAt: new Date(now).toISOString(),
    walls: ['jail', 'seccomp'],
    stdout: 'hé\n',
    stderr: 'oh\n',
    stdoutTruncated: false,
    stderrTruncated: false,
    displays: [{ mime: 'text/html', data: '<b>1</b>' }],
    // Until the last that is known of it: what it did in the hour before the restart was found, nobody knows.
    usage: { queueMs: 250, wallMs: 2000, outputBytes: 7 },
  });
});

test('output that was cut says so in the record of an interrupted run too', async () => {
  await ranUntilTheCrash(
    [
      ['stderr', 'four'],
      ['stdout', '€€€€'],
    ],
    12,
  );
  const { stdout, stdoutTruncated, stderrTruncated, usage } = await recovered();
  expect(stdout).toBe('€€\n[output cut: outputBytes is 12]\n');
  expect([stdoutTruncated, stderrTruncated, usage.outputBytes]).toEqual([true, false, 10]);
});

test('a run that prints the mark of a cut was not cut by it', async () => {
  const mark = '\n[output cut: outputBytes is 100]\n';
  await ranUntilTheCrash([['stdout', mark]], 100);
  const { stdout, stdoutTruncated, usage } = await recovered();
  expect([stdout, stdoutTruncated, usage.outputBytes]).toEqual([mark, false, mark.length]);
});

test('of a run whose events a crash took along, no times are made up', async () => {
  await admit('started');
  now += 5000;
  const record = await recovered();
  expect(record).toMatchObject({ startedAt: null, walls: [], usage: { queueMs: 0, wallMs: 0 } });
  expect(record).not.toHaveProperty('displays');
});

test('a run that waited until its agent was gone has waited all that time', async () => {
  await admit('queued');
  now += 5000;
  expect(await recovered()).toMatchObject({
    status: 'interrupted',
    startedAt: null,
    usage: { queueMs: 5000, wallMs: 0 },
  });
});

test.each([
  'started',
  'queued',
] as const)('a run (%s) whose record is gone is no reason not to start', async (state) => {
  await admit(state);
  await store.transaction((tx) => tx.delete(['run', 't', 'run_1']));
  await recoverRuns({ runStore, clock, log: { warn() {} } } as never);
  expect(await runStore.unfinished()).toEqual([]);
});

test('a deleted run is not found again by a restart', async () => {
  await admit('started');
  await runStore.delete([{ tenant: 't', id: 'run_1' }]);
  expect(await runStore.unfinished()).toEqual([]);
});
