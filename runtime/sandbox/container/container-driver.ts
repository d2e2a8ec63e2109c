/** The driver of containers: shell, Python and Node.js with whatever their image holds, on a Docker engine. */
import { setTimeout as sleep } from 'node:timers/promises';
import { CordonError } from '../../errors.ts';
import type { Driver, Execution, Language, Lease, Owner, SandboxChoice, StopCause } from '../driver.ts';
import { NoSandbox } from '../driver.ts';
import type { Limits } from '../limits.ts';
import { type Container, StartFailed, startContainer } from './container.ts';
import { createContainerPool, type Kind } from './container-pool.ts';
import { probeHost, probeProgram } from './container-probe.ts';
import { containerLanguages, reportContainers, whyLost } from './container-report.ts';
import { engineLost, runInContainer } from './container-run.ts';
import { labels } from './container-spec.ts';
import { createEngine, EngineError } from './engine.ts';
import { keepContact, type Loss } from './engine-contact.ts';
import { chooseImage, findImages } from './images.ts';
import { type Opened, openEngine, type Survey, surveyEngine } from './open-engine.ts';
import { keepReaping } from './reaper.ts';
import type { RuntimeChoice } from './runtimes.ts';

export interface ContainerDriverOptions {
  /** Address of the engine, as CORDON_ENGINE. */
  engine: string;
  /** Id of the data directory: its containers are found again by it. */
  installation: string;
  /** Called once, when there is an engine. */
  openSlots(): Promise<ContainerSlots>;
  /** Mounts a folder that holds the file `cordon-probe` there; answers how to end that. */
  mountProbe(target: string): Promise<() => Promise<void>>;
  runtime: RuntimeChoice;
  furtherImages: readonly string[];
  requireWalls: readonly string[];
  warmContainers: number;
  maxContainers: number;
  maxRamBytes: number;
  cpus: number;
  /** Uses gVisor although its self-test fails: only a test sets this. */
  trustRuntime?: boolean;
  log: { info(detail: object, text: string): void; warn(detail: object, text: string): void };
}

/** Where containers have their folders on this host. */
export interface ContainerSlots {
  /** Private folder for the containers' sockets; workspaces can be mounted below it unless `whyInMemory` says why not. */
  path: string;
  whyInMemory: string | undefined;
  close(): Promise<void>;
}

const LOOK_AGAIN_MS = 3000;
/** How long a run that was accepted waits for an engine that is being restarted. */
const PATIENCE_MS = 60_000;
const RETRY_MS = 1000;
const CLOSE_MS = 30_000;

export interface ContainerDriver extends Driver {
  /** Settles when it is known whether there is an engine, and which images it has. */
  readonly surveyed: Promise<void>;
  /** Settles when runtimes are tried and walls are proved too; a lease waits for it. */
  readonly opened: Promise<void>;
}

