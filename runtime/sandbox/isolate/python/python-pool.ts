/** Python's side of the embedded driver: its files, its snapshot, its own workers, the memory that they share. */
import { CordonError } from '../../../errors.ts';
import type { Owner } from '../../driver.ts';
import type { Limits } from '../../limits.ts';
import type { JailFile, Walls } from '../walls/walls.ts';
import type { Worker } from '../worker-client.ts';
import { createWorkerPool, type PoolOptions, type WorkerPool } from '../worker-pool.ts';
import { createRamBudget } from './budget.ts';
import { pythonFiles, pythonVersion } from './files.ts';
import { pythonSnapshot } from './snapshot.ts';

export interface PythonOptions extends Omit<PoolOptions, 'spawn' | 'blankWorkers'> {
  walls: Walls;
  /** The script of guest/python. */
  engine: string;
  /** Memory for interpreters, of all agents together. */
  ramBytes: number;
  workerRamBytes: number;
  /** Python cannot run, and why: for operators. */
  onBroken(reason: string): void;
  /** Where snapshots are kept: the first that has one, or can be written. */
  cacheFolders: readonly string[];
}

const MiB = 1024 * 1024;
/** What a worker holds besides the linear memories of its runs: Node.js, the compiled module, the snapshot, idle interpreters. */
const WORKER_BYTES = 384 * MiB;
/** What a run holds besides its linear memory: the glue's objects and scratch files. */
const RUN_BYTES = 32 * MiB;
const WARM_AFTER_MS = 300;
/** A machine that was out of memory or disk may not be for ever. */
const AGAIN_AFTER_MS = 60_000;

export interface PythonPool {
  readonly version: string;
  /** Set when Python cannot run here, and why. */
  readonly broken: string | undefined;
  /** A worker with one place reserved. `done`: the run, or its lease, is over. */
  take(owner: Owner, limits: Limits, signal: AbortSignal): Promise<{ worker: Worker; done(): void }>;
  giveBack(worker: Worker): void;
  forget(owner: Owner): Promise<void>;
  counts(): ReturnType<WorkerPool['counts']>;
  close(): Promise<void>;
}

/** Starts in the background: the service need not wait for Python, a Python run does. */
export function createPythonPool(options: PythonOptions): PythonPool {
  const { walls, ramBytes, workerRamBytes } = options;
  const workers = Math.max(1, Math.min(options.maxWorkers, Math.floor(ramBytes / 2 / WORKER_BYTES)));
  const budget = createRamBudget(Math.max(ramBytes - workers * WORKER_BYTES, ramBytes / 2));
  let closed = false;
  let broken: string | undefined;
  let version = '';
  try {
    version = pythonVersion();
  } catch (error) {
    fail(error);
  }

  function fail(error: unknown): void {
    if (closed) return;
    broken = (error as Error).message;
    options.onBroken(broken);
    setTimeout(() => {
      broken = opening = undefined;
    }, AGAIN_AFTER_MS).unref();
  }
  let opening: Promise<WorkerPool> | undefined;
  let pool: WorkerPool | undefined;

  /** Once; the first run, or some time without one. */
  function open(): Promise<WorkerPool> {
    opening ??= prepare();
    return opening;
  }

  async function prepare(): Promise<WorkerPool> {
    try {
      const { files, fingerprint } = pythonFiles(options.engine);
      await walls.add(files);
      const { heap, code, state } = await pythonSnapshot(walls, fingerprint, options.cacheFolders);
      const snapshot: [string, JailFile][] = [
        ['python/snapshot.heap', { from: heap }],
        ['python/snapshot.code', { from: code }],
        ['python/snapshot.json', state],
      ];
      await walls.add(new Map(snapshot));
      if (closed) throw new Error('the driver is closed');
      pool = createWorkerPool({
        ...options,
        spawn: () => walls.spawn({ ramBytes: workerRamBytes, name: 'python', args: ['python'] }),
        blankWorkers: 1,
        maxWorkers: workers,
      });
      await pool.open();
      return pool;
    } catch (error) {
      // It would go on to start workers that nobody counts.
      const failed = pool;
      pool = undefined;
      await failed?.close();
      fail(error);
      throw error;
    }
  }

  const warming = setTimeout(() => void open().catch(() => {}), WARM_AFTER_MS).unref();

  return {
    version,
    get broken() {
      return broken;
    },
    async take(owner, limits, signal) {
      const opened = await open().catch((error: Error) => {
        throw new CordonError('driver_unavailable', 'Python cannot run here now. The log says why.', { cause: error });
      });
      const done = await budget.take(limits.ramBytes + RUN_BYTES, signal);
      try {
        return { worker: await opened.take(owner, signal), done };
      } catch (error) {
        done();
        throw error;
      }
    },
    giveBack: (worker) => pool?.giveBack(worker),
    forget: async (owner) => pool?.forget(owner),
    counts: () => pool?.counts() ?? { workers: 0, blankWorkers: 0, running: 0 },
    async close() {
      closed = true;
      clearTimeout(warming);
      await opening?.catch(() => {});
      await pool?.close();
    },
  };
}
