import { fileURLToPath } from 'node:url';
import { MessageChannel, Worker } from 'node:worker_threads';
import { createFileLocks, type FileLocks } from '../../../runtime/run/file-locks.ts';
import { createGuestFiles } from '../../../runtime/run/guest-files.ts';
import type { Workspace } from '../../../runtime/workspace/workspace.ts';
import { MiB, owner } from '../../workspace/scratch.ts';

export interface Ran {
  /** What the program left in `result`, through JSON. */
  result: unknown;
  /** The uncaught exception's last line. */
  error?: string;
  /** Host calls by operation. */
  calls: Record<string, number>;
  /** The limit that the last ENOSPC stood for. */
  limit: string | undefined;
}

export interface PythonThread {
  run(program: string): Promise<Ran>;
  /** Ends it as a killed run ends: nothing of it works any more, then its locks go. */
  end(): Promise<void>;
}

interface Options {
  workspace: Workspace;
  locks?: FileLocks;
  limits?: { workspaceBytes: number; files: number };
}

/** Python of plain Pyodide in a thread, with /workspace mounted as in a sandbox; this thread answers its host calls. */
export async function startPython({ workspace, locks = createFileLocks(), limits }: Options): Promise<PythonThread> {
  const files = createGuestFiles({
    workspace,
    locks: locks.open(owner),
    limits: limits ?? { workspaceBytes: 1024 * MiB, files: 10_000 },
    quota: { bytes: 1024 * MiB, files: 10_000 },
  });
  const { port1, port2 } = new MessageChannel();
  // The tests' V8 flags take the global SharedArrayBuffer away; a shared memory has one.
  const { Memory } = Reflect.get(globalThis, 'WebAssembly');
  const answered = new Int32Array(new Memory({ initial: 1, maximum: 1, shared: true }).buffer);
  port1.on('message', async ({ op, args, bytes }) => {
    const reply = await files.call({ op, args, ...(bytes ? { bytes: new Uint8Array(bytes) } : {}) });
    port1.postMessage(reply.ok && reply.bytes ? { ...reply, bytes: reply.bytes.slice().buffer } : reply);
    Atomics.store(answered, 0, 1);
    Atomics.notify(answered, 0);
  });
  const worker = new Worker(fileURLToPath(new URL('./python-thread-main.ts', import.meta.url)), {
    workerData: { port: port2, answered },
    transferList: [port2],
    execArgv: [],
  });
  const next = () =>
    new Promise<Ran>((resolve, reject) => {
      worker.once('message', (message) => {
        worker.off('error', reject);
        resolve(message);
      });
      worker.once('error', reject);
    });
  await next();
  return {
    run(program) {
      worker.postMessage(program);
      return next();
    },
    async end() {
      await worker.terminate();
      port1.close();
      await files.flush();
    },
  };
}
