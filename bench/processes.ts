/** Every process that the benchmark starts and every folder that it makes, so that none outlives it. */
import type { ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';

/** A draining service needs a moment; past this it is killed. */
const END_WITHIN_MS = 10_000;

export interface Processes {
  add(child: ChildProcess): void;
  /** Asks it to end, then kills it, by its pid alone. Resolves when it is gone. */
  end(child: ChildProcess): Promise<void>;
  /** A new folder on the disk of the project, where the default data directory lies too: /tmp may be memory, which flushes for free. */
  folder(): string;
  /** Done when the benchmark ends, however it ends, after its processes are gone. Must not throw. */
  atEnd(task: () => Promise<void>): void;
  close(): Promise<void>;
}

export function createProcesses(root: string): Processes {
  const children = new Set<ChildProcess>();
  const folders = new Set<string>();
  const tasks: (() => Promise<void>)[] = [];
  /** Ended, or never begun. */
  const gone = (child: ChildProcess) => child.pid === undefined || child.exitCode !== null || child.signalCode !== null;

  async function end(child: ChildProcess): Promise<void> {
    if (!gone(child)) {
      const exited = new Promise((resolve) => child.once('exit', resolve));
      const timer = setTimeout(() => child.kill('SIGKILL'), END_WITHIN_MS);
      child.kill('SIGTERM');
      await exited;
      clearTimeout(timer);
    }
    children.delete(child);
  }

  return {
    add(child) {
      children.add(child);
      child.once('exit', () => children.delete(child));
    },
    end,
    folder() {
      const parent = join(root, 'node_modules', '.cache');
      mkdirSync(parent, { recursive: true });
      const folder = mkdtempSync(join(parent, `cordon-bench-${process.pid}-`));
      folders.add(folder);
      return folder;
    },
    atEnd: (task) => void tasks.push(task),
    async close() {
      await Promise.all([...children].map(end));
      for (const task of tasks.splice(0)) await task();
      for (const folder of folders) rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** A loopback port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}
