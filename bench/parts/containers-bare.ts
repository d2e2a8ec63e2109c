/** What Cordon's containers are compared with: the engine alone, the same walls, the same client library. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { containerSpec, labels } from '../../runtime/sandbox/container/container-spec.ts';
import type { connectEngine } from '../../runtime/sandbox/container/engine.ts';
import { gvisorNames } from '../../runtime/sandbox/container/runtimes.ts';
import { defaultLimits } from '../../runtime/sandbox/limits.ts';

export type Docker = ReturnType<typeof connectEngine>;

export interface Timed {
  /** From the request to the first byte that the command wrote. */
  firstOutputMs: number;
  /** Until nothing is left to wait for. */
  wholeMs: number;
}

export interface Bare {
  /** Exec, created and started in a container that runs all the time. */
  exec(): Promise<Timed>;
  /** Create, attach, start, wait, remove. */
  cold(): Promise<Timed>;
}

export interface BareOptions {
  docker: Docker;
  /** Marks the containers: whoever started them removes them by it. */
  installation: string;
  imageTag: string;
  /** As the engine calls it. */
  runtime: string;
  /** Of the host, for the container's binds. */
  folder: string;
}

export const command = 'echo hi';
const words = ['/bin/bash', '-c', command];

/** Errors: those of the engine. */
export async function startBare(options: BareOptions): Promise<Bare> {
  const { docker } = options;
  const resident = await docker.createContainer({ ...specOf(options), Entrypoint: ['/bin/sleep', 'infinity'] });
  await resident.start();
  const shown = { AttachStdout: true, AttachStderr: true };
  return {
    async exec() {
      const start = performance.now();
      const exec = await resident.exec({ Cmd: words, ...shown });
      const stream = await exec.start({ hijack: true, stdin: true });
      return timesOf(stream, start);
    },
    async cold() {
      const start = performance.now();
      const container = await docker.createContainer({ ...specOf(options), Entrypoint: words, ...shown });
      const stream = await container.attach({ stream: true, stdout: true, stderr: true, hijack: true });
      const output = timesOf(stream, start);
      await container.start();
      const { firstOutputMs } = await output;
      await container.wait();
      await container.remove();
      return { firstOutputMs, wholeMs: performance.now() - start };
    },
  };
}

/** Of the engine's stream of one command: its first byte and its end. */
async function timesOf(stream: NodeJS.ReadableStream, start: number): Promise<Timed> {
  let firstOutputMs: number | undefined;
  await new Promise<void>((resolve, reject) => {
    stream.on('data', () => {
      firstOutputMs ??= performance.now() - start;
    });
    stream.once('end', resolve);
    stream.once('error', reject);
  });
  if (firstOutputMs === undefined) throw new Error('the bare command wrote nothing');
  return { firstOutputMs, wholeMs: performance.now() - start };
}

/** What a warm container of Cordon is made with, its command and its sockets apart. */
function specOf({ installation, imageTag, runtime, folder }: BareOptions) {
  const slot = { doorFolder: join(folder, 'door'), workspaceFolder: join(folder, 'workspace') };
  for (const made of Object.values(slot)) mkdirSync(made, { recursive: true });
  const { ramBytes, processes } = defaultLimits;
  const spec = containerSpec({
    installation,
    imageTag,
    runtime,
    isGvisor: gvisorNames.some((name) => name === runtime),
    slot: { ...slot, close: async () => {} },
    ramBytes,
    processes,
    cpus: 1,
    workspaceInMemory: undefined,
  });
  // Later mounts reach a container only from a folder that is shared with it: nothing is mounted in this one.
  const mounts = spec.HostConfig?.Mounts?.map(({ BindOptions: _, ...mount }) => mount) ?? [];
  return { ...spec, Cmd: [], HostConfig: { ...spec.HostConfig, Mounts: mounts } };
}

/** Removes every container of these installations. Errors: those of the engine. */
export async function removeContainers(docker: Docker, installations: readonly string[]): Promise<void> {
  for (const installation of installations) {
    const label = [`${labels.installation}=${installation}`];
    for (const { Id } of await docker.listContainers({ all: true, filters: { label } }))
      await docker.getContainer(Id).remove({ force: true, v: true });
  }
}
