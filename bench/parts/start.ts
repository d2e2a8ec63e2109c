/** How long a start takes: from the spawn of what `npm start` runs to readiness and to the first answered run. */
import { join } from 'node:path';
import { newId } from '../../runtime/ids.ts';
import type { RunEvent, RunRecord } from '../../runtime/run/record.ts';
import { createRunStore } from '../../runtime/run/run-store.ts';
import { openStore } from '../../runtime/store/lmdb-store.ts';
import type { Lab, Part } from '../lab.ts';
import { startService } from '../service.ts';
import { median } from '../statistics.ts';

const RUNS = 10_000;
const STARTS = 3;

interface Started {
  readyMs: number;
  firstRunMs: number;
}

export async function start(lab: Lab): Promise<Part> {
  const cold: Started[] = [];
  for (let at = 0; at < STARTS; at++) cold.push(await startOnce(lab, lab.processes.folder()));

  const full = lab.processes.folder();
  const record = await recordOfARun(lab, full);
  await writeRuns(join(full, 'store'), record);
  const filled: Started[] = [];
  for (let at = 0; at < STARTS; at++) filled.push(await startOnce(lab, full));

  const row = (name: string, starts: Started[]) => [
    name,
    median(starts.map((s) => s.readyMs)),
    median(starts.map((s) => s.firstRunMs)),
  ];
  return {
    data: { cold, filled },
    tables: [
      {
        title: 'Start, ms from the spawn',
        columns: ['', 'ready', 'first run answered'],
        rows: [row('new data directory', cold), row(`${RUNS} recorded runs`, filled)],
        notes: [`medians of ${STARTS}; the walls are proved anew at each start, before readiness`],
      },
    ],
  };
}

async function startOnce(lab: Lab, dataDir: string): Promise<Started> {
  const spawnedAt = performance.now();
  const service = await startService(lab.processes, { dataDir });
  await service.api('POST', '/v1/runs', { language: 'javascript', code: '1+1' });
  const firstRunMs = performance.now() - spawnedAt;
  await service.stop();
  return { readyMs: service.readyMs, firstRunMs };
}

async function recordOfARun(lab: Lab, dataDir: string): Promise<RunRecord> {
  const service = await startService(lab.processes, { dataDir });
  const record = (await (
    await service.api('POST', '/v1/runs', { language: 'javascript', code: '1+1' })
  ).json()) as RunRecord;
  await service.stop();
  return record;
}

/** The same record under many ids, written as the service itself writes runs. */
async function writeRuns(dir: string, record: RunRecord): Promise<void> {
  const store = await openStore({ dir, durability: 'disk', minimumFreeBytes: 0 });
  const runs = createRunStore(store);
  const events: RunEvent[] = [{ seq: 1, at: record.createdAt, type: 'queued' }];
  const written: Promise<unknown>[] = [];
  for (let at = 0; at < RUNS; at++) {
    const copy = { ...record, id: newId('run', Date.parse(record.createdAt) + at) };
    const source = { code: '1+1', files: [] };
    written.push(store.transaction((tx) => runs.admit(tx, copy, source, 'started')));
    written.push(runs.finished(copy, events, false));
  }
  await Promise.all(written);
  await store.close();
}
