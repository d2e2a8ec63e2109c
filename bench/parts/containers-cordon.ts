/** Cordon's side of the comparison of containers: a service of its own for each pool, or the driver alone in this process. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createContainerDriver } from '../../runtime/sandbox/container/container-driver.ts';
import type { DriverReport } from '../../runtime/sandbox/driver.ts';
import { defaultLimits } from '../../runtime/sandbox/limits.ts';
import type { Lab } from '../lab.ts';
import type { Target } from '../load/job.ts';
import { type Service, startService } from '../service.ts';
import { command, type Timed } from './containers-bare.ts';

export interface Pool {
  engine: string;
  runtime: 'runc' | 'gvisor';
  /** Blank containers of each image that are kept ready. */
  warm: number;
}

export interface Cordon {
  installation: string;
  /** `target`: the same run, answered when it is over. Absent: the driver works in this process. */
  overHttp?: { service: Service; target: Target };
  report(): Promise<DriverReport>;
  /** One run of the command. */
  once(): Promise<Timed>;
  /** Waits until the pool is as full as it gets and nothing is being made or removed. */
  settled(): Promise<void>;
  close(): Promise<void>;
}

const name = 'containers';
const program = { language: 'shell', code: command, expect: '"status":"succeeded"' };

const READY_WITHIN_MS = 60_000;
const SETTLED_WITHIN_MS = 60_000;
const LOOK_EVERY_MS = 25;

/** Errors: why this service has no containers. */
export async function startCordon(lab: Lab, { engine, runtime, warm }: Pool): Promise<Cordon> {
  const env = {
    CORDON_ENGINE: engine,
    CORDON_CONTAINER_RUNTIME: runtime,
    CORDON_WARM_CONTAINERS: String(warm),
  };
  const service = await startService(lab.processes, { env });
  const report = async () => {
    const { items } = (await (await service.api('GET', '/v1/drivers')).json()) as { items: DriverReport[] };
    return items.find(({ driver }) => driver === 'container') as DriverReport;
  };
  await untilOpen(report).catch(async (error: Error) => {
    await service.stop();
    throw error;
  });
  const target = service.runs(await service.makeAgents(name, 1), program);
  const streamed = { ...target, headers: { ...target.headers, accept: 'text/event-stream' } };
  return {
    installation: readFileSync(join(service.dataDir, 'installation'), 'utf8').trim(),
    overHttp: { service, target },
    report,
    async once() {
      const { firstOutputMs = [], latenciesMs } = await lab.load({ kind: 'streams', target: streamed, count: 1 });
      return { firstOutputMs: firstOutputMs[0] ?? Number.NaN, wholeMs: latenciesMs[0] ?? Number.NaN };
    },
    settled: () => settle(report, warm),
    close: service.stop,
  };
}

async function untilOpen(report: () => Promise<DriverReport>): Promise<void> {
  for (const end = performance.now() + READY_WITHIN_MS; ; await sleep(100)) {
    const { available, reason = 'the engine was not looked at within a minute', runtimes } = await report();
    // Before, it takes runs that wait until its walls are proved.
    const isOpen = runtimes !== undefined;
    if (available && isOpen) return;
    if (isOpen || performance.now() > end) throw new Error(reason);
  }
}

async function settle(report: () => Promise<DriverReport>, warm: number): Promise<void> {
  for (const end = performance.now() + SETTLED_WITHIN_MS; performance.now() < end; await sleep(LOOK_EVERY_MS)) {
    const { sandboxes, images = [] } = await report();
    const { workers, blankWorkers } = sandboxes;
    if (workers === blankWorkers && blankWorkers >= warm * images.length) return;
  }
  const { sandboxes, reason = '' } = await report();
  throw new Error(
    `the pool of ${warm} warm containers is not full after a minute: ${JSON.stringify(sandboxes)} ${reason}`,
  );
}

/**
 * The driver alone, with gVisor although its self-test fails: no HTTP, no store, no agent. Its workspace lies in the
 * container and is empty. Errors: why it has no containers.
 */
export async function openDriver(lab: Lab, { engine, runtime, warm }: Pool): Promise<Cordon> {
  const folder = lab.processes.folder();
  const installation = `bench-driver-${process.pid}-${warm}`;
  const driver = createContainerDriver({
    engine,
    installation,
    openSlots: async () => ({ path: folder, whyInMemory: 'nothing is mounted here', async close() {} }),
    mountProbe: async () => async () => {},
    runtime,
    trustRuntime: true,
    furtherImages: [],
    requireWalls: [],
    warmContainers: warm,
    maxContainers: 8,
    maxRamBytes: 8 * 1024 ** 3,
    cpus: 1,
    log: {
      info() {},
      warn: (detail, text) => 'error' in detail && lab.say(`bench: gVisor: ${text}: ${detail.error}`),
    },
  });
  let closing: Promise<void> | undefined;
  const close = () => {
    closing ??= driver.close();
    return closing;
  };
  lab.processes.atEnd(close);
  const report = async () => driver.report();
  await untilOpen(report);
  return {
    installation,
    report,
    async once() {
      const start = performance.now();
      let firstOutputMs = Number.NaN;
      const limits = defaultLimits;
      const lease = await driver.lease({ tenant: name, agent: name }, limits, new AbortController().signal, 'shell');
      const execution = lease.execute(
        { runId: 'run', language: 'shell', code: command, input: undefined, limits },
        {
          output: () => {
            if (Number.isNaN(firstOutputMs)) firstOutputMs = performance.now() - start;
          },
          waiting() {},
          call: async () => ({ ok: true, value: [] }),
        },
      );
      const { outcome } = await execution.done;
      if (outcome.status !== 'succeeded') throw new Error(`a run on gVisor ended so: ${JSON.stringify(outcome)}`);
      return { firstOutputMs, wholeMs: performance.now() - start };
    },
    settled: () => settle(report, warm),
    close,
  };
}
