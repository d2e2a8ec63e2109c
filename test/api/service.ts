/** The real app on the real runtime, in a data directory of its own. Tests hand it requests; a few need a port. */

import { mkdtempSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createApp } from '../../api/app.ts';
import { createAdaptorServer } from '../../api/http.ts';
import { readConfig } from '../../runtime/config.ts';
import { createRuntime } from '../../runtime/runtime.ts';
import { createLog } from '../../runtime/telemetry/log.ts';
import { createTelemetry } from '../../runtime/telemetry/telemetry.ts';

export interface Reply {
  status: number;
  headers: Headers;
  text: string;
  json: any;
}

export interface Ask {
  /** Null sends none; default: the first operator's key. */
  key?: string | null;
  /** Sent as JSON, unless it is text or bytes. */
  body?: unknown;
  headers?: Record<string, string>;
}

export async function startService(env: Record<string, string> = {}) {
  const dataDir = mkdtempSync(join(tmpdir(), 'cordon-api-'));
  const lines: string[] = [];
  const telemetry = await createTelemetry(env);
  const open = async () => {
    const config = readConfig({
      CORDON_DATA: dataDir,
      CORDON_DRAIN_MS: '2000',
      CORDON_BLANK_WORKERS: '1',
      CORDON_ENGINE: 'none',
      ...env,
    });
    const log = createLog('debug', { write: (line) => lines.push(line) });
    const runtime = await createRuntime(config, { log, telemetry });
    return { runtime, app: createApp({ runtime, log, metrics: telemetry.metrics }) };
  };
  let { runtime, app } = await open();
  const operator = (await readFile(join(dataDir, 'admin-key'), 'utf8')).trim();
  let server: Server | undefined;

  const request = (method: string, path: string, { key = operator, body, headers = {} }: Ask = {}) =>
    app.request(`http://cordon.test${path}`, {
      method,
      headers: { ...(key !== null && { authorization: `Bearer ${key}` }), ...headers },
      ...(body !== undefined && {
        body:
          typeof body === 'string' || body instanceof Uint8Array
            ? (body as Uint8Array<ArrayBuffer>)
            : JSON.stringify(body),
      }),
    });

  async function call(method: string, path: string, ask?: Ask): Promise<Reply> {
    const { status, headers, ...answer } = await answerOf(request(method, path, ask));
    return { status, headers, ...answer };
  }

  return {
    operator,
    dataDir,
    /** That of now: a restart makes another. */
    get runtime() {
      return runtime;
    },
    /** Log lines so far, debug level. */
    lines,
    request,
    call,
    run: (code: string, more: Record<string, unknown> = {}, ask: Ask = {}) =>
      call('POST', '/v1/runs', { ...ask, body: { language: 'javascript', code, ...more } }),
    /** The secret of a new key. */
    async key(role: string, tenant = 'default'): Promise<string> {
      const made = await call('POST', '/v1/keys', {
        body: { name: role, role, ...(role !== 'operator' && { tenant }) },
      });
      return made.json.key;
    },
    /** The base URL of the service on a port of its own. */
    async listen(): Promise<string> {
      const listening = createAdaptorServer({ fetch: (incoming) => app.fetch(incoming) }) as Server;
      server = listening;
      await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve));
      return `http://127.0.0.1:${(listening.address() as AddressInfo).port}`;
    },
    async restart(): Promise<void> {
      await runtime.close();
      ({ runtime, app } = await open());
    },
    async close(): Promise<void> {
      server?.closeAllConnections();
      server?.close();
      await runtime.close();
      await telemetry.shutdown();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

export type Service = Awaited<ReturnType<typeof startService>>;

async function answerOf(request: Response | Promise<Response>): Promise<Reply> {
  const response = await request;
  const text = await response.text();
  const isJson = /json/.test(response.headers.get('content-type') ?? '') && text !== '';
  return { status: response.status, headers: response.headers, text, json: isJson ? JSON.parse(text) : undefined };
}

/** Parses a whole event stream. */
export function eventsOf(
  text: string,
): { id: number; event: string; data: Record<string, unknown> & { seq: number } }[] {
  return text
    .split('\n\n')
    .filter((block) => block.includes('data:'))
    .map((block) => {
      const field = (name: string) =>
        block
          .split('\n')
          .find((line) => line.startsWith(`${name}: `))
          ?.slice(name.length + 2) ?? '';
      return { id: Number(field('id')), event: field('event'), data: JSON.parse(field('data')) };
    });
}

/** A program that ends after a while, with its own name as the result. */
export const slowCode = (ms: number) => `new Promise((resolve) => setTimeout(() => resolve('slow'), ${ms}))`;
