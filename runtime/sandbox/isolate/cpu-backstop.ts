/**
 * The host's own count of a worker's CPU time. The worker counts each run and ends it; should it stop counting (a guest
 * broke out of V8), this ends the worker: it may use what its runs were allowed, and next to nothing while it has none.
 */
import { readFileSync } from 'node:fs';

const GRACE = 1.25;
const GRACE_MS = 3000;
/** USER_HZ: proc(5) gives times in these; it is 100 on every Linux that Node runs on. */
const TICK_MS = 10;

export interface CpuBackstop {
  started(cpuMs: number): void;
  /** The last run has ended: what comes now is on nobody's account. */
  idle(): void;
  /** True when the worker used more than its runs were allowed. Reads /proc; false where there is none. */
  exceeded(): boolean;
}

export function createCpuBackstop(pid: () => number): CpuBackstop {
  let from = 0;
  let allowedMs = 0;
  return {
    started(cpuMs) {
      allowedMs += cpuMs;
    },
    idle() {
      from = processCpuMs(pid()) ?? from;
      allowedMs = 0;
    },
    exceeded() {
      const used = processCpuMs(pid());
      return used !== undefined && used - from > allowedMs * GRACE + GRACE_MS;
    },
  };
}

/** User and system time of a process and its threads, in milliseconds (proc(5), fields 14 and 15). */
function processCpuMs(pid: number): number | undefined {
  if (pid === 0) return undefined;
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ').at(-1)?.split(' ') ?? [];
    return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
  } catch {
    return undefined;
  }
}
