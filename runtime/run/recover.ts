/** After a crash: runs that were started are `interrupted`, runs that only waited wait again. */
import { isoTime } from '../clock.ts';
import { CordonError } from '../errors.ts';
import type { Log } from '../telemetry/log.ts';
import { noUsage } from '../usage/usage.ts';
import type { Display, RunEvent, RunRecord } from './record.ts';
import { agentKey, begin, newLiveRun, type SubmitDeps } from './submit.ts';

/** How many interrupted runs are recorded in one go. */
const BATCH = 200;
const RATE_WINDOW_MS = 60_000;

const RESTARTED = 'Cordon was restarted while this run went on';
const AGENT_GONE = 'Cordon was restarted and the agent does not exist any more';

/** Call once, before the first request. Nothing that ran is ever run again. */
export async function recoverRuns(deps: SubmitDeps & { log: Log }): Promise<void> {
  const unfinished = await deps.runStore.unfinished();
  const started = unfinished.filter((run) => run.state === 'started');
  for (let at = 0; at < started.length; at += BATCH)
    await Promise.all(
      started
        .slice(at, at + BATCH)
        .map(({ tenant, id }) => unlessGone(id, deps, () => interrupt(tenant, id, deps, toldByEvents, RESTARTED))),
    );
  const queued = unfinished.filter((run) => run.state === 'queued');
  for (const run of queued) await unlessGone(run.id, deps, () => requeue(run.tenant, run.id, deps));
  if (unfinished.length > 0)
    deps.log.warn({ interrupted: started.length, requeued: queued.length }, 'runs that had not ended were found');
}

/** A run whose record was deleted is no reason not to start. */
async function unlessGone(id: string, deps: SubmitDeps, recover: () => Promise<void>): Promise<void> {
  try {
    await recover();
  } catch (error) {
    if (!(error instanceof CordonError) || error.code !== 'not_found') throw error;
    await deps.runStore.forgetUnfinished(id);
  }
}

async function interrupt(
  tenant: string,
  id: string,
  { runStore, clock }: SubmitDeps,
  known: (record: RunRecord, events: ToldEvents) => Partial<RunRecord>,
  why: string,
) {
  const record = await runStore.get(tenant, id);
  const saved = await told(runStore.events(id));
  const terminal = {
    ...record,
    ...known(record, saved),
    status: 'interrupted' as const,
    error: { name: 'ServiceRestarted', message: why },
    finishedAt: isoTime(clock.now()),
  };
  const events: RunEvent[] = saved.last ? [] : [{ seq: 1, at: record.createdAt, type: 'queued' }];
  await runStore.finished(terminal, events, true);
}

/** What a record needs of its run's events: there may be millions of others. */
interface ToldEvents {
  stdout: string;
  stderr: string;
  displays: Display[];
  started?: RunEvent;
  last?: RunEvent;
}

async function told(pieces: AsyncIterable<RunEvent[]>): Promise<ToldEvents> {
  const all: ToldEvents = { stdout: '', stderr: '', displays: [] };
  for await (const piece of pieces)
    for (const event of piece) {
      if (event.type === 'stdout' || event.type === 'stderr') all[event.type] += String(event.text);
      else if (event.type === 'display') all.displays.push({ mime: String(event.mime), data: String(event.data) });
      else if (event.type === 'started') all.started = event;
      all.last = event;
    }
  return all;
}

/** How far a run came, as the events say that were saved before the crash: what came after the last of them is not known. */
function toldByEvents(record: RunRecord, { stdout, stderr, displays, started, last }: ToldEvents): Partial<RunRecord> {
  const { outputBytes: limit } = record.limits;
  const mark = `\n[output cut: outputBytes is ${limit}]\n`;
  const marked = [stdout, stderr].filter((text) => text.endsWith(mark)).length;
  const allBytes = Buffer.byteLength(stdout) + Buffer.byteLength(stderr);
  const outputBytes = allBytes - marked * Buffer.byteLength(mark);
  // A guest may print the mark itself. A cut leaves at most three bytes unused, since it takes no half of a character.
  const cut = marked > 0 && outputBytes >= limit - 3;

  const output = {
    stdout,
    stderr,
    stdoutTruncated: cut && stdout.endsWith(mark),
    stderrTruncated: cut && stderr.endsWith(mark),
    ...(displays.length > 0 ? { displays } : {}),
  };
  const usage = { ...noUsage, outputBytes: cut ? outputBytes : allBytes };
  if (!started || !last) return { ...output, usage };
  const startedMs = Date.parse(started.at);
  return {
    ...output,
    startedAt: started.at,
    walls: started.walls as string[],
    usage: {
      ...usage,
      queueMs: Math.max(0, startedMs - Date.parse(record.createdAt)),
      // Not to the restart: nobody was at work while Cordon was down.
      wallMs: Math.max(0, Date.parse(last.at) - startedMs),
    },
  };
}

async function requeue(tenant: string, id: string, deps: SubmitDeps): Promise<void> {
  const record = await deps.runStore.get(tenant, id);
  const agent = await deps.agents.get({ tenant, agent: record.agent }).catch(() => undefined);
  if (!agent) {
    const queueMs = Math.max(0, deps.clock.now() - Date.parse(record.createdAt));
    return interrupt(tenant, id, deps, () => ({ usage: { ...noUsage, queueMs } }), AGENT_GONE);
  }
  const trace = deps.telemetry.startRun({}, { agent: record.agent, language: record.language });
  const createdAtMs = Date.parse(record.createdAt);
  if (createdAtMs > deps.clock.now() - RATE_WINDOW_MS) deps.rate.add(agentKey(agent), createdAtMs);
  begin(newLiveRun({ record: { ...record, traceId: trace.traceId }, trace }, undefined, deps), agent, deps);
}
