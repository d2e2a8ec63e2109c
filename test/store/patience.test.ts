import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { openStore } from '../../runtime/store/lmdb-store.ts';
import { scratchDir, scratchStore } from './scratch.ts';

const FOREVER = 60_000;

test('a patient write is not flushed alone at once, and goes out with the next that is not patient, in their order', async () => {
  const store = await scratchStore();
  const order: string[] = [];
  const patient = store
    .transaction((tx) => tx.put(['a'], 1), { patienceMs: FOREVER })
    .then(() => order.push('patient'));
  await sleep(50);
  expect(order).toEqual([]);
  expect(await store.get(['a'])).toBeUndefined();
  await store.transaction((tx) => tx.put(['b'], 2)).then(() => order.push('next'));
  await patient;
  expect(order).toEqual(['patient', 'next']);
  expect((await store.get(['a']))?.value).toBe(1);
});

test('what is sent at once takes along what was patient, and the next waits for it', async () => {
  const store = await scratchStore();
  const order: string[] = [];
  const patient = store
    .transaction((tx) => tx.put(['a'], 1), { patienceMs: FOREVER })
    .then(() => order.push('patient'));
  const first = store.transaction((tx) => tx.put(['b'], 2), { atOnce: true }).then(() => order.push('at once'));
  // That flush is under way: this one is of the next.
  const second = store.transaction((tx) => tx.put(['c'], 3), { atOnce: true }).then(() => order.push('next'));
  await Promise.all([patient, first, second]);
  expect(order).toEqual(['patient', 'at once', 'next']);
  expect((await store.range({ prefix: [] })).map(({ value }) => value)).toEqual([1, 2, 3]);
});

test('hurry ends the wait', async () => {
  const store = await scratchStore();
  const patient = store.transaction((tx) => tx.put(['a'], 1), { patienceMs: FOREVER });
  store.hurry();
  await patient;
  expect((await store.get(['a']))?.value).toBe(1);
});

test('patience ends by itself', async () => {
  const store = await scratchStore();
  await store.transaction((tx) => tx.put(['a'], 1), { patienceMs: 20 });
  expect((await store.get(['a']))?.value).toBe(1);
});

test('what still waits for company when the store closes is written', async () => {
  const dir = scratchDir();
  const store = await openStore({ dir, durability: 'disk', minimumFreeBytes: 0 });
  const patient = store.transaction((tx) => tx.put(['a'], 1), { patienceMs: FOREVER });
  await store.close();
  await patient;
  expect((await (await scratchStore(dir)).get(['a']))?.value).toBe(1);
});
