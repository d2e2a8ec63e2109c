/** What is swept, and that a sweep reads keys where it need not read records. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { newId, timeOfId } from '../../runtime/ids.ts';
import type { RunRecord } from '../../runtime/run/record.ts';
import { sweepRuns } from '../../runtime/run/retention.ts';
import { createRunStore } from '../../runtime/run/run-store.ts';
import { openStore } from '../../runtime/store/lmdb-store.ts';
import type { RangeOptions, Store } from '../../runtime/store/store.ts';

const now = Date.parse('2026-06-01T00:00:00.000Z');
const day = 86_400_000;
let dir: string;
let store: Store;
let read: string[];
let ranges: RangeOptions[];
let runStore: ReturnType<typeof createRunStore>;

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'cordon-retention-'));
  store = await openStore({ dir, durability: 'process', minimumFreeBytes: 0 });
  [read, ranges] = [[], []];
  runStore = createRunStore({
    ...store,
    async get(key) {
      read.push(String(key[2]));
      return store.get(key);
    },
    async range(options) {
      ranges.push(options);
      return store.range(options);
    },
  });
});
afterEach(async () => {
  await store.close();
  rmSync(dir, { recursive: true, force: true });
});

async function ended(tenant: string, admittedMs: number, finishedMs = admittedMs + 1000): Promise<string> {
  const id = newId('run', admittedMs);
  const finishedAt = new Date(finishedMs).toISOString();
  const record = { id, tenant, finishedAt, stdout: 'x'.repeat(1000) } as RunRecord;
  await runStore.finished(record, [{ seq: 1, at: finishedAt, type: 'queued' }], false);
  return id;
}

const left = async () => (await Promise.all(['a', 'b'].map((tenant) => runStore.ids(tenant, 100)))).flat().sort();
const sweep = (keep: { keepRunsMs?: number; keepRuns?: number }, live: string[] = []) =>
  sweepRuns({
    ...{ runStore, clock: { now: () => now }, keepRunsMs: 30 * day, keepRuns: 1000, ...keep },
    ...{ tenants: async () => ['a', 'b'], isLive: (id: string) => live.includes(id) },
  } as never);

test('the time of an id is that of its making', () => {
  expect(timeOfId(newId('run', now))).toBe(now);
});

test('what ended before the time goes with its source and events; what began before it and ended later stays', async () => {
  const old = await ended('a', now - 40 * day);
  const long = await ended('b', now - 40 * day, now - 5 * day);
  const young = await Promise.all([1, 2, 3].map((days) => ended('a', now - days * day)));
  expect(await sweep({})).toBe(1);
  expect(await left()).toEqual([long, ...young].sort());
  await expect(runStore.source(old)).rejects.toThrow('does not exist');
  expect(await Array.fromAsync(runStore.events(old))).toEqual([]);
  expect(read.filter((id) => young.includes(id))).toEqual([]);
  expect(ranges.filter(({ keysOnly, prefix }) => prefix[0] === 'run' && !keysOnly)).toEqual([]);
});

test('above the count the oldest of all tenants go, but never one that still runs', async () => {
  const ids: string[] = [];
  for (let n = 0; n < 6; n++) ids.push(await ended(n % 2 ? 'a' : 'b', now - (10 - n) * day));
  expect(await sweep({ keepRuns: 3 }, [ids[0] as string])).toBe(2);
  expect(await left()).toEqual([ids[0], ...ids.slice(3)].sort());
});
