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
