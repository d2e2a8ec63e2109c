import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** How often memory is looked at: a worker can overshoot by what it touches in this time. */
export const watchdogIntervalMs = process.platform === 'linux' ? 50 : 250;

export interface ResidentWatchdog {
  /** Calls `exceeded` once when the private memory of the process passes `ramBytes`. `pid` may answer 0: not yet. */
  watch(pid: () => number, ramBytes: number, exceeded: () => void): { stop(): void; lastBytes(): number };
  close(): void;
}

/** The cap on memory for machines where no cgroup is writable: weaker, since it looks only now and then. */
export function createResidentWatchdog(): ResidentWatchdog {
  const watched = new Set<{ pid: () => number; ramBytes: number; last: number; exceeded: () => void }>();
  let timer: NodeJS.Timeout | undefined;
  const look = async () => {
    for (const entry of [...watched]) {
      entry.last = await privateBytes(entry.pid());
      if (entry.last > entry.ramBytes && watched.delete(entry)) entry.exceeded();
    }
  };
  return {
    watch(pid, ramBytes, exceeded) {
      const entry = { pid, ramBytes, last: 0, exceeded };
      watched.add(entry);
      timer ??= setInterval(look, watchdogIntervalMs).unref();
      return {
        stop: () => void watched.delete(entry),
        lastBytes: () => (process.platform === 'linux' ? privateBytesLinux(pid()) : entry.last),
      };
    },
    close() {
      clearInterval(timer);
      timer = undefined;
      watched.clear();
    },
  };
}

/** Memory of a process in bytes; 0 when it is gone. On Linux without file pages, which all workers share. */
async function privateBytes(pid: number): Promise<number> {
  if (pid === 0) return 0;
  return process.platform === 'linux' ? privateBytesLinux(pid) : residentBytesByPs(pid);
}

function privateBytesLinux(pid: number): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'latin1');
    const kB = (name: string) => Number(new RegExp(`^${name}:\\s*(\\d+)`, 'm').exec(status)?.[1] ?? 0);
    return (kB('RssAnon') + kB('RssShmem')) * 1024;
  } catch {
    return 0;
  }
}

function residentBytesByPs(pid: number): Promise<number> {
  return new Promise((resolve) => {
    execFile('/bin/ps', ['-o', 'rss=', '-p', String(pid)], (error, stdout) =>
      resolve(error ? 0 : Number(stdout) * 1024 || 0),
    );
  });
}
