import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTelemetry, type Telemetry } from '../../runtime/telemetry/telemetry.ts';
import { tracingWanted } from '../../runtime/telemetry/tracing.ts';
import { type Collector, startCollector } from './collector.ts';

let telemetry: Telemetry;

let collector: Collector;

beforeAll(async () => {
  collector = await startCollector();
  telemetry = await createTelemetry(process.env);
});
afterAll(() => {
  collector.close();
});

test('a run reaches the collector as one trace, below the span of its caller', async () => {
  const caller = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331' };
  const run = telemetry.startRun(
    { traceparent: `00-${caller.traceId}-${caller.spanId}-01` },
    { 'cordon.run_id': 'run_1' },
  );
  expect(run.traceId).toBe(caller.traceId);
  const records = [];
  for (const step of ['admission', 'queue', 'lease', 'execute', 'settle'] as const) records.push(run.start(step).end());
  await run
    .span('execute', async () => {
      throw new Error('boom');
    })
    .catch(() => {});
  const root = run.end({ attributes: { status: 'succeeded' } });
  const own = telemetry.startRun({});
  own.end();
  await telemetry.shutdown();

  const spans = collector.received.flatMap((batch) => batch.spans);
  expect(collector.received.every(({ service }) => service === 'cordon')).toBe(true);
  const mine = spans.filter((span) => span.traceId === caller.traceId);
  expect(mine.map((span) => span.name).sort()).toEqual([
    'admission',
    'execute',
    'execute',
    'lease',
    'queue',
    'run',
    'settle',
  ]);
  const exported = mine.find((span) => span.name === 'run');
  expect(exported).toMatchObject({ spanId: root.spanId, parentSpanId: caller.spanId });
  for (const record of records) {
    const span = mine.find(({ spanId }) => spanId === record.spanId);
    expect(span).toMatchObject({ name: record.name, parentSpanId: root.spanId });
    expect(Math.abs(Number(span?.startTimeUnixNano) / 1e6 - record.startMs)).toBeLessThan(5);
  }
  expect(mine.filter((span) => span.status.code === 2)).toHaveLength(1);
  expect(spans.some((span) => span.traceId === own.traceId)).toBe(true);
});

test.each([
  ['no OTEL variable', {}, false],
  ['other variables', { CORDON_PORT: '1', PATH: '/bin' }, false],
  ['an endpoint', { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:4318' }, true],
  ['the SDK disabled', { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:4318', OTEL_SDK_DISABLED: 'true' }, false],
  ['no traces wanted', { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:4318', OTEL_TRACES_EXPORTER: 'none' }, false],
])('with %s tracing is on or off as the standard says', (_what, env, wanted) => {
  expect(tracingWanted(env)).toBe(wanted);
});
