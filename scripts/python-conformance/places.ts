/** Where the programs run: the real service through its HTTP API, or the same Pyodide in plain Node.js to compare with. */
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { createProcesses } from '../../bench/processes.ts';
import { startService } from '../../bench/service.ts';
import type { RunRecord } from '../../runtime/run/record.ts';

export interface Program {
  code: string;
  input: unknown;
}

export interface Ran {
  stdout: string;
  /** Nothing when the program ended by itself, else what ended it. */
  ended?: string;
  result?: unknown;
}

export interface Place {
  run(program: Program): Promise<Ran>;
  close(): Promise<void>;
}

const root = join(import.meta.dirname, '../..');
const MiB = 1024 ** 2;
const POLL_MS = 100;

/** Of one run. `ramBytes` and the rest are set so that what a test asks is what decides, not a default. */
export const limits = {
  cpuMs: 40_000,
  wallMs: 240_000,
  ramBytes: 1024 * MiB,
  workspaceBytes: 4096 * MiB,
  files: 100_000,
  hostCalls: 10_000_000,
  outputBytes: 64 * MiB,
  resultBytes: 16 * MiB,
};

/** [path from `folder`, bytes] of every file, `folder`'s own name first. */
function* filesOf(folder: string, name: string): Generator<[string, Buffer]> {
  for (const entry of readdirSync(join(folder, name))) {
    const path = `${name}/${entry}`;
    if (statSync(join(folder, path)).isDirectory()) yield* filesOf(folder, path);
    else yield [path, readFileSync(join(folder, path))];
  }
}

/** A service with a data folder and a port of its own. The package `test` is put into the agent's workspace first. */
export async function openService(library: string | undefined): Promise<Place> {
  const processes = createProcesses(root);
  try {
    const service = await startService(processes, { env: { CORDON_DURABILITY: 'process' } });
    const authorization = `Bearer ${readFileSync(join(service.dataDir, 'admin-key'), 'utf8').trim()}`;
    for (const [path, body] of library === undefined ? [] : filesOf(library, 'test')) {
      const place = path.split('/').map(encodeURIComponent).join('/');
      const url = `http://127.0.0.1:${service.port}/v1/agents/default/files/${place}`;
      const answer = await fetch(url, { method: 'PUT', headers: { authorization }, body: new Uint8Array(body) });
      if (!answer.ok) throw new Error(`PUT ${path}: ${answer.status} ${await answer.text()}`);
      await answer.arrayBuffer();
    }
    const ask = async (method: string, path: string, body?: unknown) =>
      (await (await service.api(method, path, body)).json()) as RunRecord;
    return {
      async run({ code, input }) {
        let record = await ask('POST', '/v1/runs', { language: 'python', code, input, limits });
        while (record.status === 'queued' || record.status === 'running') {
          await new Promise((resolve) => setTimeout(resolve, POLL_MS));
          record = await ask('GET', `/v1/runs/${record.id}`);
        }
        const { status, error, stdout, stderr, result } = record;
        if (status === 'succeeded') return { stdout, result };
        const why = error?.limit ?? `${error?.name} ${error?.message}`;
        return { stdout, ended: `${status}: ${why} ${stderr.slice(-200)}`.trim() };
      },
      close: () => processes.close(),
    };
  } catch (error) {
    await processes.close();
    throw error;
  }
}

/** A process for each run. */
export function openPlain(library: string | undefined): Place {
  return {
    run: (program) =>
      new Promise((resolve) => {
        const script = join(import.meta.dirname, 'plain-pyodide.ts');
        const child = spawn(process.execPath, [script, ...(library === undefined ? [] : [library])], {
          stdio: ['pipe', 'pipe', 'ignore'],
        });
        const chunks: Buffer[] = [];
        const timer = setTimeout(() => child.kill('SIGKILL'), limits.cpuMs);
        child.stdout.on('data', (chunk) => chunks.push(chunk));
        child.stdin.on('error', () => {});
        child.stdin.end(JSON.stringify(program));
        child.once('close', (code, signal) => {
          clearTimeout(timer);
          const stdout = Buffer.concat(chunks).toString();
          resolve(code === 0 ? { stdout } : { stdout, ended: signal === null ? 'the process broke' : 'time' });
        });
      }),
    close: async () => {},
  };
}
