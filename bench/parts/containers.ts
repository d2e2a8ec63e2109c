/** Runs in containers beside what the engine itself takes: with a warm container and without, on runc and on gVisor. */
import { readConfig } from '../../runtime/config.ts';
import { connectEngine } from '../../runtime/sandbox/container/engine.ts';
import { imageDefinitions } from '../../runtime/sandbox/container/image-definitions.ts';
import { gvisorNames } from '../../runtime/sandbox/container/runtimes.ts';
import { containerBars, gvisorBars, onGvisor, type Round, subjects } from '../bars.ts';
import type { Lab, Part } from '../lab.ts';
import { median, percentile } from '../statistics.ts';
import type { Table } from '../table.ts';
import { type Docker, removeContainers, startBare, type Timed } from './containers-bare.ts';
import { type Cordon, openDriver, type Pool, startCordon } from './containers-cordon.ts';
import { type Idle, idleTable, measureIdle } from './containers-idle.ts';
import { loadTable, measureBurst, measureRates } from './containers-load.ts';
import { measureSteps, stepsTable } from './containers-steps.ts';

const WARM_UP = 2;
const ENGINE_PATIENCE_MS = 60_000;

interface Subject {
  name: string;
  once(): Promise<Timed>;
}

/** What stands ready on one runtime. */
interface Ready {
  runtime: Pool['runtime'];
  subjects: Subject[];
  warm: Cordon;
  bare: Awaited<ReturnType<typeof startBare>>;
  notes: string[];
  /** Whose containers were made. */
  installations: string[];
  close(): Promise<void>;
}

export async function containers(lab: Lab): Promise<Part> {
  const found = await findEngine(readConfig({ CORDON_ENGINE: process.env.CORDON_ENGINE }).engine);
  if (typeof found === 'string') return absent(lab, found);
  const ready: Ready[] = [];
  try {
    ready.push(await prepare(lab, found, 'runc'));
  } catch (error) {
    return absent(lab, (error as Error).message);
  }
  if (found.gvisor !== undefined)
    await prepare(lab, found, 'gvisor').then(
      (one) => ready.push(one),
      (error: Error) => lab.say(`bench: no figures of gVisor: ${error.message}`),
    );
  try {
    return await measureAll(lab, found.docker, ready as [Ready, ...Ready[]]);
  } finally {
    await Promise.all(ready.map(({ close }) => close()));
  }
}

async function measureAll(lab: Lab, docker: Docker, ready: readonly [Ready, ...Ready[]]): Promise<Part> {
  const [{ bare, warm }] = ready;
  const rounds = await measureInTurn(lab, ready);
  const steps = await measureSteps(lab, warm, Math.round(lab.scale.requests / 10));
  const idleMs = Math.min(10_000, 10 * lab.scale.loadMs);
  const idle: Record<string, Idle[]> = {};
  for (const one of ready) idle[one.runtime] = await measureIdle(docker, one.warm, idleMs);
  const rates = await measureRates(lab, bare, warm);
  const burst = await measureBurst(lab, warm);
  const judged = [
    ...rounds.map(figuresOf),
    ...(burst ? [{ [subjects.queuedRuns]: { succeeded: burst.succeeded } }] : []),
  ];
  const servesGvisor = ready.some(({ runtime, warm: { overHttp } }) => runtime === 'gvisor' && overHttp !== undefined);
  return {
    judged: { bars: [...containerBars, ...(servesGvisor ? gvisorBars : [])], rounds: judged },
    data: { installations: ready.flatMap((one) => one.installations), rounds, steps, idle, rates, burst },
    tables: [turnTable(rounds, ready), stepsTable(steps), loadTable(rates, burst), idleTable(idle, idleMs)],
  };
}

interface Found {
  engine: string;
  docker: Docker;
  imageTag: string;
  /** What the engine calls them. */
  runc: string;
  gvisor: string | undefined;
}

/** Or why there are no containers here. */
async function findEngine(engine: string): Promise<Found | string> {
  if (engine === 'none') return 'CORDON_ENGINE=none';
  const docker = connectEngine(engine, ENGINE_PATIENCE_MS);
  try {
    const info = (await docker.info()) as { Runtimes?: object; DefaultRuntime?: string };
    const names = Object.keys(info.Runtimes ?? {});
    const base = (await imageDefinitions()).find(({ name }) => name === 'base');
    const imageTag = base?.tag ?? '';
    const image = await docker
      .getImage(imageTag)
      .inspect()
      .catch(() => undefined);
    if (image === undefined) return `the engine has no image ${imageTag}: npm run images`;
    const runc = names.includes('runc') ? 'runc' : (info.DefaultRuntime ?? 'runc');
    return { engine, docker, imageTag, runc, gvisor: gvisorNames.find((name) => names.includes(name)) };
  } catch (error) {
    return `no container engine answers at ${engine} (${(error as Error).message}); CORDON_ENGINE names another`;
  }
}

