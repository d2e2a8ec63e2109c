/** The one file that knows OpenTelemetry. It is loaded only when an `OTEL_*` variable asks for it: 300 ms and 30 MB otherwise. */
import { setTimeout } from 'node:timers/promises';
import type { SpanHandle, SpanSource } from './spans.ts';

const SHUTDOWN_MS = 5000;

type Environment = Record<string, string | undefined>;

/** Off when no standard variable is set, or `OTEL_SDK_DISABLED=true`, or `OTEL_TRACES_EXPORTER=none`. */
export function tracingWanted(env: Environment): boolean {
  if (env.OTEL_SDK_DISABLED?.toLowerCase() === 'true' || env.OTEL_TRACES_EXPORTER === 'none') return false;
  return Object.entries(env).some(([name, value]) => name.startsWith('OTEL_') && value !== undefined && value !== '');
}

/**
 * Starts the SDK, which reads the standard variables from the process's environment. Only traces leave: metrics are
 * pulled from /metrics and logs are lines, unless their own exporter variables ask for them.
 */
export async function startTracing(env: Environment): Promise<{ spans: SpanSource; shutdown(): Promise<void> }> {
  const { NodeSDK } = await import('@opentelemetry/sdk-node');
  const { context, propagation, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } = await import('@opentelemetry/api');
  const named =
    env.OTEL_SERVICE_NAME !== undefined || /(^|,)\s*service\.name\s*=/.test(env.OTEL_RESOURCE_ATTRIBUTES ?? '');
  const sdk = new NodeSDK({
    instrumentations: [],
    ...(!named && { serviceName: 'cordon' }),
    ...(env.OTEL_LOGS_EXPORTER === undefined && { logRecordProcessors: [] }),
    ...(env.OTEL_METRICS_EXPORTER === undefined && { metricReaders: [] }),
  });
  sdk.start();
  const tracer = trace.getTracer('cordon');
  const contexts = new WeakMap<SpanHandle, ReturnType<typeof context.active>>();

  const spans: SpanSource = {
    open(name, { parent, context: headers, startMs, attributes }) {
      const base = (parent && contexts.get(parent)) ?? propagation.extract(ROOT_CONTEXT, { ...headers });
      const kind = parent === undefined ? SpanKind.SERVER : SpanKind.INTERNAL;
      const span = tracer.startSpan(
        parent === undefined ? 'run' : name,
        { kind, startTime: startMs, attributes },
        base,
      );
      const { traceId, spanId, traceFlags } = span.spanContext();
      const handle: SpanHandle = {
        traceId,
        spanId,
        sampled: (traceFlags & 1) === 1,
        end(endMs, more, error) {
          span.setAttributes(more);
          if (error !== undefined) span.setStatus({ code: SpanStatusCode.ERROR, message: error });
          span.end(endMs);
        },
      };
      contexts.set(handle, trace.setSpan(base, span));
      return handle;
    },
  };
  return {
    spans,
    // A collector that is gone must not hold up the end of the service.
    shutdown: () => Promise.race([sdk.shutdown().catch(() => {}), setTimeout(SHUTDOWN_MS, undefined, { ref: false })]),
  };
}
