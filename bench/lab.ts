/** What every part of the benchmark works with: one load process, and one of each server, started when first asked for. */
import type { Figures, Judged } from './bars.ts';
import type { Answered, Target } from './load/job.ts';
import { type Load, startLoad } from './load/load.ts';
import { startNaive } from './peers.ts';
import type { Processes } from './processes.ts';
import { type Service, startService } from './service.ts';
import { median, percentile } from './statistics.ts';
import type { Table } from './table.ts';

export interface Scale {
  /** How often all subjects are measured in turn. */
  rounds: number;
  /** Requests one at a time, in one round. */
  requests: number;
  /** Time at 16 callers, in one round. */
  loadMs: number;
  /** Time at 16 callers before the first round: V8 takes some thousand runs to compile what they use. */
  warmUpMs: number;
}

export interface Lab {
  scale: Scale;
  processes: Processes;
  load: Load;
  say(line: string): void;
  /** The service with default settings, shared by all parts. */
  service(): Promise<Service>;
  naive(): ReturnType<typeof startNaive>;
}

export interface Part {
  tables: Table[];
  /** For the JSON file. */
  data: unknown;
  judged?: Judged;
}

export const CALLERS = 16;
const WARM_UP = 30;

export function createLab(processes: Processes, scale: Scale, say: (line: string) => void): Lab {
  let service: Promise<Service> | undefined;
  let naive: ReturnType<typeof startNaive> | undefined;
  return {
    scale,
    processes,
    say,
    load: startLoad(processes),
    service: () => (service ??= startService(processes)),
    naive: () => (naive ??= startNaive(processes)),
  };
}

export interface Subject {
  name: string;
  target: Target;
  /** Runs before each measurement, after the warm-up. */
  settled?: () => Promise<void>;
  /** Requests before each measurement: every agent's workers are there then. */
  warmUp?: number;
  /** Not loaded before the first round: what it is asked makes it slower. */
  tires?: true;
}

export interface Measured extends Figures {
  clientCpuMicros: number;
  latenciesMs: number[];
}

/** One subject once: one at a time, then at 16 callers. */
export async function measure(
  lab: Pick<Lab, 'load' | 'scale'>,
  { target, settled, warmUp = WARM_UP }: Subject,
): Promise<Measured> {
  await lab.load({ kind: 'callers', target, callers: CALLERS, durationMs: Math.min(300, lab.scale.loadMs) });
  await settled?.();
  await lab.load({ kind: 'one-at-a-time', target, count: warmUp });
  const { requests, loadMs } = lab.scale;
  const alone = await lab.load({ kind: 'one-at-a-time', target, count: requests, withinMs: 2 * loadMs });
  const loaded = await lab.load({ kind: 'callers', target, callers: CALLERS, durationMs: loadMs });
  return { ...figuresOf(alone, loaded), clientCpuMicros: loaded.clientCpuMicros, latenciesMs: alone.latenciesMs };
}

function figuresOf(alone: Answered, loaded: Answered): Figures {
  return {
    p50Ms: median(alone.latenciesMs),
    p99Ms: percentile(alone.latenciesMs, 0.99),
    runsPerSecond: loaded.latenciesMs.length / (loaded.totalMs / 1000),
    loadedP50Ms: median(loaded.latenciesMs),
    loadedP99Ms: percentile(loaded.latenciesMs, 0.99),
  };
}

/** All subjects, warmed up, in turn, round after round, every second round backwards: what the machine does meanwhile hits all alike. */
export async function measureInRounds(
  lab: Pick<Lab, 'load' | 'scale'>,
  subjects: readonly Subject[],
): Promise<Record<string, Measured>[]> {
  const { warmUpMs } = lab.scale;
  for (const { target, tires } of subjects)
    if (!tires) await lab.load({ kind: 'callers', target, callers: CALLERS, durationMs: warmUpMs });
  const rounds: Record<string, Measured>[] = [];
  for (let at = 0; at < lab.scale.rounds; at++) {
    const round: Record<string, Measured> = {};
    for (const subject of at % 2 === 0 ? subjects : [...subjects].reverse())
      round[subject.name] = await measure(lab, subject);
    rounds.push(round);
  }
  return rounds;
}

export interface Summary extends Figures {
  clientCpuMicros: number;
  /** Medians over the rounds of this subject's figure / the reference's in the same round. */
  p50Ratio: number;
  throughputRatio: number;
}

/** Medians over the rounds; the p99 one at a time from all rounds' requests together. */
export function summarize(rounds: readonly Record<string, Measured>[], reference: string): Record<string, Summary> {
  const summaries: Record<string, Summary> = {};
  for (const name of Object.keys(rounds[0] ?? {})) {
    const mine = rounds.flatMap((round) => round[name] ?? []);
    const over = (pick: (figures: Measured) => number) => median(mine.map(pick));
    const ratio = (pick: (figures: Measured) => number) =>
      median(
        rounds.flatMap((round) =>
          round[name] && round[reference] ? [pick(round[name]) / pick(round[reference])] : [],
        ),
      );
    summaries[name] = {
      p50Ms: over((figures) => figures.p50Ms),
      p99Ms: percentile(
        mine.flatMap((figures) => figures.latenciesMs),
        0.99,
      ),
      runsPerSecond: over((figures) => figures.runsPerSecond),
      loadedP50Ms: over((figures) => figures.loadedP50Ms),
      loadedP99Ms: over((figures) => figures.loadedP99Ms),
      clientCpuMicros: over((figures) => figures.clientCpuMicros),
      p50Ratio: ratio((figures) => figures.p50Ms),
      throughputRatio: ratio((figures) => figures.runsPerSecond),
    };
  }
  return summaries;
}

/** The usual table of subjects. */
export function subjectTable(
  title: string,
  summaries: Record<string, Summary>,
  reference: string,
  notes: string[] = [],
): Table {
  return {
    title,
    columns: [
      '',
      'p50 ms',
      'p99 ms',
      `p50 x ${reference}`,
      'runs/s at 16',
      `x ${reference}`,
      'p50 ms at 16',
      'p99 ms at 16',
      'client CPU us',
    ],
    rows: Object.entries(summaries).map(([name, s]) => [
      name,
      s.p50Ms,
      s.p99Ms,
      s.p50Ratio,
      s.runsPerSecond,
      s.throughputRatio,
      s.loadedP50Ms,
      s.loadedP99Ms,
      s.clientCpuMicros,
    ]),
    notes,
  };
}
