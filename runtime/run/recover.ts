/** After a crash: runs that were started are `interrupted`, runs that only waited wait again. */
import { isoTime } from '../clock.ts';
import type { Log } from '../telemetry/log.ts';
import { createLiveRun } from './live-run.ts';
import type { RunEvent } from './record.ts';
import { agentKey, begin, type SubmitDeps } from './submit.ts';

/** How many interrupted runs are recorded in one go. */
const BATCH = 200;
const RATE_WINDOW_MS = 60_000;

/** Call once, before the first request. Nothing that ran is ever run again. */
export async function recoverRuns(deps: SubmitDeps & { log: Log }): Promise<void> {
  const unfinished = await deps.runStore.unfinished();
  const started = unfinished.filter((run) => run.state === 'started');
  for (let at = 0; at < started.length; at += BATCH)
    await Promise.all(started.slice(at, at + BATCH).map((run) => interrupt(run.tenant, run.id, deps)));
  const queued = unfinished.filter((run) => run.state === 'queued');
  for (const run of queued) await requeue(run.tenant, run.id, deps);
  if (unfinished.length > 0)
    deps.log.warn({ interrupted: started.length, requeued: queued.length }, 'runs that had not ended were found');
}

async function interrupt(
  tenant: string,
  id: string,
  { runStore, clock }: SubmitDeps,
  why = 'Cordon was restarted while this run went on',
) {
  const record = await runStore.get(tenant, id);
  const { files: _, ...source } = await runStore.source(id);
  const saved = await runStore.events(id);
  const shown = (type: 'stdout' | 'stderr') =>
    saved.map((event) => (event.type === type ? String(event.text) : '')).join('');
  const terminal = {
    ...record,
    stdout: shown('stdout'),
    stderr: shown('stderr'),
    status: 'interrupted' as const,
    error: { name: 'ServiceRestarted', message: why },
    finishedAt: isoTime(clock.now()),
  };
  const events: RunEvent[] = saved.length > 0 ? [] : [{ seq: 1, at: record.createdAt, type: 'queued' }];
  await runStore.finished(terminal, events, source);
}

async function requeue(tenant: string, id: string, deps: SubmitDeps): Promise<void> {
  const record = await deps.runStore.get(tenant, id);
  const agent = await deps.agents.get({ tenant, agent: record.agent }).catch(() => undefined);
  if (!agent) return interrupt(tenant, id, deps, 'Cordon was restarted and the agent does not exist any more');
  const { code, input, files = [] } = await deps.runStore.source(id);
  const { language, driver, limits, metadata } = record;
  const request = { tenant, agent: record.agent, language, driver, limits, metadata, code, input, files };
  const trace = deps.telemetry.startRun({}, { agent: record.agent, language });
  const createdAtMs = Date.parse(record.createdAt);
  if (createdAtMs > deps.clock.now() - RATE_WINDOW_MS) deps.rate.add(agentKey(agent), createdAtMs);
  begin(
    createLiveRun({ record: { ...record, traceId: trace.traceId }, request, trace, clock: deps.clock }),
    agent,
    deps,
  );
}
