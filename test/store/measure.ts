/**
 * What the store costs on this machine: `node test/store/measure.ts [disk|process]`.
 * CPU is that of the thread that serves requests; a transaction reads one entry and puts three, one of them a record of 1 KB.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createMemory } from '../../runtime/memory/memory.ts';
import { openStore } from '../../runtime/store/lmdb-store.ts';

const durability = process.argv[2] === 'process' ? 'process' : 'disk';
// Beside the sources: the folder for temporary files may be memory.
const dir = mkdtempSync(join(import.meta.dirname, '../../.cordon-measure-'));
const store = await openStore({ dir, durability, minimumFreeBytes: 64 * 1024 * 1024 });
const memory = createMemory({ store, clock: Date });

const record = {
  status: 'succeeded',
  stdout: 'hello world\n'.repeat(20),
  limits: { cpuMs: 1, wallMs: 2 },
  sha: 'a'.repeat(700),
};
let n = 0;
const transaction = () =>
  store.transaction((tx) => {
    const id = `run_${String(n++).padStart(20, '0')}`;
    const running = tx.get<number>(['running', n % 16])?.value ?? 0;
    tx.put(['run', 'default', id], { id, ...record });
    tx.put(['run-index', 'default', id], 0);
    tx.put(['running', n % 16], running + 1);
  });

async function measure(name: string, times: number, work: () => Promise<unknown>) {
  await work();
  const cpu = process.threadCpuUsage();
  const start = performance.now();
  await work();
  const wall = performance.now() - start;
  const { user, system } = process.threadCpuUsage(cpu);
  const each = ((user + system) / times).toFixed(1);
  console.log(
    `${name.padEnd(48)} ${wall.toFixed(1).padStart(8)} ms  ${((wall * 1000) / times).toFixed(1).padStart(7)} µs each  ${each.padStart(6)} µs CPU each`,
  );
}

const repeat = (times: number, work: (i: number) => Promise<unknown>) => async () => {
  for (let i = 0; i < times; i++) await work(i);
};
const together = (callers: number, times: number, work: (i: number) => Promise<unknown>) => () =>
  Promise.all(Array.from({ length: callers }, () => repeat(times, work)()));
const owner = { tenant: 'default', agent: 'default' };
const quotaBytes = 1 << 30;

console.log(`durability ${durability}, Node.js ${process.version}`);
await measure('2,000 transactions, one at a time', 2000, repeat(2000, transaction));
await measure('3,200 transactions, 16 callers', 3200, together(16, 200, transaction));
await measure('1,000 transactions at once', 1000, together(1000, 1, transaction));
await measure(
  '20,000 gets',
  20_000,
  repeat(20_000, (i) => store.get(['run', 'default', `run_${String(i % n).padStart(20, '0')}`])),
);
await measure(
  '2,000 pages of 20, newest first',
  2000,
  repeat(2000, () => store.range({ prefix: ['run'], reverse: true, limit: 20 })),
);
await measure(
  '1,000 memory.set, one at a time',
  1000,
  repeat(1000, (i) => memory.set(owner, `k${i}`, { i }, { quotaBytes })),
);
await measure('1,000 memory.set at once', 1000, () =>
  Promise.all(Array.from({ length: 1000 }, (_, i) => memory.set(owner, `k${i}`, { i }, { quotaBytes }))),
);
await measure(
  '10,000 memory.get',
  10_000,
  repeat(10_000, (i) => memory.get(owner, `k${i % 1000}`)),
);
await store.close();
rmSync(dir, { recursive: true, force: true });
