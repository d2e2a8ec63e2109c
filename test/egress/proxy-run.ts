/** A run's proxy on a loopback port, before a gate that the test scripts, and the clients that guests use. */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect as connectTcp, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { EgressError, type EgressRequest, type EgressResponse, type RunEgress } from '../../runtime/egress/egress.ts';
import { createRunProxy, type RunProxyOptions } from '../../runtime/egress/proxy/proxy.ts';
import { createRunCa } from '../../runtime/egress/proxy/run-ca.ts';

export interface Asked extends EgressRequest {
  signal: AbortSignal | undefined;
  redirect: string;
}

type Answer = Partial<Omit<EgressResponse, 'body'>> & { body?: AsyncIterable<Uint8Array> | string };

export interface ProxyRun {
  port: number;
  caPem: string;
  /** As a container's run has it. */
  egress: { caPem: string; onConnection(socket: Duplex): void };
  /** What variables a container's processes have. */
  env: Record<string, string>;
  /** All that the gate was asked. */
  asked: Asked[];
  /** How it answers; without: refused as it refuses what no grant allows. */
  answer(how: (asked: Asked) => Answer | Promise<Answer>): void;
  connect(): Promise<Socket>;
  /** Sends bytes as they are; answers all that came until the connection was closed. */
  raw(text: string | Buffer): Promise<string>;
  /** A tunnel that was accepted. `servername` false: none is told. */
  tunnel(authority: string, options?: { servername?: string | false; alpn?: string[] }): Promise<TLSSocket>;
  /** Sends bytes inside a tunnel to `authority`; answers all that came until it was closed. */
  inside(authority: string, text: string | Buffer, options?: { servername?: string | false }): Promise<string>;
  stopProxy(): void;
  close(): Promise<void>;
}

export const noGrant =
  'agent reporter has no grant for slack chat.postMessage (send). Ask for it: POST /v1/agents/reporter/grants {"connector":"slack"}';

export async function* chunks(...parts: (string | Uint8Array)[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) yield Buffer.from(part);
}

export async function startProxyRun(options: Partial<RunProxyOptions> = {}): Promise<ProxyRun> {
  const asked: Asked[] = [];
  let how: (asked: Asked) => Answer | Promise<Answer> = () => {
    throw new EgressError('no_grant', noGrant);
  };
  const egress: Pick<RunEgress, 'request'> = {
    async request(request, { redirect, signal }) {
      const one = { ...request, redirect, signal };
      asked.push(one);
      const { body = '', ...rest } = await how(one);
      return {
        status: 200,
        statusText: 'OK',
        headers: [],
        url: request.url,
        ...rest,
        body: typeof body === 'string' ? chunks(body) : body,
      };
    },
  };
  const ca = await createRunCa({ nowMs: Date.now(), wallMs: 60_000 });
  const proxy = createRunProxy({ egress, ca, bodyBytes: 1024 * 1024, ...options });
  const server = createServer(proxy.onConnection).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const folder = mkdtempSync(join(tmpdir(), 'cordon-proxy-'));
  const caFile = join(folder, 'ca.pem');
  writeFileSync(caFile, ca.certPem);
  const address = `http://127.0.0.1:${port}`;

  async function connect(): Promise<Socket> {
    const socket = connectTcp(port, '127.0.0.1');
    socket.on('error', () => {});
    await once(socket, 'connect');
    return socket;
  }

  async function tunnel(
    authority: string,
    { servername, alpn }: { servername?: string | false; alpn?: string[] } = {},
  ): Promise<TLSSocket> {
    const socket = await connect();
    socket.write(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n\r\n`);
    const [head] = (await once(socket, 'data')) as [Buffer];
    if (!head.toString().startsWith('HTTP/1.1 200 ')) throw new Error(`not connected: ${head}`);
    const name = servername === false ? undefined : (servername ?? authority.replace(/:\d+$/, ''));
    const secure = connectTls({
      socket,
      ca: ca.certPem,
      rejectUnauthorized: servername === undefined,
      ...(name === undefined ? {} : { servername: name }),
      ...(alpn ? { ALPNProtocols: alpn } : {}),
    });
    secure.on('error', () => {});
    await once(secure, 'secureConnect');
    return secure;
  }

  return {
    port,
    caPem: ca.certPem,
    egress: { caPem: ca.certPem, onConnection: proxy.onConnection },
    env: {
      PATH: process.env.PATH ?? '',
      https_proxy: address,
      HTTPS_PROXY: address,
      http_proxy: address,
      HTTP_PROXY: address,
      no_proxy: 'localhost,127.0.0.1,::1',
      NO_PROXY: 'localhost,127.0.0.1,::1',
      SSL_CERT_FILE: caFile,
      CURL_CA_BUNDLE: caFile,
      REQUESTS_CA_BUNDLE: caFile,
      NODE_EXTRA_CA_CERTS: caFile,
      NODE_USE_ENV_PROXY: '1',
    },
    asked,
    answer(next) {
      how = next;
    },
    connect,
    async raw(text) {
      const socket = await connect();
      socket.write(text);
      return everything(socket);
    },
    tunnel,
    async inside(authority, text, given) {
      const secure = await tunnel(authority, given);
      secure.write(text);
      return everything(secure);
    },
    stopProxy: proxy.close,
    async close() {
      proxy.close();
      server.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** All that comes until the other side ends. */
export async function everything(socket: Socket): Promise<string> {
  const came: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => came.push(chunk));
  if (!socket.readableEnded && !socket.destroyed)
    await new Promise<void>((resolve) => {
      socket.once('end', resolve).once('close', resolve);
    });
  socket.destroy();
  return Buffer.concat(came).toString('latin1');
}

export interface Ran {
  code: number;
  stdout: string;
  stderr: string;
}

/** A program in an environment of its own. */
export function run(program: string, args: string[], env: Record<string, string>): Promise<Ran> {
  return new Promise((resolve) => {
    execFile(program, args, { env, timeout: 60_000, maxBuffer: 64 * 1024 * 1024 }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code ?? -1), stdout, stderr }),
    );
  });
}