function absent(lab: Lab, why: string): Part {
  lab.say(`bench: containers are skipped: ${why}`);
  const reasons = containerBars.flatMap(({ subject, against }) => [
    subject,
    ...(against === undefined ? [] : [against]),
  ]);
  return {
    judged: { bars: containerBars, rounds: [], absent: Object.fromEntries(reasons.map((name) => [name, why])) },
    data: { skipped: why },
    tables: [],
  };
}

const nameOn = (runtime: Pool['runtime'], name: string) => (runtime === 'runc' ? name : onGvisor(name));

/** Errors: why this runtime cannot be measured; nothing of it is left then. */
async function prepare(lab: Lab, found: Found, runtime: Pool['runtime']): Promise<Ready> {
  const { engine, docker, imageTag } = found;
  const installations = [`bench-${runtime}-${process.pid}`];
  const opened: Cordon[] = [];
  const notes: string[] = [];
  const removeAll = () => removeContainers(docker, installations).catch((error) => lab.say(`bench: ${error.message}`));
  lab.processes.atEnd(removeAll);
  async function close(): Promise<void> {
    await Promise.all(opened.splice(0).map((one) => one.close()));
    await removeAll();
  }
  async function open(start: typeof startCordon, warm: number): Promise<Cordon> {
    const one = await start(lab, { engine, runtime, warm });
    opened.push(one);
    installations.push(one.installation);
    return one;
  }
  try {
    const folder = lab.processes.folder();
    const [installation = ''] = installations;
    const bare = await startBare({ docker, installation, imageTag, runtime: found[runtime] ?? runtime, folder });
    let start = startCordon;
    const warm = await open(start, 1).catch((error: Error) => {
      if (runtime === 'runc') throw error;
      notes.push(`gVisor: ${error.message} Its driver alone was measured, without HTTP; no bar judges it`);
      start = openDriver;
      return open(start, 1);
    });
    const cold = await open(start, 0);
    // What another run left to be removed and made anew is over: every subject has the machine for itself.
    const alone = (once: () => Promise<Timed>) => async () => {
      await Promise.all([warm.settled(), cold.settled()]);
      return once();
    };
    const inTurn: Subject[] = [
      { name: nameOn(runtime, subjects.bareExec), once: alone(bare.exec) },
      { name: nameOn(runtime, subjects.warmContainer), once: alone(warm.once) },
      { name: nameOn(runtime, subjects.bareCold), once: alone(bare.cold) },
      { name: nameOn(runtime, subjects.coldContainer), once: alone(cold.once) },
    ];
    for (const { once } of inTurn) for (let at = 0; at < WARM_UP; at++) await once();
    return { runtime, subjects: inTurn, warm, bare, notes, installations, close };
  } catch (error) {
    await close();
    throw error;
  }
}

type Times = Record<string, Timed[]>;

/** One run of every subject, again and again, every second time backwards. */
async function measureInTurn(lab: Lab, ready: readonly Ready[]): Promise<Times[]> {
  const all = ready.flatMap((one) => one.subjects);
  const turns = Math.max(2, Math.round(lab.scale.requests / 20));
  const rounds: Times[] = [];
  for (let round = 0; round < lab.scale.rounds; round++) {
    const times: Times = Object.fromEntries(all.map(({ name }) => [name, []]));
    for (let turn = 0; turn < turns; turn++)
      for (const { name, once } of turn % 2 === 0 ? all : [...all].reverse()) times[name]?.push(await once());
    rounds.push(times);
  }
  return rounds;
}

const figuresOf = (times: Times): Round =>
  Object.fromEntries(
    Object.entries(times).map(([name, those]) => [
      name,
      { firstOutputMs: median(those.map(({ firstOutputMs }) => firstOutputMs)) },
    ]),
  );

function turnTable(rounds: readonly Times[], ready: readonly Ready[]): Table {
  const over = (pick: (round: Times) => number) => median(rounds.map(pick));
  const of = (round: Times, name: string, what: keyof Timed) => median((round[name] ?? []).map((one) => one[what]));
  const rows = ready.flatMap(({ runtime, subjects: those }) => {
    const [exec, cold] = [nameOn(runtime, subjects.bareExec), nameOn(runtime, subjects.bareCold)];
    return those.map(({ name }) => {
      const first = rounds.flatMap((round) => (round[name] ?? []).map(({ firstOutputMs }) => firstOutputMs));
      return [
        name,
        over((round) => of(round, name, 'firstOutputMs')),
        percentile(first, 0.9),
        over((round) => of(round, name, 'firstOutputMs') / of(round, exec, 'firstOutputMs')),
        over((round) => of(round, cold, 'firstOutputMs') / of(round, name, 'firstOutputMs')),
        over((round) => of(round, name, 'wholeMs')),
      ];
    });
  });
  return {
    title: 'A container run of `echo hi`, one at a time',
    columns: ['', 'first output p50 ms', 'p90 ms', 'x bare exec', 'faster than bare', 'whole p50 ms'],
    rows,
    notes: [
      'bare: dockerode, the same image and walls; cordon: over HTTP, as server-sent events; a run of each in turn, the pool full before each',
      ...ready.flatMap(({ notes }) => notes),
    ],
  };
}
