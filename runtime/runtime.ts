/** Assembles the execution core. The one module that `api/` calls. */
import { createQueue } from './admission/queue.ts';
import { createRate } from './admission/rate.ts';
import { type Agents, createAgents } from './agent/agents.ts';
import { createKeys, type Keys } from './agent/keys.ts';
import { createLeaving } from './agent/leaving.ts';
import { createTenants, type Tenants } from './agent/tenants.ts';
import { systemClock } from './clock.ts';
import { type Config, readVersion } from './config.ts';
import { CordonError } from './errors.ts';
import { createMemory, type Memory } from './memory/memory.ts';
import { createOutbound, type Outbound } from './outbound.ts';
import { createRemoval, type Removal, usedUntilRemoved } from './removal.ts';
import { drainRuns } from './run/drain.ts';
import { createFileLocks } from './run/file-locks.ts';
import { createIdempotency, type Idempotency } from './run/idempotency.ts';
import { createJsPackages } from './run/js-packages.ts';
import type { LiveRun } from './run/live-run.ts';
import { createOpenGuest } from './run/open-guest.ts';
import { createPythonPackages } from './run/python-packages.ts';
import { recoverRuns } from './run/recover.ts';
import { sweepRuns } from './run/retention.ts';
import { createRunStore } from './run/run-store.ts';
import { createRuns, type Runs } from './run/runs.ts';
import type { SubmitDeps } from './run/submit.ts';
import { imageNames } from './sandbox/container/image-names.ts';
import type { Driver, DriverReport, Owner, SandboxChoice, StopCause } from './sandbox/driver.ts';
import { startDrivers } from './sandbox/drivers.ts';
import { openDataDir } from './store/data-dir.ts';
import { openStore } from './store/lmdb-store.ts';
import type { Log } from './telemetry/log.ts';
import type { Telemetry } from './telemetry/telemetry.ts';

export type { TraceHeaders as TraceContext } from './telemetry/trace-context.ts';

import { createWorkspaces, type Workspace } from './workspace/workspace.ts';

export interface Readiness {
  ready: boolean;
  /** Each check by name; `detail` says what to do. */
  checks: { name: string; ok: boolean; detail: string }[];
  durability: Config['durability'];
}

export interface Runtime
  extends Pick<
    Outbound,
    | 'audit'
    | 'catalog'
    | 'connectors'
    | 'permissions'
    | 'vault'
    | 'issuers'
    | 'approvals'
    | 'preflight'
    | 'propose'
    | 'gate'
  > {
  config: Config;
  version: string;
  tenants: Tenants;
  keys: Keys;
  agents: Agents;
  /** Cancels the agent's runs, ends its workers, then removes its runs' claim on it, its files and memory. */
  deleteAgent: Removal['deleteAgent'];
  /** Removes the tenant's keys, agents and runs. */
  deleteTenant: Removal['deleteTenant'];
  runs: Runs;
  memory: Memory;
  /** `Idempotency-Key`s of routes other than runs. */
  idempotency: Idempotency;
  /** Errors: not_found when the agent does not exist, conflict while it is being deleted. */
  workspace(owner: Owner): Promise<Workspace>;
  drivers(): DriverReport[];
  /** Names of images that callers may use. */
  images: readonly string[];
  readiness(): Readiness;
  /** Prometheus text. */
  metrics(): Promise<string>;
  /** Stops admitting, waits up to `config.drainMs` for running runs, ends the rest as `interrupted`. All else goes on. */
  drain(): Promise<void>;
  /** Drains, then closes everything. */
  close(): Promise<void>;
}

export interface RuntimeDeps {
  log: Log;
  telemetry: Telemetry;
  /** The embedded driver; tests of the tests pass one with a wall left out. */
  isolateDriver?: Driver;
  /** Uses gVisor although its self-test fails: for tests. */
  trustRuntime?: boolean;
}

const SWEEP_EVERY_MS = 60_000;

