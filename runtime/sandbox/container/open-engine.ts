/** What an engine offers, found out once it answers: images, runtimes, walls. */
import type { Outcome, WallReport } from '../driver.ts';
import type { Limits } from '../limits.ts';
import { limitTable } from '../limits.ts';
import type { Container } from './container.ts';
import type { ContainerPool, Kind } from './container-pool.ts';
import { containerWallNames, judgeProbe, type ProbeFacts } from './container-probe.ts';
import type { Engine, EngineFacts } from './engine.ts';
import { chooseImage, findImages, type Images } from './images.ts';
import { gvisorNames, knownBreakOuts, type RuntimeChoice, type RuntimeReport, testGvisor } from './runtimes.ts';

/** What is known as soon as the engine answers. */
export interface Survey {
  facts: EngineFacts;
  images: Images;
}

export interface Opened {
  runtimes: { name: string; usable: boolean; isDefault: boolean; detail: string }[];
  walls: WallReport[];
  warnings: string[];
  /** The runtime of a run that asks for this one; it may not be usable. */
  runtime(asked: 'runc' | 'gvisor' | undefined): RuntimeReport;
  /** What a container for such a run is like. */
  place(
    runtime: RuntimeReport,
    limits: Limits,
    used: { bytes: number; files: number } | undefined,
  ): Pick<Kind, 'runtime' | 'isGvisor' | 'workspaceInMemory'>;
  /** Names of the walls around a container of this runtime. */
  standing(runtime: RuntimeReport): string[];
  missingWalls(required: readonly string[]): string[];
}

export interface OpenDeps {
  engine: Engine;
  pool: ContainerPool;
  installation: string;
  runtime: RuntimeChoice;
  furtherImages: readonly string[];
  whyInMemory: string | undefined;
  mountProbe(target: string): Promise<() => Promise<void>>;
  /** Runs the probe's program in this container, which is gone afterwards. */
  probe(container: Container): Promise<Outcome>;
  /** Aborts when the engine is lost. */
  signal: AbortSignal;
  trustRuntime?: boolean;
}

/** `all` does not mean these: they take the place of others. */
const optionalWalls = ['gvisor', 'user-namespace'];
const MiB = 1024 * 1024;
/** A workspace in memory that is made ahead holds this much already, besides what a usual run may add. */
const SPARE = { bytes: 32 * MiB, files: 1000 };

/** Errors: EngineError. */
export const surveyEngine = async (engine: Engine, furtherImages: readonly string[]): Promise<Survey> => ({
  facts: await engine.facts(),
  images: await findImages(engine, furtherImages),
});

/** Tries the runtimes and proves the walls: takes seconds. Errors: EngineError. */
export async function openEngine(deps: OpenDeps, { facts, images }: Survey): Promise<Opened> {
  const { pool } = deps;
  const runtimes = await findRuntimes(deps, facts, images);
  const main = runtimes.chosen;

  function whyNotMounted({ name }: RuntimeReport): string | undefined {
    if (deps.whyInMemory !== undefined) return deps.whyInMemory;
    // Its file server holds on to the folder that it was started with: what is mounted there later stays hidden.
    if (name === 'gvisor') return 'gVisor sees no later mounts';
    // Files of the host would belong to users that the container does not know.
    return facts.usernsRemap || facts.rootless ? 'the engine maps users of containers to others' : undefined;
  }
  const place: Opened['place'] = (runtime, limits, used = { bytes: 0, files: 0 }) => ({
    runtime: runtime.engineName,
    isGvisor: runtime.name === 'gvisor',
    workspaceInMemory: whyNotMounted(runtime) === undefined ? undefined : sizeInMemory(limits, used),
  });
  const usual = place(main, usualLimits, undefined);

  const walls = await proveWalls(deps, images, usual, {
    runtime: main.name,
    runtimeDetail: main.detail,
    runtimeUsable: main.usable,
    gvisorDetail: runtimes.reports.find(({ name }) => name === 'gvisor')?.detail ?? noGvisor.detail,
    whyInMemory: whyNotMounted(main),
  });
  const kept = main.usable ? images.found.filter(({ name }) => !deps.furtherImages.includes(name)) : [];
  pool.keep(kept.map(({ tag }) => ({ imageTag: tag, ...usual })));

  return {
    runtimes: runtimes.reports.map(({ name, usable, detail }) => ({
      name,
      usable,
      isDefault: name === main.name,
      detail,
    })),
    walls,
    warnings: knownBreakOuts(facts.runcVersion),
    runtime: (asked) =>
      asked === undefined || deps.runtime === 'gvisor'
        ? main
        : (runtimes.reports.find(({ name }) => name === asked) ?? noGvisor),
    place,
    standing(runtime) {
      const names = walls.filter(({ stands }) => stands).map(({ name }) => name);
      if (runtime.name === main.name) return names;
      return runtime.name === 'gvisor'
        ? ['container', 'gvisor', ...names.filter((name) => name !== 'container' && name !== 'sized-workspace')]
        : names.filter((name) => name !== 'gvisor');
    },
    missingWalls(required) {
      const isMissing = ({ name, stands }: WallReport) =>
        !stands && (required.includes(name) || (required.includes('all') && !optionalWalls.includes(name)));
      const unknown = required.filter((name) => name !== 'all' && !walls.some((wall) => wall.name === name));
      return [...walls.filter(isMissing).map(({ name }) => name), ...unknown];
    },
  };
}

