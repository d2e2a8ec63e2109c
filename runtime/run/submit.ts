/** How a run comes in: checked against quotas, written down, then started or queued. */
import { type AdmissionDeps, checkAdmission } from '../admission/admit.ts';
import type { Queue, QueuedRun } from '../admission/queue.ts';
import type { Agent, Agents } from '../agent/agents.ts';
import { isoTime } from '../clock.ts';
import { newId } from '../ids.ts';
import { defaultLimits } from '../sandbox/limits.ts';
import type { Store } from '../store/store.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';
import type { TraceHeaders } from '../telemetry/trace-context.ts';
import { noUsage } from '../usage/usage.ts';
import { codeSha256 } from './code-hash.ts';
import { type ExecuteDeps, execute } from './execute.ts';
import { holdSource, type WholeSource } from './held-source.ts';
import type { Idempotency } from './idempotency.ts';
import { createLiveRun, type LiveRun, type NewLiveRun } from './live-run.ts';
import type { RunRecord, RunRequest } from './record.ts';

export interface SubmitDeps extends ExecuteDeps, AdmissionDeps {
  store: Store;
  agents: Agents;
  queue: Queue;
  idempotency: Idempotency;
  telemetry: Telemetry;
  /** Runs that have not ended, by id. */
  liveRuns: Map<string, LiveRun>;
  /** Resolves when the service shuts down and no run goes on: what still waits is queued for the next start. */
  drained: Promise<undefined>;
}

/** The caller's `Idempotency-Key`, with the digest of the body that it came with. */
export interface KeyOfRequest {
  key: string;
  requestSha256: string;
}

export interface SubmitOptions {
  trace: TraceHeaders;
  requestId: string;
  /** One key, one run. */
  idempotency?: KeyOfRequest;
  /** The caller waits for the end: the admission need not be on disk before, and a short run's two writes share a flush. */
  waits?: boolean;
}

/** As long as most short runs take. What a guest asks, and every acknowledgement, ends the wait at once. */
const PATIENCE_MS = 3;
const ROUTE = 'POST /v1/runs';

/**
 * Resolves when the run is durable; it may have started by then, since its flush and its first steps overlap
 * (what the guest does outside waits for the flush: guest-host.ts).
 * Errors: CordonError not_found, quota_exceeded, queue_full, idempotency_conflict, storage_full.
 */
export async function submit(
  request: RunRequest,
  options: SubmitOptions,
  deps: SubmitDeps,
): Promise<{ id: string; reused: boolean }> {
  const receivedAtMs = performance.timeOrigin + performance.now();
  const agent = await deps.agents.get({ tenant: request.tenant, agent: request.agent });
  const trace = deps.telemetry.startRun(options.trace, { agent: request.agent, language: request.language });
  const scope = options.idempotency && scopeOf(request.tenant, options.idempotency);
  const sha = options.idempotency?.requestSha256 ?? '';
  let live: LiveRun | undefined;
  let earlier: string | undefined;

  const admitted = deps.store.transaction(
    (tx) => {
      if (scope) earlier = deps.idempotency.find(tx, scope, sha) as string | undefined;
      if (earlier !== undefined) return;
      checkAdmission(agentKey(agent), agent.quotas, deps);
      const record = newRecord(request, trace.traceId, deps.clock.now());
      const source = wholeSource(request);
      live = newLiveRun({ record, trace }, source, deps);
      const state = deps.queue.isFree(agentKey(agent), agent.quotas.concurrentRuns) ? 'started' : 'queued';
      deps.runStore.admit(tx, { ...record }, source, state);
      if (scope) deps.idempotency.remember(tx, scope, sha, record.id);
    },
    options.waits ? { patienceMs: PATIENCE_MS } : {},
  );
  if (live) {
    deps.rate.add(agentKey(agent));
    live.durable = admitted;
    begin(live, agent, deps, receivedAtMs);
  }
  try {
    await admitted;
  } catch (error) {
    live?.refuse();
    throw error;
  }
  return live ? { id: live.record.id, reused: false } : { id: earlier as string, reused: true };
}

const scopeOf = (tenant: string, { key }: KeyOfRequest) => ({ tenant, route: ROUTE, key });

