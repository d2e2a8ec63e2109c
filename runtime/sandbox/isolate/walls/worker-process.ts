import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import type { Socket } from 'node:net';
import { constants } from 'node:os';
import type { Readable } from 'node:stream';
import { childPid } from './bubblewrap.ts';
import type { Cgroup } from './cgroup.ts';
import { privateBytesLinux, type ResidentWatchdog } from './resident-watchdog.ts';

const tailBytes = 16 * 1024;

export interface WorkerExit {
  code: number | null;
  signal: NodeJS.Signals | null;
  /** Set when the memory cap was the cause. */
  reason?: 'ramBytes';
}

/** One jailed process. */
export interface WorkerProcess {
  /** The worker itself as this machine sees it, not bubblewrap; 0 until the jail stands (some ms), then fixed. */
  readonly pid: number;
  /** fd 3 of the worker: the framed protocol. */
  readonly channel: Socket;
  /** Settles when nothing of the jail is left. Never rejects; a jail that could not start exits with a code and `stderrTail`. */
  readonly exited: Promise<WorkerExit>;
  /** SIGKILL to everything inside. Harmless when it is gone. */
  kill(): void;
  /** Memory now, in bytes, as the cap counts it. */
  ramBytes(): number;
  /** The last 16 KiB that the process wrote to stdout and stderr. Diagnostics for operators: a guest may have written them. */
  stderrTail(): string;
}

export interface LaunchPlan {
  command: string[];
  env: Record<string, string>;
  cwd: string;
  uid?: number;
  /** File with the filter for bubblewrap, passed as fd 4. */
  seccompFile?: string;
  /** bubblewrap reports the real pid on fd 5. */
  jailed: boolean;
  ramBytes: number;
  cgroup?: Cgroup;
  watchdog?: ResidentWatchdog;
}

/** Starts one worker. The caller has made the cgroup; it is removed here after the end. */
export function launch(plan: LaunchPlan): WorkerProcess {
  const seccomp = plan.seccompFile === undefined ? undefined : openSync(plan.seccompFile, 'r');
  const [file, ...args] = joinCgroup(plan);
  let child: ChildProcess;
  try {
    child = spawn(file as string, args, {
      env: plan.env,
      cwd: plan.cwd,
      stdio: ['ignore', 'pipe', 'pipe', 'pipe', seccomp ?? 'ignore', plan.jailed ? 'pipe' : 'ignore'],
      ...(plan.uid === undefined ? {} : { uid: plan.uid, gid: plan.uid }),
    });
  } finally {
    if (seccomp !== undefined) closeSync(seccomp);
  }
  let pid = plan.jailed ? 0 : (child.pid ?? 0);
  let gone = false;
  let reason: 'ramBytes' | undefined;
  const tail = boundedTail([child.stdout, child.stderr]);
  const channel = child.stdio[3] as Socket;
  // A worker that dies while the host writes: `exited` tells it, an 'error' without a listener would end the service.
  channel.on('error', () => {});

  const kill = () => {
    if (gone) return;
    // The worker first: as pid 1 it takes all of its jail with it. bubblewrap outside follows, or is still building.
    if (pid !== 0) signal(pid);
    child.kill('SIGKILL');
    plan.cgroup?.killAll();
  };
  if (plan.jailed) {
    let status = '';
    ((child.stdio as unknown[])[5] as Readable).on('error', () => {}).on('data', (chunk: Buffer) => {
      if (pid !== 0) return;
      status += chunk.toString('latin1');
      pid = childPid(status) ?? 0;
    });
  }
  const unwatch = plan.watchdog?.watch(() => pid, plan.ramBytes, () => {
    reason = 'ramBytes';
    kill();
  });
  const exited = new Promise<WorkerExit>((resolve) => {
    child.once('error', (error) => {
      tail.add(String(error));
      if (child.pid === undefined) finish(127, null);
    });
    child.once('exit', (code, by) => finish(code, by));
    async function finish(code: number | null, by: NodeJS.Signals | null) {
      gone = true;
      unwatch?.();
      if (plan.cgroup?.hitCap()) reason = 'ramBytes';
      await plan.cgroup?.remove();
      // bubblewrap answers for a killed worker with 128 + signal, as a shell does.
      const inner = plan.jailed && code !== null && code > 128 ? signalName(code - 128) : undefined;
      const end = inner === undefined ? { code, signal: by } : { code: null, signal: inner };
      resolve(reason === undefined ? end : { ...end, reason });
    }
  });
  return {
    get pid() {
      return pid;
    },
    channel,
    exited,
    kill,
    ramBytes: () => (gone ? 0 : (plan.cgroup?.usedBytes() ?? privateBytesLinux(pid))),
    stderrTail: tail.text,
  };
}

/** Whoever is to be held joins first and becomes the worker afterwards: no moment outside the cap, no race with its forks. */
function joinCgroup(plan: LaunchPlan): string[] {
  if (plan.cgroup === undefined) return plan.command;
  const script = 'while [ "$1" != -- ]; do echo $$ > "$1" || exit 96; shift; done; shift; exec "$@"';
  return ['/bin/sh', '-c', script, 'sh', ...plan.cgroup.procs, '--', ...plan.command];
}

function boundedTail(streams: (Readable | null)[]): { text(): string; add(text: string): void } {
  let kept = Buffer.alloc(0);
  const add = (chunk: Buffer) => {
    kept = Buffer.concat([kept, chunk]).subarray(-tailBytes);
  };
  for (const stream of streams) stream?.on('error', () => {}).on('data', add);
  return { text: () => kept.toString('utf8'), add: (text) => add(Buffer.from(text)) };
}

function signalName(number: number): NodeJS.Signals | undefined {
  return (Object.entries(constants.signals) as [NodeJS.Signals, number][]).find(([, value]) => value === number)?.[0];
}

function signal(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // Gone already.
  }
}
