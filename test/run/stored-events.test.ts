/** Events lie in pieces: whoever reads them has one piece in memory, wherever they begin. */
import { beforeEach, expect, test } from 'vitest';
import type { RunEvent } from '../../runtime/run/record.ts';
import { createRunStore, type RunStore } from '../../runtime/run/run-store.ts';
import type { Store } from '../../runtime/store/store.ts';
import { scratchStore } from '../store/scratch.ts';

let store: Store;
let runStore: RunStore;

beforeEach(async () => {
  store = await scratchStore();
  runStore = createRunStore(store);
});

const events = (from: number, to: number, text = 'x'): RunEvent[] =>
  Array.from({ length: to - from + 1 }, (_, n) => ({ seq: from + n, at: '', type: 'stdout', text }));

const read = (id: string, afterSeq?: number) => Array.fromAsync(runStore.events(id, afterSeq));

test('many events are many pieces, of at most a thousand events and a megabyte or so', async () => {
  await runStore.saveEvents('run_a', events(1, 3456));
  await runStore.saveEvents('run_a', events(3457, 3490, 'y'.repeat(100_000)));
  const pieces = await read('run_a');
  expect(pieces.flat()).toEqual([...events(1, 3456), ...events(3457, 3490, 'y'.repeat(100_000))]);
  for (const piece of pieces) {
    expect(piece.length).toBeLessThanOrEqual(1000);
    expect(JSON.stringify(piece).length).toBeLessThan(1_200_000);
  }
});

test('who continues after an event gets the next one first, whatever pieces it lies in, of this run only', async () => {
  await runStore.saveEvents('run_0', events(1, 50));
  await runStore.saveEvents('run_a', events(1, 1));
  await runStore.saveEvents('run_a', events(2, 2500));
  await runStore.saveEvents('run_a', events(2501, 2510));
  await runStore.saveEvents('run_b', events(1, 50));
  for (const after of [0, 1, 2, 999, 1000, 1001, 1002, 2001, 2499, 2500, 2501, 2509])
    expect((await read('run_a', after)).flat().map(({ seq }) => seq)).toEqual(
      Array.from({ length: 2510 - after }, (_, n) => after + 1 + n),
    );
  for (const after of [2510, 2511, 9999]) expect(await read('run_a', after)).toEqual([]);
  expect(await read('run_none')).toEqual([]);
});

test('pieces of an older store, of any length, are read as well', async () => {
  const whole = events(1, 5000);
  await store.transaction((tx) => tx.put(['run-events', 'run_a', 1], whole));
  expect((await read('run_a')).flat()).toEqual(whole);
  expect((await read('run_a', 4990)).flat()).toEqual(whole.slice(4990));
});
