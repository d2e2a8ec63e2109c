/** The embedded driver: JavaScript and TypeScript in isolates, inside walled worker processes of one agent each. */
import { CordonError } from '../../errors.ts';
import type { Driver, DriverReport, Execution, GuestHost, Language, Owner, Program } from '../driver.ts';
import { defaultLimits } from '../limits.ts';
import { cachedAssets } from './asset-cache.ts';
import { probeIsolate } from './isolate-probe.ts';
import { prepareWalls, type WallName } from './walls/walls.ts';
import { workerFiles } from './worker-files.ts';
import { createWorkerPool } from './worker-pool.ts';

export interface IsolateDriverOptions {
  requireWalls: readonly string[];
  blankWorkers: number;
  maxWorkers: number;
  workersPerAgent: number;
  workerIdleMs: number;
  workerRamBytes: number;
  onWorkerLost(detail: string): void;
  /** Walls left out: only a test of the tests sets this. */
  disableWalls?: readonly WallName[];
}

const languages: Language[] = ['javascript', 'typescript'];
/** Isolates kept ready in one worker: as many as arrive while one is made. */
const STOCK = 4;

/** Prepares the walls, proves them, starts the first workers. Errors: what the machine refuses. */
export async function createIsolateDriver(options: IsolateDriverOptions): Promise<Driver> {
  const worker = workerFiles(await cachedAssets(), {
    stock: STOCK,
    ramBytes: defaultLimits.ramBytes,
    limits: defaultLimits,
  });
  const walls = await prepareWalls({
    files: worker.files,
    entry: worker.entry,
    ...(options.disableWalls ? { disable: options.disableWalls } : {}),
  });
  const pool = createWorkerPool({
    spawn: () => walls.spawn({ ramBytes: options.workerRamBytes, name: 'worker' }),
    blankWorkers: options.blankWorkers,
    maxWorkers: options.maxWorkers,
    workersPerAgent: options.workersPerAgent,
    idleMs: options.workerIdleMs,
    onWorkerLost: options.onWorkerLost,
  });
  await pool.open();
  const probed = await probeIsolate((owner, program, host) =>
    lease(owner).then((leased) => leased.execute(program, host)),
  );
  walls.reportIsolate({ stands: probed.stands, detail: probed.detail });
  await pool.forget(probed.owner);
  const missing = walls
    .missing(options.requireWalls.includes('all') ? 'all' : options.requireWalls)
    .map((wall) => wall.name);

  async function lease(owner: Owner, signal = new AbortController().signal) {
    const taken = await pool.take(owner, signal);
    let open = true;
    return {
      walls: walls.standing,
      execute(program: Program, host: GuestHost): Execution {
        open = false;
        const execution = taken.execute(program, host);
        taken.reserved--;
        return execution;
      },
      release() {
        if (open) pool.giveBack(taken);
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
        ],
        walls: [...walls.report],
        sandboxes: pool.counts(),
      };
    },
    async lease(owner, _limits, signal) {
      if (missing.length > 0)
        throw new CordonError('walls_missing', `Required walls do not stand: ${missing.join(', ')}. See /v1/drivers.`, {
          retryAfterSeconds: 60,
        });
      return lease(owner, signal);
    },
    forget: (owner) => pool.forget(owner),
    async close() {
      await pool.close();
      await walls.close();
    },
  };
}
