import type { WallReport } from '../../driver.ts';
import { installHint } from './bubblewrap.ts';
import { type Cgroups, openCgroups } from './cgroup.ts';
import { findScratch, type JailFile, jailFolderName, makeJailFolder, reapJailFolders } from './jail-folder.ts';
import { type Around, createLauncher } from './launcher.ts';
import { type Finding, openProber, probeSource } from './probe.ts';
import { createResidentWatchdog, watchdogIntervalMs } from './resident-watchdog.ts';
import { findCommand, unprivilegedUsers } from './unprivileged-user.ts';
import { judgeJail, judgePermissions, judgeRam, judgeSeccomp, judgeUser } from './verdict.ts';
import type { WorkerProcess } from './worker-process.ts';

export type { JailFile } from './jail-folder.ts';
export type { WorkerExit, WorkerProcess } from './worker-process.ts';

export const wallNames = ['isolate', 'permissions', 'jail', 'seccomp', 'user', 'ram'] as const;
export type WallName = (typeof wallNames)[number];

export interface WallsOptions {
  /** Path below the jail's app folder -> text or bytes: sources of the worker (`.ts` becomes `.js`) and assets. */
  files?: ReadonlyMap<string, string | Uint8Array>;
  /** Folders to copy, such as a language's files. */
  folders?: readonly { from: string; to: string }[];
  /** The worker's main file, as named in `files`; default `worker/main.ts`. */
  entry?: string;
  /** Where the jail folder is made; must be on a file system that may execute. Default: a temporary folder that every user can reach. */
  scratchDir?: string;
  /** Walls to leave out: for the test of the tests only, never a setting. */
  disable?: readonly WallName[];
}

/** What stands around every worker process, and the one way to start one. */
export interface Walls {
  readonly report: readonly WallReport[];
  /** Names of the walls that stand, as in a run's record. */
  readonly standing: string[];
  /** Those of `required` that do not stand, unknown names included. */
  missing(required: readonly string[] | 'all'): WallReport[];
  /** The isolate is probed by who makes isolates; until then it does not stand. */
  reportIsolate(report: Omit<WallReport, 'name'>): void;
  /** Puts more files where workers that start later find them. Errors: the file system's. */
  add(files: ReadonlyMap<string, JailFile>): Promise<void>;
  /**
   * Starts a worker, with the common entry unless another is named. Throws if the machine refuses (no fds, no pids), and
   * after `close`. `name` is for operators, e.g. in a cgroup's path.
   */
  spawn(options: { ramBytes: number; name: string; entry?: string; args?: readonly string[] }): WorkerProcess;
  /** Kills every worker, waits for their end, and removes folder and cgroups. */
  close(): Promise<void>;
}

/**
 * Builds the walls of this machine once per service and probes each. Where one cannot stand the others still do, and its
 * report says why. Errors: the jail folder cannot be written.
 */
