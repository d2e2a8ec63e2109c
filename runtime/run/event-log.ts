/** The events of one live run: numbered from 1, in memory until they are saved and the newest longer, fanned out to whoever follows. */
import { type Clock, isoTime } from '../clock.ts';
import type { JsonObject } from '../json.ts';
import { createOutputEvents } from './output-events.ts';
import type { RunEvent, RunEventType } from './record.ts';
import type { Stream } from './run-output.ts';

/** Reads what was saved after an event, in order, in pieces. */
export type ReadSaved = (afterSeq: number) => AsyncIterable<readonly RunEvent[]>;

/** Saved events that stay in memory, for whoever follows closely. */
const KEPT = 1000;

/** `readSaved`: where the events are that were forgotten here. */
export function createEventLog(clock: Clock, readSaved: ReadSaved) {
  let events: RunEvent[] = [];
  let forgotten = 0;
  let closed = false;
  /** Those who wait for the next event. */
  const waiting = new Set<() => void>();
  const output = createOutputEvents((type, text) => push(type, { text }));
  const lastSeq = () => forgotten + events.length;

  function push(type: RunEventType, data: JsonObject): void {
    if (closed) return;
    events.push({ seq: lastSeq() + 1, at: isoTime(clock.now()), type, ...data } as RunEvent);
    wake();
  }

  function wake(): void {
    for (const one of waiting) one();
    waiting.clear();
  }

  return {
    /** Those after `seq`, which was the last one saved. */
    unsaved(seq: number): readonly RunEvent[] {
      output.flush();
      return events.slice(Math.max(0, seq - forgotten));
    },
    /** Once all up to `seq` are saved: a run that says much for hours is not all in memory. */
    saved(seq: number): void {
      const count = Math.min(seq, lastSeq() - KEPT) - forgotten;
      if (count <= 0) return;
      events = events.slice(count);
      forgotten += count;
    },
    /** What was printed before comes before. Does nothing once the log is closed. */
    append(type: RunEventType, data: JsonObject = {}): void {
      output.flush();
      push(type, data);
    },
    /** Printed text: an event, or soon a part of one. */
    output: (stream: Stream, text: string): void => output.show(stream, text),
    /** Nothing comes after this. */
    close(): void {
      output.flush();
      closed = true;
      wake();
    },
    /**
     * Every event after `afterSeq`, then each new one, until the log is closed or `signal` aborts.
     * The last one always comes, also for a caller that names an event that never was.
     */
    async *follow(afterSeq: number, signal: AbortSignal): AsyncGenerator<RunEvent> {
      // Not by a race with a promise of the end: each wait would leave something behind on that.
      let goOn = () => {};
      const onAbort = () => goOn();
      signal.addEventListener('abort', onAbort, { once: true });
      try {
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
            // The run ended and was removed meanwhile: what is left is here.
            if (seq === from) seq = forgotten;
          } else if (next) {
            yield next;
            seq = next.seq;
          } else if (closed) {
            const last = events.at(-1);
            if (last && afterSeq > lastSeq()) yield { ...last, seq: afterSeq + 1 };
            return;
          } else
            await new Promise<void>((resolve) => {
              goOn = resolve;
              waiting.add(resolve);
            });
        }
      } finally {
        signal.removeEventListener('abort', onAbort);
        waiting.delete(goOn);
      }
    },
  };
}

export type EventLog = ReturnType<typeof createEventLog>;
