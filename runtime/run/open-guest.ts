/** What of its agent a run works with: files, memory and egress, bound to the run and to its sandbox. */
import type { Agents } from '../agent/agents.ts';
import type { Connectors } from '../connector/connectors.ts';
import type { RunEgress } from '../egress/egress.ts';
import type { Gate } from '../egress/gate.ts';
import { createRunProxy } from '../egress/proxy/proxy.ts';
import { createRunCa } from '../egress/proxy/run-ca.ts';
import type { JsonObject } from '../json.ts';
import type { Memory } from '../memory/memory.ts';
import type { GuestHost, Lease, Owner } from '../sandbox/driver.ts';
import type { Log } from '../telemetry/log.ts';
import type { Workspaces } from '../workspace/workspace.ts';
import { egressSpan } from './egress-span.ts';
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
  gate: Pick<Gate, 'open'>;
  connectors: Pick<Connectors, 'forOrigin'>;
  /** Of a body of a request to a service. */
  egressRequestBytes: number;
  locks: FileLocks;
  log: Log;
}

export interface OpenedGuest {
  files: GuestFiles;
  memory: GuestMemory;
  /** Of a container. */
  proxy?: NonNullable<GuestHost['egress']>;
  /** To be closed when the sandbox is gone: its last calls are told then. */
  egress: RunEgress;
}

export type OpenGuest = (live: LiveRun, lease: Lease) => Promise<OpenedGuest>;

export function createOpenGuest({
  agents,
  workspaces,
  memory,
  gate,
  connectors,
  egressRequestBytes,
  locks,
  log,
}: OpenGuestDeps): OpenGuest {
  return async ({ record, events, trace }, { workspaceFolder }) => {
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
    const egress = gate.open({
      owner,
      runId: record.id,
      user: record.onBehalfOf,
      limits,
      onCall(call) {
        const { ms } = call;
        const told = ms === undefined ? call : { ...call, spanId: egressSpan(trace, { ...call, ms }) };
        events.append('egress_call', { ...told } as JsonObject);
      },
      onWaiting: (approval, operation) =>
        void events.append('log', { level: 'info', message: `${operation} waits for approval ${approval}`, approval }),
    });
    const guestMemory = createGuestMemory({ memory, owner, quotaBytes: quotas.memoryBytes, onWrite, onFault });
    if (record.driver !== 'container') return { files, memory: guestMemory, egress };
    // Judged by the clock of the machine that the container sees.
    const ca = await createRunCa({ nowMs: Date.now(), wallMs: limits.wallMs });
    const proxy = createRunProxy({
      egress,
      ca,
      bodyBytes: egressRequestBytes,
      isServed: async (host, port) => (await connectors.forOrigin(owner.tenant, `https://${host}:${port}`)).length > 0,
    });
    return {
      files,
      memory: guestMemory,
      proxy: { caPem: ca.certPem, onConnection: proxy.onConnection },
      egress: {
        request: egress.request,
        get requests() {
          return egress.requests;
        },
        async close() {
          proxy.close();
          await egress.close();
        },
      },
    };
  };
}

/** A container's files take whole blocks wherever they lie: what it could write there is kept when it is brought back. */
export function inBlocks({ driver, limits }: Pick<RunRecord, 'driver' | 'limits'>): RunRecord['limits'] {
  if (driver === 'isolate') return limits;
  return { ...limits, workspaceBytes: Math.ceil(limits.workspaceBytes / BLOCK_BYTES) * BLOCK_BYTES };
}

const BLOCK_BYTES = 4096;