const usualLimits = Object.fromEntries(
  Object.entries(limitTable).map(([name, { default: usual }]) => [name, usual]),
) as Limits;

function sizeInMemory(limits: Limits, used: { bytes: number; files: number }): { bytes: number; files: number } {
  const isUsual = limits.workspaceBytes === usualLimits.workspaceBytes && limits.files === usualLimits.files;
  const fits = used.bytes <= SPARE.bytes && used.files <= SPARE.files;
  const held = isUsual && fits ? SPARE : used;
  const page = 4096;
  return {
    bytes: Math.ceil((held.bytes + limits.workspaceBytes) / page) * page,
    files: held.files + limits.files,
  };
}

async function findRuntimes(deps: OpenDeps, facts: EngineFacts, images: Images) {
  const { engine, installation, runtime: wanted } = deps;
  const runc: RuntimeReport = {
    name: 'runc',
    engineName: facts.runtimes.includes('runc') ? 'runc' : facts.defaultRuntime,
    usable: true,
    detail: `runc ${facts.runcVersion ?? 'of unknown version'}`,
  };
  const engineName = gvisorNames.find((name) => facts.runtimes.includes(name));
  const imageTag = images.found[0]?.tag;
  const reports = [runc];
  if (engineName !== undefined && imageTag !== undefined)
    reports.push(await testGvisor(engine, { engineName, imageTag, installation }));
  const gvisor = reports.find(({ name }) => name === 'gvisor');
  if (gvisor && deps.trustRuntime) gvisor.usable = true;
  // An operator who asks for gVisor gets no runc behind their back.
  if (wanted === 'gvisor') return { reports, chosen: gvisor ?? noGvisor };
  return { reports, chosen: wanted === 'auto' && gvisor?.usable ? gvisor : runc };
}

const noGvisor: RuntimeReport = {
  name: 'gvisor',
  engineName: 'runsc',
  usable: false,
  detail: 'the engine knows no runtime runsc',
};

async function proveWalls(
  deps: OpenDeps,
  images: Images,
  usual: Pick<Kind, 'runtime' | 'isGvisor' | 'workspaceInMemory'>,
  facts: Omit<ProbeFacts, 'countersSeen' | 'mountTried'>,
): Promise<WallReport[]> {
  const image =
    chooseImage(images.found, 'python') ?? images.found.find(({ languages }) => languages.includes('python'));
  if (image === undefined || !facts.runtimeUsable)
    return containerWallNames.map((name) => ({
      name,
      stands: false,
      detail: image ? facts.runtimeDetail : 'no image to prove it with',
    }));
  // However long: where all places are taken, runs go on.
  const taken = await deps.pool.take({ imageTag: image.tag, ...usual }, 0, deps.signal);
  const { container } = taken;
  const mounted = usual.workspaceInMemory === undefined;
  let unmount = async () => {};
  try {
    if (mounted) unmount = await deps.mountProbe(container.slot.workspaceFolder);
    const outcome = await deps.probe(container).finally(() => unmount());
    // That says nothing of the walls: it is tried again.
    if (outcome.status === 'interrupted') throw new Error(`the proof of the walls ended: ${outcome.error.message}`);
    return judgeProbe(outcome, { ...facts, countersSeen: container.counters !== undefined, mountTried: mounted });
  } finally {
    await container.destroy();
    taken.done();
  }
}
