/** Processes of this machine, as /proc shows them. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

export interface ProcessInfo {
  pid: number;
  ppid: number;
  uid: number;
  command: string;
}

/** Every process that is alive; those that only wait to be collected are not. */
export function listProcesses(): ProcessInfo[] {
  const found: ProcessInfo[] = [];
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const status = readFileSync(`/proc/${name}/status`, 'latin1');
      const field = (key: string) => new RegExp(`^${key}:\\s+(\\S+)`, 'm').exec(status)?.[1] ?? '';
      if (field('State') === 'Z') continue;
      if (!hasProgram(name)) continue;
      const command = readFileSync(`/proc/${name}/cmdline`, 'latin1').replaceAll('\0', ' ').trim();
      found.push({ pid: Number(name), ppid: Number(field('PPid')), uid: Number(field('Uid')), command });
    } catch {
      // It ended while we looked.
    }
  }
  return found;
}

/** One that is being torn down has no program any more, and a kernel thread never had one. */
function hasProgram(pid: string): boolean {
  try {
    readlinkSync(`/proc/${pid}/exe`);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ENOENT';
  }
}

/** All processes below `root`, itself not included. */
export function descendants(root = process.pid, all = listProcesses()): ProcessInfo[] {
  const below = new Set([root]);
  const found: ProcessInfo[] = [];
  for (let grew = true; grew; ) {
    grew = false;
    for (const item of all) {
      if (below.has(item.pid) || !below.has(item.ppid)) continue;
      below.add(item.pid);
      found.push(item);
      grew = true;
    }
  }
  return found;
}

const isWorker = ({ command }: ProcessInfo) =>
  / \S*worker\/main\.js( python)?$/.test(command) && !command.includes('bwrap ');
const isPythons = ({ command }: ProcessInfo) => command.endsWith(' python');

/** Process ids of the sandboxes' workers below `root`: the guests' own processes, not what built their jail. */
export const workerPids = (root?: number, which?: 'javascript' | 'python'): number[] =>
  descendants(root)
    .filter((info) => isWorker(info) && (which === undefined || isPythons(info) === (which === 'python')))
    .map(({ pid }) => pid);

/** What no worker may leave behind: processes of the workers' users that belong to nobody, or below a worker. */
export function strays(root = process.pid): ProcessInfo[] {
  const all = listProcesses();
  const orphans = all.filter(({ ppid, uid }) => ppid === 1 && uid >= 2_000_000_000 && uid < 2_100_000_000);
  return [
    ...orphans,
    ...descendants(root, all)
      .filter(isWorker)
      .flatMap(({ pid }) => descendants(pid, all)),
  ];
}

/** CPU time that a process has used, in clock ticks of 10 ms. */
export function cpuTicks(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]?.split(' ') ?? [];
  return Number(fields[11]) + Number(fields[12]);
}
