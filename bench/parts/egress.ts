/** Granted calls through the gate, audit on, beside the same calls straight from Node, to the same service. */
import { join } from 'node:path';
import { egressBars, egressServiceMs, egressSubject, type Round } from '../bars.ts';
import type { Lab, Part } from '../lab.ts';
import type { Processes } from '../processes.ts';
import { type Child, startChild } from '../questions.ts';
import { median, percentile } from '../statistics.ts';
import type { Table } from '../table.ts';
import {
  type CallerQuestions,
  type CallKind,
  type CallsDone,
  operations,
  type Place,
  protocols,
  type StandInQuestions,
  type Way,
  ways,
} from './egress-calls.ts';
import { guestTable, measureGuest } from './egress-guest.ts';

/** Calls of each kind in one round, and how many of them before the other way's turn. */
const CALLS = 1000;
const TURN = 250;
/** A service that takes its time leaves room for fewer, one at a time. */
const SLOW_CALLS = 50;
const IN_FLIGHT = 32;

const kinds: CallKind[] = Object.values(egressServiceMs).flatMap((serviceMs) =>
  protocols.flatMap((protocol) => operations.map((operation) => ({ operation, protocol, serviceMs }))),
);
const nameOf = ({ operation, protocol, serviceMs }: CallKind, way: Way) =>
  egressSubject(way, operation, protocol, serviceMs);

type Caller = Child<CallerQuestions>;

/** One kind of call in one round. */
interface Measured {
  kind: CallKind;
  /** Of single calls, one at a time. */
  alone: Record<Way, number[]>;
  together: Record<Way, CallsDone>;
}

export async function egress(lab: Lab): Promise<Part> {
  const { place, caller } = await startProcesses(lab.processes);
  const rounds: Measured[][] = [];
  const flushes: number[] = [];
  for (let at = 0; at < lab.scale.rounds; at++) {
    const order = at % 2 === 0 ? ways : ways.toReversed();
    const round: Measured[] = [];
    for (const kind of at % 2 === 0 ? kinds : kinds.toReversed()) {
      const alone = await alternately(lab, caller, kind, order);
      round.push({ kind, alone, together: await together(lab, caller, kind, order) });
    }
    rounds.push(round);
    flushes.push(...(await caller.ask('flushes', Math.ceil(lab.scale.requests / 3))));
  }
  const flushMs = median(flushes);
  const guest = await measureGuest(lab, place, caller);
  await caller.end();
  return {
    judged: { bars: egressBars(operations, protocols), rounds: rounds.map(figuresOf) },
    data: { rounds: rounds.map((round) => round.map(withoutLatencies)), flushMs, guest },
    tables: [aloneTable(rounds, flushMs), togetherTable(rounds), guestTable(guest)],
  };
}

async function startProcesses(processes: Processes): Promise<{ place: Place; caller: Caller }> {
  const path = (file: string) => join(import.meta.dirname, file);
  const standIn = await startChild<StandInQuestions>(processes, path('egress-stand-in.ts'), {
    args: [processes.folder()],
  });
  const place = await standIn.ask('where', undefined);
  const caller = await startChild<CallerQuestions>(processes, path('egress-process.ts'), {
    args: [processes.folder(), JSON.stringify(place)],
  });
  return { place, caller };
}

/** In turns: a difference, other than a ratio, is spoilt by a machine that slows down in between. */
async function alternately(
  { scale }: Lab,
  caller: Caller,
  kind: CallKind,
  order: readonly Way[],
): Promise<Measured['alone']> {
  const all = Math.min(CALLS, 7 * scale.requests);
  const count = kind.serviceMs === 0 ? all : Math.min(SLOW_CALLS, scale.requests);
  const times: Measured['alone'] = { straight: [], gate: [] };
  for (let done = 0; done < count; done += TURN)
    for (const way of done % (2 * TURN) === 0 ? order : order.toReversed()) {
      const asked = { way, ...kind, count: Math.min(TURN, count - done), inFlight: 1 };
      times[way].push(...(await caller.ask('calls', asked)).latenciesMs);
    }
  return times;
}

