import { expect, test } from 'vitest';
import { startCollector } from '../telemetry/collector.ts';
import { callsOf, crmHost, crmToken, startCrm } from './crm.ts';

test("a run's calls are spans of its trace, with what their events say and no secret", async () => {
  const collector = await startCollector();
  const crm = await startCrm(undefined, { OTEL_EXPORTER_OTLP_ENDPOINT: process.env.OTEL_EXPORTER_OTLP_ENDPOINT! });
  await crm.agent('traced', [{ operations: ['contacts.list'] }]);
  const code = `
    await (await fetch(input + '?q=quiet-word')).text();
    await fetch(input, { method: 'POST', body: '{}' }).catch(() => {});`;
  const { id, traceId } = await crm.run('traced', code, { input: `https://${crmHost}/v1/contacts` });
  const calls = await callsOf(crm.service, id);
  await crm.close();
  collector.close();

  const spans = collector.received.flatMap((batch) => batch.spans).filter((span) => span.traceId === traceId);
  const run = spans.find(({ name }) => name === 'run')!;
  const egress = spans.filter(({ name }) => name === 'egress');
  expect(calls.map(({ operation, allowed }) => [operation, allowed])).toEqual([
    ['contacts.list', true],
    ['contacts.create', false],
  ]);
  expect(egress.map(({ spanId }) => spanId)).toEqual(calls.map(({ spanId }) => spanId));
  for (const span of egress) {
    expect(span.parentSpanId).toBe(run.spanId);
    expect(BigInt(span.startTimeUnixNano)).toBeGreaterThanOrEqual(BigInt(run.startTimeUnixNano));
    expect(BigInt(span.endTimeUnixNano)).toBeLessThanOrEqual(BigInt(run.endTimeUnixNano));
  }
  expect(egress.map(({ status }) => status.code)).toEqual([0, 2]);
  expect(collector.text).toContain('contacts.create');
  for (const secret of [crmToken, 'quiet-word']) expect(collector.text).not.toContain(secret);
});
