/** What a run of the contract suite works with: real files and memory, host calls that can be held back, times of output. */
import { join } from 'node:path';
import { systemClock } from '../../runtime/clock.ts';
import { createMemory } from '../../runtime/memory/memory.ts';
import { createGuestFiles } from '../../runtime/run/guest-files.ts';
import { createGuestHost } from '../../runtime/run/guest-host.ts';
import { createGuestMemory } from '../../runtime/run/guest-memory.ts';
import { createJsPackages } from '../../runtime/run/js-packages.ts';
import { createLiveRun } from '../../runtime/run/live-run.ts';
import { mountFiles } from '../../runtime/run/mounted-files.ts';
import { inBlocks } from '../../runtime/run/open-guest.ts';
import { createPythonPackages } from '../../runtime/run/python-packages.ts';
import type { RunRecord } from '../../runtime/run/record.ts';
import type { Driver, HostCall, Language, Owner, StopCause } from '../../runtime/sandbox/driver.ts';
import { defaultLimits, type Limits } from '../../runtime/sandbox/limits.ts';
import { openStore } from '../../runtime/store/lmdb-store.ts';
import { createTelemetry } from '../../runtime/telemetry/telemetry.ts';
import { createWorkspaces } from '../../runtime/workspace/workspace.ts';
import { closedEgress } from '../run/closed-egress.ts';
import { nothingSaved } from '../run/nothing-saved.ts';

const MiB = 1024 * 1024;

export interface RunOptions {
  owner?: string;
  input?: unknown;
  limits?: Partial<Limits>;
  /** Calls that wait for ever. */
  hold?: (call: HostCall) => boolean;
}

export type ContractBench = Awaited<ReturnType<typeof openBench>>;

/** How a run ended, what it showed and when. */
export type ContractEnd = Awaited<Awaited<ReturnType<ContractBench['start']>>['ended']>;

/** `folder` is removed by the caller after `close`. */
export async function openBench(folder: string, language: Language) {
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
    const lease = await driver.lease(who, limits, new AbortController().signal, language);
    const runId = `run_contract${++runs}`;
    const record = { id: runId, limits, createdAt: new Date().toISOString() } as RunRecord;
    const trace = telemetry.startRun({}, { agent: owner, language });
    const live = createLiveRun({ record, source: {} as never, trace, clock: systemClock, savedEvents: nothingSaved });
    const quota = { bytes: 100 * MiB, files: 10_000 };
    const target = lease.workspaceFolder;
    const files =
      target === undefined
        ? createGuestFiles({ workspace, limits: inBlocks({ driver: driver.kind, limits }), quota })
        : await mountFiles({ workspaces, workspace, owner: who, limits, quota, target, onFault: () => {} });
    const guestMemory = createGuestMemory({ memory, owner: who, quotaBytes: MiB, onWrite: () => {} });
    const host = createGuestHost({
      live,
      files,
      memory: guestMemory,
      egress: closedEgress(),
      packages: { javascript: createJsPackages(undefined), python: createPythonPackages(undefined) },
      waiting: () => {},
    });
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
    const timedOut: StopCause = {
      status: 'timed_out',
      error: { name: 'TimedOut', message: 'wallMs', limit: 'wallMs' },
    };
    const deadline = setTimeout(() => execution.stop(timedOut), limits.wallMs);
    const began = performance.now();
    const ended = execution.done.then(async ({ outcome, usage }) => {
      clearTimeout(deadline);
      host.shown.end();
      const at = performance.now();
      await files.flush();
      return {
        changed: await files.changed(),
        outcome,
        usage,
        shown,
        at,
        tookMs: at - began,
        stdout: host.shown.text.stdout,
        stderr: host.shown.text.stderr,
        truncated: host.shown.truncated,
      };
    });
    return { execution, ended, walls: lease.walls };
  }
  return {
    start,
    workspaces,
    async close() {
      await workspaces.close();
      await store.close();
    },
  };
}
