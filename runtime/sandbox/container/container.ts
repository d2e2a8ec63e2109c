/** One container from its creation to its end. It is blank until a lease, serves one run, and is destroyed. */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Limits } from '../limits.ts';
import { capsFor, containerSpec, type SpecOptions } from './container-spec.ts';
import { type Counters, openCounters } from './counters.ts';
import { createDoor, type Door } from './door.ts';
import { type Engine, EngineError } from './engine.ts';
import { openSlot, type Slot } from './slot.ts';
import { createWayOut, type WayOut } from './way-out.ts';

export interface Container {
  readonly id: string;
  readonly door: Door;
  readonly slot: Slot;
  readonly wayOut: WayOut;
  /** Undefined: its cgroup cannot be seen from here, the engine's statistics serve. */
  readonly counters: Counters | undefined;
  /** CPU time that it took before its run. */
  readonly cpuMsBefore: number;
  /** Size of its workspace in memory; undefined: the workspace is mounted. */
  readonly workspaceInMemory: { bytes: number; files: number } | undefined;
  /** Sets what its run may have. Errors: EngineError. */
  bind(limits: Limits): Promise<void>;
  /** Whether the kernel ended a process in it for want of memory. Asks the engine where the cgroup is out of sight or gone. */
  ranOutOfMemory(): Promise<boolean>;
  /** Kills it. Resolves when nothing of it runs any more; never rejects. The engine's own tidying may still go on: `removed`. */
  destroy(): Promise<void>;
  /** Resolves when the engine has forgotten it, and its slot is gone. */
  readonly removed: Promise<void>;
}

export type ContainerOptions = Omit<SpecOptions, 'slot'> & { slotsFolder: string; name: string };

/** From creation to the supervisor's first word, on a machine that is busy. */
const READY_MS = 60_000;
/** How often one whose supervisor is late is looked at. */
const LOOK_MS = 2000;
/** How long a killed container may take to be gone from this machine. */
const GONE_MS = 5000;
/** How long the engine is asked to remove a container. */
const ENGINE_GONE_MS = 10_000;
const AGAIN_MS = 250;
/** How long an engine may take to say that the kernel ended a container for its memory. */
const OOM_TOLD_MS = 1000;

/** The engine did what it was told, and yet there is no sandbox. */
export class StartFailed extends Error {}

/** Creates, starts, waits for its supervisor. Errors: EngineError, StartFailed; what was made is removed again. */
export async function startContainer(engine: Engine, options: ContainerOptions): Promise<Container> {
  const door = createDoor();
  const wayOut = createWayOut();
  const slot = await openSlot(options.slotsFolder, options.name, {
    door: door.onConnection,
    egress: wayOut.onConnection,
  });
  let id: string | undefined;
  try {
    id = await engine.create(containerSpec({ ...options, slot }));
    await engine.start(id);
    await ready(engine, id, door);
    const state = await engine.state(id);
    if (!state?.running) throw new Error('it ended at once');
    const counters = openCounters(state.pid, id);
    return running(engine, { id, door, wayOut, slot, counters, pid: state.pid, options });
  } catch (error) {
    door.close();
    wayOut.close();
    const why = id === undefined ? '' : await whyItEnded(engine, id);
    if (id !== undefined) await engine.remove(id).catch(() => {});
    await slot.close();
    if (error instanceof EngineError) throw error;
    throw new StartFailed(`a container of ${options.imageTag} did not start: ${(error as Error).message}${why}`);
  }
}

/** Waits for the supervisor's first word, as long as there is a container that could say it. */
async function ready(engine: Engine, id: string, door: Door): Promise<void> {
  const isReady = door.ready.then(() => true);
  for (const end = performance.now() + READY_MS; performance.now() < end; ) {
    const timer = new AbortController();
    const late = sleep(LOOK_MS, false, { signal: timer.signal }).catch(() => false);
    if (await Promise.race([isReady, late]).finally(() => timer.abort())) return;
    if (!(await engine.state(id))?.running) throw new Error('it ended before its supervisor was ready');
  }
  throw new Error('its supervisor does not answer');
}

async function whyItEnded(engine: Engine, id: string): Promise<string> {
  const state = await engine.state(id).catch(() => undefined);
  return state === undefined || state.running
    ? ''
    : ` (exit code ${state.exitCode}${state.error && `: ${state.error}`})`;
}

interface Started {
  id: string;
  door: Door;
  wayOut: WayOut;
  slot: Slot;
  counters: Counters | undefined;
  /** Of its first process, as the engine numbers it: as we do, when there are counters. */
  pid: number;
  options: ContainerOptions;
}

function running(engine: Engine, { id, door, wayOut, slot, counters, pid, options }: Started): Container {
  const removed = Promise.withResolvers<void>();
  let destroyed: Promise<void> | undefined;
  let blank = { ramBytes: options.ramBytes, processes: options.processes };

  async function destroy(): Promise<void> {
    door.close();
    wayOut.close();
    const seen = counters !== undefined && (await killFromHere(counters, pid));
    const gone = removeUntilGone(seen);
    void gone.then(() => slot.close()).finally(() => removed.resolve());
    if (!seen) await gone;
  }

  /** An engine that is busy refuses for many reasons of the moment. What is left in the end, whoever reaps finds by its label. */
  async function removeUntilGone(seen: boolean): Promise<void> {
    for (const end = performance.now() + ENGINE_GONE_MS; performance.now() < end; await sleep(AGAIN_MS)) {
      try {
        return await engine.remove(id);
      } catch (error) {
        // The engine is lost: it is waited for only where it alone can tell that the container is gone.
        if (seen && (!(error instanceof EngineError) || error.status === undefined)) return;
      }
    }
  }

  return {
    id,
    door,
    wayOut,
    slot,
    counters,
    cpuMsBefore: counters?.cpuMs() ?? 0,
    workspaceInMemory: options.workspaceInMemory,
    async bind({ ramBytes, processes }) {
      if (blank.ramBytes === ramBytes && blank.processes === processes) return;
      const caps = capsFor({ ramBytes, processes }, options);
      if (!counters?.limit(caps)) await engine.limit(id, caps);
      blank = { ramBytes, processes };
    },
    async ranOutOfMemory() {
      // The engine hears of it by another way than of the end, and on a busy machine later.
      for (const end = performance.now() + OOM_TOLD_MS; ; await sleep(AGAIN_MS)) {
        if ((counters?.oomKills() ?? 0) > 0) return true;
        const state = await engine.state(id).catch(() => undefined);
        if (state?.oomKilled === true) return true;
        if (state === undefined || performance.now() > end) return false;
      }
    },
    destroy: () => {
      destroyed ??= destroy();
      return destroyed;
    },
    removed: removed.promise,
  };
}

/** Whether a process that left its group has also left memory and files: it runs no code of its own then anyway. */
function isOver(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return /^[ZX]/.test(stat.slice(stat.lastIndexOf(')') + 2));
  } catch {
    return true;
  }
}

/** Kills its first process, with which all others die. Answers whether that was seen to be so. */
async function killFromHere(counters: Counters, pid: number): Promise<boolean> {
  for (const end = performance.now() + GONE_MS; performance.now() < end; await sleep(1)) {
    const pids = counters.pids();
    if (pids.length === 0 && isOver(pid)) return true;
    // Only while it is in the container's own group is this number still its.
    for (const each of pids.includes(pid) ? [pid] : pids) {
      try {
        process.kill(each, 'SIGKILL');
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'EPERM') return false;
      }
    }
  }
  return false;
}
