/**
 * Where attacks are made: the real app on the real runtime, a victim whose secrets every attack is told about,
 * and the canaries. An attack is withstood when it ends as it says, every canary is untouched, and another agent's honest
 * runs answer right all the while.
 */
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { createApp } from '../../api/app.ts';
import { readConfig } from '../../runtime/config.ts';
import type { RunRecord } from '../../runtime/run/record.ts';
import { createRuntime } from '../../runtime/runtime.ts';
import { createIsolateDriver } from '../../runtime/sandbox/isolate/isolate-driver.ts';
import type { WallName } from '../../runtime/sandbox/isolate/walls/walls.ts';
import { createLog } from '../../runtime/telemetry/log.ts';
import { createTelemetry } from '../../runtime/telemetry/telemetry.ts';
import { engineAddress } from '../sandbox/container/engine.ts';
import type { Answer, Arena, Attack, Scene } from './attack.ts';
import { honestPrograms } from './honest-programs.ts';
import { watchHost } from './host-canaries.ts';
import { strays } from './processes.ts';

/** Small enough that an endless attack costs a second, large enough for an honest program. */
export const tightLimits = {
  cpuMs: 250,
  wallMs: 5000,
  ramBytes: 32 * 1024 * 1024,
  outputBytes: 64 * 1024,
  resultBytes: 64 * 1024,
  hostCalls: 5000,
  workspaceBytes: 1024 * 1024,
  files: 50,
};

/** Node.js takes this much before its program begins, and all of it counts in a container. */
export const roomOfPrograms = { cpuMs: 500, wallMs: 60_000, ramBytes: 128 * 1024 * 1024 };

/** Paths and frames that only the host knows. */
const HINTS = {
  isolate: new RegExp(`${process.cwd()}|isolated-vm|node:internal|cordon:(prelude|[a-z]+\\.js)|/app/`),
  // Node.js and its frames are the guest's own there.
  container: new RegExp(`${process.cwd()}/|isolated-vm|cordon:(prelude|[a-z]+\\.js)|volume\\.ext4`),
};

/** Of the honest runs beside attacks in containers; the others are in isolates: both see the same files and memory. */
const IN_CONTAINER_EVERY = 4;

/** What makes `memory.` of an attack's code mean something. */
const imports = {
  javascript: "import { memory } from 'cordon'; ",
  typescript: "import { memory } from 'cordon'; ",
  python: '',
  shell: '',
};

