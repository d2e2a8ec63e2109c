import { readFileSync, readlinkSync } from 'node:fs';

/**
 * Names a process so that a later one with the same pid is not mistaken for it: `<pid namespace>-<pid>-<start ticks>`.
 * Without /proc the first and last part are 0, and a pid alone decides.
 */
export function processIdentity(pid: number): string {
  return `${pidNamespace()}-${pid}-${startTicks(pid) ?? 0}`;
}

/** Whether the process of an identity is gone. What cannot be judged from here, as another pid namespace: false. */
export function isGone(identity: string): boolean {
  const [namespace, pid, ticks] = identity.split('-');
  if (namespace !== pidNamespace()) return false;
  try {
    if (ticks !== '0') return startTicks(Number(pid)) !== Number(ticks);
    process.kill(Number(pid), 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}

function pidNamespace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid').replace(/\D/g, '');
  } catch {
    return '0';
  }
}

/**
 * Field 22 of /proc/<pid>/stat (proc(5)); the process name before it may hold spaces and brackets. Undefined: it is gone.
 * Errors: whatever else keeps the file from being read, as too many open ones.
 */
function startTicks(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    // A zombie runs nothing and holds nothing, though its pid is still taken.
    return fields[0] === 'Z' ? undefined : Number(fields[19]);
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  }
}
