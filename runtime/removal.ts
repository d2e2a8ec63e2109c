/** How agents and tenants go: their runs first, then all that was theirs. Meanwhile nobody else may use it. */
import type { Rate } from './admission/rate.ts';
import type { Agents } from './agent/agents.ts';
import type { Leaving } from './agent/leaving.ts';
import { defaultAgent, defaultTenant } from './agent/roles.ts';
import type { Tenants } from './agent/tenants.ts';
import { CordonError } from './errors.ts';
import type { Memory } from './memory/memory.ts';
import type { Outbound } from './outbound.ts';
import type { Idempotency } from './run/idempotency.ts';
import type { LiveRun } from './run/live-run.ts';
import type { RunStore } from './run/run-store.ts';
import type { Runs } from './run/runs.ts';
import type { Owner, StopCause } from './sandbox/driver.ts';
import type { Drivers } from './sandbox/drivers.ts';
import type { Workspace, Workspaces } from './workspace/workspace.ts';

export interface RemovalDeps {
  leaving: Leaving;
  tenants: Tenants;
  agents: Agents;
  runStore: RunStore;
  idempotency: Pick<Idempotency, 'forget'>;
  drivers: Pick<Drivers, 'forget'>;
  rate: Rate;
  workspaces: Pick<Workspaces, 'forget'>;
  memory: Pick<Memory, 'forget'>;
  outbound: Pick<Outbound, 'forget' | 'forgetTenant'>;
  /** Ends the runs that belong, and resolves when they are recorded. */
  stopRuns(belongs: (live: LiveRun) => boolean, cause: StopCause): Promise<void>;
}

export interface Removal {
  /** Joins a deletion of it that is under way. Errors: CordonError not_found, conflict for `default`. */
  deleteAgent(owner: Owner): Promise<void>;
  /** Its keys are refused from the beginning on. Joins one that is under way. Errors: CordonError not_found, conflict for `default`. */
  deleteTenant(tenant: string): Promise<void>;
  /** Deletes the tenants whose deletion an earlier life of this process began. Call it before the first request. */
  resume(): Promise<void>;
}

export function createRemoval(deps: RemovalDeps): Removal {
  const { leaving, tenants, agents, runStore, idempotency, drivers, rate, workspaces, memory, outbound, stopRuns } =
    deps;

  async function forget(owner: Owner): Promise<void> {
    await drivers.forget(owner);
    rate.forget(`${owner.tenant}/${owner.agent}`);
    await workspaces.forget(owner);
    await memory.forget(owner);
    await outbound.forget(owner);
  }

  /** The record goes before what can only be made for an agent that exists; a crash before it leaves one that can be deleted again. */
  async function deleteAgent(owner: Owner): Promise<void> {
    if (!leaving.has(owner)) {
      await agents.get(owner);
      if (owner.agent === defaultAgent) throw new CordonError('conflict', 'Every tenant keeps its agent default');
      leaving.refuse({ tenant: owner.tenant });
    }
    return leaving.leave(owner, async () => {
      await leaving.idle(owner);
      await stopRuns(
        ({ record }) => record.tenant === owner.tenant && record.agent === owner.agent,
        cancelled('the agent was deleted'),
      );
      await forget(owner);
      await agents.delete(owner);
      // What was made meanwhile would be the next agent's of that name.
      await outbound.forget(owner);
    });
  }

  /** The record goes last but for what asks for it only; a crash before it leaves one that the next start deletes. */
  async function deleteTenant(tenant: string): Promise<void> {
    if (!leaving.has({ tenant })) {
      await tenants.get(tenant);
      if (tenant === defaultTenant) throw new CordonError('conflict', 'The tenant default stays');
    }
    return leaving.leave({ tenant }, async () => {
      await tenants.leave(tenant);
      await leaving.idle({ tenant });
      await stopRuns(({ record }) => record.tenant === tenant, cancelled('the tenant was deleted'));
      for (const owner of await ownersOf(tenant)) await forget(owner);
      for (let ids = await runStore.ids(tenant, 500); ids.length > 0; ids = await runStore.ids(tenant, 500))
        await runStore.delete(ids.map((id) => ({ tenant, id })));
      await idempotency.forget(tenant);
      await outbound.forgetTenant(tenant);
      await tenants.delete(tenant);
      await outbound.forgetTenant(tenant);
    });
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

  return {
    deleteAgent,
    deleteTenant,
    async resume() {
      for (const tenant of await tenants.leaving()) await deleteTenant(tenant);
    },
  };
}

const cancelled = (message: string): StopCause => ({ status: 'cancelled', error: { name: 'Cancelled', message } });

export interface UsedUntilRemoved {
  memory: Memory;
  idempotency: Idempotency;
  submit: Runs['submit'];
  workspace(owner: Owner): Promise<Workspace>;
}

/**
 * What callers use of an agent: each use is refused while the agent or its tenant is being deleted, and looks for the
 * agent again, since a body may have taken its time. Guests use the parts themselves: their runs are ended first.
 */
export function usedUntilRemoved(
  { leaving, agents }: Pick<RemovalDeps, 'leaving' | 'agents'>,
  parts: { memory: Memory; idempotency: Idempotency; runs: Runs; workspaces: Workspaces },
): UsedUntilRemoved {
  const { memory, idempotency, runs, workspaces } = parts;
  const use = <T>(owner: Owner, work: () => Promise<T>) =>
    leaving.use(owner, async () => {
      await agents.get(owner);
      return work();
    });
  return {
    memory: {
      ...memory,
      get: (owner, key) => use(owner, () => memory.get(owner, key)),
      set: (owner, ...change) => use(owner, () => memory.set(owner, ...change)),
      delete: (owner, ...change) => use(owner, () => memory.delete(owner, ...change)),
      list: (owner, options) => use(owner, () => memory.list(owner, options)),
    },
    idempotency: {
      ...idempotency,
      once: (scope, ...request) => leaving.use({ tenant: scope.tenant }, () => idempotency.once(scope, ...request)),
    },
    submit: (request, options) =>
      leaving.use({ tenant: request.tenant, agent: request.agent }, () => runs.submit(request, options)),
    workspace: (owner) => use(owner, () => workspaces.open(owner)),
  };
}
