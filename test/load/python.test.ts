import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { workerPids } from '../attacks/processes.ts';
import { ask, killServer, run, type Server, startServer } from './server.ts';

const BUDGET = 1536 * 1024 ** 2;
const dataDir = mkdtempSync(join(tmpdir(), 'cordon-load-python-'));
let server: Server;
beforeAll(async () => {
  server = await startServer(dataDir, { CORDON_PYTHON_RAM_BYTES: String(BUDGET) });
}, 30_000);
afterAll(async () => {
  await killServer(server);
  rmSync(dataDir, { recursive: true, force: true });
});

/** Memory of its own and its part of what is shared, in bytes. */
function proportionalBytes(pid: number): number {
  try {
    const kiB = /^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1'))?.[1];
    return Number(kiB ?? 0) * 1024;
  } catch {
    return 0;
  }
}

test(
  '50 Python runs at once end right, within the memory budget, and JavaScript runs that come after them do not wait for them',
  { timeout: 180_000 },
  async () => {
    const agents = ['p0', 'p1', 'p2', 'p3', 'p4'];
    for (const id of [...agents, 'js']) await ask(server, 'POST', '/v1/agents', { id, quotas: { concurrentRuns: 16 } });
    // The interpreter is prepared once per installation: not what is measured here.
    expect((await run(server, 'p0', '1', {}, { language: 'python' })).json.status).toBe('succeeded');

    let over = false;
    let most = 0;
    const watching = (async () => {
      while (!over) {
        const used = workerPids(server.pid, 'python').reduce((sum, pid) => sum + proportionalBytes(pid), 0);
        most = Math.max(most, used);
        await sleep(50);
      }
    })();
    const code =
      'from cordon import input\nkept = [bytes(1000) for _ in range(10_000)]\nprint(input)\nsum(map(len, kept)) + input';
    const python = Array.from({ length: 50 }, async (_, n) => {
      const { json } = await run(server, agents[n % 5] as string, code, {}, { language: 'python', input: n });
      return { n, at: performance.now(), status: json.status, result: json.result, stdout: json.stdout };
    });
    await sleep(50);
    const javascript = Array.from({ length: 10 }, async (_, n) => {
      const { json } = await run(server, 'js', 'input * 2', {}, { input: n });
      return { at: performance.now(), status: json.status, result: json.result };
    });
    const ended = await Promise.all(python);
    const quick = await Promise.all(javascript);
    over = true;
    await watching;
    expect(ended.map(({ at: _, ...end }) => end)).toEqual(
      ended.map(({ n }) => ({ n, status: 'succeeded', result: 10_000_000 + n, stdout: `${n}\n` })),
    );
    expect(quick.map(({ status, result }) => [status, result])).toEqual(quick.map((_, n) => ['succeeded', n * 2]));
    expect(most).toBeGreaterThan(50 * 1024 ** 2);
    expect(most).toBeLessThan(BUDGET);
    const lastJavaScript = Math.max(...quick.map(({ at }) => at));
    expect(ended.filter(({ at }) => at > lastJavaScript).length).toBeGreaterThan(10);
    console.log(`Python workers held at most ${Math.round(most / 1024 ** 2)} MiB of ${BUDGET / 1024 ** 2} MiB`);
  },
);
