/** One run from its place in the sandboxes to its durable record. Read top to bottom: lease, execute, end, settle, record. */

import type { Place } from '../admission/queue.ts';
import { type Clock, isoTime } from '../clock.ts';
import { CordonError } from '../errors.ts';
import {
  type Driver,
  type DriverKind,
  NoSandbox,
  type Outcome,
  type Owner,
  type Program,
  type SandboxChoice,
} from '../sandbox/driver.ts';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { measureUsage } from '../usage/usage.ts';
import { WorkspaceError } from '../workspace/workspace-error.ts';
import { createGuestEgress } from './guest-egress.ts';
import type { GuestFiles } from './guest-files.ts';
import { createGuestHost, type Packages, type RunGuestHost } from './guest-host.ts';
import type { GuestMemory } from './guest-memory.ts';
import type { LiveRun } from './live-run.ts';
import type { OpenedGuest, OpenGuest } from './open-guest.ts';
import type { RunEvent, RunRecord } from './record.ts';
import type { RunStore } from './run-store.ts';
import { keepSavingEvents } from './save-events.ts';

export interface ExecuteDeps {
  /** That of the run's kind. Errors: CordonError driver_unavailable. */
  driver(kind: DriverKind): Driver;
  runStore: RunStore;
  clock: Clock;
  log: Log;
  metrics: Metrics;
  packages: Packages;
  /** The agent's files, memory and egress, bound to this run. */
  open: OpenGuest;
  /** What a driver may know of the run besides its limits: its image, and what it has to make room for. */
  choice(live: LiveRun): Promise<SandboxChoice>;
}

/** What was measured and shown when the guest ended. */
interface Ended {
  outcome: Outcome;
  cpuMs: number;
  ramPeakBytes: number;
  walls: string[];
  startedAtMs: number | undefined;
  host: RunGuestHost | undefined;
  files: GuestFiles | undefined;
  memory: GuestMemory | undefined;
  egressRequests: number;
}

/** `finishedAtMs`: when the sandbox was gone and the place free for the next run. */
type SettledEnd = Ended & { finishedAtMs: number };

/** Longer than a warm sandbox takes. */
const LEASE_PATIENCE_MS = 20;

/** Never rejects: whatever goes wrong is the run's outcome. `place` is left when the sandbox is gone. */
export async function execute(live: LiveRun, place: Place, deps: ExecuteDeps): Promise<void> {
  const stopSaving = keepSavingEvents(live, deps);
  const ended = await runInSandbox(live, place, deps).catch((error: unknown) => neverRan(live, error, deps.log));
  const finishedAtMs = deps.clock.now();
  place.leave();
  await settle(live, { ...ended, finishedAtMs }, await stopSaving(), deps);
}

async function runInSandbox(live: LiveRun, place: Place, deps: ExecuteDeps): Promise<Ended> {
  const { record } = live;
  const owner: Owner = { tenant: record.tenant, agent: record.agent };

  const leasing = live.step('lease');
  // Who waits for a sandbox uses no CPU: others may meanwhile.
  const patience = setTimeout(() => place.waiting(true), LEASE_PATIENCE_MS);
  const leaseOne = async () =>
    deps
      .driver(record.driver)
      .lease(
        owner,
        record.limits,
        live.signal,
        record.language,
        record.driver === 'container' ? await deps.choice(live) : {},
      );
  const lease = await leaseOne().finally(() => {
    clearTimeout(patience);
    place.waiting(false);
    leasing.end();
  });
  let opened: OpenedGuest | undefined;
  try {
    opened = await deps.open(live, lease);
    const { files, memory } = opened;
    const egress = createGuestEgress(opened.egress);
    const host = createGuestHost({
      live,
      files,
      memory,
      egress,
      packages: deps.packages,
      waiting: place.waiting,
      proxy: opened.proxy,
    });
    const program = await placeFiles(live, files);
    const startedAtMs = deps.clock.now();
    record.status = 'running';
    record.startedAt = isoTime(startedAtMs);
    record.walls = lease.walls;
    live.events.append('started', { walls: lease.walls });

    const executing = live.step('execute');
    const { id: runId, language, limits } = record;
    const execution = lease.execute({ runId, language, limits, ...program }, host);
    live.source.letGo();
    const deadline = setTimeout(() => live.stop(timedOut(limits.wallMs)), limits.wallMs);
    live.running(execution);
    const { outcome, usage } = await execution.done;
    clearTimeout(deadline);
    host.shown.end();
    egress.close();
    await opened.egress.close();
    executing.end({ attributes: { status: outcome.status } });
    const { requests: egressRequests } = opened.egress;
    return { outcome, ...usage, walls: lease.walls, startedAtMs, host, files, memory, egressRequests };
  } catch (error) {
    lease.release();
    await opened?.egress.close();
    // Whatever came in between: a mounted workspace is given back.
    await opened?.files
      .flush()
      .catch((fault: unknown) =>
        deps.log.error({ runId: record.id, error: fault }, 'files of a run that never ran could not be flushed'),
      );
    throw error;
  } finally {
    lease.release();
  }
}

/** Puts the files of the request where the program finds them. Answers the program. */
async function placeFiles(live: LiveRun, files: GuestFiles): Promise<Pick<Program, 'code' | 'input'>> {
  const {
    code,
    input,
    files: given,
  } = await live.source.get().catch((cause: unknown) => {
    const message = 'what the run was asked to do could not be read';
    throw new NoSandbox({ status: 'interrupted', error: { name: 'StorageFailed', message } }, { cause });
  });
  if (given.length > 0) {
    live.hurry();
    await live.durable;
    await files.place(given);
  }
  return { code, input };
}

