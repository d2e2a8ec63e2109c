/** The pool alone, with containers that only count: order, bounds, refill. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { Container } from '../../../runtime/sandbox/container/container.ts';
import { createContainerPool, type Kind } from '../../../runtime/sandbox/container/container-pool.ts';

const kind = (imageTag: string): Kind => ({ imageTag, runtime: 'runc', isGvisor: false, workspaceInMemory: undefined });
const [shell, python] = [kind('shell'), kind('python')];
const never = () => new AbortController().signal;

function openPool({
  warm = 0,
  maxContainers = 4,
  maxRamBytes = 1000,
  startMs = 5,
  fails = () => false as boolean,
} = {}) {
  const alive = new Map<string, Kind>();
  const lost = new Map<string, (why: string) => void>();
  const failures: string[] = [];
  let most = 0;
  const pool = createContainerPool({
    warm,
    maxContainers,
    maxRamBytes,
    onFailed: (error) => failures.push(error.message),
    async start(one, name) {
      await sleep(startMs);
      if (fails()) throw new Error('no engine');
      alive.set(name, one);
      most = Math.max(most, alive.size);
      const gone = Promise.withResolvers<void>();
      return {
        id: name,
        door: { lost: new Promise<string>((resolve) => lost.set(name, resolve)) },
        removed: gone.promise,
        async destroy() {
          await sleep(1);
          alive.delete(name);
          setTimeout(gone.resolve, 2);
        },
      } as unknown as Container;
    },
  });
  return { pool, alive, lost, failures, most: () => most };
}

const until = async (holds: () => boolean) => {
  for (const end = performance.now() + 10_000; !holds() && performance.now() < end; ) await sleep(2);
  expect(holds()).toBe(true);
};

test('kept ones are made ahead and made anew, each given once', async () => {
  const { pool, alive } = openPool({ warm: 2 });
  pool.keep([shell]);
  await until(() => pool.counts().blank === 2);
  const taken = await Promise.all([pool.take(shell, 1, never()), pool.take(shell, 1, never())]);
  expect(new Set(taken.map(({ container }) => container.id)).size).toBe(2);
  await until(() => pool.counts().blank === 2);
  for (const { done } of taken) done();
  await until(() => alive.size === 2);
  await pool.close();
  expect(alive.size).toBe(0);
});

test('never more than allowed, whoever waits gets one in order', async () => {
  const { pool, most } = openPool({ maxContainers: 2 });
  const order: number[] = [];
  await Promise.all(
    Array.from({ length: 12 }, async (_, n) => {
      const { done } = await pool.take(n % 3 ? shell : python, 1, never());
      order.push(n);
      await sleep(3);
      done();
    }),
  );
  expect(most()).toBeLessThanOrEqual(2);
  expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: 12 }, (_, n) => n));
  await pool.close();
});

test('a blank one of another kind gives its place to who waits', async () => {
  const { pool, alive } = openPool({ warm: 2, maxContainers: 2 });
  pool.keep([shell]);
  await until(() => pool.counts().blank === 2);
  const { done, container } = await pool.take(python, 1, never());
  expect(alive.get(container.id)).toEqual(python);
  done();
  await pool.close();
});

test('memory of all together is bounded, and one run that asks for more than all still runs alone', async () => {
  const { pool } = openPool({ maxRamBytes: 100 });
  const first = await pool.take(shell, 60, never());
  let got = false;
  const second = pool.take(shell, 60, never()).then((taken) => {
    got = true;
    return taken;
  });
  await sleep(50);
  expect(got).toBe(false);
  first.done();
  (await second).done();
  (await pool.take(shell, 500, never())).done();
  await pool.close();
});

test('who no longer waits is passed over', async () => {
  const { pool } = openPool({ maxContainers: 1 });
  const first = await pool.take(shell, 1, never());
  const abort = new AbortController();
  const second = pool.take(shell, 1, abort.signal);
  const third = pool.take(shell, 1, never());
  abort.abort(new Error('not wanted'));
  await expect(second).rejects.toThrow('not wanted');
  first.done();
  (await third).done();
  await pool.close();
});

test('what cannot be made is told to who waits, and kept ones are tried again', async () => {
  let broken = true;
  const { pool, failures } = openPool({ warm: 1, fails: () => broken });
  await expect(pool.take(shell, 1, never())).rejects.toThrow('no engine');
  expect(failures).toEqual(['no engine']);
  pool.keep([shell]);
  broken = false;
  (await pool.take(shell, 1, never())).done();
  await until(() => pool.counts().blank === 1);
  await pool.close();
});

test('a blank one that dies is replaced, and a lost engine empties the pool', async () => {
  const { pool, alive, lost } = openPool({ warm: 1 });
  pool.keep([shell]);
  await until(() => pool.counts().blank === 1);
  const [name] = alive.keys();
  lost.get(name as string)?.('died');
  await until(() => pool.counts().blank === 1 && !alive.has(name as string));
  pool.pause(new Error('no engine'));
  await until(() => alive.size === 0);
  pool.resume();
  await until(() => pool.counts().blank === 1);
  await pool.close();
});
