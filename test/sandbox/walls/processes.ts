import { readdirSync, readFileSync } from 'node:fs';

/** Live processes that run in, or are about to enter, a jail folder below `folder`: pid and command line. */
export function jailed(folder: string): { pid: number; command: string }[] {
  if (process.platform !== 'linux') return [];
  const found = [];
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    const command = read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ');
    const inside =
      /cordon-jail-/.test(read(`/proc/${pid}/mountinfo`)) && read(`/proc/${pid}/mountinfo`).includes(folder);
    if (inside || command.includes(`${folder}/cordon-jail-`)) found.push({ pid: Number(pid), command });
  }
  return found;
}

/** Whether a process can still execute anything: a zombie only waits for the machine's init to take note. */
export function runs(pid: number): boolean {
  const stat = read(`/proc/${pid}/stat`);
  return stat !== '' && stat.slice(stat.lastIndexOf(')') + 2)[0] !== 'Z';
}

/** Text of a file, empty when it is gone. */
export function read(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}
