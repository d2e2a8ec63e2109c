import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isGone, processIdentity } from './process-identity.ts';

const prefix = 'cordon-';
/** Threads of one worker at most: V8's and libuv's pools, and a thread per isolate that works. */
const maxThreads = 256;

/** The cap around one worker. */
export interface Cgroup {
  /** Files that take the pid of whoever shall be held. */
  readonly procs: string[];
  usedBytes(): number;
  /** Whether the kernel killed for this cap. */
  hitCap(): boolean;
  killAll(): void;
  /** Removes the groups once they are empty; waits up to a second for the last process to leave. */
  remove(): Promise<void>;
}

export interface Cgroups {
  readonly version: 1 | 2;
  make(name: string, ramBytes: number): Cgroup;
  close(): void;
}

/**
 * Memory and thread caps below the cgroup of this service, so that a cap around the service holds for workers too.
 * Removes what crashed services left. Returns the reason where neither version is writable.
 */
export function openCgroups(): Cgroups | { reason: string } {
  const own = ownGroups();
  const v1 = own.get('memory');
  try {
    if (v1 !== undefined) return openVersion1(v1, own.get('pids'));
    const v2 = own.get('');
    if (v2 !== undefined) return openVersion2(v2);
    return { reason: 'no cgroup file system is mounted' };
  } catch (error) {
    return { reason: `the cgroup of this service cannot be used: ${(error as Error).message}` };
  }
}

function openVersion1(memory: string, pids: string | undefined): Cgroups {
  const bases = [memory, ...(pids === undefined ? [] : [pids])].map(openBase);
  return {
    version: 1,
    make(name, ramBytes) {
      const folders = bases.map((base) => join(base, name));
      for (const folder of folders) mkdirSync(folder);
      const [ram, threads] = folders as [string, string | undefined];
      writeFileSync(join(ram, 'memory.limit_in_bytes'), String(ramBytes));
      writeIfThere(join(ram, 'memory.memsw.limit_in_bytes'), String(ramBytes));
      if (threads !== undefined) writeFileSync(join(threads, 'pids.max'), String(maxThreads));
      return cgroup(folders, 'memory.usage_in_bytes', 'memory.oom_control');
    },
    close() {
      for (const base of bases) removeTree(base);
    },
  };
}

function openVersion2(own: string): Cgroups {
  if (!readFileSync(join(own, 'cgroup.controllers'), 'latin1').split(/\s/).includes('memory'))
    throw new Error('the memory controller is not delegated to it (systemd: Delegate=yes)');
  enableControllers(own);
  const base = openBase(own);
  writeFileSync(join(base, 'cgroup.subtree_control'), '+memory +pids');
  return {
    version: 2,
    make(name, ramBytes) {
      const folder = join(base, name);
      mkdirSync(folder);
      writeFileSync(join(folder, 'memory.max'), String(ramBytes));
      writeIfThere(join(folder, 'memory.swap.max'), '0');
      writeIfThere(join(folder, 'memory.oom.group'), '1');
      writeFileSync(join(folder, 'pids.max'), String(maxThreads));
      return cgroup([folder], 'memory.current', 'memory.events');
    },
    close: () => removeTree(base),
  };
}

/**
 * A v2 group that has processes cannot have controlled children ("no internal processes", cgroup-v2.rst). The service
 * steps aside into a leaf, together with those that started it, but only if nobody else lives in the group.
 */
function enableControllers(own: string): void {
  const file = join(own, 'cgroup.subtree_control');
  try {
    writeFileSync(file, '+memory +pids');
    return;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EBUSY') throw error;
  }
  const pids = readFileSync(join(own, 'cgroup.procs'), 'latin1').trim().split('\n').map(Number);
  const family = ancestors(process.pid);
  if (!pids.every((pid) => family.has(pid))) throw new Error('other processes live in it');
  const leaf = join(own, 'cordon-service');
  mkdirSync(leaf, { recursive: true });
  for (const pid of pids) writeFileSync(join(leaf, 'cgroup.procs'), String(pid));
  writeFileSync(file, '+memory +pids');
}

function cgroup(folders: string[], usageFile: string, eventsFile: string): Cgroup {
  const [ram] = folders as [string];
  const pids = () =>
    folders.flatMap((folder) => read(join(folder, 'cgroup.procs')).split('\n').filter(Boolean).map(Number));
  const killAll = () => {
    if (writeIfThere(join(ram, 'cgroup.kill'), '1')) return;
    for (const pid of pids()) kill(pid);
  };
  return {
    procs: folders.map((folder) => join(folder, 'cgroup.procs')),
    usedBytes: () => Number(read(join(ram, usageFile))) || 0,
    hitCap: () => /^oom_kill [1-9]/m.test(read(join(ram, eventsFile))),
    killAll,
    async remove() {
      for (let attempt = 0; attempt < 50; attempt++) {
        killAll();
        if (folders.map(removeFolder).every(Boolean)) return;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    },
  };
}

/** The folder of this service's groups; those of dead services go, with every process that is still in them. */
function openBase(parent: string): string {
  for (const name of readdirSync(parent)) {
    if (
      !name.startsWith(prefix) ||
      !/^\d+-\d+-\d+/.test(name.slice(prefix.length)) ||
      !isGone(name.slice(prefix.length))
    )
      continue;
    for (const child of subfolders(join(parent, name)))
      for (const pid of read(join(child, 'cgroup.procs')).split('\n').filter(Boolean)) kill(Number(pid));
    removeTree(join(parent, name));
  }
  let base = join(parent, `${prefix}${processIdentity(process.pid)}`);
  for (let count = 1; existsSync(base); count++)
    base = join(parent, `${prefix}${processIdentity(process.pid)}-${count}`);
  mkdirSync(base);
  return base;
}

function removeTree(folder: string): void {
  for (const child of subfolders(folder)) removeFolder(child);
  removeFolder(folder);
}

function subfolders(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => join(folder, entry.name));
  } catch {
    return [];
  }
}

function removeFolder(folder: string): boolean {
  try {
    rmdirSync(folder);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT';
  }
}

/** Controller name ('' for version 2) -> folder of this process's group. Paths of /proc/self/mountinfo: proc(5). */
function ownGroups(): Map<string, string> {
  const groups = new Map<string, string>();
  const mounts = read('/proc/self/mountinfo')
    .split('\n')
    .map((line) => line.split(' '))
    .map((fields) => ({ root: fields[3] ?? '/', at: fields[4] ?? '', tail: fields.slice(fields.indexOf('-') + 1) }));
  for (const line of read('/proc/self/cgroup').trim().split('\n')) {
    const [, controllers = '', path = '/'] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    for (const controller of controllers.split(',')) {
      const mount = mounts.find(({ tail }) =>
        controller === '' ? tail[0] === 'cgroup2' : tail[0] === 'cgroup' && tail[2]?.split(',').includes(controller),
      );
      if (mount === undefined) continue;
      const below = path.startsWith(mount.root) && mount.root !== '/' ? path.slice(mount.root.length) : path;
      groups.set(controller, join(mount.at, below));
    }
  }
  return groups;
}

function ancestors(pid: number): Set<number> {
  const found = new Set<number>();
  for (let next = pid; next > 0 && !found.has(next); ) {
    found.add(next);
    next = Number(/^PPid:\s*(\d+)/m.exec(read(`/proc/${next}/status`))?.[1] ?? 0);
  }
  return found;
}

function read(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}

function writeIfThere(path: string, text: string): boolean {
  if (!existsSync(path)) return false;
  try {
    writeFileSync(path, text);
    return true;
  } catch {
    return false;
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // Gone already.
  }
}
