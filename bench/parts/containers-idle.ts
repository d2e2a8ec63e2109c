/** What a warm container costs while it waits. */
import { setTimeout as sleep } from 'node:timers/promises';
import { labels } from '../../runtime/sandbox/container/container-spec.ts';
import { commandOf, cpuMicros, parentOf, pssBytes, treeOf } from '../process-figures.ts';
import type { Table } from '../table.ts';
import type { Docker } from './containers-bare.ts';
import type { Cordon } from './containers-cordon.ts';

const MiB = 1024 ** 2;

/** Memory in MiB, CPU in ms per second. Absent: not to be seen from here. */
export interface Idle {
  image: string;
  processes?: number;
  ownMiB?: number;
  shimMiB?: number;
  /** By the container's cgroup, page cache and kernel included. */
  cgroupMiB: number;
  cpuPerSecond: number;
  shimCpuPerSecond?: number;
}

interface Look {
  image: string;
  /** Undefined: not to be seen from here. */
  shim: number | undefined;
  memoryBytes: number;
  cpuMs: number;
  shimCpuMs: number;
}

export async function measureIdle(docker: Docker, cordon: Cordon, forMs: number): Promise<Idle[]> {
  await cordon.settled();
  const { images = [] } = await cordon.report();
  const label = [`${labels.installation}=${cordon.installation}`];
  const blank = await docker.listContainers({ filters: { label } });
  const look = async (id: string): Promise<Look> => {
    const container = docker.getContainer(id);
    const { State, Config } = await container.inspect();
    // An engine elsewhere has processes that are not ours to see, or others of ours by the same numbers.
    const parent = parentOf(State.Pid);
    const shim = parent !== undefined && commandOf(parent).includes(id) ? parent : undefined;
    const stats = await container.stats({ stream: false, 'one-shot': true });
    return {
      image: images.find(({ tag }) => tag === Config.Image)?.name ?? Config.Image,
      shim,
      memoryBytes: stats.memory_stats.usage,
      cpuMs: stats.cpu_stats.cpu_usage.total_usage / 1e6,
      shimCpuMs: shim === undefined ? 0 : cpuMicros(shim) / 1000,
    };
  };
  // The first look costs the container something, too.
  for (const { Id } of blank) await look(Id);
  const before = await Promise.all(
    blank.map(async ({ Id }) => ({ id: Id, at: performance.now(), seen: await look(Id) })),
  );
  await sleep(forMs);
  return Promise.all(before.map(async ({ id, at, seen }) => idleOf(seen, await look(id), performance.now() - at)));
}

function idleOf(before: Look, after: Look, spentMs: number): Idle {
  const seconds = spentMs / 1000;
  const { shim } = after;
  const own = shim === undefined ? [] : treeOf(shim).slice(1);
  const sum = (pids: number[]) => pids.reduce((bytes, pid) => bytes + (pssBytes(pid) ?? Number.NaN), 0) / MiB;
  return {
    image: after.image,
    cgroupMiB: after.memoryBytes / MiB,
    cpuPerSecond: (after.cpuMs - before.cpuMs) / seconds,
    ...(shim !== undefined && {
      processes: own.length,
      ownMiB: sum(own),
      shimMiB: sum([shim]),
      shimCpuPerSecond: (after.shimCpuMs - before.shimCpuMs) / seconds,
    }),
  };
}

export function idleTable(measured: Record<string, Idle[]>, forMs: number): Table {
  const rows = Object.entries(measured).flatMap(([runtime, all]) =>
    all.map((one) => [
      `${one.image}, ${runtime}`,
      one.processes,
      one.ownMiB,
      one.shimMiB,
      one.cgroupMiB,
      one.cpuPerSecond,
      one.shimCpuPerSecond,
    ]),
  );
  return {
    title: 'A warm container that waits',
    columns: ['', 'processes', 'PSS MiB', "its shim's PSS MiB", 'cgroup MiB', 'CPU ms per s', "its shim's"],
    rows,
    notes: [
      `over ${forMs / 1000} s; the engine's shim watches the container from outside; the cgroup counts caches and the kernel's share`,
    ],
  };
}
