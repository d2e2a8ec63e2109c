/** The service under test: what `npm start` gives, with a port and a data directory of its own and nothing else set. */
import { spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Target } from './load/job.ts';
import { childrenOf } from './process-figures.ts';
import { freePort, type Processes } from './processes.ts';

export const root = join(import.meta.dirname, '..');
const READY_WITHIN_MS = 60_000;

export interface Service {
  port: number;
  dataDir: string;
  /** From the spawn to the first 200 of /readyz. */
  readyMs: number;
  /** Of the service itself, below the script that `npm start` runs. */
  pid: number;
  api(method: string, path: string, body?: unknown): Promise<Response>;
  /** Makes the agents `NAME-0` to `NAME-(count-1)`, with default quotas; gives their ids. */
  makeAgents(name: string, count: number): Promise<string[]>;
  /** A load target that runs `code` for these agents in turn. */
  runs(agents: string[], program?: { language?: string; code?: string; expect?: string }): Target;
  /** Waits until the pool has its blank workers again, so that one subject's aftermath does not burden the next. */
  settled(): Promise<void>;
  /** Lines of the log so far. */
  log(): Record<string, unknown>[];
  stop(): Promise<void>;
}

export interface ServiceOptions {
  dataDir?: string;
  env?: Record<string, string>;
}

/** Errors: the service's own words when it does not get ready. */
export async function startService(
  processes: Processes,
  { dataDir = processes.folder(), env = {} }: ServiceOptions = {},
): Promise<Service> {
  const port = await freePort();
  const logFile = join(processes.folder(), 'log');
  const log = openSync(logFile, 'a');
  const inherited = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(CORDON|OTEL|NODE_)/.test(name)),
  );
  const start = performance.now();
  const child = spawn(process.execPath, ['scripts/with-dependencies.mjs', 'node', 'api/main.ts'], {
    cwd: root,
    stdio: ['ignore', log, log],
    env: { ...inherited, ...env, CORDON_PORT: String(port), CORDON_DATA: dataDir },
  });
  processes.add(child);
  closeSync(log);
  const base = `http://127.0.0.1:${port}`;
  await ready(`${base}/readyz`, start, () =>
    child.exitCode === null ? undefined : readFileSync(logFile, 'utf8').slice(-2000),
  );
  const readyMs = performance.now() - start;
  const keyFile = join(dataDir, 'admin-key');
  if (!existsSync(keyFile)) throw new Error('the service made no admin-key');
  const authorization = `Bearer ${readFileSync(keyFile, 'utf8').trim()}`;

  async function api(method: string, path: string, body?: unknown): Promise<Response> {
    const headers = { authorization, ...(body === undefined ? {} : { 'content-type': 'application/json' }) };
    const answer = await fetch(base + path, {
      method,
      headers,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
    return answer;
  }

  /** `python`: it has a blank worker of its own, besides the configured number. */
  async function counts(): Promise<{ workers: number; blankWorkers: number; python: boolean }> {
    const { items } = (await (await api('GET', '/v1/drivers')).json()) as {
      items: {
        driver: string;
        languages: { language: string }[];
        sandboxes: { workers: number; blankWorkers: number };
      }[];
    };
    const isolate = items.find(({ driver }) => driver === 'isolate');
    const python = isolate?.languages.some(({ language }) => language === 'python') ?? false;
    return { ...(isolate?.sandboxes ?? { workers: 0, blankWorkers: 0 }), python };
  }

  return {
    port,
    dataDir,
    readyMs,
    pid: childrenOf(child.pid as number)[0] ?? (child.pid as number),
    api,

    async makeAgents(name, count) {
      const ids = Array.from({ length: count }, (_, at) => `${name}-${at}`);
      for (const id of ids) await (await api('POST', '/v1/agents', { id })).arrayBuffer();
      return ids;
    },

    runs: (agents, { language = 'javascript', code = '1+1', expect = '"result":2' } = {}) => ({
      port,
      path: '/v1/runs',
      headers: { authorization, 'content-type': 'application/json' },
      bodies: agents.map((agent) => JSON.stringify({ agent, language, code })),
      expect,
    }),

    async settled() {
      const { blankWorkers: wanted } = (await (await api('GET', '/v1/config')).json()) as { blankWorkers: number };
      for (let before = -1, same = 0, tries = 0; same < 3 && tries < 200; tries++) {
        const { workers, blankWorkers, python } = await counts();
        same = workers === before && blankWorkers >= wanted + (python ? 1 : 0) ? same + 1 : 0;
        before = workers;
        await sleep(50);
      }
    },

    log: () =>
      readFileSync(logFile, 'utf8')
        .split('\n')
        .filter((line) => line.startsWith('{'))
        .map((line) => JSON.parse(line)),
    stop: () => processes.end(child),
  };
}

async function ready(url: string, start: number, died: () => string | undefined): Promise<void> {
  for (;;) {
    const answer = await fetch(url).catch(() => undefined);
    await answer?.arrayBuffer();
    if (answer?.status === 200) return;
    const words = died();
    if (words !== undefined) throw new Error(`the service did not start:\n${words}`);
    if (performance.now() - start > READY_WITHIN_MS) throw new Error('the service did not get ready within a minute');
    await sleep(2);
  }
}
