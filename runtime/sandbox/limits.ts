/** Limits of ONE run: default, ceiling, unit. A value above the ceiling is refused, never clamped. */
const MiB = 1024 * 1024;

export const limitTable = {
  wallMs: { default: 15 * 60_000, ceiling: 24 * 60 * 60_000, unit: 'ms', what: 'time from startedAt to the end' },
  cpuMs: { default: 60_000, ceiling: 60 * 60_000, unit: 'ms', what: 'CPU time of the guest' },
  ramBytes: {
    default: 128 * MiB,
    ceiling: 2048 * MiB,
    unit: 'bytes',
    what: 'memory of the sandbox',
    minimum: 16 * MiB,
  },
  workspaceBytes: {
    default: 256 * MiB,
    ceiling: 4096 * MiB,
    unit: 'bytes',
    what: 'net growth of the workspace by this run',
  },
  files: { default: 10_000, ceiling: 100_000, unit: 'files', what: 'net new files by this run' },
  hostCalls: { default: 100_000, ceiling: 10_000_000, unit: 'calls', what: 'file, memory and egress calls' },
  egressRequests: {
    default: 10_000,
    ceiling: 1_000_000,
    unit: 'requests',
    what: 'calls to services, refused ones included',
  },
  egressBytes: {
    default: 256 * MiB,
    ceiling: 16_384 * MiB,
    unit: 'bytes',
    what: 'bodies of requests and responses of services',
  },
  outputBytes: {
    default: MiB,
    ceiling: 64 * MiB,
    unit: 'bytes',
    what: 'stdout and stderr together; the rest is cut with a mark',
  },
  resultBytes: { default: MiB, ceiling: 16 * MiB, unit: 'bytes', what: 'the result as JSON' },
  processes: { default: 64, ceiling: 1024, unit: 'processes', what: 'processes and threads (containers)' },
} as const satisfies Record<string, { default: number; ceiling: number; unit: string; what: string; minimum?: number }>;

export type LimitName = keyof typeof limitTable;
export type Limits = Record<LimitName, number>;

export const limitNames = Object.keys(limitTable) as LimitName[];

export const defaultLimits = Object.freeze(
  Object.fromEntries(limitNames.map((name) => [name, limitTable[name].default])),
) as Limits;
