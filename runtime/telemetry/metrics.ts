import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

/** Numbers that are looked up when Prometheus asks, not kept. */
export interface Gauges {
  queuedRuns(): number;
  runningRuns(): number;
  workers(): number;
  blankWorkers(): number;
  storeBytes(): number;
}

export interface Metrics {
  /** One answered HTTP request. `route` is the route's name, never a path with ids: those would grow without bound. */
  request(route: string, status: number, seconds: number): void;
  /** One finished run; durations in milliseconds. */
  runFinished(run: { status: string; language: string; wallMs: number; queueMs: number; cpuMs: number }): void;
  /** One refused run, by error code. */
  runRefused(code: string): void;
  /** Where the pulled numbers come from; the last caller counts. */
  observe(gauges: Gauges): void;
  /** Prometheus text format 0.0.4. */
  text(): Promise<string>;
}

const RUN_BUCKETS = [0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900];

export function createMetrics(): Metrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  let gauges: Gauges | undefined;

  const requests = new Histogram({
    name: 'cordon_http_request_duration_seconds',
    help: 'HTTP requests by route and status, until the answer begins',
    labelNames: ['route', 'status'],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 10, 120],
    registers,
  });
  const runs = new Counter({
    name: 'cordon_runs_total',
    help: 'Finished runs by status and language',
    labelNames: ['status', 'language'],
    registers,
  });
  const refused = new Counter({
    name: 'cordon_runs_refused_total',
    help: 'Runs that were not admitted, by error code',
    labelNames: ['code'],
    registers,
  });
  const histogram = (name: string, help: string) => new Histogram({ name, help, buckets: RUN_BUCKETS, registers });
  const wall = histogram('cordon_run_wall_seconds', 'Time of runs from their start to their end');
  const queue = histogram('cordon_run_queue_seconds', 'Time of runs in the queue');
  const cpu = histogram('cordon_run_cpu_seconds', 'CPU time of runs');

  const pulled: [keyof Gauges, string, string][] = [
    ['queuedRuns', 'cordon_queued_runs', 'Runs in the queue'],
    ['runningRuns', 'cordon_running_runs', 'Runs that hold a sandbox'],
    ['workers', 'cordon_workers', 'Worker processes, blank ones included'],
    ['blankWorkers', 'cordon_blank_workers', 'Worker processes that belong to no agent yet'],
    ['storeBytes', 'cordon_store_bytes', 'Bytes of the store on disk'],
  ];
  for (const [field, name, help] of pulled) {
    new Gauge({
      name,
      help,
      registers,
      collect() {
        if (gauges !== undefined) this.set(gauges[field]());
      },
    });
  }

  return {
    request: (route, status, seconds) => requests.observe({ route, status }, seconds),
    runFinished({ status, language, wallMs, queueMs, cpuMs }) {
      runs.inc({ status, language });
      wall.observe(wallMs / 1000);
      queue.observe(queueMs / 1000);
      cpu.observe(cpuMs / 1000);
    },
    runRefused: (code) => refused.inc({ code }),
    observe(source) {
      gauges = source;
    },
    text: () => registry.metrics(),
  };
}
