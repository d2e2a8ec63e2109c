/** How agents and tenants go: their runs first, then all that was theirs. */
import type { Rate } from './admission/rate.ts';
import type { Agents } from './agent/agents.ts';
import { defaultAgent, defaultTenant } from './agent/roles.ts';
import type { Tenants } from './agent/tenants.ts';
import { CordonError } from './errors.ts';
import type { Memory } from './memory/memory.ts';
import type { Outbound } from './outbound.ts';
import type { Idempotency } from './run/idempotency.ts';
import type { LiveRun } from './run/live-run.ts';
import type { RunStore } from './run/run-store.ts';
import type { Owner, StopCause } from './sandbox/driver.ts';
import type { Drivers } from './sandbox/drivers.ts';
import type { Workspaces } from './workspace/workspace.ts';

export interface RemovalDeps {
  tenants: Tenants;
  agents: Agents;
  runStore: RunStore;
  idempotency: Idempotency;
  drivers: Pick<Drivers, 'forget'>;
  rate: Rate;
  workspaces: Pick<Workspaces, 'forget'>;
  memory: Pick<Memory, 'forget'>;
  outbound: Pick<Outbound, 'forget' | 'forgetTenant'>;
  /** Ends the runs that belong, and resolves when they are recorded. */
  stopRuns(belongs: (live: LiveRun) => boolean, cause: StopCause): Promise<void>;
}

export interface Removal {
  /** Errors: CordonError not_found, conflict for `default`. */
  deleteAgent(owner: Owner): Promise<void>;
  /** Errors: CordonError not_found, conflict for `default`. */
  deleteTenant(tenant: string): Promise<void>;
  /** It is on its way out: it takes no new run. */
  isLeaving(owner: Owner): boolean;
}

export function createRemoval(deps: RemovalDeps): Removal {
  const { tenants, agents, runStore, idempotency, drivers, rate, workspaces, memory, outbound, stopRuns } = deps;
  const leaving = new Set<string>();
  const keyOf = ({ tenant, agent }: Owner) => `${tenant}/${agent}`;

  /** The record goes before what can only be made for an agent that exists; a crash before it leaves one that can be deleted again. */
  async function deleteAgent(owner: Owner, deleteRecord = true): Promise<void> {
    await agents.get(owner);
    const key = keyOf(owner);
    if (deleteRecord && owner.agent === defaultAgent)
      throw new CordonError('conflict', 'Every tenant keeps its agent default');
    leaving.add(key);
    try {
      const cause: StopCause = { status: 'cancelled', error: { name: 'Cancelled', message: 'the agent was deleted' } };
      await stopRuns(({ record }) => record.tenant === owner.tenant && record.agent === owner.agent, cause);
      await drivers.forget(owner);
      rate.forget(key);
      await workspaces.forget(owner);
      await memory.forget(owner);
      await outbound.forget(owner);
      if (!deleteRecord) return;
      await agents.delete(owner);
      // What was made meanwhile would be the next agent's of that name.
      await outbound.forget(owner);
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
    await outbound.forgetTenant(tenant);
    await tenants.delete(tenant);
    await outbound.forgetTenant(tenant);
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

  return { deleteAgent: (owner) => deleteAgent(owner), deleteTenant, isLeaving: (owner) => leaving.has(keyOf(owner)) };
}
