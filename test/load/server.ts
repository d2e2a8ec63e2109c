/** The service as `npm start` gives it: a process of its own, that can be killed. */
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const main = join(import.meta.dirname, '../../api/main.ts');

export interface Server {
  url: string;
  key: string;
  pid: number;
  child: ChildProcess;
  /** From spawn to the first word of readiness, in ms. */
  readyMs: number;
  /** Settles when the process is gone. */
  exited: Promise<{ code: number | null; signal: string | null }>;
  log(): string;
}

/** Starts the service on `dataDir`; resolves when `/readyz` says so. */
export async function startServer(dataDir: string, env: Record<string, string> = {}): Promise<Server> {
  const began = performance.now();
  const { PATH = '' } = process.env;
  const child = spawn(process.execPath, [main], {
    env: {
      PATH,
      CORDON_DATA: dataDir,
      CORDON_PORT: '0',
      CORDON_LOG_LEVEL: 'warn',
      CORDON_BLANK_WORKERS: '1',
      CORDON_ENGINE: 'none',
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  const exited = new Promise<{ code: number | null; signal: string | null }>((resolve) =>
    child.once('exit', (code, signal) => resolve({ code, signal })),
  );
  const url = await new Promise<string>((resolve, reject) => {
    const read = (chunk: Buffer) => {
      text += chunk;
      const found = /listens on (http:\/\/[\d.:]+\d)/.exec(text)?.[1];
      if (found) resolve(found);
    };
    child.stdout.on('data', read);
    child.stderr.on('data', read);
    void exited.then(({ code, signal }) => reject(new Error(`the service ended (${code ?? signal}): ${text}`)));
  });
  for (;;) {
    const answer = await fetch(`${url}/readyz`);
    await answer.arrayBuffer();
    if (answer.status === 200) break;
  }
  const readyMs = performance.now() - began;
  const key = readFileSync(join(dataDir, 'admin-key'), 'utf8').trim();
  return { url, key, pid: child.pid as number, child, readyMs, exited, log: () => text };
}

/** One request, JSON in and out. */
export async function ask(
  { url, key }: Pick<Server, 'url' | 'key'>,
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<{ status: number; headers: Headers; text: string; json: any }> {
  const raw = typeof body === 'string' || body instanceof Uint8Array;
  const response = await fetch(`${url}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${key}`,
      ...(body !== undefined && !raw && { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: raw ? (body as string) : JSON.stringify(body) }),
  });
  const text = await response.text();
  const isJson = /json/.test(response.headers.get('content-type') ?? '') && text !== '';
  return { status: response.status, headers: response.headers, text, json: isJson ? JSON.parse(text) : undefined };
}

export const run = (
  server: Pick<Server, 'url' | 'key'>,
  agent: string,
  code: string,
  headers: Record<string, string> = {},
  more: object = {},
) => ask(server, 'POST', '/v1/runs', { agent, language: 'javascript', code, ...more }, headers);

/** Kills it and waits for its end. */
export async function killServer(server: Server): Promise<void> {
  server.child.kill('SIGKILL');
  await server.exited;
}
