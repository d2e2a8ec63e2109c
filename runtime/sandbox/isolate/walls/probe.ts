import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import type { Around, Launcher } from './launcher.ts';
import type { WorkerExit, WorkerProcess } from './worker-process.ts';

/** Where probe-inside.ts lies in the app folder. */
export const probeEntry = 'walls-probe.js';
export const probeSource = () => readFile(new URL('./probe-inside.ts', import.meta.url), 'utf8');

const MiB = 1024 * 1024;
const capBytes = 96 * MiB;
/** A probe that takes longer counts as failed: a wall that hangs a worker is no wall. */
const patienceMs = 10_000;

export interface Finding {
  /** Attempt -> `refused CODE` or `done ...`; undefined when the process did not come to speak. */
  outcomes: Record<string, string> | undefined;
  /** /proc/<pid>/status as the host sees it. */
  status: string;
  stderr: string;
  /** Only if it was told to use up memory. */
  exit: WorkerExit | undefined;
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

  return {
    async run(around, { eat }) {
      const targets = { openFile, ownerFile, writable, port, servicePid: process.pid, eatBytes: 4 * capBytes };
      const worker = launcher.start({
        around,
        isolates: false,
        entry: probeEntry,
        args: [JSON.stringify(targets)],
        ramBytes: eat ? capBytes : 1024 * MiB,
        name: 'probe',
      });
      const timer = setTimeout(worker.kill, patienceMs);
      try {
        const line = await firstLine(worker);
        const status = line === undefined ? '' : await readFile(`/proc/${worker.pid}/status`, 'latin1').catch(() => '');
        let exit: WorkerExit | undefined;
        if (eat && line !== undefined) {
          worker.channel.write('eat');
          exit = await worker.exited;
        }
        return {
          outcomes: line === undefined ? undefined : JSON.parse(line).outcomes,
          status,
          stderr: worker.stderrTail().trim(),
          exit,
        };
      } finally {
        clearTimeout(timer);
        worker.kill();
        await worker.exited;
      }
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
