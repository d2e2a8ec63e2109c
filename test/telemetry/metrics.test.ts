import { expect, test } from 'vitest';
import { createMetrics } from '../../runtime/telemetry/metrics.ts';

test('requests and runs are counted by status', async () => {
  const metrics = createMetrics();
  metrics.request('POST /v1/runs', 200, 0.003);
  metrics.request('POST /v1/runs', 200, 0.004);
  metrics.request('POST /v1/runs', 429, 0.001);
  metrics.runFinished({ status: 'succeeded', language: 'javascript', wallMs: 12, queueMs: 1, cpuMs: 5 });
  metrics.runRefused('queue_full');
  const text = await metrics.text();
  expect(text).toContain('cordon_http_request_duration_seconds_count{route="POST /v1/runs",status="200"} 2');
  expect(text).toContain('cordon_http_request_duration_seconds_count{route="POST /v1/runs",status="429"} 1');
  expect(text).toContain('cordon_runs_total{status="succeeded",language="javascript"} 1');
  expect(text).toContain('cordon_run_wall_seconds_sum 0.012');
  expect(text).toContain('cordon_runs_refused_total{code="queue_full"} 1');
  expect(text).toMatch(/^process_resident_memory_bytes \d+/m);
});

test('gauges are looked up when they are asked for', async () => {
  const metrics = createMetrics();
  let queued = 3;
  metrics.observe({
    queuedRuns: () => queued,
    runningRuns: () => 2,
    workers: () => 5,
    blankWorkers: () => 4,
    storeBytes: () => 4096,
  });
  expect(await metrics.text()).toContain('cordon_queued_runs 3');
  queued = 7;
  const text = await metrics.text();
  expect(text).toContain('cordon_queued_runs 7');
  expect(text).toContain('cordon_running_runs 2');
  expect(text).toContain('cordon_workers 5');
});

test('two services in one process count apart', async () => {
  const one = createMetrics();
  const other = createMetrics();
  one.request('GET /v1/runs', 200, 0.001);
  expect(await other.text()).not.toContain('GET /v1/runs');
});
