/** What callers can do with runs. Live ones answer from memory, ended ones from the store. */
import { CordonError, notFound } from '../errors.ts';
import type { LiveRun } from './live-run.ts';
import type { RunEvent, RunRecord, RunRequest, RunSource, RunStatus } from './record.ts';
import { agentKey, earlierRun, type KeyOfRequest, type SubmitDeps, type SubmitOptions, submit } from './submit.ts';

export interface RunFilter {
  tenant: string;
  agent?: string;
  status?: RunStatus;
  metadata: Record<string, string>;
  limit: number;
  cursor?: string;
}

export interface Page<T> {
  items: T[];
  nextCursor?: string;
}

export interface Runs {
  /** Admits a run: durable when this resolves. `reused` when the idempotency key named it already. Errors: quota_exceeded, queue_full, ... */
  submit(request: RunRequest, options: SubmitOptions): Promise<{ id: string; reused: boolean }>;
  /**
   * The run that an earlier request with this key made, whatever has become of its agent, its driver or the service since.
   * Errors: idempotency_conflict; not_found when that run was removed.
   */
  earlier(tenant: string, key: KeyOfRequest): Promise<string | undefined>;
  /** The record as it stands. Errors: not_found. */
  get(tenant: string, id: string): Promise<RunRecord>;
  source(tenant: string, id: string): Promise<RunSource>;
  list(filter: RunFilter): Promise<Page<RunRecord>>;
  /** The terminal record, or undefined when `timeoutMs` is over or `signal` aborted first. */
  wait(tenant: string, id: string, timeoutMs: number, signal?: AbortSignal): Promise<RunRecord | undefined>;
  /** Every event after `afterSeq`, stored ones first, then live ones, up to and with `finished`. Errors: not_found. */
  events(tenant: string, id: string, afterSeq: number, signal: AbortSignal): Promise<AsyncIterable<RunEvent>>;
  /** `ended` false while it still ends. */
  cancel(tenant: string, id: string): Promise<{ record: RunRecord; ended: boolean }>;
  /** Errors: conflict while the run is queued or running. */
  delete(tenant: string, id: string): Promise<void>;
}

export function createRuns(deps: SubmitDeps): Runs {
  const { runStore, liveRuns } = deps;

  const liveOf = (tenant: string, id: string): LiveRun | undefined => {
    const live = liveRuns.get(id);
    return live?.record.tenant === tenant ? live : undefined;
  };
  const get = async (tenant: string, id: string) => liveOf(tenant, id)?.record ?? runStore.get(tenant, id);
  const refused = (error: unknown): never => {
    if (error instanceof CordonError) deps.metrics.runRefused(error.code);
    throw error;
  };
  followQuotas(deps);

  /** Who waits for a run. Not by a race with `drained`: that lives as long as the process, and would keep each of them. */
  const waiting = new Set<() => void>();
  let isDrained = false;
  void deps.drained.then(() => {
    isDrained = true;
    for (const release of waiting) release();
  });

  return {
    submit: (request, options) => submit(request, options, deps).catch(refused),

    async earlier(tenant, key) {
      const id = await earlierRun(tenant, key, deps).catch(refused);
      if (id === undefined) return undefined;
      await get(tenant, id).catch((error: unknown) => {
        if (!(error instanceof CordonError) || error.code !== 'not_found') throw error;
        throw new CordonError(
          'not_found',
          `The run of this Idempotency-Key, ${id}, was removed. A new run needs a new key.`,
        );
      });
      return id;
    },
    get,

    async source(tenant, id) {
      await get(tenant, id);
      return runStore.source(id);
    },

    async list({ tenant, agent, status, metadata, limit, cursor }) {
      const newest = (record: RunRecord) => liveRuns.get(record.id)?.record ?? record;
      const wanted = Object.entries(metadata);
      const matches = (stored: RunRecord) => {
        const record = newest(stored);
        return (
          (agent === undefined || record.agent === agent) &&
          (status === undefined || record.status === status) &&
          wanted.every(([key, value]) => record.metadata[key] === value)
        );
      };
      const { records, next } = await runStore.page(tenant, matches, limit, cursor);
      return { items: records.map(newest), ...(next === undefined ? {} : { nextCursor: next }) };
    },

    async wait(tenant, id, timeoutMs, signal) {
      const live = liveOf(tenant, id);
      if (!live) return runStore.get(tenant, id);
      const over = Promise.withResolvers<undefined>();
      const timer = setTimeout(() => over.resolve(undefined), timeoutMs);
      const aborted = () => over.resolve(undefined);
      if (isDrained) aborted();
      waiting.add(aborted);
      signal?.addEventListener('abort', aborted, { once: true });
      try {
        return await Promise.race([live.finished, over.promise]);
      } finally {
        clearTimeout(timer);
        waiting.delete(aborted);
        signal?.removeEventListener('abort', aborted);
      }
    },

    async events(tenant, id, afterSeq, signal) {
      const live = liveOf(tenant, id);
      if (live) return live.events.follow(afterSeq, signal);
      // From two before: that none is found tells an event that never was from the last one.
      return storedEvents(await runStore.get(tenant, id), runStore.events(id, Math.max(0, afterSeq - 2)), afterSeq);
    },

    async cancel(tenant, id) {
      const live = liveOf(tenant, id);
      if (!live) return { record: await runStore.get(tenant, id), ended: true };
      live.stop({ status: 'cancelled', error: { name: 'Cancelled', message: 'cancelled by the caller' } });
      return { record: live.record, ended: false };
    },

    async delete(tenant, id) {
      if (liveOf(tenant, id)) throw new CordonError('conflict', `Run ${id} has not ended: cancel it first`);
      const record = await runStore.get(tenant, id);
      if (record.finishedAt === null) throw notFound(`Run ${id}`);
      await runStore.delete([{ tenant, id }]);
    },
  };
}

/** A changed `concurrentRuns` holds for runs that wait already, too. */
function followQuotas({ store, agents, queue }: SubmitDeps): void {
  store.watch(['agent'], ([, tenant, agent]) => {
    agents.get({ tenant: String(tenant), agent: String(agent) }).then(
      (found) => queue.setConcurrentRuns(agentKey(found), found.quotas.concurrentRuns),
      // It was deleted, and its runs are being ended.
      () => {},
    );
  });
}

/** `finished` always comes, also for a caller that saw more events than a crash left. */
async function* storedEvents(
  record: RunRecord,
  pieces: AsyncIterable<RunEvent[]>,
  afterSeq: number,
): AsyncGenerator<RunEvent> {
  let last = 0;
  for await (const piece of pieces)
    for (const event of piece) {
      last = event.seq;
      if (last > afterSeq) yield event;
    }
  const sawMore = last === 0 || (afterSeq === last + 1 && record.error?.name === 'ServiceRestarted');
  const seq = sawMore && afterSeq > 0 ? afterSeq + 1 : last + 1;
  if (seq > afterSeq) yield { seq, at: record.finishedAt ?? record.createdAt, type: 'finished', run: record as never };
}
