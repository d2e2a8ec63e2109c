/** Memory of what waits: the service, a blank worker, one that has run, and one blank isolate more. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import type { Lab, Part } from '../lab.ts';
import { cpuMicros, isPythonWorker, pssBytes, residentBytes, workersOf } from '../process-figures.ts';
import { startService } from '../service.ts';
import { median } from '../statistics.ts';

const MiB = 1024 ** 2;

export async function memory(lab: Lab): Promise<Part> {
  const service = await startService(lab.processes);
  await service.settled();
  // Python's are in a part of their own.
  const workers = workersOf(service.pid).filter((pid) => !isPythonWorker(pid));
  const before = new Map(workers.map((pid) => [pid, cpuMicros(pid)]));
  const blank = memoryOf([...before.keys()]);
  const fresh = memoryOf([service.pid]);
  const target = service.runs(await service.makeAgents('memory', 1));
  await lab.load({ kind: 'one-at-a-time', target, count: 300 });
  await lab.load({ kind: 'callers', target, callers: 16, durationMs: lab.scale.loadMs });
  await service.settled();
  const used = memoryOf([...before].filter(([pid, cpu]) => cpuMicros(pid) > cpu + 20_000).map(([pid]) => pid));
  const afterwards = memoryOf([service.pid]);
  await service.stop();
  const isolateMiB = await blankIsolateMiB(lab);
  const row = (name: string, { count, pssMiB, residentMiB }: ReturnType<typeof memoryOf>) => [
    name,
    count,
    pssMiB,
    residentMiB,
  ];
  return {
    data: { blank, used, fresh, afterwards, isolateMiB },
    tables: [
      {
        title: 'Memory of what waits, MiB each',
        columns: ['', 'processes', 'PSS', 'resident'],
        rows: [
          row('blank worker', blank),
          row('worker that has run, idle', used),
          row('service after the start', fresh),
          row('service after the load', afterwards),
          ['one more blank isolate', undefined, undefined, isolateMiB],
        ],
        notes: [
          'PSS counts a page that several processes share once over all of them; the last line is the growth of one process per isolate',
        ],
      },
    ],
  };
}

function memoryOf(pids: number[]): { count: number; pssMiB: number | undefined; residentMiB: number } {
  const pss = pids.map(pssBytes);
  const known = pss.filter((bytes) => bytes !== undefined);
  return {
    count: pids.length,
    pssMiB: known.length === pids.length && known.length > 0 ? median(known) / MiB : undefined,
    residentMiB: median(pids.map(residentBytes)) / MiB,
  };
}

async function blankIsolateMiB(lab: Lab): Promise<number> {
  const child = spawn(
    process.execPath,
    ['--no-node-snapshot', join(import.meta.dirname, 'isolate-process.ts'), 'memory'],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  lab.processes.add(child);
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  await new Promise((resolve) => child.once('close', resolve));
  return (JSON.parse(text) as { bytes: number }).bytes / MiB;
}
