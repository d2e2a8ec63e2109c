import { expect, test } from 'vitest';
import { localSpans, type SpanRecord, startRunTrace } from '../../runtime/telemetry/spans.ts';
import { createTelemetry } from '../../runtime/telemetry/telemetry.ts';
import { parseTraceparent, readTraceContext } from '../../runtime/telemetry/trace-context.ts';

const traceId = '0af7651916cd43dd8448eb211c80319c';
const spanId = 'b7ad6b7169203331';
const traceparent = `00-${traceId}-${spanId}-01`;

test('without OTEL variables every run still has its own trace id, and no SDK is loaded', async () => {
  const telemetry = await createTelemetry({});
  const ids = Array.from({ length: 1000 }, () => telemetry.startRun({}).traceId);
  expect(new Set(ids).size).toBe(1000);
  expect(ids.every((id) => /^[0-9a-f]{32}$/.test(id))).toBe(true);
  await telemetry.shutdown();
});

test("a run becomes part of its caller's trace", () => {
  const run = startRunTrace(localSpans, { traceparent, tracestate: 'vendor=1' });
  expect(run.traceId).toBe(traceId);
  expect(run.headers()).toEqual({ traceparent: `00-${traceId}-${run.spanId}-01`, tracestate: 'vendor=1' });
  expect(run.end().parentSpanId).toBe(spanId);
});

test('steps are children of the run, with their time and attributes', async () => {
  const run = startRunTrace(localSpans, {});
  const queue = run.start('queue', { attributes: { position: 2 } });
  await new Promise((resolve) => setTimeout(resolve, 20));
  const record = queue.end({ attributes: { fair: true } });
  expect(record).toMatchObject({
    name: 'queue',
    spanId: queue.spanId,
    parentSpanId: run.spanId,
    attributes: { position: 2, fair: true },
  });
  expect(record.durationMs).toBeGreaterThan(15);
  expect(Math.abs(record.startMs + record.durationMs - Date.now())).toBeLessThan(1000);
});

test('a step that throws ends as failed and passes the error on', async () => {
  const run = startRunTrace(localSpans, {});
  const records: SpanRecord[] = [];
  const work = run.span(
    'lease',
    () => Promise.reject(new RangeError('none left')),
    (record) => records.push(record),
  );
  await expect(work).rejects.toThrow('none left');
  expect(records).toMatchObject([{ name: 'lease', attributes: { error: 'RangeError' } }]);
});

test.each([
  ['nothing', undefined],
  ['an all-zero trace id', `00-${'0'.repeat(32)}-${spanId}-01`],
  ['an all-zero span id', `00-${traceId}-${'0'.repeat(16)}-01`],
  ['upper case', traceparent.toUpperCase()],
  ['version ff', traceparent.replace('00-', 'ff-')],
  ['more after version 00', `${traceparent}-more`],
  ['noise', 'hello'],
])('a traceparent with %s starts a new trace', (_what, header) => {
  expect(parseTraceparent(header)).toBeUndefined();
  const headers = new Headers(header === undefined ? {} : { traceparent: header, tracestate: 'a=b' });
  expect(readTraceContext(headers)).toEqual({});
});

test('a later version of traceparent is read as far as it is known', () => {
  expect(parseTraceparent(`01-${traceId}-${spanId}-00-more`)).toEqual({ traceId, spanId, sampled: false });
});
