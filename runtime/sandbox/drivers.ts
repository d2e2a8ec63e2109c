/** The drivers of this service: isolates always, containers where the operator does not say `none`. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Config } from '../config.ts';
import { CordonError } from '../errors.ts';
import type { Log } from '../telemetry/log.ts';
import { openSlots } from '../workspace/sized/slots.ts';
import type { Workspaces } from '../workspace/workspace.ts';
import { type ContainerDriver, createContainerDriver } from './container/container-driver.ts';
import { containerWallNames } from './container/container-probe.ts';
import type { Driver, DriverKind, DriverReport, Owner } from './driver.ts';
import { createIsolateDriver } from './isolate/isolate-driver.ts';
import { wallNames } from './isolate/walls/walls.ts';

export interface Drivers {
  /** Errors: CordonError driver_unavailable when this service has none of this kind. */
  of(kind: DriverKind): Driver;
  reports(): DriverReport[];
  /** What all of them hold. */
  counts(): DriverReport['sandboxes'];
  forget(owner: Owner): Promise<void>;
  close(): Promise<void>;
}

export interface DriversDeps {
  config: Config;
  log: Log;
  workspaces: Workspaces;
  /** Of the data directory. */
  installation: string;
  containersDir: string;
  /** The embedded driver, instead of the usual one. */
  isolateDriver?: Driver;
  trustRuntime: boolean;
}

const SURVEY_PATIENCE_MS = 2000;
const PROOF_PATIENCE_MS = 20_000;

/** The isolates are ready when it resolves; the engine of the containers is still being asked. */
export async function startDrivers(deps: DriversDeps): Promise<Drivers> {
  const { config, log } = deps;
  const isolate = deps.isolateDriver ?? (await startIsolates(config, log));
  const drivers = [isolate];
  if (config.engine !== 'none') {
    const containers = startContainers(deps);
    drivers.push(containers);
    // An engine that answers does so at once; for one that hangs nobody waits. What the operator demands is proved first.
    const demands = config.requireWalls.length > 0 || config.containerRuntime === 'gvisor';
    await Promise.race([
      containers.surveyed.then(() => (demands ? containers.opened : undefined)),
      sleep(demands ? PROOF_PATIENCE_MS : SURVEY_PATIENCE_MS, undefined, { ref: false }),
    ]);
  }
  return {
    of(kind) {
      const driver = drivers.find((one) => one.kind === kind);
      if (driver === undefined)
        throw new CordonError('driver_unavailable', `This service has no ${kind} driver (CORDON_ENGINE=none).`);
      return driver;
    },
    reports: () => drivers.map((driver) => driver.report()),
    counts() {
      const all = drivers.map((driver) => driver.report().sandboxes);
      const sum = (name: keyof DriverReport['sandboxes']) => all.reduce((total, one) => total + one[name], 0);
      return { workers: sum('workers'), blankWorkers: sum('blankWorkers'), running: sum('running') };
    },
    async forget(owner) {
      await Promise.all(drivers.map((driver) => driver.forget(owner)));
    },
    async close() {
      await Promise.all(drivers.map((driver) => driver.close()));
    },
  };
}

/** The walls that this driver must have: a name of the other one's is not its business, an unknown name is refused by both. */
const requiredOf = (required: readonly string[], own: readonly string[], others: readonly string[]): string[] =>
  required.filter((name) => own.includes(name) || !others.includes(name));

const startIsolates = (config: Config, log: Log): Promise<Driver> =>
  createIsolateDriver({
    requireWalls: requiredOf(config.requireWalls, wallNames, containerWallNames),
    blankWorkers: config.blankWorkers,
    maxWorkers: config.maxWorkers,
    workersPerAgent: config.workersPerAgent,
    workerIdleMs: config.workerIdleMs,
    workerRamBytes: config.workerRamBytes,
    pythonRamBytes: config.pythonRamBytes,
    cacheFolder: join(config.dataDir, 'cache'),
    onWorkerLost: (detail) => log.warn({ detail }, 'a worker process was lost'),
  });

const startContainers = ({
  config,
  log,
  workspaces,
  installation,
  containersDir,
  trustRuntime,
}: DriversDeps): ContainerDriver =>
  createContainerDriver({
    engine: config.engine,
    installation,
    openSlots: async () => {
      const whyInMemory = await workspaces.canMount();
      if (whyInMemory === undefined) return { ...(await openSlots(containersDir)), whyInMemory };
      await mkdir(containersDir, { recursive: true, mode: 0o700 });
      return { path: containersDir, whyInMemory, async close() {} };
    },
    mountProbe: (target) => workspaces.mountProbe(target),
    runtime: config.containerRuntime,
    furtherImages: config.containerImages,
    requireWalls: requiredOf(config.requireWalls, containerWallNames, wallNames),
    warmContainers: config.warmContainers,
    maxContainers: config.maxContainers,
    maxRamBytes: config.containerRamBytes,
    cpus: config.containerCpus,
    trustRuntime,
    log,
  });
