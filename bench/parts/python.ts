/** Python beside JavaScript over HTTP, its interpreters beside plain Pyodide in Node.js, and what both cost. */
import { pythonBars, type Round, subjects } from '../bars.ts';
import { CALLERS, type Lab, type Part } from '../lab.ts';
import type { Target } from '../load/job.ts';
import { cpuMicros, isPythonWorker, pssBytes, treeOf, workersOf } from '../process-figures.ts';
import type { Service } from '../service.ts';
import { median, percentile } from '../statistics.ts';
import { type Child, startInterpreters, startPyodide, type Time } from './python-children.ts';
import { watch } from './steps.ts';

const MiB = 1024 ** 2;
const expect = '"result":4950';
const small = { language: 'python', code: 'sum(range(100))', expect };
const javascript = {
  language: 'javascript',
  code: 'Array.from({ length: 100 }, (_, n) => n).reduce((a, b) => a + b)',
  expect,
};
/** Fails where an earlier run is still to be seen. */
const clean = `import builtins, os
assert not hasattr(builtins, "mark") and not os.path.exists("/tmp/mark")
builtins.mark = open("/tmp/mark", "w").close()
${small.code}`;
const crowds = [1, 4, CALLERS];
/** Interpreters whose memory is measured together. */
const POOL = 6;
const WARM_UP = 20;
/** Requests of one language before the other's turn. */
const TURN = 10;

export async function python(lab: Lab): Promise<Part> {
  const service = await lab.service();
  const [agent] = (await service.makeAgents('python', 1)) as [string];
  await service.settled();
  const blank = workersOf(service.pid).filter(isPythonWorker);
  const blankWorkerMiB = medianMiB(blank);
  const cpuBefore = new Map(blank.map((pid) => [pid, cpuMicros(pid)]));
  const targets = { python: service.runs([agent], small), javascript: service.runs([agent], javascript) };
  await lab.load({ kind: 'one-at-a-time', target: targets.python, count: 3 });

  const overHttp = await roundsOverHttp(lab, service, agent, targets);
  const spans = await spansOf(lab, service, targets);
  await service.settled();
  const usedWorkerMiB = medianMiB(blank.filter((pid) => cpuMicros(pid) > (cpuBefore.get(pid) ?? 0) + 50_000));
  const interpreters = await startInterpreters(lab.processes);
  const inProcess = await interpreters.ask('run', lab.scale.requests);
  const pyodide = await startPyodide(lab.processes);
  const restores = await restoresInTurn(lab, interpreters, pyodide);
  const pooledMiB = ((await interpreters.ask('memory', POOL)) ?? Number.NaN) / MiB;
  await Promise.all([interpreters.end(), pyodide.end()]);

  const rounds: Round[] = [
    ...overHttp.map((round) => ({
      [subjects.javascript]: { p50Ms: median(round.javascript) },
      [subjects.python]: {
        p50Ms: median(round.python),
        runsPerCpuSecond: (round.clean.at(-1) as Clean).perWorkersCpuSecond,
      },
    })),
    ...restores.map((round) => ({
      [subjects.isolate]: { restoreMs: median(round.isolate.map(({ wallMs }) => wallMs)) },
      [subjects.pyodide]: { restoreMs: median(round.pyodide.map(({ wallMs }) => wallMs)) },
    })),
  ];
  const restoreCpuMs = median(restores.flatMap((round) => round.isolate.map(({ cpuMs }) => cpuMs)));
  const memory = { blankWorkerMiB, usedWorkerMiB, pooledMiB };
  return {
    judged: { bars: pythonBars, rounds },
    data: {
      overHttp: overHttp.map((round) => ({
        p50Ms: { javascript: median(round.javascript), python: median(round.python) },
        clean: round.clean,
      })),
      spans,
      inProcess: { runMs: median(inProcess.map((r) => r.runMs)), rewindMs: median(inProcess.map((r) => r.rewindMs)) },
      restores,
      memory,
    },
    tables: [
      httpTable(overHttp),
      cleanTable(overHttp, restoreCpuMs),
      stepTable(spans, inProcess),
      restoreTable(restores),
      {
        title: 'Memory of Python that waits, MiB (PSS)',
        columns: ['', 'each'],
        rows: [
          ['blank worker, an idle interpreter in it', blankWorkerMiB],
          ['worker that has run, idle', usedWorkerMiB],
          ['one more idle interpreter', pooledMiB],
        ],
        notes: [`the last line is the growth of one process by ${POOL} interpreters`],
      },
    ],
  };
}

