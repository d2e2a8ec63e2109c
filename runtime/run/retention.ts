/** Finished runs are kept for a time and up to a count, then swept, oldest first. */
import { setImmediate as turn } from 'node:timers/promises';
import type { Clock } from '../clock.ts';
import { timeOfId } from '../ids.ts';
import type { RunStore } from './run-store.ts';

export interface RetentionDeps {
  runStore: RunStore;
  clock: Clock;
  keepRunsMs: number;
  keepRuns: number;
  tenants(): Promise<string[]>;
  isLive(id: string): boolean;
}

const KEYS_AT_ONCE = 5000;
const DELETED_AT_ONCE = 500;

/**
 * One sweep; answers how many runs it removed. The count is of all tenants together, in the order of admission. A record
 * may have megabytes of output: only those are read that are as old as what is removed.
 */
export async function sweepRuns(deps: RetentionDeps): Promise<number> {
  const { runStore, keepRuns } = deps;
  const ended: { tenant: string; id: string }[] = [];
  for (const tenant of await deps.tenants())
    for (let after: string | undefined; ; ) {
      const ids = await runStore.ids(tenant, KEYS_AT_ONCE, after);
      for (const id of ids) if (!deps.isLive(id)) ended.push({ tenant, id });
      after = ids.at(-1);
      if (ids.length < KEYS_AT_ONCE) break;
      // Reading is synchronous underneath: requests get their turn between batches.
      await turn();
    }
  ended.sort((a, b) => (a.id < b.id ? -1 : 1));
  const gone = ended.splice(0, Math.max(0, ended.length - keepRuns));
  const expiredMs = deps.clock.now() - deps.keepRunsMs;
  const expired = new Date(expiredMs).toISOString();
  for (const run of ended) {
    if (timeOfId(run.id) > expiredMs) break;
    await turn();
    // Gone meanwhile: somebody deleted it.
    const record = await runStore.get(run.tenant, run.id).catch(() => undefined);
    if (record && record.finishedAt !== null && record.finishedAt <= expired) gone.push(run);
  }
  for (let at = 0; at < gone.length; at += DELETED_AT_ONCE) await runStore.delete(gone.slice(at, at + DELETED_AT_ONCE));
  return gone.length;
}