/** The id of the run that an earlier request with this key made, durable when this resolves. Errors: idempotency_conflict. */
export const earlierRun = (
  tenant: string,
  key: KeyOfRequest,
  { store, idempotency }: Pick<SubmitDeps, 'store' | 'idempotency'>,
): Promise<string | undefined> =>
  store.transaction((tx) => idempotency.find(tx, scopeOf(tenant, key), key.requestSha256) as string | undefined);

/** Puts an admitted run into the queue. `receivedAtMs` undefined: it was admitted before a restart, as a queued one. */
export function begin(live: LiveRun, agent: Agent, deps: SubmitDeps, receivedAtMs?: number): void {
  const { record } = live;
  const key = agentKey(agent);
  live.hurry = deps.store.hurry;
  deps.liveRuns.set(record.id, live);
  void live.finished.then(() => deps.liveRuns.delete(record.id));
  const atOnce = receivedAtMs !== undefined && deps.queue.isFree(key, agent.quotas.concurrentRuns);
  live.events.append('queued');
  if (receivedAtMs !== undefined) live.step('admission', receivedAtMs).end();
  const waiting = live.step('queue');

  const queued: QueuedRun = {
    agent: key,
    concurrentRuns: agent.quotas.concurrentRuns,
    start(place) {
      live.placed = true;
      live.whenStoppedInQueue = undefined;
      waiting.end();
      live.durable.catch(() => live.refuse());
      if (!atOnce) {
        live.durable = Promise.all([live.durable, deps.runStore.started(record)]).then(() => {});
        // It was admitted, so it has a record, and ends in it.
        live.durable.catch((error: Error) =>
          live.stop({ status: 'interrupted', error: { name: 'StorageFull', message: error.message } }),
        );
      }
      void execute(live, place, deps);
    },
  };
  live.whenStoppedInQueue = () => {
    if (deps.queue.remove(queued))
      void execute(live, { waiting() {}, leave() {} }, { ...deps, driver: stoppedDriver(deps) });
  };
  deps.queue.push(queued);
  live.durable.then(
    () => live.placed || live.source.waits(),
    () => {},
  );
}

/** `source` undefined: it was admitted before a restart. */
export const newLiveRun = (
  { record, trace }: Pick<NewLiveRun, 'record' | 'trace'>,
  source: WholeSource | undefined,
  { runStore, clock }: Pick<SubmitDeps, 'runStore' | 'clock'>,
): LiveRun =>
  createLiveRun({
    record,
    trace,
    clock,
    source: holdSource(source, async () => ({
      ...(await runStore.source(record.id)),
      files: await runStore.files(record.id),
    })),
    savedEvents: runStore.events,
  });

const wholeSource = ({ code, input, files }: RunRequest): WholeSource => ({
  code,
  ...(input === undefined ? {} : { input }),
  files,
});

/** A run that was stopped in the queue takes the same way to its record, without a sandbox. */
function stoppedDriver({ driver }: SubmitDeps): ExecuteDeps['driver'] {
  return (kind) => ({ ...driver(kind), lease: () => Promise.reject(new Error('stopped in the queue')) });
}

/** Tenants and agents are slugs: the slash keeps them apart. */
export const agentKey = (agent: { tenant: string; id: string }) => `${agent.tenant}/${agent.id}`;

function newRecord(request: RunRequest, traceId: string, nowMs: number): RunRecord {
  return {
    id: newId('run', nowMs),
    tenant: request.tenant,
    agent: request.agent,
    language: request.language,
    driver: request.driver,
    ...(request.image === undefined ? {} : { image: request.image }),
    status: 'queued',
    stdout: '',
    stderr: '',
    stdoutTruncated: false,
    stderrTruncated: false,
    usage: noUsage,
    filesChanged: [],
    limits: { ...defaultLimits, ...request.limits },
    walls: [],
    codeSha256: codeSha256(request.code),
    metadata: request.metadata,
    ...(request.onBehalfOf === undefined ? {} : { onBehalfOf: request.onBehalfOf }),
    traceId,
    createdAt: isoTime(nowMs),
    startedAt: null,
    finishedAt: null,
  };
}
