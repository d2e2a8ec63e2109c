import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** How often memory is looked at: a worker can overshoot by what it touches in this time. */
export const watchdogIntervalMs = process.platform === 'linux' ? 50 : 250;

export interface ResidentWatchdog {
  /** Calls `exceeded` once when the private memory of `pid()` passes `ramBytes`. Returns how to stop watching. */
  watch(pid: () => number, ramBytes: number, exceeded: () => void): () => void;
  close(): void;
}

/** The cap on memory for machines where no cgroup is writable: weaker, since it looks only now and then. */
export function createResidentWatchdog(): ResidentWatchdog {
  const watched = new Set<{ pid: () => number; ramBytes: number; exceeded: () => void }>();
  let timer: NodeJS.Timeout | undefined;
  const look = async () => {
    for (const entry of [...watched]) {
      if ((await residentBytes(entry.pid())) <= entry.ramBytes || !watched.delete(entry)) continue;
      entry.exceeded();
    }
  };
  return {
    watch(pid, ramBytes, exceeded) {
      const entry = { pid, ramBytes, exceeded };
      watched.add(entry);
      timer ??= setInterval(look, watchdogIntervalMs).unref();
      return () => watched.delete(entry);
    },
    close() {
      clearInterval(timer);
      timer = undefined;
      watched.clear();
    },
  };
}

/** Private memory of a process in bytes (resident minus file pages that all workers share); 0 when it is gone. */
export async function residentBytes(pid: number): Promise<number> {
  return process.platform === 'linux' ? privateBytesLinux(pid) : residentBytesByPs(pid);
}

/** Same, at once, on Linux only; elsewhere 0. */
export function privateBytesLinux(pid: number): number {
  if (pid === 0) return 0;
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'latin1');
    const kB = (name: string) => Number(new RegExp(`^${name}:\\s*(\\d+)`, 'm').exec(status)?.[1] ?? 0);
    return (kB('RssAnon') + kB('RssShmem')) * 1024;
  } catch {
    return 0;
  }
}

function residentBytesByPs(pid: number): Promise<number> {
  if (pid === 0) return Promise.resolve(0);
  return new Promise((resolve) => {
    execFile('/bin/ps', ['-o', 'rss=', '-p', String(pid)], (error, stdout) => resolve(error ? 0 : Number(stdout) * 1024 || 0));
  });
}
