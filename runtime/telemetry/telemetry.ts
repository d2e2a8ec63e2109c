import { createMetrics, type Metrics } from './metrics.ts';
import { localSpans, type RunTrace, type SpanAttributes, startRunTrace } from './spans.ts';
import type { TraceHeaders } from './trace-context.ts';
import { startTracing, tracingWanted } from './tracing.ts';

export interface Telemetry {
  readonly metrics: Metrics;
  /** The trace of one run, below the caller's span when `context` has a valid traceparent. Always has a trace id. */
  startRun(context: TraceHeaders, attributes?: SpanAttributes): RunTrace;
  /** Exports what is still here. Never rejects. */
  shutdown(): Promise<void>;
}

/** Metrics always; traces exported only when `env` has a standard `OTEL_*` variable. */
export async function createTelemetry(env: Record<string, string | undefined>): Promise<Telemetry> {
  const tracing = tracingWanted(env) ? await startTracing(env) : undefined;
  const spans = tracing?.spans ?? localSpans;
  return {
    metrics: createMetrics(),
    startRun: (context, attributes) => startRunTrace(spans, context, attributes),
    shutdown: async () => tracing?.shutdown(),
  };
}
