import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { RunRecord } from '../../runtime/run/record.ts';
import { ask, killServer, run, type Server, startServer } from './server.ts';

const dataDir = mkdtempSync(join(tmpdir(), 'cordon-load-'));
let server: Server;
beforeAll(async () => {
  server = await startServer(dataDir);
}, 30_000);
afterAll(async () => {
  await killServer(server);
  rmSync(dataDir, { recursive: true, force: true });
});

const agent = async (id: string, quotas: object) =>
  expect((await ask(server, 'POST', '/v1/agents', { id, quotas })).status).toBe(201);

async function recordsOf(id: string): Promise<RunRecord[]> {
  const records: RunRecord[] = [];
  for (let cursor = ''; ; ) {
    const { json } = await ask(server, 'GET', `/v1/runs?agent=${id}&limit=200${cursor}`);
    records.push(...json.items);
    if (json.nextCursor === undefined) return records;
    cursor = `&cursor=${encodeURIComponent(json.nextCursor)}`;
  }
}

async function allEnded(id: string): Promise<RunRecord[]> {
  for (;;) {
    const records = await recordsOf(id);
    if (records.every(({ finishedAt }) => finishedAt !== null)) return records;
    await sleep(50);
  }
}

/** The most runs that overlap, by their own records: a run that ends in the millisecond in which another starts does not overlap it. */
function mostAtOnce(records: RunRecord[]): number {
  const changes = records.flatMap(({ startedAt, finishedAt }) => [
    { at: Date.parse(startedAt as string), by: 1 },
    { at: Date.parse(finishedAt as string), by: -1 },
  ]);
  changes.sort((a, b) => a.at - b.at || a.by - b.by);
  let now = 0;
  return Math.max(...changes.map(({ by }) => (now += by)));
}

describe('200 runs at once from five agents', () => {
  test(
    'all end right, within each agent’s concurrentRuns, and /healthz answers throughout',
    { timeout: 60_000 },
    async () => {
      const agents = [1, 2, 4, 8, 32].map((concurrentRuns) => ({ id: `load-${concurrentRuns}`, concurrentRuns }));
      for (const { id, concurrentRuns } of agents) await agent(id, { concurrentRuns });
      let over = false;
      const health: number[] = [];
      const watching = (async () => {
        while (!over) {
          const began = performance.now();
          expect((await ask(server, 'GET', '/healthz')).status).toBe(200);
          health.push(performance.now() - began);
          await sleep(20);
        }
      })();
      const answers = await Promise.all(
        Array.from({ length: 200 }, async (_, n) => {
          const { id } = agents[n % agents.length] as { id: string };
          const code =
            n % 3 === 0 ? 'await new Promise((ok) => setTimeout(ok, 20)); input * 2' : 'console.log(input); input * 2';
          return { n, ...(await run(server, id, code, {}, { input: n })) };
        }),
      );
      over = true;
      await watching;
      for (const { n, status, json } of answers)
        expect({ n, status, run: json.status, result: json.result, stdout: json.stdout }).toEqual({
          n,
          status: 200,
          run: 'succeeded',
          result: n * 2,
          stdout: n % 3 === 0 ? '' : `${n}\n`,
        });
      for (const { id, concurrentRuns } of agents) {
        const records = await recordsOf(id);
        expect(records).toHaveLength(40);
        expect([id, mostAtOnce(records) <= concurrentRuns]).toEqual([id, true]);
      }
      expect(health.length).toBeGreaterThan(5);
      expect(Math.max(...health)).toBeLessThan(5000);
    },
  );
});

/** A guest that waits for a word in its agent's memory. */
const untilGo = `import { memory } from 'cordon';
  while (!(await memory.get('go'))) await new Promise((ok) => setTimeout(ok, 100));`;

