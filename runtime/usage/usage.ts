/** What a run used: measured once, at its end, immutable afterwards. */
import type { RunUsage } from '../run/record.ts';

export interface Measured {
  createdAtMs: number;
  /** Undefined when it never started. */
  startedAtMs: number | undefined;
  finishedAtMs: number;
  cpuMs: number;
  ramPeakBytes: number;
  outputBytes: number;
  filesChanged: number;
  memoryOps: number;
  egressRequests: number;
}

export const noUsage: RunUsage = Object.freeze({
  wallMs: 0,
  queueMs: 0,
  cpuMs: 0,
  ramPeakBytes: 0,
  outputBytes: 0,
  filesChanged: 0,
  memoryOps: 0,
  egressRequests: 0,
});

/** Milliseconds with up to three decimals; `queueMs` ends where `wallMs` begins. */
export function measureUsage(measured: Measured): RunUsage {
  const { createdAtMs, startedAtMs, finishedAtMs, ...counted } = measured;
  return {
    wallMs: startedAtMs === undefined ? 0 : Math.max(0, finishedAtMs - startedAtMs),
    queueMs: Math.max(0, (startedAtMs ?? finishedAtMs) - createdAtMs),
    ...counted,
  };
}
