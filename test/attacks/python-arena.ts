/**
 * Attacks in Python. Several agents take turns, so that attacks of one follow each other in one worker and its
 * interpreters; after each attack a probe looks at what its next run finds, and must find what a clean one finds.
 * In containers no interpreter serves two runs: there each attack is an agent's of its own, as all others are.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openArena } from './arena.ts';
import type { Arena, Attack } from './attack.ts';
import { attacksInContainers } from './attacks.ts';
import { workerPids } from './processes.ts';
import { PROBE } from './python-probe.ts';

const MiB = 1024 * 1024;
const AGENTS = ['python-1', 'python-2'];

export type PythonAttack = Omit<Attack, 'language'>;

/** In isolates and in containers. */
export function pythonAttacks(title: string, list: readonly PythonAttack[]): void {
  pythonIsolateAttacks(title, list);
  attacksInContainers(
    title,
    list.map((attack) => ({ ...attack, language: 'python' })),
  );
}

/** On parts of the interpreter in isolates, which no container has. */
export function pythonIsolateAttacks(title: string, list: readonly PythonAttack[]): void {
  describe(title, () => {
    let arena: Arena;
    let clean: object;
    const free = [...AGENTS];
    const waiting: ((agent: string) => void)[] = [];

    async function withAgent(body: (agent: string) => Promise<void>): Promise<void> {
      const agent = free.pop() ?? (await new Promise<string>((resolve) => waiting.push(resolve)));
      try {
        await body(agent);
      } finally {
        const next = waiting.shift();
        if (next) next(agent);
        else free.push(agent);
      }
    }

    async function probe(agent: string): Promise<object> {
      const { json } = await arena.call('POST', '/v1/runs', {
        agent,
        language: 'python',
        code: PROBE,
        limits: { ramBytes: 128 * MiB, cpuMs: 8000 },
      });
      expect(json.status, JSON.stringify(json.error)).toBe('succeeded');
      return json.result;
    }

    beforeAll(async () => {
      arena = await openArena({ honest: 'python' });
      // The first run of all waits for the interpreter's snapshot, where none is kept.
      await arena.call('POST', '/v1/runs', { agent: 'victim', language: 'python', code: '1' });
      await arena.honestRun();
      for (const agent of [...AGENTS, 'clean'])
        expect((await arena.call('POST', '/v1/agents', { id: agent })).status).toBe(201);
      clean = await probe('clean');
    }, 60_000);
    afterAll(async () => {
      await arena.close();
      expect(workerPids()).toEqual([]);
    }, 30_000);

    for (const attack of list)
      test.concurrent(attack.name, { timeout: 60_000 }, () =>
        withAgent(async (agent) => {
          try {
            const limits = { ramBytes: 96 * MiB, ...attack.limits };
            await arena.withstand({ ...attack, language: 'python', limits }, agent);
          } finally {
            expect(await probe(agent), 'what the next run finds').toEqual(clean);
          }
        }),
      );
    test('and the service had no fault of its own', () => expect(arena.faults).toEqual([]));
  });
}
