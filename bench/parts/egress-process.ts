/**
 * A process of its own that calls a service, through the gate and straight: `egress-process.ts FOLDER PLACE`. The gate is
 * the service's own, with a data directory as `npm start` makes it. Answers what egress.ts asks.
 */
import { readFileSync } from 'node:fs';
import { buildConnector, Pool } from 'undici';
import { createTenants } from '../../runtime/agent/tenants.ts';
import { systemClock as clock } from '../../runtime/clock.ts';
import { readConfig } from '../../runtime/config.ts';
import { newId } from '../../runtime/ids.ts';
import type { JsonObject } from '../../runtime/json.ts';
import { createOutbound } from '../../runtime/outbound.ts';
import { createEventLog } from '../../runtime/run/event-log.ts';
import { defaultLimits } from '../../runtime/sandbox/limits.ts';
import { openDataDir } from '../../runtime/store/data-dir.ts';
import { openStore } from '../../runtime/store/lmdb-store.ts';
import { createLog } from '../../runtime/telemetry/log.ts';
import { answerQuestions } from '../questions.ts';
import {
  address,
  type CallerQuestions,
  type CallKind,
  type CallsDone,
  connectorInput,
  connectorOf,
  grantInputs,
  operations,
  originOf,
  type Place,
  type Protocol,
  protocols,
  requestOf,
  token,
} from './egress-calls.ts';

const owner = { tenant: 'default', agent: 'default' };
const by = { key: 'bench', isOperator: true };
/**
 * Connections are there then, and V8 has compiled what many calls at once run through: the gate has more of that than
 * undici alone. With 3 calls of each instead of 30, writes at once had 0.84 to 0.88 x, with 30 they have 0.86 to 0.91 x.
 */
const warmUp = { one: 20, each: 30 };

const [folder, place] = [process.argv[2] as string, JSON.parse(process.argv[3] as string) as Place];
const config = readConfig({ CORDON_DATA: folder });
const dataDir = await openDataDir(config.dataDir);
const { durability, minimumFreeBytes } = config;
const store = await openStore({ dir: dataDir.storeDir, durability, minimumFreeBytes });
await createTenants({ store, clock }).ensureDefault();
const outbound = await createOutbound({ store, clock, log: createLog(config.logLevel), config, dataDir: dataDir.path });
for (const protocol of protocols) {
  await outbound.connectors.create(owner.tenant, connectorInput(protocol, place), by);
  const credential = { connector: connectorOf(protocol), agent: owner.agent, secret: { token } };
  await outbound.vault.create(owner.tenant, credential, by);
  for (const operation of operations)
    await outbound.permissions.createGrant(owner, grantInputs(protocol)[operation], by);
}
await outbound.permissions.activate(owner, by);

const pools = Object.fromEntries(protocols.map((protocol) => [protocol, straightPool(protocol)])) as Record<
  Protocol,
  Pool
>;

/** What runtime/egress/upstream.ts gives a connector with `connectTo`. */
function straightPool(protocol: Protocol): Pool {
  const origin = originOf(protocol);
  const servername = new URL(origin).hostname;
  const ca = readFileSync(place.caFile, 'utf8');
  const connect = buildConnector({
    ...{ allowH2: true, timeout: 10_000, servername, rejectUnauthorized: true, minVersion: 'TLSv1.2', ca },
  });
  return new Pool(origin, {
    connect: (where, done) =>
      connect({ ...where, hostname: address, port: String(place.ports[protocol]), servername }, done),
    ...{ connections: 32, allowH2: true, pipelining: 1, keepAliveTimeout: 8000, keepAliveMaxTimeout: 16_000 },
    ...{ headersTimeout: 300_000, bodyTimeout: 300_000, maxHeaderSize: 32 * 1024, useMilo: false },
  });
}

/** One after the other, or many at once. */
interface Caller {
  call(): Promise<void>;
  /** Resolves when nothing of the calls is left to be done. */
  close(): Promise<void>;
}

/** The service sees the same request. */
function straight(kind: CallKind): Caller {
  const { method, path, headers, body } = requestOf(kind);
  const sent = [
    ...headers.flat(),
    ...['user-agent', 'cordon', 'accept-encoding', 'gzip, deflate, br, zstd', 'authorization', `Bearer ${token}`],
  ];
  const pool = pools[kind.protocol];
  return {
    async call() {
      const answer = await pool.request({ method, path, headers: sent, body: body ?? null });
      check(answer.statusCode, (await answer.body.bytes()).byteLength);
    },
    close: () => Promise.resolve(),
  };
}

/** All calls of one run, with its event log. */
function throughGate(kind: CallKind): Caller {
  const { path, ...request } = requestOf(kind);
  const asked = { ...request, url: originOf(kind.protocol) + path };
  const events = createEventLog(clock, () => {
    throw new Error('nothing is saved here');
  });
  const egress = outbound.gate.open({
    ...{ owner, runId: newId('run', clock.now()), user: undefined, limits: defaultLimits },
    onCall: (call) => void events.append('egress_call', { ...call } as JsonObject),
    onWaiting() {},
  });
  return {
    async call() {
      const { status, body } = await egress.request(asked, { redirect: 'follow' });
      let bytes = 0;
      for await (const chunk of body) bytes += chunk.byteLength;
      check(status, bytes);
    },
    close: egress.close,
  };
}

let answerBytes: number | undefined;
/** Errors: not what the first call was answered. */
function check(status: number, bytes: number): void {
  answerBytes ??= bytes;
  if (status !== 200 || bytes !== answerBytes) throw new Error(`a wrong answer: ${status} with ${bytes} bytes`);
}

async function drive({ call, close }: Caller, count: number, inFlight: number): Promise<CallsDone> {
  const latenciesMs: number[] = [];
  let left = count;
  const chain = async () => {
    while (left-- > 0) {
      const before = performance.now();
      await call();
      latenciesMs.push(performance.now() - before);
    }
  };
  const [start, cpuBefore] = [performance.now(), process.cpuUsage()];
  await Promise.all(Array.from({ length: inFlight }, chain));
  await close();
  const { user, system } = process.cpuUsage(cpuBefore);
  return { latenciesMs, totalMs: performance.now() - start, cpuMs: (user + system) / 1000 };
}

answerQuestions<CallerQuestions>({
  async calls({ way, count, inFlight, ...kind }) {
    const open = way === 'gate' ? throughGate : straight;
    await drive(open(kind), inFlight === 1 ? warmUp.one : warmUp.each * inFlight, inFlight);
    return drive(open(kind), count, inFlight);
  },

  async flushes(count) {
    const latencies = [];
    for (let at = 0; at < count; at++) {
      const before = performance.now();
      await store.transaction((tx) => tx.put(['bench'], at));
      latencies.push(performance.now() - before);
    }
    return latencies;
  },
});
