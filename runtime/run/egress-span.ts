import type { EgressCall } from '../egress/egress.ts';
import type { RunTrace, SpanAttributes } from '../telemetry/spans.ts';

const told = [
  'allowed',
  'connector',
  'operation',
  'effect',
  'method',
  'host',
  'path',
  'status',
  'grant',
  'as',
] as const;

/** A call of the run to a service that is over, as a span below the run's with what its event says. Returns the span's id. */
export function egressSpan(trace: Pick<RunTrace, 'start'>, call: EgressCall & { ms: number }): string {
  const attributes: SpanAttributes = {};
  for (const name of told) {
    const value = call[name];
    if (value !== undefined) attributes[name] = value;
  }
  const startMs = performance.timeOrigin + performance.now() - call.ms;
  const span = trace.start('egress', { attributes, startMs });
  span.end(call.reason === undefined ? {} : { error: call.reason });
  return span.spanId;
}
