import type { Json } from '../json.ts';
import { newSpanId, newTraceId, parseTraceparent, type TraceHeaders } from './trace-context.ts';

export type SpanAttributes = Record<string, string | number | boolean>;

/** What a run's trace shows: its steps, and its calls to services. */
export type StepName = 'admission' | 'queue' | 'lease' | 'execute' | 'settle' | 'egress';

/** One finished span, as the run event `span` shows it. */
export type SpanRecord = {
  name: string;
  spanId: string;
  parentSpanId: string | null;
  /** Milliseconds since the epoch, with fractions. */
  startMs: number;
  durationMs: number;
  attributes: SpanAttributes;
} & { [key: string]: Json };

export interface OpenSpan {
  readonly spanId: string;
  /** Call once; `error` marks the span as failed. */
  end(outcome?: { attributes?: SpanAttributes; error?: string; endMs?: number }): SpanRecord;
}

/** The trace of one run: a root span `run` and one span for each step below it. */
export interface RunTrace {
  readonly traceId: string;
  readonly spanId: string;
  /** Begins a step; `startMs` backdates it. */
  start(name: StepName, options?: { attributes?: SpanAttributes; startMs?: number }): OpenSpan;
  /** Times `work` as one step and hands its record to `ended`, also when it throws. */
  span<T>(name: StepName, work: (span: OpenSpan) => Promise<T>, ended?: (record: SpanRecord) => void): Promise<T>;
  /** Ends the root span; call once, after every step. */
  end(outcome?: { attributes?: SpanAttributes; error?: string; endMs?: number }): SpanRecord;
  /** Headers that carry this trace on to another service. */
  headers(): TraceHeaders;
}

/** What makes spans real: nothing, or OpenTelemetry. */
export interface SpanSource {
  /** `parent` undefined: the root span, below the caller's `context`. */
  open(
    name: string,
    options: { parent: SpanHandle | undefined; context: TraceHeaders; startMs: number; attributes: SpanAttributes },
  ): SpanHandle;
}

export interface SpanHandle {
  traceId: string;
  spanId: string;
  sampled: boolean;
  end(endMs: number, attributes: SpanAttributes, error: string | undefined): void;
}

/** Ids and times, exported to nobody: a trace id is in every record whether or not someone collects traces. */
export const localSpans: SpanSource = {
  open(_name, { parent, context }) {
    const caller = parent ?? parseTraceparent(context.traceparent);
    return {
      traceId: caller?.traceId ?? newTraceId(),
      spanId: newSpanId(),
      sampled: caller?.sampled ?? false,
      end() {},
    };
  },
};

/** Milliseconds since the epoch that never step back within one process, so that durations cannot be negative. */
const nowMs = () => performance.timeOrigin + performance.now();
const round = (ms: number) => Math.round(ms * 1000) / 1000;

export function startRunTrace(source: SpanSource, context: TraceHeaders, attributes: SpanAttributes = {}): RunTrace {
  function open(name: string, parent: SpanHandle | undefined, startMs: number, startAttributes: SpanAttributes) {
    const handle = source.open(name, { parent, context, startMs, attributes: startAttributes });
    const parentSpanId = parent?.spanId ?? parseTraceparent(context.traceparent)?.spanId ?? null;
    const end: OpenSpan['end'] = ({ attributes: more = {}, error, endMs = nowMs() } = {}) => {
      handle.end(endMs, more, error);
      const all = { ...startAttributes, ...more, ...(error !== undefined && { error }) };
      const durationMs = Math.max(0, round(endMs - startMs));
      return { name, spanId: handle.spanId, parentSpanId, startMs: round(startMs), durationMs, attributes: all };
    };
    return { handle, end };
  }

  const root = open('run', undefined, nowMs(), attributes);
  const start: RunTrace['start'] = (name, { attributes: stepAttributes = {}, startMs = nowMs() } = {}) => {
    const { handle, end } = open(name, root.handle, startMs, stepAttributes);
    return { spanId: handle.spanId, end };
  };
  return {
    traceId: root.handle.traceId,
    spanId: root.handle.spanId,
    start,
    async span(name, work, ended) {
      const span = start(name);
      let outcome: Parameters<OpenSpan['end']>[0];
      try {
        return await work(span);
      } catch (error) {
        outcome = { error: error instanceof Error ? error.name : 'Error' };
        throw error;
      } finally {
        const record = span.end(outcome);
        ended?.(record);
      }
    },
    end: root.end,
    headers: () => ({
      traceparent: `00-${root.handle.traceId}-${root.handle.spanId}-${root.handle.sampled ? '01' : '00'}`,
      ...(context.tracestate !== undefined && { tracestate: context.tracestate }),
    }),
  };
}
