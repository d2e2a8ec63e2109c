import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import type { Socket } from 'node:net';
import { constants } from 'node:os';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { childPid } from './bubblewrap.ts';
import type { Cgroup } from './cgroup.ts';
import type { ResidentWatchdog } from './resident-watchdog.ts';

const tailBytes = 16 * 1024;
/** Exit code of a worker whose cgroup did not take it. */
export const cannotJoin = 96;

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
  /** The last 16 KiB each of what it wrote to stdout and then to stderr. For operators: a guest may have written them. */
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
  const [file, ...args] = enterLimits(plan);
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
  if (child.pid === undefined || !child.stdio?.[3]) {
    // No process, or one without its pipes, for want of descriptors: Node tells why on the next turn.
    child.once('error', () => {});
    child.kill('SIGKILL');
    void plan.cgroup?.remove();
    throw new Error('the machine could not start a worker process');
  }
  let pid = plan.jailed ? 0 : child.pid;
  let gone = false;
  let reason: 'ramBytes' | undefined;
  const tail = boundedTail([child.stdout, child.stderr].filter((stream) => stream !== null));
  const channel = child.stdio[3] as Socket;
  // A worker that dies while the host writes: `exited` tells it, an 'error' without a listener would end the service.
  channel.on('error', () => {});

  let forced: NodeJS.Timeout | undefined;
  const killAll = () => {
    child.kill('SIGKILL');
    plan.cgroup?.killAll();
  };
  const kill = () => {
    if (gone) return;
    // Still building: whatever is there goes.
    if (pid === 0) return killAll();
    // The worker, and bubblewrap reaps it and follows. Both at once would leave a zombie to the machine's init.
    signal(pid);
    forced ??= setTimeout(killAll, 500).unref();
  };
  if (plan.jailed) {
    let status = '';
    ((child.stdio as unknown[])[5] as Readable)
      .on('error', () => {})
      .on('data', (chunk: Buffer) => {
        if (pid !== 0) return;
        status += chunk.toString('latin1');
        pid = childPid(status) ?? 0;
      });
  }
  const watch = plan.watchdog?.watch(
    () => pid,
    plan.ramBytes,
    () => {
      reason = 'ramBytes';
      kill();
    },
  );
  const exited = new Promise<WorkerExit>((resolve) => {
    child.once('error', (error) => {
      tail.add(String(error));
      if (child.pid === undefined) finish(127, null);
    });
    child.once('exit', (code, by) => finish(code, by));
    async function finish(code: number | null, by: NodeJS.Signals | null) {
      gone = true;
      clearTimeout(forced);
      watch?.stop();
      if (plan.cgroup?.hitCap()) reason = 'ramBytes';
      await Promise.all([plan.cgroup?.remove(), tail.drain()]);
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
    ramBytes: () => (gone ? 0 : (plan.cgroup?.usedBytes() ?? watch?.lastBytes() ?? 0)),
    stderrTail: tail.text,
  };
}

/**
 * Whoever is to be held joins first and becomes the worker afterwards: no moment outside the cap, no race with its forks.
 * No core dump either: it would put guests' memory on the disk; nor any file, should a wall in front of that be missing.
 */
function enterLimits(plan: LaunchPlan): string[] {
  const script = `ulimit -c 0; ulimit -f 0; while [ "$1" != -- ]; do echo $$ > "$1" || exit ${cannotJoin}; shift; done; shift; exec "$@"`;
  return ['/bin/sh', '-c', script, 'sh', ...(plan.cgroup?.procs ?? []), '--', ...plan.command];
}

/** A pause after each chunk holds a process that floods its output to some MB/s: reading it is the host's CPU. */
function boundedTail(streams: readonly Readable[]): {
  text(): string;
  add(text: string): void;
  drain(): Promise<unknown>;
} {
  const kept = new Map(streams.map((stream) => [stream, Buffer.alloc(0)]));
  let said = '';
  let ended = false;
  for (const [stream] of kept) {
    stream.on('error', () => {});
    stream.on('data', (chunk: Buffer) => {
      kept.set(stream, Buffer.concat([kept.get(stream) ?? chunk, chunk]).subarray(-tailBytes));
      if (ended || chunk.length < tailBytes) return;
      stream.pause();
      setTimeout(() => stream.resume(), 10);
    });
  }
  return {
    text: () => [...kept.values(), said].map(String).join(''),
    add: (text) => {
      said += text;
    },
    /** The last words come after the exit; nobody can hold these pipes open for longer, but they are not trusted in that. */
    drain() {
      ended = true;
      const closes = streams.map((stream) => (stream.closed ? undefined : once(stream.resume(), 'close')));
      return Promise.race([Promise.all(closes), sleep(200, undefined, { ref: false })]);
    },
  };
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