export async function prepareWalls(options: WallsOptions): Promise<Walls> {
  const disabled = new Set<string>(options.disable ?? []);
  const scratchDir = await findScratch(options.scratchDir);
  await reapJailFolders(scratchDir);
  const bwrap = process.platform === 'linux' && !disabled.has('jail') ? findCommand('bwrap') : undefined;
  const folder = await makeJailFolder({
    scratchDir,
    files: new Map([...(options.files ?? []), ['walls-probe.ts', await probeSource()]]),
    folders: options.folders ?? [],
    asRoot: bwrap !== undefined,
  });
  const opened = openCgroups();
  const cgroups = isOpen(opened) ? opened : undefined;
  const watchdog = createResidentWatchdog();
  const capped = !disabled.has('ram');
  const launcher = createLauncher({
    folder,
    users: unprivilegedUsers(),
    cgroups: capped ? cgroups : undefined,
    watchdog: capped ? watchdog : undefined,
  });
  const workers = new Set<WorkerProcess>();
  const around: Around = {
    permissions: !disabled.has('permissions'),
    jail: bwrap,
    seccomp: folder.hasFilters && !disabled.has('seccomp'),
    user: !disabled.has('user'),
  };
  const report: WallReport[] = [{ name: 'isolate', stands: false, detail: 'not probed yet' }];

  let closed = false;
  const close = async () => {
    closed = true;
    for (const worker of workers) worker.kill();
    await Promise.all([...workers].map((worker) => worker.exited));
    watchdog.close();
    cgroups?.close();
    await folder.remove();
  };
  try {
    report.push(...(await probeAll()));
  } catch (error) {
    await close();
    throw error;
  }

  /** Each wall alone where it can be looked at alone, so that no other takes its credit; then all together. */
  async function probeAll(): Promise<WallReport[]> {
    const prober = await openProber(launcher, scratchDir, jailFolderName());
    const none: Around = { permissions: false, jail: undefined, seccomp: false, user: around.user };
    try {
      const [permissions, jailed, alone] = await Promise.all([
        around.permissions ? prober.run({ ...none, permissions: true }, { eat: false }) : undefined,
        bwrap === undefined ? undefined : prober.run({ ...none, jail: bwrap }, { eat: false }),
        around.user ? prober.run(none, { eat: false }) : undefined,
      ]);
      const jail = jailed === undefined ? off('jail', whyNoJail()) : judgeJail(jailed);
      // What keeps a process from starting is left out, so that workers start all the same, as in a default container.
      // What starts but has a hole is kept: it still stops something. So is what could not be judged.
      if (jailed !== undefined && cannotStart(jailed)) around.jail = undefined;
      const whole = await prober.run({ ...around, permissions: false }, { eat: capped });
      const seccomp = around.seccomp
        ? judgeSeccomp(whole, around.jail === undefined ? 1 : 2)
        : off('seccomp', folder.hasFilters ? undefined : `no filter for ${process.platform} ${process.arch}`);
      if (cannotStart(whole)) around.seccomp = false;
      const capProbe =
        whole.outcomes === undefined ? await prober.run({ ...around, permissions: false }, { eat: capped }) : whole;
      return [
        permissions === undefined ? off('permissions') : judgePermissions(permissions),
        jail,
        seccomp,
        alone === undefined ? off('user') : judgeUser(alone, jail.stands),
        capped ? judgeRam(capProbe, capMeans(opened)) : off('ram'),
      ];
    } finally {
      await prober.close();
    }
  }

  return {
    report,
    get standing() {
      return report.filter((wall) => wall.stands).map((wall) => wall.name);
    },
    missing(required) {
      const names = required === 'all' ? wallNames : required;
      return names
        .map(
          (name) =>
            report.find((wall) => wall.name === name) ?? { name, stands: false, detail: 'there is no such wall' },
        )
        .filter((wall) => !wall.stands);
    },
    reportIsolate: (isolate) => void report.splice(0, 1, { name: 'isolate', ...isolate }),
    add: (files) => folder.add(files),
    spawn({ ramBytes, name, entry = options.entry ?? 'worker/main.ts', args = [] }) {
      if (closed) throw new Error('the walls are closed');
      const script = entry.replace(/\.ts$/, '.js');
      const worker = launcher.start({ around, isolates: true, entry: script, args, ramBytes, name });
      workers.add(worker);
      worker.exited.then(() => workers.delete(worker));
      return worker;
    },
    close,
  };

  function whyNoJail(): string | undefined {
    if (disabled.has('jail')) return undefined;
    return process.platform === 'linux' ? `bubblewrap is not installed: ${installHint}` : 'needs Linux';
  }
}

const cannotStart = ({ outcomes, unclear }: Finding) => outcomes === undefined && unclear === undefined;

const off = (name: WallName, reason = 'disabled'): WallReport => ({ name, stands: false, detail: reason });

const capMeans = (cgroups: Cgroups | { reason: string }) =>
  isOpen(cgroups)
    ? `cgroup version ${cgroups.version}`
    : `memory looked at every ${watchdogIntervalMs} ms (no cgroup: ${cgroups.reason})`;

const isOpen = (cgroups: Cgroups | { reason: string }): cgroups is Cgroups => 'make' in cgroups;
