/** Where the time of a run goes: the spans that come with its events, the service's own time of the request, the caller's. */
import { CALLERS, type Lab, type Part } from '../lab.ts';
import type { Answered } from '../load/job.ts';
import { cpuMicros, workersOf } from '../process-figures.ts';
import type { Service } from '../service.ts';
import { median, percentile } from '../statistics.ts';

const SPANS = ['admission', 'queue', 'lease', 'execute', 'settle'];
/** Runs whose events are read. */
const SAMPLE = 200;

export interface Steps {
  /** Times in ms by step. */
  times: Record<string, number[]>;
  cpu: { service: number; workers: number; client: number };
}

export async function steps(lab: Lab): Promise<Part> {
  const service = await lab.service();
  const target = service.runs(await service.makeAgents('steps', 1));
  await lab.load({ kind: 'one-at-a-time', target, count: 100 });
  await service.settled();
  const watched = (ask: () => Promise<Answered>) => watch(service, ask);
  const alone = await watched(() =>
    lab.load({ kind: 'one-at-a-time', target, count: Math.max(SAMPLE, lab.scale.requests), keepAnswers: true }),
  );
  const loaded = await watched(() =>
    lab.load({ kind: 'callers', target, callers: CALLERS, durationMs: lab.scale.loadMs, keepAnswers: true }),
  );
  const names = Object.keys(alone.times);
  const of = ({ times }: Steps, name: string) => [median(times[name] ?? []), percentile(times[name] ?? [], 0.99)];
  return {
    data: { alone: summary(alone), loaded: summary(loaded) },
    tables: [
      {
        title: 'Where the time of a run goes, ms',
        columns: ['', 'p50 alone', 'p99 alone', 'p50 at 16', 'p99 at 16'],
        rows: names.map((name) => [name, ...of(alone, name), ...of(loaded, name)]),
        notes: [
          'spans of the run: admission to settle; around them: key, validation, the wait for the flush, the answer; HTTP: sockets and the client',
        ],
      },
      {
        title: 'CPU of a run, microseconds',
        columns: ['', 'alone', 'at 16'],
        rows: [
          ['service process', alone.cpu.service, loaded.cpu.service],
          ['worker processes', alone.cpu.workers, loaded.cpu.workers],
          ['load client', alone.cpu.client, loaded.cpu.client],
        ],
        notes: ['all threads; the kernel counts in ticks of 10 ms'],
      },
    ],
  };
}

/** Needs the answers kept. Reads the spans of at most 400 of the runs. */
export async function watch(service: Service, ask: () => Promise<Answered>): Promise<Steps> {
  const pids = workersOf(service.pid);
  const workersCpu = () => pids.reduce((sum, pid) => sum + cpuMicros(pid), 0);
  const [serviceBefore, workersBefore] = [cpuMicros(service.pid), workersCpu()];
  const { answers = [], latenciesMs, clientCpuMicros } = await ask();
  const runs = latenciesMs.length;
  const cpu = {
    service: (cpuMicros(service.pid) - serviceBefore) / runs,
    workers: (workersCpu() - workersBefore) / runs,
    client: clientCpuMicros,
  };

  const inService = new Map(service.log().map((line) => [line.runId, line.ms as number]));
  const times: Record<string, number[]> = Object.fromEntries(
    [...SPANS, 'around the spans', 'HTTP and client', 'all'].map((name) => [name, []]),
  );
  const stride = Math.max(1, Math.floor(answers.length / SAMPLE));
  for (let at = 0; at < answers.length; at += stride) {
    const { id } = JSON.parse(answers[at] as string) as { id: string };
    const spans = await spansOf(service, id);
    let spent = 0;
    for (const name of SPANS) {
      times[name]?.push(spans[name] ?? 0);
      spent += spans[name] ?? 0;
    }
    const [all, serviceMs] = [latenciesMs[at] as number, inService.get(id)];
    if (serviceMs !== undefined) {
      times['around the spans']?.push(serviceMs - spent);
      times['HTTP and client']?.push(all - serviceMs);
    }
    times.all?.push(all);
  }
  return { times, cpu };
}

/** Durations in ms by name. */
async function spansOf(service: Service, id: string): Promise<Record<string, number>> {
  const text = await (await service.api('GET', `/v1/runs/${id}/events`)).text();
  const spans: Record<string, number> = {};
  for (const block of text.split('\n\n')) {
    if (!block.includes('event: span')) continue;
    const { name, durationMs } = JSON.parse(/^data: (.*)$/m.exec(block)?.[1] ?? '{}') as {
      name: string;
      durationMs: number;
    };
    spans[name] = durationMs;
  }
  return spans;
}

const summary = ({ times, cpu }: Steps) => ({
  cpuMicros: cpu,
  p50Ms: Object.fromEntries(Object.entries(times).map(([name, values]) => [name, median(values)])),
  p99Ms: Object.fromEntries(Object.entries(times).map(([name, values]) => [name, percentile(values, 0.99)])),
});
