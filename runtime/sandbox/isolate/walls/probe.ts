import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Around, Launcher } from './launcher.ts';
import { cannotJoin, type WorkerExit, type WorkerProcess } from './worker-process.ts';

/** Where probe-inside.ts lies in the app folder. */
export const probeEntry = 'walls-probe.js';
export const probeSource = () => readFile(new URL('./probe-inside.ts', import.meta.url), 'utf8');

const MiB = 1024 * 1024;
const capBytes = 96 * MiB;
/** A probe that takes longer is made once more, then its walls count as not standing: one that hangs a worker is no wall. */
const patienceMs = 10_000;

/** No wall has refused what failed so. */
export const shortage = /^refused (EAGAIN|EMFILE|ENFILE|ENOMEM|TIMEOUT)/;

export interface Finding {
  /** Attempt -> `refused CODE` or `done ...`; undefined when the process did not come to speak. */
  outcomes: Record<string, string> | undefined;
  /** /proc/<pid>/status as the host sees it. */
  status: string;
  stderr: string;
  /** Only if it was told to use up memory. */
  exit: WorkerExit | undefined;
  /** Why this says nothing about a wall: the machine, not a wall, kept the probe from its answer. */
  unclear?: string;
}

export interface Prober {
  run(around: Around, options: { eat: boolean }): Promise<Finding>;
  close(): Promise<void>;
}

/** Lays out what a probe shall try to reach: files of the service, a port that really listens, this process. */
export async function openProber(launcher: Launcher, scratchDir: string, folderName: string): Promise<Prober> {
  const bait = await mkdtemp(join(scratchDir, folderName));
  await chmod(bait, 0o755);
  const openFile = join(bait, 'open');
  const ownerFile = join(bait, 'owner');
  const writable = join(bait, 'writable');
  await writeFile(openFile, 'canary');
  await chmod(openFile, 0o644);
  await writeFile(ownerFile, 'canary', { mode: 0o600 });
  await mkdir(writable);
  await chmod(writable, 0o777);
  const server = createServer((socket) => socket.destroy()).unref();
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;

  async function look(around: Around, { eat }: { eat: boolean }): Promise<Finding> {
    const targets = { openFile, ownerFile, writable, port, servicePid: process.pid, eatBytes: 4 * capBytes };
    const worker = launcher.start({
      around,
      isolates: false,
      entry: probeEntry,
      args: [JSON.stringify(targets)],
      ramBytes: eat ? capBytes : 1024 * MiB,
      name: 'probe',
    });
    let hurried = false;
    const timer = setTimeout(() => {
      hurried = true;
      worker.kill();
    }, patienceMs);
    let ended: WorkerExit | undefined;
    void worker.exited.then((exit) => {
      ended = exit;
    });
    try {
      const line = await firstLine(worker);
      // bubblewrap told the pid before it let the probe begin, but a service that was busy meanwhile reads both in one turn,
      // the channel first.
      while (line !== undefined && worker.pid === 0 && ended === undefined) await nextTurn();
      const status = line === undefined ? '' : await readFile(`/proc/${worker.pid}/status`, 'latin1').catch(() => '');
      if (eat && line !== undefined) {
        timer.refresh();
        worker.channel.write('eat');
        await worker.exited;
      }
      const outcomes: Finding['outcomes'] = line === undefined ? undefined : JSON.parse(line).outcomes;
      const unclear = whyUnclear(outcomes, status, ended, hurried);
      return {
        outcomes,
        status,
        stderr: worker.stderrTail().trim(),
        exit: eat && line !== undefined ? ended : undefined,
        ...(unclear === undefined ? {} : { unclear }),
      };
    } finally {
      clearTimeout(timer);
      worker.kill();
      await worker.exited;
    }
  }

  return {
    async run(around, options) {
      const first = await look(around, options);
      if (first.unclear === undefined) return first;
      const again = await look(around, options);
      if (again.outcomes === undefined) return first.outcomes === undefined ? again : first;
      // What once got through is not forgotten.
      const through = Object.entries(first.outcomes ?? {}).filter(([, outcome]) => outcome.startsWith('done'));
      return { ...again, outcomes: { ...again.outcomes, ...Object.fromEntries(through) } };
    },
    async close() {
      await new Promise((resolve) => server.close(resolve));
      await rm(bait, { recursive: true, force: true });
    },
  };
}

function firstLine(worker: WorkerProcess): Promise<string | undefined> {
  return new Promise((resolve) => {
    let text = '';
    worker.channel.on('data', (chunk: Buffer) => {
      text += chunk.toString('utf8');
      if (text.includes('\n')) resolve(text.slice(0, text.indexOf('\n')));
    });
    worker.exited.then(() => resolve(undefined));
  });
}

/** What a wall that cannot be built never does: it ends by itself, with a code and its reason on stderr. */
function whyUnclear(
  outcomes: Finding['outcomes'],
  status: string,
  ended: WorkerExit | undefined,
  hurried: boolean,
): string | undefined {
  if (outcomes === undefined && hurried) return `no answer within ${patienceMs / 1000} s`;
  if (outcomes === undefined && ended?.signal === 'SIGKILL') return 'it was killed from outside';
  if (outcomes === undefined && ended?.code === cannotJoin) return 'it could not join its cgroup';
  if (outcomes === undefined) return undefined;
  if (status === '' && process.platform === 'linux') return 'its status could not be read';
  const short = Object.values(outcomes).find((outcome) => shortage.test(outcome));
  if (short !== undefined) return `the machine was short of something (${short})`;
  return undefined;
}
