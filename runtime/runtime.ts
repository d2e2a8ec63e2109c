/** Assembles the execution core. The one module that `api/` calls. */
import { join } from 'node:path';
import { createQueue } from './admission/queue.ts';
import { createRate } from './admission/rate.ts';
import { type Agents, createAgents } from './agent/agents.ts';
import { createKeys, type Keys } from './agent/keys.ts';
import { defaultAgent, defaultTenant } from './agent/roles.ts';
import { createTenants, type Tenants } from './agent/tenants.ts';
import { systemClock } from './clock.ts';
import { type Config, readVersion } from './config.ts';
import { CordonError } from './errors.ts';
import { createMemory, type Memory } from './memory/memory.ts';
import { createFileLocks } from './run/file-locks.ts';
import { createGuestFiles } from './run/guest-files.ts';
import { createGuestMemory } from './run/guest-memory.ts';
import { createIdempotency, type Idempotency } from './run/idempotency.ts';
import { createJsPackages } from './run/js-packages.ts';
import type { LiveRun } from './run/live-run.ts';
import { createPythonPackages } from './run/python-packages.ts';
import { recoverRuns } from './run/recover.ts';
import { sweepRuns } from './run/retention.ts';
import { createRunStore } from './run/run-store.ts';
import { createRuns, type Runs } from './run/runs.ts';
import type { SubmitDeps } from './run/submit.ts';
import type { Driver, DriverReport, Owner, StopCause } from './sandbox/driver.ts';
import { createIsolateDriver } from './sandbox/isolate/isolate-driver.ts';
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

export interface Runtime {
  config: Config;
  version: string;
  tenants: Tenants;
  keys: Keys;
  agents: Agents;
  /** Cancels the agent's runs, ends its workers, then removes its runs' claim on it, its files and memory. */
  deleteAgent(owner: Owner): Promise<void>;
  /** Removes the tenant's agents, runs and keys. Errors: conflict for `default`. */
  deleteTenant(tenant: string): Promise<void>;
  runs: Runs;
  memory: Memory;
  /** `Idempotency-Key`s of routes other than runs. */
  idempotency: Idempotency;
  /** Errors: not_found when the agent does not exist. */
  workspace(owner: Owner): Promise<Workspace>;
  drivers(): DriverReport[];
  readiness(): Readiness;
  /** Prometheus text. */
  metrics(): Promise<string>;
  /** Stops admitting, waits up to `config.drainMs` for running runs, ends the rest as `interrupted`, closes everything. */
  close(): Promise<void>;
}

export interface RuntimeDeps {
  log: Log;
  telemetry: Telemetry;
  /** The embedded driver; tests of the tests pass one with a wall left out. */
  isolateDriver?: Driver;
}

const SWEEP_EVERY_MS = 60_000;

