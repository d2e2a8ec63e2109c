/** The end of the runs of a service that is stopped. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { StopCause } from '../sandbox/driver.ts';
import type { LiveRun } from './live-run.ts';

interface Draining {
  liveRuns: ReadonlyMap<string, LiveRun>;
  /** How long running runs may go on. */
  drainMs: number;
  /** Resolves when they have ended. */
  stopRuns(belongs: (live: LiveRun) => boolean, cause: StopCause): Promise<void>;
}

/** For a disk that takes no records of ends any more: the next start calls those runs interrupted. */
const LAST_ENDS_MS = 10_000;

const stopped: StopCause = {
  status: 'interrupted',
  error: { name: 'ServiceRestarted', message: 'Cordon was stopped while this run went on' },
};

/** Resolves when no run goes on, the last of them ended as `interrupted`. What only waits for its turn stays queued. */
export async function drainRuns({ liveRuns, drainMs, stopRuns }: Draining): Promise<void> {
  const running = [...liveRuns.values()].filter((live) => live.placed).map((live) => live.finished);
  await within(drainMs, Promise.all(running));
  await within(
    LAST_ENDS_MS,
    stopRuns((live) => live.placed, stopped),
  );
}

async function within(ms: number, done: Promise<unknown>): Promise<void> {
  const over = new AbortController();
  await Promise.race([done, sleep(ms, undefined, { signal: over.signal }).catch(() => {})]);
  over.abort();
}
