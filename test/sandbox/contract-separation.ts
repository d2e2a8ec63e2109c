/** The part of the contract about what is kept apart: one run and the next, one owner and another. */
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import type { ContractParts } from './driver-contract.ts';

export function separationContract({ programs, run, withDriver, parts }: ContractParts): void {
  describe('one run and the next', () => {
    test('of the same agent share nothing but files and memory', async () => {
      await withDriver(async (driver) => {
        for (let round = 0; round < 3; round++) {
          expect((await (await parts.bench.start(driver, programs.leavesTraces)).ended).outcome.status).toBe(
            'succeeded',
          );
          expect((await (await parts.bench.start(driver, programs.findsTraces)).ended).outcome).toMatchObject({
            status: 'succeeded',
            result: [],
          });
        }
      });
    });

    test('at the same time share nothing either', async () => {
      const both = await Promise.all(
        [programs.leavesTraces, programs.findsTraces, programs.leavesTraces, programs.findsTraces].map((code) =>
          run(code, { owner: 'twins' }),
        ),
      );
      for (const [n, { outcome }] of both.entries())
        if (n % 2) expect(outcome).toMatchObject({ status: 'succeeded', result: [] });
    });

    test('when the worker was killed, the run is WorkerLost and the next one works', async () => {
      await withDriver(async (driver, pids) => {
        const { ended } = await parts.bench.start(driver, programs.sleeps, { input: 60_000 });
        await sleep(100);
        expect(pids()).toHaveLength(1);
        process.kill(pids()[0] as number, 'SIGKILL');
        expect((await ended).outcome).toMatchObject({ status: 'interrupted', error: { name: 'WorkerLost' } });
        expect((await (await parts.bench.start(driver, programs.sleeps, { input: 5 })).ended).outcome).toMatchObject({
          status: 'succeeded',
          result: 5,
        });
      });
    });
  });

  describe('owners', () => {
    test('never share a worker: with room for one, each change of owner is a new process', async () => {
      const served = new Map<number, string>();
      await withDriver(async (driver, pids) => {
        for (const owner of ['a', 'b', 'a', 'c', 'b']) {
          const { ended } = await parts.bench.start(driver, programs.sleeps, { owner, input: 20 });
          for (const pid of pids()) {
            expect(served.get(pid) ?? owner).toBe(owner);
            served.set(pid, owner);
          }
          expect((await ended).outcome).toMatchObject({ status: 'succeeded', result: 20 });
        }
      });
      expect(served.size).toBe(5);
    });

    test('a worker that dies takes the runs of one owner with it', async () => {
      await withDriver(
        async (driver, pids) => {
          const each = parts.oneRunEach ? [1] : [1, 2];
          const owners = ['x', 'y', 'z'];
          const running = await Promise.all(
            owners.flatMap((owner) =>
              each.map(async () => ({
                owner,
                ...(await parts.bench.start(driver, programs.sleeps, { owner, input: 6000 })),
              })),
            ),
          );
          expect(pids()).toHaveLength(3);
          process.kill(pids()[1] as number, 'SIGKILL');
          const ends = await Promise.all(
            running.map(async ({ owner, ended }) => ({ owner, status: (await ended).outcome.status })),
          );
          const lost = new Set(ends.filter(({ status }) => status === 'interrupted').map(({ owner }) => owner));
          expect(lost.size).toBe(1);
          expect(ends.filter(({ status }) => status === 'succeeded')).toHaveLength(2 * each.length);
        },
        { maxWorkers: 3, blankWorkers: 0, workersPerAgent: 1 },
      );
    });

    test('several at once all get their own answers', { timeout: 120_000 }, async () => {
      const ends = await Promise.all(
        Array.from({ length: 24 }, (_, n) => run(programs.sleeps, { owner: `many-${n % 4}`, input: 100 + n })),
      );
      expect(ends.map(({ outcome }) => (outcome.status === 'succeeded' ? outcome.result : outcome))).toEqual(
        Array.from({ length: 24 }, (_, n) => 100 + n),
      );
    });

    test('that are forgotten leave no process', async () => {
      await withDriver(async (driver, pids) => {
        const { ended } = await parts.bench.start(driver, programs.sleeps, { owner: 'gone', input: 60_000 });
        const [worker] = pids();
        const during = driver.report().sandboxes.running;
        await driver.forget({ tenant: 'contract', agent: 'gone' });
        expect((await ended).outcome.status).toBe('interrupted');
        expect([during, driver.report().sandboxes.running]).toEqual([1, 0]);
        expect(pids()).not.toContain(worker);
      });
    });
  });
}
