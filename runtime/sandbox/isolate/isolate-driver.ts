/** The embedded driver: JavaScript, TypeScript and Python in isolates, inside walled worker processes of one agent each. */
import { CordonError } from '../../errors.ts';
import type { Driver, DriverReport, Execution, GuestHost, Language, Lease, Owner, Program } from '../driver.ts';
import { defaultLimits, type Limits } from '../limits.ts';
import { cachedAssets, installationCache } from './asset-cache.ts';
import { probeIsolate } from './isolate-probe.ts';
import { createPythonPool } from './python/python-pool.ts';
import { prepareWalls, type WallName } from './walls/walls.ts';
import type { Worker } from './worker-client.ts';
import { workerFiles } from './worker-files.ts';
import { createWorkerPool } from './worker-pool.ts';

export interface IsolateDriverOptions {
  requireWalls: readonly string[];
  blankWorkers: number;
  maxWorkers: number;
  workersPerAgent: number;
  workerIdleMs: number;
  workerRamBytes: number;
  /** Memory for Python's interpreters, of all agents together. */
  pythonRamBytes: number;
  /** Where to keep what is made once per version when the installation cannot be written. */
  cacheFolder?: string;
  onWorkerLost(detail: string): void;
  /** Walls left out: only a test of the tests sets this. */
  disableWalls?: readonly WallName[];
}

const languages: Language[] = ['javascript', 'typescript', 'python'];
/** Isolates kept ready in one worker: as many as arrive while one is made. */
const STOCK = 4;
/** Interpreters that one worker keeps when idle. */
const PYTHON_STOCK = 2;

/** Prepares the walls, proves them, starts the first workers. Errors: what the machine refuses. */
export async function createIsolateDriver(options: IsolateDriverOptions): Promise<Driver> {
  const assets = await cachedAssets();
  const worker = workerFiles(assets, {
    stock: STOCK,
    pythonStock: PYTHON_STOCK,
    ramBytes: defaultLimits.ramBytes,
    limits: defaultLimits,
  });
  const walls = await prepareWalls({
    files: worker.files,
    entry: worker.entry,
    ...(options.disableWalls ? { disable: options.disableWalls } : {}),
  });
  const { workersPerAgent, workerIdleMs: idleMs, onWorkerLost } = options;
  const pool = createWorkerPool({
    spawn: () => walls.spawn({ ramBytes: options.workerRamBytes, name: 'worker' }),
    blankWorkers: options.blankWorkers,
    maxWorkers: options.maxWorkers,
    workersPerAgent,
    idleMs,
    onWorkerLost,
  });
  await pool.open();
  const python = createPythonPool({
    walls,
    engine: assets.get('python.js') ?? '',
    ramBytes: options.pythonRamBytes,
    workerRamBytes: options.workerRamBytes,
    maxWorkers: options.maxWorkers,
    cacheFolders: [installationCache, ...(options.cacheFolder === undefined ? [] : [options.cacheFolder])],
    workersPerAgent,
    idleMs,
    onWorkerLost,
    onBroken: (reason) => onWorkerLost(`Python cannot run: ${reason}`),
  });
  const probed = await probeIsolate(async (owner, program, host) =>
    leaseOf(await takeJavaScript(owner, new AbortController().signal)).execute(program, host),
  );
  walls.reportIsolate({ stands: probed.stands, detail: probed.detail });
  await pool.forget(probed.owner);
  const missing = walls
    .missing(options.requireWalls.includes('all') ? 'all' : options.requireWalls)
    .map((wall) => wall.name);

  interface Taken {
    worker: Worker;
    giveBack(): void;
    /** The run is over, or never began. */
    done(): void;
  }

  async function takeJavaScript(owner: Owner, signal: AbortSignal): Promise<Taken> {
    const taken = await pool.take(owner, signal);
    return { worker: taken, giveBack: () => pool.giveBack(taken), done() {} };
  }

  async function takePython(owner: Owner, limits: Limits, signal: AbortSignal): Promise<Taken> {
    const { worker: taken, done } = await python.take(owner, limits, signal);
    return { worker: taken, giveBack: () => python.giveBack(taken), done };
  }

  function leaseOf({ worker: taken, giveBack, done }: Taken): Lease {
    let open = true;
    return {
      walls: walls.standing,
      execute(program: Program, host: GuestHost): Execution {
        open = false;
        const execution = taken.execute(program, host);
        taken.reserved--;
        void execution.done.then(done);
        return execution;
      },
      release() {
        if (open) {
          giveBack();
          done();
        }
        open = false;
      },
    };
  }

  return {
    kind: 'isolate',
    languages,
    report(): DriverReport {
      const reason =
        missing.length === 0
          ? {}
          : { reason: `Required walls do not stand: ${missing.join(', ')}. /v1/drivers says why.` };
      return {
        driver: 'isolate',
        available: missing.length === 0,
        ...reason,
        languages: [
          { language: 'javascript', version: `V8 ${process.versions.v8.split('-')[0]}` },
          { language: 'typescript', version: worker.typescriptVersion },
          ...(python.broken === undefined ? [{ language: 'python' as const, version: python.version }] : []),
        ],
        walls: [...walls.report],
        sandboxes: addCounts(pool.counts(), python.counts()),
      };
    },
    async lease(owner, limits, signal, language) {
      if (missing.length > 0)
        throw new CordonError('walls_missing', `Required walls do not stand: ${missing.join(', ')}. See /v1/drivers.`, {
          retryAfterSeconds: 60,
        });
      return leaseOf(await (language === 'python' ? takePython(owner, limits, signal) : takeJavaScript(owner, signal)));
    },
    async forget(owner) {
      await Promise.all([pool.forget(owner), python.forget(owner)]);
    },
    async close() {
      await Promise.all([pool.close(), python.close()]);
      await walls.close();
    },
  };
}

type Counts = DriverReport['sandboxes'];

const addCounts = (one: Counts, other: Counts): Counts => ({
  workers: one.workers + other.workers,
  blankWorkers: one.blankWorkers + other.blankWorkers,
  running: one.running + other.running,
});