/** Opens the data directory, proves the walls, recovers what a crash left. Errors: LockedError, FormatError, bad settings. */
export async function createRuntime(config: Config, { log, telemetry, isolateDriver }: RuntimeDeps): Promise<Runtime> {
  const clock = systemClock;
  const dataDir = await openDataDir(config.dataDir);
  const { durability, minimumFreeBytes } = config;
  // Proving the walls takes longest: the store opens meanwhile.
  const startingDriver = isolateDriver ? Promise.resolve(isolateDriver) : startDriver(config, log);
  startingDriver.catch(() => {});
  const store = await openStore({ dir: dataDir.storeDir, durability, minimumFreeBytes });
  const tenants = createTenants({ store, clock });
  const keys = createKeys({ store, clock });
  const agents = createAgents({ store, clock });
  await tenants.ensureDefault();
  await keys.ensureFirst({ adminKey: config.adminKey, file: dataDir.adminKeyFile });

  const memory = createMemory({ store, clock });
  const workspaces = createWorkspaces({ root: dataDir.workspacesDir, minimumFreeBytes });
  const idempotency = createIdempotency({ store, clock });
  const queue = createQueue({ turns: config.maxRunning, resident: config.maxResident });
  const rate = createRate(clock);
  const liveRuns = new Map<string, LiveRun>();
  const drainedNow = Promise.withResolvers<undefined>();
  const runStore = createRunStore(store);
  const driver = await startingDriver;
  for (const wall of driver.report().walls)
    if (!wall.stands) log.warn({ wall: wall.name, detail: wall.detail }, 'a wall does not stand on this machine');
  const { available, reason } = driver.report();
  if (!available) log.error({ reason }, 'no run will be started');

  const submitDeps: SubmitDeps = {
    store,
    agents,
    queue,
    rate,
    clock,
    log,
    driver,
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
  };
  const locks = createFileLocks();
  const runs = createRuns(submitDeps);
  await recoverRuns(submitDeps);

  /** What of the agent a run works with. */
  async function openGuest(live: LiveRun) {
    const { record } = live;
    const owner: Owner = { tenant: record.tenant, agent: record.agent };
    const { quotas } = await agents.get(owner);
    const workspace = await workspaces.open(owner);
    const onFault = (error: unknown) => log.error({ runId: record.id, error }, 'a host call failed');
    const quota = { bytes: quotas.workspaceBytes, files: quotas.workspaceFiles };
    const onWrite = (key: string, revision: number | null) =>
      void live.events.append('memory_write', { key, revision });
    return {
      files: createGuestFiles({ workspace, limits: record.limits, quota, locks: locks.open(owner), onFault }),
      memory: createGuestMemory({ memory, owner, quotaBytes: quotas.memoryBytes, onWrite, onFault }),
    };
  }

  async function stopRuns(belongs: (live: LiveRun) => boolean, cause: StopCause): Promise<void> {
    const stopped = [...liveRuns.values()].filter(belongs);
    for (const live of stopped) live.stop(cause);
    await Promise.all(stopped.map((live) => live.finished));
  }

  /** Agents on their way out, `tenant/agent`: they take no new run. */
  const leaving = new Set<string>();

  /** The record goes last: a crash in between leaves an agent that can be deleted again, never files without one. */
  async function deleteAgent(owner: Owner, deleteRecord = true): Promise<void> {
    await agents.get(owner);
    const key = `${owner.tenant}/${owner.agent}`;
    if (deleteRecord && owner.agent === defaultAgent)
      throw new CordonError('conflict', 'Every tenant keeps its agent default');
    leaving.add(key);
    try {
      const cause: StopCause = { status: 'cancelled', error: { name: 'Cancelled', message: 'the agent was deleted' } };
      await stopRuns(({ record }) => record.tenant === owner.tenant && record.agent === owner.agent, cause);
      await driver.forget(owner);
      rate.forget(key);
      await workspaces.forget(owner);
      await memory.forget(owner);
      if (deleteRecord) await agents.delete(owner);
    } finally {
      leaving.delete(key);
    }
  }

  async function deleteTenant(tenant: string): Promise<void> {
    await tenants.get(tenant);
    if (tenant === defaultTenant) throw new CordonError('conflict', 'The tenant default stays');
    for (const owner of await ownersOf(tenant)) await deleteAgent(owner, false);
    for (let runs = await runStore.oldest(tenant, 500); runs.length > 0; runs = await runStore.oldest(tenant, 500))
      await runStore.delete(runs);
    await idempotency.forget(tenant);
    await tenants.delete(tenant);
  }

  async function ownersOf(tenant: string): Promise<Owner[]> {
    const owners: Owner[] = [];
    for (let cursor: string | undefined; ; ) {
      const page = await agents.list(tenant, { limit: 200, ...(cursor === undefined ? {} : { cursor }) });
      owners.push(...page.items.map((agent) => ({ tenant, agent: agent.id })));
      cursor = page.nextCursor;
      if (cursor === undefined) return owners;
    }
  }

  async function sweep(): Promise<void> {
    const allTenants = async () => (await store.range({ prefix: ['tenant'] })).map(({ key }) => String(key[1]));
    const { keepRunsMs, keepRuns } = config;
    await sweepRuns({ runStore, clock, keepRunsMs, keepRuns, tenants: allTenants, isLive: (id) => liveRuns.has(id) });
    await memory.sweep();
    await idempotency.sweep();
  }
  const sweeper = setInterval(
    () => void sweep().catch((error) => log.error({ error }, 'sweeping failed')),
    SWEEP_EVERY_MS,
  );
  sweeper.unref();

  let closing = false;
  telemetry.metrics.observe({
    queuedRuns: () => queue.length,
    runningRuns: () => queue.resident,
    workers: () => driver.report().sandboxes.workers,
    blankWorkers: () => driver.report().sandboxes.blankWorkers,
    storeBytes: () => store.sizeBytes(),
  });

  return {
    config,
    version: readVersion(),
    tenants,
    keys,
    agents,
    deleteAgent,

    deleteTenant,

    runs: {
      ...runs,
      async submit(request, options) {
        if (closing) throw new CordonError('shutting_down', 'Cordon is shutting down', { retryAfterSeconds: 5 });
        if (leaving.has(`${request.tenant}/${request.agent}`))
          throw new CordonError('conflict', `Agent ${request.agent} is being deleted`);
        return runs.submit(request, options);
      },
    },
    memory,
    idempotency,

    async workspace(owner) {
      await agents.get(owner);
      return workspaces.open(owner);
    },

    drivers: () => [driver.report()],

    readiness() {
      const report = driver.report();
      const checks = [
        { name: 'accepting', ok: !closing, detail: closing ? 'draining' : 'runs are accepted' },
        { name: 'isolate driver', ok: report.available, detail: report.reason ?? 'required walls stand' },
      ];
      return { ready: checks.every((check) => check.ok), checks, durability };
    },

    metrics: () => telemetry.metrics.text(),

    async close() {
      closing = true;
      queue.pause();
      clearInterval(sweeper);
      const drained = Promise.all([...liveRuns.values()].filter((live) => live.placed).map((live) => live.finished));
      let timer: NodeJS.Timeout | undefined;
      const patience = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, config.drainMs);
      });
      await Promise.race([drained, patience]);
      clearTimeout(timer);
      const cause: StopCause = {
        status: 'interrupted',
        error: { name: 'ServiceRestarted', message: 'Cordon was stopped while this run went on' },
      };
      await stopRuns((live) => live.placed, cause);
      drainedNow.resolve(undefined);
      await driver.close();
      await store.close();
      await dataDir.close();
    },
  };
}

const startDriver = (config: Config, log: Log): Promise<Driver> =>
  createIsolateDriver({
    requireWalls: config.requireWalls,
    blankWorkers: config.blankWorkers,
    maxWorkers: config.maxWorkers,
    workersPerAgent: config.workersPerAgent,
    workerIdleMs: config.workerIdleMs,
    workerRamBytes: config.workerRamBytes,
    pythonRamBytes: config.pythonRamBytes,
    cacheFolder: join(config.dataDir, 'cache'),
    onWorkerLost: (detail) => log.warn({ detail }, 'a worker process was lost'),
  });
