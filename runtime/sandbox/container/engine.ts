/** The container engine, through its API. The one file that imports dockerode. */
import { Agent } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { inspect } from 'node:util';
import Docker from 'dockerode';

/** What the engine says of itself. */
export interface EngineFacts {
  version: string;
  apiVersion: string;
  /** Names of the OCI runtimes it knows. */
  runtimes: string[];
  defaultRuntime: string;
  /** The runc it starts, as it says: `1.1.5+ds1` or `1.3.0`. */
  runcVersion: string | undefined;
  cgroupVersion: '1' | '2';
  rootless: boolean;
  /** The engine maps root of its containers to an unprivileged user of the host. */
  usernsRemap: boolean;
  seccomp: boolean;
  storageDriver: string;
  swapLimit: boolean;
}

export interface ImageFacts {
  id: string;
  labels: Record<string, string>;
}

export interface ContainerState {
  running: boolean;
  /** In the engine's pid namespace; 0 when it does not run. */
  pid: number;
  exitCode: number;
  oomKilled: boolean;
  error: string;
}

export type ContainerSpec = Docker.ContainerCreateOptions;

/** Limits that can change while a container runs. */
export interface ContainerLimits {
  ramBytes: number;
  processes: number;
}

/** Errors of all methods: EngineError. Each call has its own deadline: an engine that hangs is one that is lost. */
export interface Engine {
  /** As configured, for messages. */
  readonly address: string;
  facts(): Promise<EngineFacts>;
  ping(): Promise<void>;
  /** Undefined: there is no such image. */
  image(tag: string): Promise<ImageFacts | undefined>;
  create(spec: ContainerSpec): Promise<string>;
  start(id: string): Promise<void>;
  /** Undefined: it is gone. */
  state(id: string): Promise<ContainerState | undefined>;
  limit(id: string, limits: ContainerLimits): Promise<void>;
  /** CPU and memory so far, by the engine's own count; slow (the engine samples). */
  stats(id: string): Promise<{ cpuMs: number; ramPeakBytes: number }>;
  /** Kills and removes it; done when it is gone. Harmless when it is gone already. */
  remove(id: string): Promise<void>;
  /** Ids of the containers with this label, stopped ones too. */
  list(label: string): Promise<{ id: string; createdAtMs: number }[]>;
  /** Calls back once when the engine's connection ends. Rejects when it cannot be reached. */
  watch(label: string, onLost: (why: string) => void): Promise<() => void>;
  close(): void;
}

export class EngineError extends Error {
  /** HTTP status of the engine's answer; undefined: it did not answer. */
  readonly status: number | undefined;
  constructor(message: string, status?: number) {
    super(message);
    this.status = status;
  }
}

const DEADLINE_MS = 30_000;
const PING_MS = 3000;
const REMOVALS = 5;
const AGAIN_MS = 100;

/**
 * A connection by address: `unix:///path` or `tcp://host:port`. Connects at the first call. `timeoutMs` is how long an
 * answer may stay silent; default: for ever, as building an image does. Errors: EngineError for another address.
 */
export function connectEngine(address: string, timeoutMs?: number): Docker {
  const agent = new Agent({ keepAlive: true, maxSockets: 64 });
  // docker-modem inspects its options for every request, to any depth, for a debug output that nobody reads.
  Object.defineProperty(agent, inspect.custom, { value: () => 'agent' });
  const url = URL.canParse(address) ? new URL(address) : undefined;
  const common = { agent, ...(timeoutMs === undefined ? {} : { timeout: timeoutMs }) };
  if (url?.protocol === 'unix:') return new Docker({ ...common, socketPath: decodeURIComponent(url.pathname) });
  if (url?.protocol === 'tcp:' && url.hostname !== '')
    return new Docker({ ...common, protocol: 'http', host: url.hostname, port: Number(url.port || 2375) });
  throw new EngineError(`${address} is not the address of an engine: unix:///path or tcp://host:port`);
}

