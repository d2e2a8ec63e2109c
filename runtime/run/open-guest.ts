/** What of its agent a run works with: files and memory, bound to the run and to its sandbox. */
import type { Agents } from '../agent/agents.ts';
import type { Memory } from '../memory/memory.ts';
import type { Lease, Owner } from '../sandbox/driver.ts';
import type { Log } from '../telemetry/log.ts';
import type { Workspaces } from '../workspace/workspace.ts';
import type { FileLocks } from './file-locks.ts';
import { createGuestFiles, type GuestFiles } from './guest-files.ts';
import { createGuestMemory, type GuestMemory } from './guest-memory.ts';
import type { LiveRun } from './live-run.ts';
import { mountFiles } from './mounted-files.ts';
import type { RunRecord } from './record.ts';

export interface OpenGuestDeps {
  agents: Agents;
  workspaces: Workspaces;
  memory: Memory;
  locks: FileLocks;
  log: Log;
}

export type OpenGuest = (live: LiveRun, lease: Lease) => Promise<{ files: GuestFiles; memory: GuestMemory }>;

export function createOpenGuest({ agents, workspaces, memory, locks, log }: OpenGuestDeps): OpenGuest {
  return async ({ record, events }, { workspaceFolder }) => {
    const owner: Owner = { tenant: record.tenant, agent: record.agent };
    const { quotas } = await agents.get(owner);
    const workspace = await workspaces.open(owner);
    const onFault = (error: unknown) => log.error({ runId: record.id, error }, 'a host call failed');
    const quota = { bytes: quotas.workspaceBytes, files: quotas.workspaceFiles };
    const onWrite = (key: string, revision: number | null) => void events.append('memory_write', { key, revision });
    const onLeftOut = (message: string) => void events.append('log', { level: 'warn', message });
    const { limits } = record;
    const files =
      workspaceFolder === undefined
        ? createGuestFiles({ workspace, limits: inBlocks(record), quota, locks: locks.open(owner), onFault })
        : await mountFiles({
            workspaces,
            workspace,
            owner,
            limits,
            quota,
            target: workspaceFolder,
            onLeftOut,
            onFault,
          });
    return { files, memory: createGuestMemory({ memory, owner, quotaBytes: quotas.memoryBytes, onWrite, onFault }) };
  };
}

/** A container's files take whole blocks wherever they lie: what it could write there is kept when it is brought back. */
export function inBlocks({ driver, limits }: Pick<RunRecord, 'driver' | 'limits'>): RunRecord['limits'] {
  if (driver === 'isolate') return limits;
  return { ...limits, workspaceBytes: Math.ceil(limits.workspaceBytes / BLOCK_BYTES) * BLOCK_BYTES };
}

const BLOCK_BYTES = 4096;
