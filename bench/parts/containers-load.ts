/** Many container runs at once: the rate that lasts, refill included, and a queue. */
import type { Lab } from '../lab.ts';
import { median } from '../statistics.ts';
import type { Table } from '../table.ts';
import type { Bare } from './containers-bare.ts';
import type { Cordon } from './containers-cordon.ts';

export interface Rate {
  runsPerSecond: number;
  p50Ms: number;
}

/** At one number of callers, in one round. */
export interface RateRound {
  callers: number;
  bare: Rate;
  cordon: Rate;
}

const crowds = [4, 8];
export const QUEUED = 50;

/** Bare containers and Cordon's in turn. */
export async function measureRates(lab: Lab, bare: Bare, cordon: Cordon): Promise<RateRound[]> {
  const target = cordon.overHttp?.target;
  if (target === undefined) return [];
  const durationMs = 4 * lab.scale.loadMs;
  const rounds: RateRound[] = [];
  const ofCordon = async (callers: number) => {
    await cordon.settled();
    const { latenciesMs, totalMs } = await lab.load({ kind: 'callers', target, callers, durationMs });
    await cordon.settled();
    return rateOf(latenciesMs, totalMs);
  };
  for (let at = 0; at < Math.min(3, lab.scale.rounds); at++)
    for (const callers of crowds) {
      const before = at % 2 === 0 ? await ofCordon(callers) : undefined;
      const ofBare = await bareRate(bare, callers, durationMs);
      rounds.push({ callers, bare: ofBare, cordon: before ?? (await ofCordon(callers)) });
    }
  return rounds;
}

async function bareRate(bare: Bare, callers: number, durationMs: number): Promise<Rate> {
  const latenciesMs: number[] = [];
  const start = performance.now();
  const caller = async () => {
    while (performance.now() - start < durationMs) latenciesMs.push((await bare.cold()).wholeMs);
  };
  await Promise.all(Array.from({ length: callers }, caller));
  return rateOf(latenciesMs, performance.now() - start);
}

const rateOf = (latenciesMs: number[], totalMs: number): Rate => ({
  runsPerSecond: latenciesMs.length / (totalMs / 1000),
  p50Ms: median(latenciesMs),
});

export interface Burst {
  succeeded: number;
  totalMs: number;
  wrong: string[];
}

/** All at once: most of them wait in the queue. */
export async function measureBurst(lab: Lab, cordon: Cordon): Promise<Burst | undefined> {
  const target = cordon.overHttp?.target;
  if (target === undefined) return undefined;
  await cordon.settled();
  const { wrong = [], totalMs } = await lab.load({ kind: 'burst', target, count: QUEUED });
  await cordon.settled();
  for (const one of new Set(wrong)) lab.say(`bench: one of ${QUEUED} container runs: ${one}`);
  return { succeeded: QUEUED - wrong.length, totalMs, wrong };
}

export function loadTable(rounds: RateRound[], burst: Burst | undefined): Table {
  const rows = crowds.map((callers) => {
    const those = rounds.filter((round) => round.callers === callers);
    const over = (pick: (round: RateRound) => number) => median(those.map(pick));
    return [
      `${callers} callers`,
      over(({ cordon }) => cordon.runsPerSecond),
      over(({ bare }) => bare.runsPerSecond),
      over(({ cordon, bare }) => cordon.runsPerSecond / bare.runsPerSecond),
      over(({ cordon }) => cordon.p50Ms),
      over(({ bare }) => bare.p50Ms),
    ];
  });
  const queued = burst && [`${QUEUED} runs at once`, QUEUED / (burst.totalMs / 1000)];
  return {
    title: 'Container runs that last, runc: warm containers made anew meanwhile',
    columns: ['', 'cordon runs/s', 'bare runs/s', 'x bare', 'cordon p50 ms', 'bare p50 ms'],
    rows: [...rows, ...(queued ? [queued] : [])],
    notes: [
      'bare: create, attach, start, wait, remove, by as many callers; cordon: over HTTP until the answer is there',
      ...(burst
        ? [`${burst.succeeded} of ${QUEUED} queued runs succeeded, in ${(burst.totalMs / 1000).toFixed(1)} s`]
        : []),
    ],
  };
}