const medianMiB = (pids: number[]) => median(pids.map((pid) => pssBytes(pid) ?? Number.NaN)) / MiB;

interface HttpRound {
  /** Times in ms, one request at a time. */
  javascript: number[];
  python: number[];
  /** At each number of callers, the most last. */
  clean: Clean[];
}

interface Clean {
  callers: number;
  runsPerSecond: number;
  perWorkersCpuSecond: number;
  /** Of the workers and the service together. */
  perCpuSecond: number;
}

type Targets = Record<'python' | 'javascript', Target>;

async function roundsOverHttp(lab: Lab, service: Service, agent: string, targets: Targets): Promise<HttpRound[]> {
  const cleanRuns = service.runs([agent], { ...small, code: clean });
  const rounds: HttpRound[] = [];
  for (let at = 0; at < lab.scale.rounds; at++) {
    const times = await timesInTurn(lab, service, targets);
    const counted: Clean[] = [];
    for (const callers of crowds) counted.push(await countClean(lab, service, cleanRuns, callers));
    rounds.push({ ...times, clean: counted });
  }
  return rounds;
}

/** Both languages in short turns: a difference, other than a ratio, is spoilt by a machine that slows down in between. */
async function timesInTurn(lab: Lab, service: Service, targets: Targets): Promise<Record<keyof Targets, number[]>> {
  const times = { javascript: [] as number[], python: [] as number[] };
  const names = ['javascript', 'python'] as const;
  const turn = (name: keyof Targets, count: number) =>
    lab.load({ kind: 'one-at-a-time', target: targets[name], count });
  for (const name of names) await turn(name, WARM_UP);
  await service.settled();
  for (let done = 0; done < lab.scale.requests; done += TURN)
    for (const name of done % (2 * TURN) === 0 ? names : [...names].reverse()) {
      await turn(name, 1);
      times[name].push(...(await turn(name, TURN)).latenciesMs);
    }
  return times;
}

/** Everything below the service counts as its workers: jailers too, and those that start meanwhile. */
async function countClean(lab: Lab, service: Service, target: Target, callers: number): Promise<Clean> {
  const cpuOfTree = () => new Map(treeOf(service.pid).map((pid) => [pid, cpuMicros(pid)]));
  await lab.load({ kind: 'callers', target, callers, durationMs: lab.scale.loadMs });
  await service.settled();
  const before = cpuOfTree();
  const { latenciesMs, totalMs } = await lab.load({
    kind: 'callers',
    target,
    callers,
    durationMs: 2 * lab.scale.loadMs,
  });
  const spent = [...cpuOfTree()].map(([pid, micros]) => ({ pid, micros: micros - (before.get(pid) ?? 0) }));
  const seconds = (those: typeof spent) => those.reduce((sum, { micros }) => sum + micros, 0) / 1e6;
  const runs = latenciesMs.length;
  return {
    callers,
    runsPerSecond: runs / (totalMs / 1000),
    perWorkersCpuSecond: runs / seconds(spent.filter(({ pid }) => pid !== service.pid)),
    perCpuSecond: runs / seconds(spent),
  };
}

async function spansOf(lab: Lab, service: Service, targets: Targets) {
  const of = async (target: Target) => {
    const ask = () => lab.load({ kind: 'one-at-a-time', target, count: lab.scale.requests, keepAnswers: true });
    return (await watch(service, ask)).times;
  };
  return { javascript: await of(targets.javascript), python: await of(targets.python) };
}