/** Answers at once: whether there is an engine shows in its report. */
export function createContainerDriver(options: ContainerDriverOptions): ContainerDriver {
  const engine = createEngine(options.engine);
  const label = `${labels.installation}=${options.installation}`;
  const live = new Set<string>();
  /** Of which owner; the probe's has none. */
  const executions = new Map<Execution, Owner | undefined>();
  const surveyed = Promise.withResolvers<void>();
  let survey: Survey | undefined;
  let opened: Opened | undefined;
  let slots: Promise<ContainerSlots> | undefined;
  let why = 'the engine is being asked';
  let lostAtMs = performance.now();
  let failure = '';
  let making = 0;
  let isClosed = false;
  let look: NodeJS.Timeout | undefined;

  const start = async (kind: Kind, name: string): Promise<Container> => {
    making++;
    const container = await startContainer(engine, {
      ...kind,
      name,
      installation: options.installation,
      slotsFolder: (await (slots as Promise<ContainerSlots>)).path,
      ...blankLimits,
      cpus: options.cpus,
    }).finally(() => making--);
    live.add(container.id);
    void container.removed.then(() => live.delete(container.id));
    return container;
  };
  const pool = createContainerPool({
    start,
    warm: options.warmContainers,
    maxContainers: options.maxContainers,
    maxRamBytes: options.maxRamBytes,
    onFailed(error) {
      options.log.warn({ error: error.message }, 'a container could not be started');
      if (error instanceof EngineError && error.status === 404) lookAgain();
    },
  });
  const reaper = keepReaping({ engine, label, isLive: (id) => live.has(id), log: options.log });

  /** Finds out what there is. */
  async function open(signal: AbortSignal): Promise<void> {
    const found = await surveyEngine(engine, options.furtherImages);
    signal.throwIfAborted();
    survey = found;
    surveyed.resolve();
    await reaper.sweep(live.size === 0 && making === 0);
    slots ??= options.openSlots();
    const { whyInMemory } = await slots.catch((error) => {
      slots = undefined;
      throw error;
    });
    signal.throwIfAborted();
    pool.resume();
    const now = await openEngine({ ...options, whyInMemory, engine, pool, probe, signal }, found);
    signal.throwIfAborted();
    opened = now;
    failure = '';
    if (found.images.missing.length > 0) lookAgain();
    for (const warning of now.warnings) options.log.warn({ warning }, 'the container engine has a known weakness');
  }

  function onLost(detail: string, how: Loss): void {
    if (opened) lostAtMs = performance.now();
    if (opened || (how === 'unfit' && detail !== failure))
      options.log.warn({ detail }, `the container engine ${how === 'unfit' ? 'cannot serve' : 'was lost'}`);
    failure = detail;
    survey = undefined;
    opened = undefined;
    surveyed.resolve();
    why = whyLost(detail, how);
    pool.pause(new EngineError(why));
    // Where it only hangs, what runs goes on: its limits hold from here.
    if (how === 'broken') for (const execution of executions.keys()) execution.stop(engineLost);
  }

  /** An image that is missing may be built meanwhile, and one that was there may be removed. */
  function lookAgain(): void {
    look ??= setTimeout(async () => {
      look = undefined;
      const before = survey?.images.found.map(({ tag }) => tag).join();
      const now = await findImages(engine, options.furtherImages).catch(() => undefined);
      if (isClosed || survey === undefined || now === undefined) return;
      if (now.found.map(({ tag }) => tag).join() !== before) contact.renew();
      else lookAgain();
    }, LOOK_AGAIN_MS);
    look.unref();
  }

  async function probe(container: Container) {
    const execution = run(container, undefined, () => {})(probeProgram, probeHost);
    const late = setTimeout(() => execution.stop(engineLost), probeProgram.limits.wallMs);
    const { outcome } = await execution.done;
    clearTimeout(late);
    return outcome;
  }

  const run =
    (container: Container, owner: Owner | undefined, onGone: () => void): Lease['execute'] =>
    (program, host) => {
      const execution = runInContainer(program, host, { container, engine, onGone });
      executions.set(execution, owner);
      void execution.done.then(() => executions.delete(execution));
      return execution;
    };

  interface Wanted {
    owner: Owner;
    limits: Limits;
    language: Language;
    choice: SandboxChoice;
  }

  /** Waits while it is restarted. */
  async function theEngine(signal: AbortSignal): Promise<{ survey: Survey; opened: Opened }> {
    for (;;) {
      // While it is opened anew, what is known of it holds.
      if (opened === undefined) await unlessAborted(contact.opening, signal);
      if (survey !== undefined && opened !== undefined) return { survey, opened };
      if (isClosed || performance.now() - lostAtMs > PATIENCE_MS)
        throw new CordonError('driver_unavailable', why, { retryAfterSeconds: 5 });
      await sleep(RETRY_MS, undefined, { signal });
    }
  }

  async function take({ owner, limits, language, choice }: Wanted, signal: AbortSignal): Promise<Lease> {
    const { survey, opened } = await theEngine(signal);
    const missing = opened.missingWalls(options.requireWalls);
    if (missing.length > 0)
      throw new CordonError('walls_missing', `Required walls do not stand: ${missing.join(', ')}. See /v1/drivers.`, {
        retryAfterSeconds: 60,
      });
    const image = chooseImage(survey.images.found, language, choice.image);
    if (image === undefined)
      throw new CordonError(
        'driver_unavailable',
        `No image of this service runs ${language}${choice.image === undefined ? '' : ` as ${choice.image}`}.`,
      );
    const runtime = opened.runtime(choice.runtime);
    if (!runtime.usable)
      throw new CordonError('driver_unavailable', `gVisor does not work here (${runtime.detail}). See /v1/drivers.`);
    const kind = { imageTag: image.tag, ...opened.place(runtime, limits, choice.workspaceUsed) };
    const taken = await pool.take(kind, limits.ramBytes, signal);
    const { container, done } = taken;
    try {
      await container.bind(limits);
    } catch (error) {
      done();
      throw error;
    }
    return {
      walls: opened.standing(runtime),
      ...(kind.workspaceInMemory === undefined ? { workspaceFolder: container.slot.workspaceFolder } : {}),
      execute: run(container, owner, done),
      release: () => {
        // Harmless after its run: it is gone already.
        done();
      },
    };
  }

  const contact = keepContact({ engine, label, open, onLost });
  return {
    kind: 'container',
    languages: containerLanguages,
    surveyed: surveyed.promise,
    get opened() {
      return contact.opening;
    },
    report: () =>
      reportContainers({
        survey,
        opened,
        why,
        address: options.engine,
        required: options.requireWalls,
        counts: pool.counts(),
      }),
    async lease(owner, limits, signal, language, choice = {}) {
      for (let refusals = 0; ; await sleep(RETRY_MS, undefined, { signal })) {
        try {
          return await take({ owner, limits, language, choice }, signal);
        } catch (error) {
          const refused = error instanceof StartFailed || (error instanceof EngineError && error.status !== undefined);
          if (refused && ++refusals >= TRIES) throw new NoSandbox(engineRefused);
          if (!refused && (!(error instanceof EngineError) || isClosed)) throw error;
        }
      }
    },
    // Nothing of an agent outlives its run.
    async forget({ tenant, agent }) {
      const theirs = [...executions].filter(([, owner]) => owner?.tenant === tenant && owner.agent === agent);
      for (const [execution] of theirs) execution.stop(forgotten);
      await Promise.all(theirs.map(([execution]) => execution.done));
    },
    async close() {
      isClosed = true;
      clearTimeout(look);
      contact.close();
      reaper.stop();
      // One that hangs is not waited for: what it holds is found by its label at the next start.
      await Promise.race([pool.close(), sleep(CLOSE_MS, undefined, { ref: false })]);
      await (await slots?.catch(() => undefined))?.close();
      engine.close();
    },
  };
}

/** What a blank container is made for: the defaults of a run. A lease sets the run's own. */
const blankLimits = { ramBytes: 128 * 1024 * 1024, processes: 64 } as const;

/** What fails once may be a neighbour's fault: a container that somebody removed, an engine that was being stopped. */
const TRIES = 2;

/** The engine's own words name paths of the host: they are for the log. */
const engineRefused: StopCause = {
  status: 'interrupted',
  error: { name: 'EngineFailed', message: 'the container engine could not make a sandbox: the log of Cordon says why' },
};

const forgotten: StopCause = {
  status: 'interrupted',
  error: { name: 'WorkerLost', message: 'the agent of this run was removed' },
};

async function unlessAborted(promise: Promise<void>, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = () => reject(signal.reason);
  signal.addEventListener('abort', abort);
  await Promise.race([promise, aborted]).finally(() => signal.removeEventListener('abort', abort));
}
