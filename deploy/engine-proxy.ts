/**
 * Stands between Cordon and a container engine and lets pass what Cordon asks of one, nothing else: who takes over the
 * service gets containers with Cordon's walls around them, not the machine. docs/DEPLOY.md says where it belongs.
 * `node deploy/engine-proxy.ts LISTEN_SOCKET ENGINE_SOCKET CONTAINERS_FOLDER [IMAGE...]`
 */
import { chmodSync, realpathSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { type CreateRules, mayCreate, mayUpdate, rulesFor } from './engine-rules.ts';

const MAX_BODY_BYTES = 256 * 1024;

export interface ProxyOptions {
  engineSocket: string;
  rules: CreateRules;
  /** What was refused, or why the engine could not be asked: for operators. */
  onRefused(status: number, message: string): void;
}

/** An HTTP server for `listen`. It answers 403 where the engine is not asked, as the engine would: `{message}`. */
export function createEngineProxy({ engineSocket, rules, onRefused }: ProxyOptions) {
  return createServer((incoming, answer) => {
    void serve(incoming, answer).catch((error: Error) => {
      if (answer.headersSent) return answer.destroy();
      const status = error instanceof Refused ? 403 : 502;
      onRefused(status, error.message);
      answer.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify({ message: error.message }));
    });
  });

  async function serve(incoming: IncomingMessage, answer: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(incoming.url ?? '', 'http://engine');
    const asked = `${incoming.method} ${pathname.replace(/^\/v1\.\d+(?=\/)/, '')}`;
    const [, id] = /^\w+ \/containers\/([0-9a-f]{64})(?:\/|$)/.exec(asked) ?? [];
    if (/^GET \/(_ping|version|info)$/.test(asked)) return forward(incoming, answer, pathname);
    if (/^GET \/(events|containers\/json)$/.test(asked) && onlyOurs(searchParams.get('filters')))
      return forward(incoming, answer, `${pathname}?${searchParams}`);
    const [, image] = /^GET \/images\/(.+)\/json$/.exec(asked) ?? [];
    if (image !== undefined && rules.isImage(decodeURIComponent(image))) return forward(incoming, answer, pathname);
    if (asked === 'POST /containers/create') {
      const spec = await readJson(incoming);
      if (mayCreate(spec, rules)) return forward(incoming, answer, pathname, spec);
    }
    if (id === undefined || !(await isOurs(id))) throw new Refused(asked);
    const rest = asked.replace(id, 'ID');
    if (/^(GET \/containers\/ID\/(json|stats)|DELETE \/containers\/ID|POST \/containers\/ID\/wait)$/.test(rest))
      return forward(incoming, answer, `${pathname}?${searchParams}`);
    if (rest === 'POST /containers/ID/start') return forward(incoming, answer, pathname);
    if (rest === 'POST /containers/ID/update') {
      const limits = await readJson(incoming);
      if (mayUpdate(limits)) return forward(incoming, answer, pathname, limits);
    }
    throw new Refused(asked);
  }

  /** The body is written anew: the engine's reader of JSON takes keys in any case and the last of two. */
  function forward(incoming: IncomingMessage, answer: ServerResponse, path: string, body?: unknown): Promise<void> {
    const text = body === undefined ? undefined : JSON.stringify(body);
    const headers = text === undefined ? {} : { 'content-type': 'application/json' };
    if (body === undefined) incoming.resume();
    return new Promise((resolve, reject) => {
      const asking = request({ socketPath: engineSocket, method: incoming.method, path, headers }, (reply) => {
        const { 'content-type': type = 'application/json' } = reply.headers;
        answer.writeHead(reply.statusCode ?? 502, { 'content-type': type }).flushHeaders();
        reply.pipe(answer);
        reply.once('end', resolve).once('error', reject);
      });
      asking.once('error', reject);
      answer.once('close', () => asking.destroy());
      asking.end(text);
    });
  }

  /** By its label, as the engine knows it: this process remembers nothing. */
  async function isOurs(id: string): Promise<boolean> {
    const found = (await ask(`/containers/${id}/json`)) as { Config?: { Labels?: Record<string, string> } };
    return found.Config === undefined || rules.installationLabel in (found.Config.Labels ?? {});
  }

  function ask(path: string): Promise<unknown> {
    return new Promise((resolve, reject) => {
      request({ socketPath: engineSocket, path }, (reply) => readJson(reply, 8 * 1024 * 1024).then(resolve, reject))
        .once('error', reject)
        .end();
    });
  }

  function onlyOurs(filters: string | null): boolean {
    const { label } = JSON.parse(filters ?? '{}') as { label?: unknown };
    return Array.isArray(label) && label.length > 0 && String(label[0]).startsWith(`${rules.installationLabel}=`);
  }
}

class Refused extends Error {
  constructor(asked: string) {
    super(`not allowed through this proxy: ${asked}`);
  }
}

async function readJson(stream: IncomingMessage, maxBytes = MAX_BODY_BYTES): Promise<unknown> {
  let bytes = 0;
  const chunks: Buffer[] = [];
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > maxBytes) throw new Refused('a body that is too large');
    chunks.push(chunk);
  }
  return JSON.parse(Buffer.concat(chunks).toString('utf8') || '{}');
}

if (import.meta.main) {
  const [listen = '', engineSocket = '', folder = '', ...images] = process.argv.slice(2);
  if (folder === '') throw new Error('usage: engine-proxy.ts LISTEN_SOCKET ENGINE_SOCKET CONTAINERS_FOLDER [IMAGE...]');
  // A link in the folder would lead the engine to any place of the machine.
  const isPlain = (path: string) => realpathSync(path) === path;
  const server = createEngineProxy({
    engineSocket,
    rules: rulesFor(folder, images, isPlain),
    onRefused: (status, message) => console.error(`${status} ${message}`),
  });
  rmSync(listen, { force: true });
  server.listen(listen, () => {
    // Who may connect is decided by the folder that it lies in.
    chmodSync(listen, 0o666);
    console.log(`Lets Cordon's requests through to ${engineSocket}`);
  });
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => process.exit(0));
}