/** The run ended before its sandbox worked: it was stopped meanwhile, its files did not fit, or no sandbox was to be had. */
function neverRan(live: LiveRun, error: unknown, log: Log): Ended {
  const outcome: Outcome = live.stopCause ?? outcomeOfRefusal(error);
  if (outcome.status === 'interrupted') log.error({ runId: live.record.id, error }, 'a run could not be started');
  return {
    outcome,
    cpuMs: 0,
    ramPeakBytes: 0,
    walls: [],
    startedAtMs: undefined,
    host: undefined,
    files: undefined,
    memory: undefined,
    egressRequests: 0,
  };
}

function outcomeOfRefusal(error: unknown): Outcome {
  if (error instanceof NoSandbox) return error.outcome;
  // A file of the request cannot stand where it should: something else does, which an earlier run may have left.
  if (error instanceof WorkspaceError) return { status: 'failed', error: { name: 'Error', message: error.message } };
  if (error instanceof CordonError && error.code === 'quota_exceeded') {
    const limit = error.details.quota?.name === 'workspaceFiles' ? 'files' : 'workspaceBytes';
    return { status: 'limit_exceeded', error: { name: 'QuotaExceeded', message: error.message, limit } };
  }
  const message = error instanceof CordonError ? error.message : 'no sandbox could be had';
  return {
    status: 'interrupted',
    error: { name: refusalName(error), message },
  };
}

function refusalName(error: unknown): string {
  if (!(error instanceof CordonError)) return 'WorkerLost';
  return error.code === 'storage_full' ? 'StorageFull' : 'DriverUnavailable';
}

const RETRY_RECORD_MS = 1000;

/** The end is durable before anyone is told. While the disk refuses it, it is tried again: a finished run is never lost silently. */
async function settle(live: LiveRun, ended: SettledEnd, lastSaved: number, deps: ExecuteDeps): Promise<void> {
  const again = (what: string) => (error: unknown) =>
    deps.log.error({ runId: live.record.id, error }, `${what}; it is tried again`);
  const settling = live.step('settle');
  const record = await untilDone(() => terminalRecord(live, ended), again('the files of a run could not be flushed'));
  settling.end();
  live.trace.end({ attributes: { status: record.status } });
  // Not after the admission's flush but with it: the store keeps their order, and fails both when the first fails.
  const events = live.events.unsaved(lastSaved);
  const write = (end: RunRecord, unsaved: readonly RunEvent[]) => async () => {
    if (!live.refused) await deps.runStore.finished(end, unsaved, live.source.mayHaveFiles);
  };
  let kept = record;
  const couldNot = again('the end of a run could not be recorded');
  await untilDone(write(record, events), (error) => {
    couldNot(error);
    // A text too long for V8 will not be shorter the next time.
    return error instanceof RangeError;
  }).catch(() => {
    kept = withoutOutput(record);
    return untilDone(write(kept, []), couldNot);
  });
  const { wallMs, queueMs, cpuMs } = kept.usage;
  deps.metrics.runFinished({ status: kept.status, language: kept.language, wallMs, queueMs, cpuMs });
  live.finish(kept);
}

/** What V8 cannot make one text of. The limits of output, displays and result leave room; this is for when they do not. */
function withoutOutput({ displays: _, result: __, ...record }: RunRecord): RunRecord {
  const stderr = '[output left out: it is too long to be recorded]\n';
  return { ...record, stdout: '', stderr, stdoutTruncated: true, stderrTruncated: true };
}

/** Errors: one of which `onError` says that it is final. */
async function untilDone<T>(work: () => Promise<T>, onError: (error: unknown) => unknown): Promise<T> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (onError(error) === true) throw error;
      await new Promise((resolve) => setTimeout(resolve, RETRY_RECORD_MS));
    }
  }
}

async function terminalRecord(live: LiveRun, ended: SettledEnd): Promise<RunRecord> {
  const { record } = live;
  const { outcome, host, startedAtMs, finishedAtMs } = ended;
  await ended.files?.flush();
  const changed = (await ended.files?.changed()) ?? [];
  const { status, ...how } = outcome;
  // A copy: until it is durable, readers see the run as it was.
  return {
    ...record,
    ...how,
    status,
    stdout: host?.shown.text.stdout ?? '',
    stderr: host?.shown.text.stderr ?? '',
    stdoutTruncated: host?.shown.truncated.stdout ?? false,
    stderrTruncated: host?.shown.truncated.stderr ?? false,
    ...(host && host.displays.length > 0 ? { displays: host.displays } : {}),
    filesChanged: changed,
    walls: ended.walls,
    startedAt: startedAtMs === undefined ? null : isoTime(startedAtMs),
    finishedAt: isoTime(finishedAtMs),
    usage: measureUsage({
      createdAtMs: Date.parse(record.createdAt),
      startedAtMs,
      finishedAtMs,
      cpuMs: ended.cpuMs,
      ramPeakBytes: ended.ramPeakBytes,
      outputBytes: host?.shown.bytes ?? 0,
      filesChanged: changed.length,
      memoryOps: ended.memory?.operations ?? 0,
      egressRequests: ended.egressRequests,
    }),
  };
}

const timedOut = (wallMs: number) => ({
  status: 'timed_out' as const,
  error: { name: 'TimedOut', message: `wallMs is used up (${wallMs})`, limit: 'wallMs' as const },
});
