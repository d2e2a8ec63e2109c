/** The events of one live run: numbered from 1, in memory until they are saved and the newest longer, fanned out to whoever follows. */
import { type Clock, isoTime } from '../clock.ts';
import type { JsonObject } from '../json.ts';
import type { RunEvent, RunEventType } from './record.ts';

/** Reads what was saved after an event, in order, in pieces. */
export type ReadSaved = (afterSeq: number) => AsyncIterable<readonly RunEvent[]>;

/** Saved events that stay in memory, for whoever follows closely. */
const KEPT = 1000;

/** `readSaved`: where the events are that were forgotten here. */
export function createEventLog(clock: Clock, readSaved: ReadSaved) {
  let events: RunEvent[] = [];
  let forgotten = 0;
  let wake = Promise.withResolvers<void>();
  let closed = false;
  const lastSeq = () => forgotten + events.length;

  return {
    /** Those after `seq`, which was the last one saved. */
    unsaved: (seq: number): readonly RunEvent[] => events.slice(Math.max(0, seq - forgotten)),
    /** Once all up to `seq` are saved: a run that says much for hours is not all in memory. */
    saved(seq: number): void {
      const count = Math.min(seq, lastSeq() - KEPT) - forgotten;
      if (count <= 0) return;
      events = events.slice(count);
      forgotten += count;
    },
    /** Does nothing once the log is closed. */
    append(type: RunEventType, data: JsonObject = {}): void {
      if (closed) return;
      events.push({ seq: lastSeq() + 1, at: isoTime(clock.now()), type, ...data } as RunEvent);
      const waiting = wake;
      wake = Promise.withResolvers();
      waiting.resolve();
    },
    /** Nothing comes after this. */
    close(): void {
      closed = true;
      wake.resolve();
    },
    /**
     * Every event after `afterSeq`, then each new one, until the log is closed or `signal` aborts.
     * The last one always comes, also for a caller that names an event that never was.
     */
    async *follow(afterSeq: number, signal: AbortSignal): AsyncGenerator<RunEvent> {
      const aborted = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
      for (let seq = afterSeq; !signal.aborted; ) {
        const next = events[seq - forgotten];
        if (seq < forgotten) {
          const from = seq;
          for await (const piece of readSaved(seq))
            for (const event of piece) {
              if (signal.aborted) return;
              yield event;
              seq = event.seq;
            }
          // The run ended and was removed meanwhile.
          if (seq === from) return;
        } else if (next) {
          yield next;
          seq = next.seq;
        } else if (closed) {
          const last = events.at(-1);
          if (last && afterSeq > lastSeq()) yield { ...last, seq: afterSeq + 1 };
          return;
        } else await Promise.race([wake.promise, aborted]);
      }
    },
  };
}

export type EventLog = ReturnType<typeof createEventLog>;
