/** What `--check` holds: the only place with the numbers. */
import { median } from './statistics.ts';

/** One subject in one round. */
export interface Figures {
  /** One caller, one request at a time, in ms. */
  p50Ms: number;
  p99Ms: number;
  /** At 16 callers. */
  runsPerSecond: number;
  loadedP50Ms: number;
  loadedP99Ms: number;
}

const measures = {
  p50Ms: 'p50 one at a time',
  runsPerSecond: 'runs/s at 16 callers',
  runsPerCpuSecond: 'clean runs per CPU second of its workers at 16 callers',
  restoreMs: 'restore',
  firstOutputMs: 'first output',
  succeeded: 'runs that succeeded',
  callsPerSecond: 'calls/s at 32 in flight',
};
export type Measure = keyof typeof measures;

/** Figures of all subjects that were measured, taken within seconds of each other. */
export type Round = Record<string, Partial<Record<Measure, number>>>;

export interface Bar {
  subject: string;
  measure: Measure;
  /** The subject of the same round that the figure is divided by; without one the figure itself is held. */
  against?: string;
  /** The peer's figure is taken off instead. */
  difference?: true;
  atMost?: number;
  atLeast?: number;
}

export interface BarResult {
  bar: Bar;
  name: string;
  /** Median over the rounds of what the bar holds, peers taken from the same round: drift of the machine cancels. */
  value: number | undefined;
  holds: boolean;
  reason: string;
}

/** What a part measured for its bars. `absent`: why a subject has no figures. */
export interface Judged {
  bars: readonly Bar[];
  rounds: readonly Round[];
  absent?: Record<string, string>;
}

export const subjects = {
  oneAgent: 'cordon, 1 agent',
  sixteenAgents: 'cordon, 16 agents',
  naive: 'naive bound',
  workerd: 'workerd loader',
  python: 'python',
  javascript: 'javascript',
  isolate: 'interpreter in an isolate',
  pyodide: 'Pyodide in Node.js',
  bareExec: 'bare exec in a running container',
  bareCold: 'bare container, made for the run',
  warmContainer: 'cordon, warm container',
  coldContainer: 'cordon, no warm container',
  queuedRuns: '50 container runs queued at once',
} as const;

export const comparisonBars: readonly Bar[] = [subjects.oneAgent, subjects.sixteenAgents].flatMap((subject): Bar[] => [
  { subject, measure: 'p50Ms', against: subjects.naive, atMost: 1 },
  { subject, measure: 'runsPerSecond', against: subjects.naive, atLeast: 0.9 },
  { subject, measure: 'runsPerSecond', against: subjects.workerd, atLeast: 3 },
]);

export const pythonBars: readonly Bar[] = [
  { subject: subjects.python, measure: 'p50Ms', against: subjects.javascript, difference: true, atMost: 4 },
  { subject: subjects.isolate, measure: 'restoreMs', against: subjects.pyodide, atMost: 1.5 },
  { subject: subjects.python, measure: 'runsPerCpuSecond', atLeast: 150 },
];

/** The same subject on gVisor. */
export const onGvisor = (subject: string) => `gVisor: ${subject}`;

const warmBars = (nameOf: (subject: string) => string): Bar[] => {
  const [exec, cold, warm] = [subjects.bareExec, subjects.bareCold, subjects.warmContainer].map(nameOf) as [
    string,
    string,
    string,
  ];
  return [
    { subject: warm, measure: 'firstOutputMs', against: exec, atMost: 1.3 },
    { subject: cold, measure: 'firstOutputMs', against: warm, atLeast: 3 },
  ];
};

export const containerBars: readonly Bar[] = [
  ...warmBars((subject) => subject),
  { subject: subjects.queuedRuns, measure: 'succeeded', atLeast: 50 },
];
/** Judged where the service uses gVisor. */
export const gvisorBars: readonly Bar[] = warmBars(onGvisor);

export const egressSubject = (way: 'gate' | 'straight', operation: string, protocol: string, serviceMs: number) =>
  `${way}, ${operation}, ${protocol}, ${serviceMs} ms`;

/**
 * The time that the service itself takes, for each bar. Throughput is judged where the service takes what a quick one does:
 * with 0 ms the calling process is busy all the time, and the ratio is that of CPU per call, in which anything that is done
 * for a call shows in full. That ratio is printed too.
 */
export const egressServiceMs = { p50: 0, throughput: 20 } as const;

/** `operations` and `protocols` that were measured. */
export const egressBars = (operations: readonly string[], protocols: readonly string[]): Bar[] =>
  protocols.flatMap((protocol) =>
    operations.flatMap((operation): Bar[] => {
      const both = (serviceMs: number) => ({
        subject: egressSubject('gate', operation, protocol, serviceMs),
        against: egressSubject('straight', operation, protocol, serviceMs),
      });
      return [
        { ...both(egressServiceMs.p50), measure: 'p50Ms', difference: true, atMost: 1 },
        { ...both(egressServiceMs.throughput), measure: 'callsPerSecond', atLeast: 0.85 },
      ];
    }),
  );

/** A bar without figures does not hold. */
export function judge({ bars, rounds, absent = {} }: Judged): BarResult[] {
  return bars.map((bar) => {
    const { subject, measure, against, difference, atMost, atLeast } = bar;
    const wanted = atMost === undefined ? `>= ${atLeast}` : `<= ${atMost}`;
    const peer = against === undefined ? '' : difference ? ` ms above ${against}` : ` x ${against}`;
    const name = `${subject}: ${measures[measure]} ${wanted}${peer}`;
    const value = measuredFor(rounds, bar);
    if (value === undefined) {
      const needed = against === undefined ? [subject] : [subject, against];
      const missing = needed.filter((one) => rounds.every((round) => round[one]?.[measure] === undefined));
      const reasons = new Set(missing.map((one) => absent[one] ?? `${one} was not measured`));
      return { bar, name, value, holds: false, reason: [...reasons].join('; ') };
    }
    const holds = value <= (atMost ?? Number.POSITIVE_INFINITY) && value >= (atLeast ?? Number.NEGATIVE_INFINITY);
    const unit = against === undefined ? '' : difference ? ' ms' : ' x';
    return { bar, name, value, holds, reason: `${value.toFixed(2)}${unit}` };
  });
}

function measuredFor(rounds: readonly Round[], { subject, against, measure, difference }: Bar): number | undefined {
  const values = rounds.flatMap((round) => {
    const mine = round[subject]?.[measure];
    if (mine === undefined || against === undefined) return mine ?? [];
    const peer = round[against]?.[measure];
    if (peer === undefined || peer <= 0) return [];
    return difference ? mine - peer : mine / peer;
  });
  return values.length === 0 ? undefined : median(values);
}