describe('quotas hold exactly', () => {
  test('concurrentRuns: as many as allowed run, the next waits, and starts when one ends', async () => {
    await agent('three', { concurrentRuns: 3 });
    await Promise.all(
      Array.from({ length: 9 }, () =>
        run(server, 'three', 'await new Promise((ok) => setTimeout(ok, 2000))', { prefer: 'respond-async' }),
      ),
    );
    const queued = async () => (await recordsOf('three')).filter(({ status }) => status === 'queued');
    await expect.poll(queued, { interval: 20, timeout: 10_000 }).toHaveLength(6);
    expect(mostAtOnce(await allEnded('three'))).toBe(3);
  });

  test('queuedRuns: exactly so many wait, one more is 429 with the quota named', async () => {
    await agent('short-queue', { concurrentRuns: 1, queuedRuns: 5 });
    const answers = await Promise.all(
      Array.from({ length: 12 }, () => run(server, 'short-queue', untilGo, { prefer: 'respond-async' })),
    );
    expect((await ask(server, 'PUT', '/v1/agents/short-queue/memory/go', true)).status).toBe(201);
    expect(answers.map(({ status }) => status).sort()).toEqual([...Array(6).fill(202), ...Array(6).fill(429)]);
    const refused = answers.find(({ status }) => status === 429);
    expect(refused?.json).toMatchObject({ code: 'quota_exceeded' });
    expect(refused?.text).toContain('queuedRuns');
    expect(Number(refused?.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await allEnded('short-queue')).toHaveLength(6);
    expect((await run(server, 'short-queue', '1')).status).toBe(200);
  });

  test('runsPerMinute: exactly so many are taken in a minute, at once or in turn', async () => {
    await agent('slow-rate', { runsPerMinute: 20 });
    const answers = await Promise.all(Array.from({ length: 50 }, () => run(server, 'slow-rate', '1')));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(20);
    const refused = answers.filter(({ status }) => status === 429);
    expect(refused).toHaveLength(30);
    const wait = Number(refused[0]?.headers.get('retry-after'));
    expect(wait).toBeGreaterThan(40);
    expect(wait).toBeLessThanOrEqual(60);
    expect((await run(server, 'slow-rate', '1')).status).toBe(429);
    expect(await recordsOf('slow-rate')).toHaveLength(20);
  });
});

describe('fairness', () => {
  test('agent A queues 190, B 10: the last of B ends before the 40th of A', { timeout: 120_000 }, async () => {
    const fair = mkdtempSync(join(tmpdir(), 'cordon-fair-'));
    const alone = await startServer(fair, { CORDON_MAX_RUNNING: '4' });
    try {
      for (const id of ['a', 'b']) await ask(alone, 'POST', '/v1/agents', { id });
      const code = 'const end = Date.now() + 4; while (Date.now() < end); 1';
      const submit = (id: string, text = code) => run(alone, id, text, { prefer: 'respond-async' });
      const submitAll = async (id: string, count: number) => {
        const answers = await Promise.all(Array.from({ length: count }, () => submit(id)));
        expect(answers.map(({ status }) => status)).toEqual(Array(count).fill(202));
      };
      // The first of A wait until all of B is there, however slow the machine takes them.
      for (let place = 0; place < 4; place++) expect((await submit('a', untilGo)).status).toBe(202);
      // B comes when all of A is there: a queue that only kept the order would serve it last.
      await submitAll('a', 186);
      await submitAll('b', 10);
      expect((await ask(alone, 'PUT', '/v1/agents/a/memory/go', true)).status).toBeLessThan(300);
      const times = async (id: string, field: 'startedAt' | 'finishedAt') => {
        const { json } = await ask(alone, 'GET', `/v1/runs?agent=${id}&limit=200`);
        const records = json.items as RunRecord[];
        return records.every(({ finishedAt }) => finishedAt)
          ? records.map((record) => Date.parse(record[field] as string)).sort((x, y) => x - y)
          : undefined;
      };
      await expect.poll(() => times('a', 'finishedAt'), { timeout: 100_000 }).toBeDefined();
      for (const field of ['startedAt', 'finishedAt'] as const) {
        const [a, b] = [(await times('a', field)) as number[], (await times('b', field)) as number[]];
        const queuedBefore = a.filter((at) => at < (b[0] as number)).length;
        expect([a.length, b.length]).toEqual([190, 10]);
        // Those of A that had run before B came are no unfairness.
        expect(b.at(-1)).toBeLessThan(a[Math.max(queuedBefore, 0) + 39] as number);
      }
    } finally {
      await killServer(alone);
      rmSync(fair, { recursive: true, force: true });
    }
  });
});
