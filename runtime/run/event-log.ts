/** The events of one live run: numbered from 1, kept until the run is recorded, fanned out to whoever follows. */
import { type Clock, isoTime } from '../clock.ts';
import type { JsonObject } from '../json.ts';
import type { RunEvent, RunEventType } from './record.ts';

export function createEventLog(clock: Clock) {
  const events: RunEvent[] = [];
  let wake = Promise.withResolvers<void>();
  let closed = false;

  return {
    events: events as readonly RunEvent[],
    append(type: RunEventType, data: JsonObject = {}): RunEvent {
      const event = { seq: events.length + 1, at: isoTime(clock.now()), type, ...data } as RunEvent;
      events.push(event);
      const waiting = wake;
      wake = Promise.withResolvers();
      waiting.resolve();
      return event;
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
      for (let index = afterSeq; !signal.aborted; ) {
        const next = events[index];
        if (next) {
          index++;
          yield next;
        } else if (closed) {
          const last = events.at(-1);
          if (last && afterSeq > events.length) yield { ...last, seq: afterSeq + 1 };
          return;
        } else await Promise.race([wake.promise, aborted]);
      }
    },
  };
}

export type EventLog = ReturnType<typeof createEventLog>;
