/** Events of a run that goes on reach the disk now and then, so that a crash does not take them along. */
import type { Log } from '../telemetry/log.ts';
import type { LiveRun } from './live-run.ts';
import type { RunStore } from './run-store.ts';

const SAVE_EVENTS_EVERY_MS = 1000;

/** Saves the events of a run that takes long, now and then. Returns the end of it, which answers the last one saved. */
export function keepSavingEvents(
  live: LiveRun,
  { runStore, log }: { runStore: RunStore; log: Log },
): () => Promise<number> {
  let saved = 0;
  let saving: Promise<void> | undefined;
  async function save(): Promise<void> {
    // The run never was.
    if (live.refused) return;
    const events = live.events.unsaved(saved);
    const last = events.at(-1);
    if (!last) return;
    try {
      await runStore.saveEvents(live.record.id, events);
      saved = last.seq;
      live.events.saved(saved);
    } catch (error) {
      log.warn({ runId: live.record.id, error }, 'events of a run could not be saved yet');
    }
  }
  const timer = setInterval(() => {
    // One at a time: a flush may take longer than the interval.
    saving ??= save().finally(() => {
      saving = undefined;
    });
  }, SAVE_EVENTS_EVERY_MS);
  return async () => {
    clearInterval(timer);
    await saving;
    return saved;
  };
}