/** Opens the data directory, proves the walls, recovers what a crash left. Errors: LockedError, FormatError, bad settings. */
export async function createRuntime(
  config: Config,
  { log, telemetry, isolateDriver, trustRuntime = false }: RuntimeDeps,
): Promise<Runtime> {
  const clock = systemClock;
  const dataDir = await openDataDir(config.dataDir);
  const { durability, minimumFreeBytes } = config;
  const workspaces = createWorkspaces({ root: dataDir.workspacesDir, minimumFreeBytes });
  // Proving the walls takes longest: the store opens meanwhile.
  const startingDrivers = startDrivers({
    config,
    log,
    workspaces,
    installation: dataDir.installation,
    containersDir: dataDir.containersDir,
    trustRuntime,
    ...(isolateDriver ? { isolateDriver } : {}),
  });
  startingDrivers.catch(() => {});
  const store = await openStore({ dir: dataDir.storeDir, durability, minimumFreeBytes });
  const leaving = createLeaving();
  const tenants = createTenants({ store, clock, leaving });
  const keys = createKeys({ store, clock });
  const images = [...imageNames, ...config.containerImages];
  const agents = createAgents({ store, clock, images, leaving });
  await tenants.ensureDefault();
  await keys.ensureFirst({ adminKey: config.adminKey, file: dataDir.adminKeyFile });

  const memory = createMemory({ store, clock });
  const idempotency = createIdempotency({ store, clock });
  const queue = createQueue({ turns: config.maxRunning, resident: config.maxResident });
  const rate = createRate(clock);
  const liveRuns = new Map<string, LiveRun>();
  const drainedNow = Promise.withResolvers<undefined>();
  const runStore = createRunStore(store);
  const drivers = await startingDrivers;
  const isolates = drivers.of('isolate');
  for (const wall of isolates.report().walls)
    if (!wall.stands) log.warn({ wall: wall.name, detail: wall.detail }, 'a wall does not stand on this machine');
  const { available, reason } = isolates.report();
  if (!available) log.error({ reason }, 'no run will be started');

  const outbound = await createOutbound({ store, clock, log, config, dataDir: dataDir.path });
  await outbound.recover();
  const { gate, connectors } = outbound;
  const openGuest = createOpenGuest({
    agents,
    workspaces,
    memory,
    gate,
    connectors,
    egressRequestBytes: config.egressRequestBytes,
    locks: createFileLocks(),
    log,
  });

  async function chooseSandbox({ record }: LiveRun): Promise<SandboxChoice> {
    const owner: Owner = { tenant: record.tenant, agent: record.agent };
    const { runtime } = await agents.get(owner);
    return {
      ...(record.image === undefined ? {} : { image: record.image }),
      ...(runtime === undefined ? {} : { runtime }),
      workspaceUsed: (await workspaces.open(owner)).usage(),
    };
  }

  const submitDeps: SubmitDeps = {
    store,
    agents,
    queue,
    rate,
    clock,
    log,
    driver: drivers.of,
    runStore,
    idempotency,
    telemetry,
    liveRuns,
    drained: drainedNow.promise,
    queueLength: config.queueLength,
    metrics: telemetry.metrics,
    packages: {
      javascript: createJsPackages(config.jsPackages),
      python: createPythonPackages(config.pythonPackages, log),
    },
    open: openGuest,
    choice: chooseSandbox,
  };
  const runs = createRuns(submitDeps);
  await recoverRuns(submitDeps);

  async function stopRuns(belongs: (live: LiveRun) => boolean, cause: StopCause): Promise<void> {
    const stopped = [...liveRuns.values()].filter(belongs);
    for (const live of stopped) live.stop(cause);
    await Promise.all(stopped.map((live) => live.finished));
  }
  const removal = createRemoval({
    leaving,
    tenants,
    agents,
    runStore,
    idempotency,
    drivers,
    rate,
    workspaces,
    memory,
    outbound,
    stopRuns,
  });
  // Not worth refusing to start: it can be deleted again.
  await removal.resume().catch((error) => log.error({ error }, 'a tenant could not be deleted to its end'));
  const { submit, ...used } = usedUntilRemoved({ leaving, agents }, { memory, idempotency, runs, workspaces });

  async function sweep(): Promise<void> {
    const allTenants = async () => (await store.range({ prefix: ['tenant'] })).map(({ key }) => String(key[1]));
    const { keepRunsMs, keepRuns } = config;
    const parts = [
      () => sweepRuns({ runStore, clock, keepRunsMs, keepRuns, tenants: allTenants, isLive: (id) => liveRuns.has(id) }),
      memory.sweep,
      idempotency.sweep,
      outbound.sweep,
    ];
    // One that fails does not keep the others.
    for (const part of parts) await part().catch((error) => log.error({ error }, 'sweeping failed'));
  }
  let sweeping: Promise<void> | undefined;
  const sweeper = setInterval(() => {
    // Never beside one that still goes on.
    sweeping ??= sweep().finally(() => {
      sweeping = undefined;
    });
  }, SWEEP_EVERY_MS);
  sweeper.unref();

  let draining: Promise<void> | undefined;
  function drain(): Promise<void> {
    if (draining) return draining;
    queue.pause();
    clearInterval(sweeper);
    draining = drainRuns({ liveRuns, drainMs: config.drainMs, stopRuns }).then(() => drainedNow.resolve(undefined));
    return draining;
  }
  telemetry.metrics.observe({
    queuedRuns: () => queue.length,
    runningRuns: () => queue.resident,
    workers: () => drivers.counts().workers,
    blankWorkers: () => drivers.counts().blankWorkers,
    storeBytes: () => store.sizeBytes(),
  });

  return {
    ...outbound,
    config,
    version: readVersion(),
    tenants,
    keys,
    agents,
    deleteAgent: removal.deleteAgent,
    deleteTenant: removal.deleteTenant,

    runs: {
      ...runs,
      async submit(request, options) {
        if (draining) throw new CordonError('shutting_down', 'Cordon is shutting down', { retryAfterSeconds: 5 });
        return submit(request, options);
      },
    },
    ...used,

    drivers: drivers.reports,
    images,

    readiness() {
      const report = isolates.report();
      const refused = store.whyRefused();
      const checks = [
        { name: 'accepting', ok: !draining, detail: draining ? 'draining' : 'runs are accepted' },
        {
          name: 'isolate driver',
          ok: report.available,
          detail: report.reason ?? (config.requireWalls.length > 0 ? 'required walls stand' : 'no wall is required'),
        },
        { name: 'store', ok: refused === undefined, detail: refused ?? 'writes are taken' },
      ];
      return { ready: checks.every((check) => check.ok), checks, durability };
    },

    metrics: () => telemetry.metrics.text(),

    drain,

    async close() {
      await drain();
      await sweeping;
      await drivers.close();
      await workspaces.close();
      await outbound.close();
      await store.close();
      await dataDir.close();
    },
  };
}