interface RestoreRound {
  isolate: Time[];
  pyodide: Time[];
}

/** In turn, and never both at once. */
async function restoresInTurn(lab: Lab, isolate: Child, pyodide: Child): Promise<RestoreRound[]> {
  const count = Math.max(4, Math.round(lab.scale.requests / 15));
  const rounds: RestoreRound[] = [];
  for (let at = 0; at < Math.max(3, lab.scale.rounds); at++) {
    const ours = at % 2 === 0 ? await isolate.ask('restore', count) : undefined;
    const plain = await pyodide.ask('restore', count);
    rounds.push({ isolate: ours ?? (await isolate.ask('restore', count)), pyodide: plain });
  }
  return rounds;
}

function httpTable(rounds: HttpRound[]) {
  const row = (name: keyof Targets) => {
    const p99Ms = percentile(
      rounds.flatMap((round) => round[name]),
      0.99,
    );
    return [name, median(rounds.map((round) => median(round[name]))), p99Ms];
  };
  const above = median(rounds.map((round) => median(round.python) - median(round.javascript)));
  return {
    title: 'Python beside JavaScript: the sum of 100 numbers, one agent, one at a time',
    columns: ['', 'p50 ms', 'p99 ms'],
    rows: [row('javascript'), row('python')],
    notes: [`Python takes ${above.toFixed(2)} ms more: median of the differences of the p50 within each round`],
  };
}

function cleanTable(rounds: HttpRound[], restoreCpuMs: number) {
  const rows = crowds.map((callers, at) => {
    const over = (pick: (figures: Clean) => number) => median(rounds.map((round) => pick(round.clean[at] as Clean)));
    return [
      callers === 1 ? 'one after another' : `${callers} callers`,
      over((f) => f.runsPerSecond),
      over((f) => f.perWorkersCpuSecond),
      over((f) => f.perCpuSecond),
    ];
  });
  return {
    title: 'Clean Python runs of one agent',
    columns: ['', 'runs/s', 'per CPU second of the workers', 'with the service'],
    rows: [...rows, ['a fresh restore per run, the restore alone', undefined, 1000 / restoreCpuMs, undefined]],
    notes: [
      'each run fails where it sees anything of an earlier one; workers: every process below the service, with the rewinds; the kernel counts in ticks of 10 ms',
    ],
  };
}

function stepTable(spans: Awaited<ReturnType<typeof spansOf>>, inProcess: { runMs: number; rewindMs: number }[]) {
  const p50 = (values: number[] = []) => median(values);
  const rows = Object.keys(spans.python).map((name) => [name, p50(spans.javascript[name]), p50(spans.python[name])]);
  const inside = (name: string, pick: (times: { runMs: number; rewindMs: number }) => number) => [
    name,
    undefined,
    p50(inProcess.map(pick)),
  ];
  return {
    title: 'Where the time of a Python run goes, p50 in ms, one at a time',
    columns: ['', 'javascript', 'python'],
    rows: [
      ...rows,
      inside('in a process alone: the run', (times) => times.runMs),
      inside('in a process alone: the rewind after it', (times) => times.rewindMs),
    ],
  };
}

function restoreTable(rounds: RestoreRound[]) {
  const row = (name: string, pick: (round: RestoreRound) => Time[]) => {
    const times = rounds.flatMap(pick);
    const ratio = median(
      rounds.map((round) => median(pick(round).map((t) => t.wallMs)) / median(round.pyodide.map((t) => t.wallMs))),
    );
    const least = Math.min(...times.map((t) => t.wallMs));
    return [name, median(times.map((t) => t.wallMs)), least, median(times.map((t) => t.cpuMs)), ratio];
  };
  return {
    title: 'A fresh interpreter from a snapshot, ms',
    columns: ['', 'p50', 'least', 'CPU p50', 'x Pyodide'],
    rows: [row(subjects.isolate, (round) => round.isolate), row(subjects.pyodide, (round) => round.pyodide)],
    notes: ['in a process each, in turn; the compiled module is there already; ratios are taken within a round'],
  };
}
