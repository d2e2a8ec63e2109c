import { join } from 'node:path';
import { bubblewrapArguments } from './bubblewrap.ts';
import type { Cgroups } from './cgroup.ts';
import type { JailFolder } from './jail-folder.ts';
import type { ResidentWatchdog } from './resident-watchdog.ts';
import type { UnprivilegedUsers } from './unprivileged-user.ts';
import { findCommand } from './unprivileged-user.ts';
import { type LaunchPlan, launch, type WorkerProcess } from './worker-process.ts';

/** Which walls to put around one process. A worker gets all that this machine can build; a probe looks at one alone. */
export interface Around {
  permissions: boolean;
  /** Path of bubblewrap. */
  jail: string | undefined;
  seccomp: boolean;
  user: boolean;
}

export interface StartOptions {
  around: Around;
  /** Whether it will load isolated-vm: the flags that this needs cost 40 ms of CPU. */
  isolates: boolean;
  /** Below the app folder, with `.js`. */
  entry: string;
  args: readonly string[];
  ramBytes: number;
  name: string;
}

export interface Launcher {
  start(options: StartOptions): WorkerProcess;
}

/** Turns walls into one command line: join the cgroup, drop the user, enter the jail, become node. */
export function createLauncher(parts: {
  folder: JailFolder;
  users: UnprivilegedUsers;
  cgroups: Cgroups | undefined;
  watchdog: ResidentWatchdog | undefined;
}): Launcher {
  const { folder, users, cgroups, watchdog } = parts;
  const env = findCommand('env') ?? '/usr/bin/env';
  let count = 0;
  return {
    start({ around, isolates, entry, args, ramBytes, name }) {
      const uid = around.user ? users.next() : undefined;
      const drop = users.command(uid);
      const app = around.jail === undefined ? folder.app : '/app';
      const inside = [
        around.jail === undefined ? folder.node : '/bin/node',
        ...(around.permissions ? permissionFlags(app) : []),
        ...(isolates ? engineFlags : []),
        '--disable-warning=PERM0001',
        join(app, entry),
        ...args,
      ];
      // Joining a cgroup takes the service's privilege, dropping the user comes after it: without setpriv it is one or the other.
      const canJoin = uid === undefined || drop !== undefined;
      const cgroup = canJoin ? cgroups?.make(`${name.replace(/[^\w-]/g, '_')}-${++count}`, ramBytes) : undefined;
      const plan: LaunchPlan = {
        command: [...(drop ?? []), ...enter(around), ...inside],
        env: {},
        cwd: folder.app,
        ...(uid !== undefined && drop === undefined ? { uid } : {}),
        ...(around.jail !== undefined && around.seccomp ? { seccompFile: folder.startFilter } : {}),
        jailed: around.jail !== undefined,
        ramBytes,
        ...(cgroup === undefined ? {} : { cgroup }),
        ...(cgroup === undefined && watchdog !== undefined ? { watchdog } : {}),
      };
      try {
        return launch(plan);
      } catch (error) {
        void cgroup?.remove();
        throw error;
      }
    },
  };

  function enter(around: Around): string[] {
    if (around.jail !== undefined)
      return [
        around.jail,
        ...bubblewrapArguments({
          root: folder.root,
          node: folder.node,
          preload: folder.preload,
          seccomp: around.seccomp,
        }),
      ];
    // Only node may get the lock: a shell that had it could not execute the next command.
    return around.seccomp ? [env, '-i', `LD_PRELOAD=${folder.bareLock}`] : [];
  }
}

/** isolated-vm's README asks for the first; with the second a context has no SharedArrayBuffer unless it is given one. */
const engineFlags = ['--no-node-snapshot', '--enable-sharedarraybuffer-per-context'];

/** Node's permission model: read the app folder, load the one addon, nothing else. Docs: Node.js, "Permissions". */
const permissionFlags = (app: string) => ['--permission', '--allow-addons', `--allow-fs-read=${app}`];
