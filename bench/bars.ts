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

/** Figures of all subjects that were measured, taken within seconds of each other. */
export type Round = Record<string, Figures>;

export interface Bar {
  subject: string;
  measure: 'p50Ms' | 'runsPerSecond';
  /** The subject of the same round that the figure is divided by. */
  against: string;
  atMost?: number;
  atLeast?: number;
}

export interface BarResult {
  bar: Bar;
  name: string;
  /** Median over the rounds of figure / figure of the peer in the same round: drift of the machine cancels. */
  ratio: number | undefined;
  holds: boolean;
  reason: string;
}

export const subjects = {
  oneAgent: 'cordon, 1 agent',
  sixteenAgents: 'cordon, 16 agents',
  naive: 'naive bound',
  workerd: 'workerd loader',
} as const;

export const bars: readonly Bar[] = [subjects.oneAgent, subjects.sixteenAgents].flatMap((subject): Bar[] => [
  { subject, measure: 'p50Ms', against: subjects.naive, atMost: 1 },
  { subject, measure: 'runsPerSecond', against: subjects.naive, atLeast: 0.9 },
  { subject, measure: 'runsPerSecond', against: subjects.workerd, atLeast: 3 },
]);

const measures = { p50Ms: 'p50 one at a time', runsPerSecond: 'runs/s at 16 callers' };

/** A bar without figures does not hold. `absent`: why a subject has none. */
export function judge(
  rounds: readonly Round[],
  absent: Record<string, string> = {},
  held: readonly Bar[] = bars,
): BarResult[] {
  return held.map((bar) => {
    const wanted = bar.atMost === undefined ? `>= ${bar.atLeast}` : `<= ${bar.atMost}`;
    const name = `${bar.subject}: ${measures[bar.measure]} ${wanted} x ${bar.against}`;
    const ratio = ratioOf(rounds, bar);
    if (ratio === undefined) {
      const missing = [bar.subject, bar.against].filter((subject) => rounds.every((round) => !round[subject]));
      return {
        bar,
        name,
        ratio,
        holds: false,
        reason: missing.map((subject) => absent[subject] ?? `${subject} was not measured`).join('; '),
      };
    }
    const holds = ratio <= (bar.atMost ?? Number.POSITIVE_INFINITY) && ratio >= (bar.atLeast ?? 0);
    return { bar, name, ratio, holds, reason: `${ratio.toFixed(2)} x` };
  });
}

function ratioOf(rounds: readonly Round[], { subject, against, measure }: Bar): number | undefined {
  const ratios = rounds.flatMap((round) => {
    const [mine, peer] = [round[subject]?.[measure], round[against]?.[measure]];
    return mine !== undefined && peer !== undefined && peer > 0 ? [mine / peer] : [];
  });
  return ratios.length === 0 ? undefined : median(ratios);
}