export async function openArena(
  options: {
    without?: WallName;
    env?: Record<string, string>;
    /** What the victim's honest runs are written in. */
    honest?: 'javascript' | 'python';
    /** How long a process may take to end before it is a stray. */
    strayWaitMs?: number;
    /** Attacks are made in containers of this runtime. */
    containers?: 'runc' | 'gvisor';
  } = {},
): Promise<Arena> {
  const { containers } = options;
  const secret = `canary-${randomBytes(12).toString('hex')}`;
  const dataDir = mkdtempSync(join(tmpdir(), 'cordon-arena-'));
  // Outside of the data directory, and readable for every user of the machine.
  const bait = mkdtempSync(join(tmpdir(), 'cordon-bait-'));
  const hostFile = join(bait, 'host.txt');
  writeFileSync(hostFile, secret, { mode: 0o644 });
  mkdirSync(join(bait, 'writable'), { mode: 0o777 });
  let connections = 0;
  const listener = createServer((socket) => {
    connections++;
    socket.destroy();
  });
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  const { port } = listener.address() as AddressInfo;

  const host = containers ? watchHost(dataDir) : undefined;
  const config = readConfig({
    CORDON_DATA: dataDir,
    CORDON_DRAIN_MS: '0',
    CORDON_BLANK_WORKERS: '2',
    CORDON_ENGINE: containers ? engineAddress : 'none',
    CORDON_CONTAINER_RUNTIME: containers ?? 'auto',
    CORDON_ADMIN_KEY: `ck_${secret}`,
    ...options.env,
  });
  const log = createLog('error', { write: (line) => faults.push(line) });
  const faults: string[] = [];
  const telemetry = await createTelemetry({});
  const lost: string[] = [];
  const driver = await createIsolateDriver({
    ...config,
    onWorkerLost: (detail) => lost.push(detail),
    ...(options.without ? { disableWalls: [options.without] } : {}),
  });
  const runtime = await createRuntime(config, {
    log,
    telemetry,
    isolateDriver: driver,
    ...(containers === 'gvisor' ? { trustRuntime: true } : {}),
  });
  const app = createApp({ runtime, log, metrics: telemetry.metrics });
  async function call(method: string, path: string, body?: unknown): Promise<Answer> {
    const response = await app.request(`http://cordon.test${path}`, {
      method,
      headers: { authorization: `Bearer ck_${secret}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    const isJson = /json/.test(response.headers.get('content-type') ?? '') && text !== '';
    return { status: response.status, text, json: isJson ? JSON.parse(text) : undefined };
  }

  await call('POST', '/v1/agents', { id: 'victim' });
  await call('PUT', '/v1/agents/victim/memory/secret', { secret });
  await call('PUT', '/v1/agents/victim/files/secret.txt', secret);

  let honestRuns = 0;

  /** One run of the victim: it sees what is its own, and computes. */
  async function honestRun(
    where: keyof typeof honestPrograms = containers && honestRuns++ % IN_CONTAINER_EVERY === 0
      ? 'container'
      : (options.honest ?? 'javascript'),
  ): Promise<void> {
    const began = performance.now();
    const numbers = [1, 2, Math.floor(Math.random() * 1000)];
    const { status, json } = await call('POST', '/v1/runs', {
      agent: 'victim',
      ...honestPrograms[where],
      input: { numbers },
    });
    const sum = numbers.reduce((a, b) => a + b, 0);
    expect({ status, run: json.status, result: json.result, error: json.error }).toEqual({
      status: 200,
      run: 'succeeded',
      result: { sum, kept: { secret }, file: secret },
      error: undefined,
    });
    expect(performance.now() - began, 'an honest run beside an attack took too long').toBeLessThan(
      // There it may wait for a place.
      containers ? 45_000 : 10_000,
    );
  }

  async function canaries(): Promise<void> {
    expect(readFileSync(hostFile, 'utf8')).toBe(secret);
    expect(statSync(hostFile).nlink).toBe(1);
    expect(connections, 'the loopback port was reached').toBe(0);
    expect((await call('GET', '/v1/agents/victim/memory/secret')).json).toEqual({ secret });
    expect((await call('GET', '/v1/agents/victim/memory')).json.items).toHaveLength(1);
    expect((await call('GET', '/v1/agents/victim/files/secret.txt')).text).toBe(secret);
    expect((await call('GET', '/v1/agents/victim/files/')).json.items).toHaveLength(1);
    expect(Object.keys(Object.prototype), 'the service itself was polluted').toEqual([]);
    await expectNoStrays(options.strayWaitMs);
    await host?.expectUntouched();
  }

  let attackers = 0;
  const aim = () => ({
    hostFile,
    port,
    bait,
    dataDir,
    cwd: process.cwd(),
    pid: process.pid,
    secretFile: 'secret.txt',
    secretKey: 'secret',
  });

  /** Makes one attack, as an agent of its own unless one is named, and answers how it ended. */
  async function attack(
    given: Omit<Attack, 'name' | 'ends'>,
    named?: string,
  ): Promise<{ ended: string; answer: Answer }> {
    const agent = named ?? `attacker-${++attackers}`;
    if (named === undefined) expect((await call('POST', '/v1/agents', { id: agent })).status).toBe(201);
    const { language = 'javascript', files = [], limits } = given;
    const code = /\bmemory\./.test(given.code) ? imports[language] + given.code : given.code;
    const input = 'input' in given ? given.input : aim();
    const file: Scene['file'] = (method, path, body) => call(method, `/v1/agents/${agent}/files/${path}`, body);
    const scene = { arena, agent, file };
    const running = call('POST', '/v1/runs', {
      agent,
      language,
      ...(containers ? { driver: 'container' } : {}),
      code,
      input,
      files,
      limits: { ...tightLimits, ...(containers ? { ...roomOfPrograms, cpuMs: 4000 } : {}), ...limits },
    });
    const [answer] = await Promise.all([running, given.meanwhile?.(scene)]);
    await given.after?.({ ...scene, record: answer.json });
    if (named === undefined) expect((await call('DELETE', `/v1/agents/${agent}`)).status).toBe(204);
    return { ended: describeEnd(answer), answer };
  }

  /** The whole: attack, honest runs during it, canaries after it. */
  async function withstand(given: Attack, agent?: string): Promise<void> {
    let over = false;
    // Only what is to end at cpuMs gets so little of it: everything else shall not, on however busy a machine.
    const tight = containers ? roomOfPrograms : tightLimits;
    const cpuMs = /cpuMs/.test(String(given.ends)) ? tight.cpuMs : containers === 'gvisor' ? 16_000 : 4000;
    const attacking = attack({ ...given, limits: { cpuMs, ...given.limits } }, agent).finally(() => {
      over = true;
    });
    attacking.catch(() => {});
    do {
      await honestRun();
      await Promise.race([attacking.catch(() => {}), sleep(150)]);
    } while (!over);
    const { ended, answer } = await attacking;
    const said = JSON.stringify(answer.json);
    if (typeof given.ends === 'string') expect(ended, said).toBe(given.ends);
    else expect(ended, said).toMatch(given.ends);
    expect(said).not.toContain(secret);
    // What a guest was told as its input is no leak; paths that only the host knows are.
    if (!('result' in given)) expect(said).not.toMatch(HINTS[containers ? 'container' : 'isolate']);
    if ('result' in given) expect(answer.json.result, said).toEqual(given.result);
    if ('resultType' in given) expect(answer.json.resultType, said).toBe(given.resultType);
    given.look?.(answer.json);
    await canaries();
  }

  const arena: Arena = {
    call,
    attack,
    withstand,
    canaries,
    honestRun,
    aim,
    secret,
    lost,
    faults,
    report: () => driver.report(),
    async close(): Promise<void> {
      await runtime.close();
      await new Promise((resolve) => listener.close(resolve));
      try {
        await host?.expectNothingLeft();
      } finally {
        host?.close();
        for (const folder of [dataDir, bait]) rmSync(folder, { recursive: true, force: true });
      }
    },
  };
  return arena;
}

/** A worker whose service was killed by another test is nobody's for some milliseconds: what stays is a stray. */
export async function expectNoStrays(waitMs = 6000): Promise<void> {
  let left = strays();
  for (let waited = 0; left.length > 0 && waited < waitMs; waited += 100) {
    await sleep(100);
    left = strays();
  }
  expect(left).toEqual([]);
}

/** `succeeded`, `failed NAME`, `limit_exceeded LIMIT`, or the HTTP status with the field at fault. */
function describeEnd({ status, json }: { status: number; json: any }): string {
  if (status !== 200) return `${status} ${json?.errors?.[0]?.field ?? json?.code}`;
  const { limit, name } = (json as RunRecord).error ?? {};
  return [json.status, limit ?? name].filter(Boolean).join(' ');
}
