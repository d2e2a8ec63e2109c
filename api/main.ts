/** Starts the service and ends it: `node api/main.ts`. */
import { existsSync } from 'node:fs';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join, relative } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Config, readConfig, unknownSettings } from '../runtime/config.ts';
import { createRuntime } from '../runtime/runtime.ts';
import { createLog } from '../runtime/telemetry/log.ts';
import { createTelemetry } from '../runtime/telemetry/telemetry.ts';
import { createApp } from './app.ts';
import { createAdaptorServer } from './http.ts';

/** Ctrl-C reaches this process from the terminal and again through npm: signals this close together are one. */
const ONE_SIGNAL_MS = 200;
/** How long answers may take to leave after the last run ended. */
const LAST_ANSWERS_MS = 3000;

async function main(): Promise<void> {
  const config = readConfig(process.env);
  const log = createLog(config.logLevel);
  process.on('exit', log.flush);
  process.on('uncaughtException', (error) => {
    log.error({ err: error }, 'a fault of Cordon itself: it ends, and its runs are interrupted');
    fail(error);
  });
  for (const name of unknownSettings(process.env))
    log.warn({ setting: name }, `${name} is not a setting of Cordon and has no effect; docs/SETTINGS.md has them all`);

  const telemetry = await createTelemetry(process.env);
  const runtime = await createRuntime(config, { log, telemetry });
  const app = createApp({ runtime, log, metrics: telemetry.metrics });
  let draining = false;
  const server = createAdaptorServer({
    fetch: app.fetch,
    // An upload of the largest file may take its time; headers may not (Node's own limit of a minute stands).
    serverOptions: { keepAliveTimeout: 65_000, requestTimeout: 3_600_000 },
  }) as Server;
  server.prependListener('request', (_request, response) => {
    if (draining) response.setHeader('connection', 'close');
  });

  try {
    await listen(server, config);
  } catch (error) {
    await runtime.close();
    throw error;
  }
  const { port } = server.address() as AddressInfo;
  log.info({ host: config.host, port, version: runtime.version, durability: config.durability }, 'listening');
  console.log(
    `Cordon ${runtime.version} listens on ${baseUrl(config.host, port)} (see ${baseUrl(config.host, port)}/docs). Try it:`,
  );
  console.log(curlLine(config, port));

  let firstSignalAt: number | undefined;
  const onSignal = (signal: string) => {
    if (firstSignalAt !== undefined) {
      if (performance.now() - firstSignalAt > ONE_SIGNAL_MS) process.exit(1);
      return;
    }
    firstSignalAt = performance.now();
    draining = true;
    log.info({ signal, drainMs: config.drainMs }, 'draining: a second signal ends at once');
    drain().then(
      () => process.exit(0),
      (error) => fail(error),
    );
  };
  async function drain(): Promise<void> {
    // Until the last run has ended, whoever waits for one can ask for it, and a balancer hears that this service goes.
    await runtime.drain();
    const closed = new Promise((resolve) => server.close(resolve));
    // Connections that were busy when listening ended are kept alive by their clients: each goes when it is idle.
    const idle = setInterval(() => server.closeIdleConnections(), 20);
    await Promise.race([closed, sleep(LAST_ANSWERS_MS)]);
    clearInterval(idle);
    server.closeAllConnections();
    await runtime.close();
    await telemetry.shutdown();
    log.info({}, 'ended');
  }
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
}

/** Errors: one that says what to do, for the address's usual mistakes. */
async function listen(server: Server, { host, port }: Config): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const reasons: Record<string, string> = {
        EADDRINUSE: `port ${port} of ${host} is in use; set CORDON_PORT to another one`,
        EACCES: `port ${port} of ${host} may not be used by this user; set CORDON_PORT to one above 1023`,
        EADDRNOTAVAIL: `${host} is no address of this machine; set CORDON_HOST`,
        ENOTFOUND: `${host} is no address of this machine; set CORDON_HOST`,
      };
      reject(new Error(reasons[error.code ?? ''] ?? `cannot listen on ${host}, port ${port}: ${error.message}`));
    });
    server.listen(port, host, resolve);
  });
}

function baseUrl(host: string, port: number): string {
  const reachable =
    host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '[::1]' : host.includes(':') ? `[${host}]` : host;
  return `http://${reachable}:${port}`;
}

/** A first run to paste; the key stays in its file, or in the variable it came from. */
function curlLine(config: Config, port: number): string {
  const file = join(config.dataDir, 'admin-key');
  const near = relative('', file);
  const path = near.startsWith('..') ? file : near;
  const key = existsSync(file)
    ? `$(cat ${/^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`})`
    : '$CORDON_ADMIN_KEY';
  return `curl -s ${baseUrl(config.host, port)}/v1/runs -H "authorization: Bearer ${key}" -H 'content-type: application/json' -d '{"language":"javascript","code":"6*7"}'`;
}

/** What keeps the service from starting is one line for the operator, not a stack. */
function fail(error: unknown): never {
  process.stderr.write(`cordon: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}

main().catch(fail);
