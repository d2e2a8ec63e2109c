/** What /proc says of a process and those below it. Linux only, as Cordon. */
import { readdirSync, readFileSync } from 'node:fs';

const read = (path: string): string => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
};

/** Pids of the direct children. */
export function childrenOf(pid: number): number[] {
  return [...threadsOf(pid)].flatMap((thread) =>
    read(`/proc/${pid}/task/${thread}/children`).split(' ').filter(Boolean).map(Number),
  );
}

function threadsOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`);
  } catch {
    return [];
  }
}

/** Undefined: there is no such process. */
export function parentOf(pid: number): number | undefined {
  const found = /^PPid:\s+(\d+)/m.exec(read(`/proc/${pid}/status`));
  return found ? Number(found[1]) : undefined;
}

/** The process and all below it. */
export function treeOf(pid: number): number[] {
  return [pid, ...childrenOf(pid).flatMap(treeOf)];
}

export const commandOf = (pid: number): string[] => read(`/proc/${pid}/cmdline`).split('\0');

/** The processes below the service that host guests, without their jailers. */
export function workersOf(servicePid: number): number[] {
  return treeOf(servicePid)
    .slice(1)
    .filter((pid) => {
      const command = commandOf(pid);
      return /(^|\/)node$/.test(command[0] ?? '') && command.some((part) => /worker\/main\.(ts|js|mjs)$/.test(part));
    });
}

/** Of those, the ones that host Python. */
export const isPythonWorker = (pid: number): boolean => commandOf(pid).includes('python');

/** Proportional share of memory in bytes, which counts shared pages once over all that share them; `undefined` where the kernel hides it. */
export function pssBytes(pid: number): number | undefined {
  const found = /^Pss:\s+(\d+) kB/m.exec(read(`/proc/${pid}/smaps_rollup`));
  return found ? Number(found[1]) * 1024 : undefined;
}

export function residentBytes(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(read(`/proc/${pid}/status`))?.[1] ?? 0) * 1024;
}

/** CPU time used so far, all threads, in microseconds (the kernel counts ticks of 10 ms). */
export function cpuMicros(pid: number): number {
  const fields = read(`/proc/${pid}/stat`).split(') ').at(-1)?.split(' ') ?? [];
  return (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) * 10_000;
}