export function createEngine(address: string): Engine {
  const docker = connectEngine(address, DEADLINE_MS);
  const quick = connectEngine(address, PING_MS);
  const streams = connectEngine(address);

  async function ask<T>(what: string, call: () => Promise<T>): Promise<T> {
    try {
      return await call();
    } catch (error) {
      throw engineError(what, error);
    }
  }

  const unlessGone = async <T>(call: () => Promise<T>): Promise<T | undefined> =>
    call().catch((error: EngineError) => {
      if (error.status === 404) return undefined;
      throw error;
    });

  return {
    address,
    facts: () => ask('version', async () => readFacts(await docker.version(), await docker.info())),
    ping: () => ask('ping', () => quick.ping().then(nothing)),
    image: (tag) =>
      unlessGone(() =>
        ask('image', async () => {
          const found = await docker.getImage(tag).inspect();
          return { id: found.Id, labels: found.Config?.Labels ?? {} };
        }),
      ),
    create: (spec) => ask('create', async () => (await docker.createContainer(spec)).id),
    start: (id) => ask('start', () => docker.getContainer(id).start().then(nothing)),
    state: (id) =>
      unlessGone(() =>
        ask('inspect', async () => {
          const { State } = await docker.getContainer(id).inspect();
          const { Running, Pid, ExitCode, OOMKilled, Error: error } = State;
          return { running: Running, pid: Pid, exitCode: ExitCode, oomKilled: OOMKilled, error };
        }),
      ),
    limit: (id, { ramBytes, processes }) =>
      ask('update', () =>
        docker.getContainer(id).update({ Memory: ramBytes, MemorySwap: ramBytes, PidsLimit: processes }).then(nothing),
      ),
    stats: (id) =>
      ask('stats', async () => {
        const seen = await docker.getContainer(id).stats({ stream: false, 'one-shot': true });
        const memory = seen.memory_stats as { max_usage?: number; usage?: number };
        return {
          cpuMs: (seen.cpu_stats?.cpu_usage?.total_usage ?? 0) / 1e6,
          ramPeakBytes: memory?.max_usage ?? memory?.usage ?? 0,
        };
      }),
    async remove(id) {
      const container = docker.getContainer(id);
      const removal = () =>
        unlessGone(() => ask('remove', () => container.remove({ force: true, v: true }).then(nothing)));
      for (let tries = 1; ; tries++) {
        try {
          return void (await removal());
        } catch (error) {
          if (!(error instanceof EngineError) || error.status !== 409 || tries >= REMOVALS) throw error;
          // It died while the engine was about to kill it, which the engine takes for a conflict: asked again, it goes.
          // Where another removal is under way, this one is done when that one is.
          if (/already in progress/.test(error.message))
            await unlessGone(() => ask('wait', () => container.wait({ condition: 'removed' }).then(nothing))).catch(
              nothing,
            );
          else await sleep(AGAIN_MS);
        }
      }
    },
    list: (label) =>
      ask('list', async () => {
        const found = await docker.listContainers({ all: true, filters: { label: [label] } });
        return found.map(({ Id, Created }) => ({ id: Id, createdAtMs: Created * 1000 }));
      }),
    async watch(label, onLost) {
      const abort = new AbortController();
      const events = await ask('events', () =>
        streams.getEvents({ filters: { label: [label], event: ['oom'] }, abortSignal: abort.signal }),
      );
      let told = false;
      const lost = (why: string) => {
        if (!told) onLost(why);
        told = true;
      };
      events.on('error', (error: Error) => lost(error.message));
      events.on('end', () => lost('the engine ended the connection'));
      events.on('close', () => lost('the connection to the engine was closed'));
      events.resume();
      return () => {
        told = true;
        abort.abort();
        (events as unknown as { destroy?: () => void }).destroy?.();
      };
    },
    close() {
      for (const { modem } of [docker, quick, streams]) (modem as { agent?: Agent }).agent?.destroy();
    },
  };
}

const nothing = () => {};

function engineError(what: string, error: unknown): EngineError {
  const { statusCode, json, message, code } = error as {
    statusCode?: number;
    json?: { message?: string };
    message?: string;
    code?: string;
  };
  if (statusCode === undefined) return new EngineError(`the engine does not answer (${what}: ${code ?? message})`);
  return new EngineError(`${what}: ${json?.message ?? message ?? `status ${statusCode}`}`, statusCode);
}

function readFacts(version: Docker.DockerVersion, info: Record<string, unknown>): EngineFacts {
  const options = (info.SecurityOptions as string[] | undefined) ?? [];
  const says = (name: string) => options.some((option) => option.split(',').includes(`name=${name}`));
  const component = (version.Components ?? []).find(({ Name }) => Name === 'runc');
  return {
    version: version.Version,
    apiVersion: version.ApiVersion,
    runtimes: Object.keys((info.Runtimes as object | undefined) ?? {}),
    defaultRuntime: String(info.DefaultRuntime ?? 'runc'),
    runcVersion: component?.Version,
    cgroupVersion: info.CgroupVersion === '2' ? '2' : '1',
    rootless: says('rootless'),
    usernsRemap: says('userns'),
    seccomp: says('seccomp'),
    storageDriver: String(info.Driver ?? 'unknown'),
    swapLimit: info.SwapLimit === true,
  };
}
