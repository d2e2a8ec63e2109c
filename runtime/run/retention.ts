/** Finished runs are kept for a time and up to a count, then swept, oldest first. */
import type { Clock } from '../clock.ts';
import type { RunStore } from './run-store.ts';

export interface RetentionDeps {
  runStore: RunStore;
  clock: Clock;
  keepRunsMs: number;
  keepRuns: number;
  tenants(): Promise<string[]>;
  isLive(id: string): boolean;
}

const BATCH = 500;

/** One sweep; answers how many runs it removed. The count is of all tenants together. */
export async function sweepRuns(deps: RetentionDeps): Promise<number> {
  const finished: { tenant: string; id: string; finishedAt: string }[] = [];
  for (const tenant of await deps.tenants()) {
    for (let after: string | undefined; ; ) {
      const batch = await deps.runStore.oldest(tenant, BATCH, after);
      for (const { id, finishedAt } of batch)
        if (finishedAt !== null && !deps.isLive(id)) finished.push({ tenant, id, finishedAt });
      after = batch.at(-1)?.id;
      if (batch.length < BATCH) break;
      // Reading is synchronous underneath: requests get their turn between batches.
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
  const expiredBefore = new Date(deps.clock.now() - deps.keepRunsMs).toISOString();
  finished.sort((a, b) => (a.finishedAt < b.finishedAt ? -1 : 1));
  const tooMany = Math.max(0, finished.length - deps.keepRuns);
  const gone = finished.filter((run, at) => at < tooMany || run.finishedAt <= expiredBefore);
  for (let at = 0; at < gone.length; at += BATCH) await deps.runStore.delete(gone.slice(at, at + BATCH));
  return gone.length;
}
