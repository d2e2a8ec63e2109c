/** What a container used, from its cgroup: read from outside, so that nothing in it can say otherwise. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Counters {
  /** CPU time since it was made. */
  cpuMs(): number;
  ramPeakBytes(): number;
  /** How often the kernel ended a process of it for want of memory. */
  oomKills(): number;
  /** Sets the caps of memory (no swap) and processes. False: this machine does not let us. */
  limit(limits: { ramBytes: number; processes: number }): boolean;
  /** Processes in it now; empty when it is gone. */
  pids(): number[];
}

interface Version1 {
  cpu: string;
  memory: string;
  pids: string;
}

const ROOT = '/sys/fs/cgroup';

/**
 * The counters of the container whose first process is `pid`, as this machine numbers it. Undefined when its cgroup
 * cannot be seen from here: the engine runs elsewhere, or in another namespace.
 * `id` must be part of the group's name, so that a number that is another process's by now is not mistaken for it.
 */
export function openCounters(pid: number, id: string): Counters | undefined {
  try {
    const groups = readGroups(pid);
    const unified = groups.get('');
    const memory = groups.get('memory');
    if (memory !== undefined) {
      const folders = {
        memory: join(ROOT, 'memory', memory),
        cpu: join(ROOT, 'cpuacct', groups.get('cpuacct') ?? ''),
        pids: join(ROOT, 'pids', groups.get('pids') ?? ''),
      };
      const ours = Object.values(folders).every((folder) => folder.includes(id) && existsSync(folder));
      return ours ? version1(folders) : undefined;
    }
    if (unified === undefined || !unified.includes(id)) return undefined;
    const folder = join(ROOT, unified);
    return existsSync(join(folder, 'cpu.stat')) ? version2(folder) : undefined;
  } catch {
    return undefined;
  }
}

/** Path by controller (proc(5), cgroups(7)); the controller of version 2 is ''. */
function readGroups(pid: number): Map<string, string> {
  const groups = new Map<string, string>();
  for (const line of readFileSync(`/proc/${pid}/cgroup`, 'utf8').trim().split('\n')) {
    const [, controllers, path] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    for (const controller of (controllers ?? '').split(',')) groups.set(controller, path ?? '');
  }
  return groups;
}

const read = (file: string) => {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    return '';
  }
};

const number = (text: string) => Number(text.trim()) || 0;
const field = (text: string, name: string) => number(new RegExp(`^${name} (\\d+)`, 'm').exec(text)?.[1] ?? '');
const numbers = (text: string) => text.split('\n').filter(Boolean).map(Number);

function written(...files: [string, number][]): boolean {
  try {
    for (const [file, value] of files) writeFileSync(file, String(value));
    return true;
  } catch {
    return false;
  }
}

function version1({ cpu, memory, pids }: Version1): Counters {
  const ramFile = join(memory, 'memory.limit_in_bytes');
  const swapFile = join(memory, 'memory.memsw.limit_in_bytes');
  return {
    cpuMs: () => number(read(join(cpu, 'cpuacct.usage'))) / 1e6,
    ramPeakBytes: () => number(read(join(memory, 'memory.max_usage_in_bytes'))),
    oomKills: () => field(read(join(memory, 'memory.oom_control')), 'oom_kill'),
    limit({ ramBytes, processes }) {
      const now = number(read(ramFile));
      // Memory with swap is never below memory alone: the order depends on the direction.
      const files: [string, number][] = [
        [ramFile, ramBytes],
        [swapFile, ramBytes],
      ];
      if (ramBytes > now) files.reverse();
      if (!existsSync(swapFile)) files.splice(0, 2, [ramFile, ramBytes]);
      // The peak counts from here: what making the container took is not the run's.
      return written(...files, [join(pids, 'pids.max'), processes], [join(memory, 'memory.max_usage_in_bytes'), 0]);
    },
    pids: () => numbers(read(join(memory, 'cgroup.procs'))),
  };
}

function version2(folder: string): Counters {
  return {
    cpuMs: () => field(read(join(folder, 'cpu.stat')), 'usage_usec') / 1000,
    ramPeakBytes: () => number(read(join(folder, 'memory.peak'))) || number(read(join(folder, 'memory.current'))),
    oomKills: () => field(read(join(folder, 'memory.events')), 'oom_kill'),
    limit: ({ ramBytes, processes }) =>
      written([join(folder, 'memory.max'), ramBytes], [join(folder, 'pids.max'), processes]),
    pids: () => numbers(read(join(folder, 'cgroup.procs'))),
  };
}