async function together({ scale }: Lab, caller: Caller, kind: CallKind, order: readonly Way[]) {
  const count = Math.min(CALLS, 7 * scale.requests);
  const done: Partial<Measured['together']> = {};
  for (const way of order) done[way] = await caller.ask('calls', { way, ...kind, count, inFlight: IN_FLIGHT });
  return done as Measured['together'];
}

const perSecond = ({ latenciesMs, totalMs }: CallsDone) => latenciesMs.length / (totalMs / 1000);
const cpuMicros = ({ latenciesMs, cpuMs }: CallsDone) => (cpuMs * 1000) / latenciesMs.length;

const figuresOf = (round: readonly Measured[]): Round =>
  Object.fromEntries(
    round.flatMap(({ kind, alone, together: loaded }) =>
      ways.map((way) => [nameOf(kind, way), { p50Ms: median(alone[way]), callsPerSecond: perSecond(loaded[way]) }]),
    ),
  );

const withoutLatencies = ({ kind, alone, together: loaded }: Measured) => ({
  kind,
  ...Object.fromEntries(
    ways.map((way) => [
      way,
      {
        p50Ms: median(alone[way]),
        p99Ms: percentile(alone[way], 0.99),
        callsPerSecond: perSecond(loaded[way]),
        loadedP50Ms: median(loaded[way].latenciesMs),
        loadedP99Ms: percentile(loaded[way].latenciesMs, 0.99),
        cpuMicros: cpuMicros(loaded[way]),
      },
    ]),
  ),
});

const kindName = ({ operation, protocol, serviceMs }: CallKind) => `${operation}, ${protocol}, ${serviceMs} ms`;

/** The rounds of one kind. */
const ofKind = (rounds: readonly Measured[][], kind: CallKind): Measured[] =>
  rounds.flatMap((round) => round.filter((one) => kindName(one.kind) === kindName(kind)));

function aloneTable(rounds: readonly Measured[][], flushMs: number): Table {
  const rows = kinds.map((kind) => {
    const mine = ofKind(rounds, kind);
    const p50 = (way: Way) => median(mine.map(({ alone }) => median(alone[way])));
    const p99 = (way: Way) =>
      percentile(
        mine.flatMap(({ alone }) => alone[way]),
        0.99,
      );
    const more = (share: number) =>
      median(mine.map(({ alone }) => percentile(alone.gate, share) - percentile(alone.straight, share)));
    return [kindName(kind), p50('straight'), p50('gate'), more(0.5), p99('straight'), p99('gate'), more(0.99)];
  });
  return {
    title: 'Granted calls of a service through the gate, one at a time, ms',
    columns: ['', 'straight p50', 'gate p50', 'more', 'straight p99', 'gate p99', 'more'],
    rows,
    notes: [
      `judged at ${egressServiceMs.p50} ms of the service's own; more: median of the differences within each round`,
      `before a write leaves, its entry in the audit is flushed: one flushed transaction alone takes ${flushMs.toFixed(2)} ms here`,
    ],
  };
}

function togetherTable(rounds: readonly Measured[][]): Table {
  const rows = kinds.map((kind) => {
    const mine = ofKind(rounds, kind);
    const over = (pick: (one: Measured) => number) => median(mine.map(pick));
    const of = (way: Way, pick: (done: CallsDone) => number) => over((one) => pick(one.together[way]));
    const p50 = (done: CallsDone) => median(done.latenciesMs);
    return [
      kindName(kind),
      of('straight', perSecond),
      of('gate', perSecond),
      over((one) => perSecond(one.together.gate) / perSecond(one.together.straight)),
      of('straight', p50),
      of('gate', p50),
      of('straight', cpuMicros),
      of('gate', cpuMicros),
    ];
  });
  return {
    title: `The same calls with ${IN_FLIGHT} in flight`,
    columns: ['', 'straight/s', 'gate/s', 'x straight', 'p50 ms', 'gate p50', 'CPU us', 'gate CPU us'],
    rows,
    notes: [
      `judged at ${egressServiceMs.throughput} ms of the service's own; at 0 ms the calling process has no idle moment, and the ratio is that of the CPU per call`,
      'the time ends when every call of the gate is in the audit on disk; CPU: of the calling process, per call',
    ],
  };
}
