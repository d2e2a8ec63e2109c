/** A run that has not ended: its record as it grows, its events, and how it can be ended from outside. */
import type { Clock } from '../clock.ts';
import type { Execution, StopCause } from '../sandbox/driver.ts';
import type { OpenSpan, RunTrace, SpanRecord, StepName } from '../telemetry/spans.ts';
import { createEventLog, type EventLog, type ReadSaved } from './event-log.ts';
import type { HeldSource } from './held-source.ts';
import type { RunRecord } from './record.ts';

export interface LiveRun {
  readonly record: RunRecord;
  readonly source: HeldSource;
  readonly events: EventLog;
  readonly trace: RunTrace;
  /** Resolves when the admission (and a queued run's start) is flushed: nothing the guest does may be seen outside before. */
  durable: Promise<void>;
  /** Ends the wait for company of that flush. */
  hurry: () => void;
  /** Resolves with the terminal record once it is durable. */
  readonly finished: Promise<RunRecord>;
  finish(record: RunRecord): void;
  /** The admission could not be written: the run never was. Ends it without a record. */
  refuse(): void;
  readonly refused: boolean;
  /** The first cause, when it came before the sandbox ran. */
  readonly stopCause: StopCause | undefined;
  /** Ends it: takes it out of the queue, gives up the lease, or stops the sandbox. Only the first cause counts. */
  stop(cause: StopCause): void;
  /** Aborts when `stop` was called before the sandbox runs. */
  readonly signal: AbortSignal;
  /** Hands the running sandbox over to `stop`. */
  running(execution: Execution): void;
  /** It has left the queue: it has a sandbox, or is about to. */
  placed: boolean;
  /** Called by `stop` while the run is still queued; set by who queues it. */
  whenStoppedInQueue: (() => void) | undefined;
  /** Starts a step of the trace; its end is also an event. */
  step(name: StepName, startMs?: number): OpenSpan;
}

export interface NewLiveRun {
  record: RunRecord;
  source: HeldSource;
  trace: RunTrace;
  clock: Clock;
  savedEvents: (id: string, afterSeq: number) => ReturnType<ReadSaved>;
}

export function createLiveRun({ record, source, trace, clock, savedEvents }: NewLiveRun): LiveRun {
  const events = createEventLog(clock, (afterSeq) => savedEvents(record.id, afterSeq));
  const { promise: finished, resolve: finish } = Promise.withResolvers<RunRecord>();
  const abort = new AbortController();
  let execution: Execution | undefined;
  let stopCause: StopCause | undefined;
  let refused = false;

  const live: LiveRun = {
    record,
    source,
    events,
    trace,
    durable: Promise.resolve(),
    hurry() {},
    finished,
    finish(terminal) {
      Object.assign(record, terminal);
      events.append('finished', { run: terminal as never });
      events.close();
      finish(terminal);
    },
    refuse() {
      refused = true;
      live.stop({
        status: 'interrupted',
        error: { name: 'StorageFull', message: 'the run could not be written down' },
      });
    },
    get refused() {
      return refused;
    },
    get stopCause() {
      return stopCause;
    },
    stop(cause) {
      if (stopCause) return;
      stopCause = cause;
      if (execution) return execution.stop(cause);
      abort.abort(new Error('the run was stopped'));
      live.whenStoppedInQueue?.();
    },
    signal: abort.signal,
    running(started) {
      execution = started;
      if (stopCause) started.stop(stopCause);
    },
    placed: false,
    whenStoppedInQueue: undefined,
    step(name, startMs) {
      const span = trace.start(name, startMs === undefined ? {} : { startMs });
      return {
        spanId: span.spanId,
        end(outcome): SpanRecord {
          const ended = span.end(outcome);
          events.append('span', { ...ended });
          return ended;
        },
      };
    },
  };
  return live;
}
