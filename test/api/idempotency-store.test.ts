import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createIdempotency, KEPT_MS } from '../../runtime/run/idempotency.ts';
import { openStore } from '../../runtime/store/lmdb-store.ts';
import type { Store } from '../../runtime/store/store.ts';

let dir: string;
let store: Store;
let now = 1_700_000_000_000;
const clock = { now: () => now };
const scope = { tenant: 't', route: 'POST /v1/agents', key: 'k' };
const open = () => openStore({ dir, durability: 'process', minimumFreeBytes: 0 });

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'cordon-idempotency-'));
  store = await open();
});
afterEach(async () => {
  await store.close();
  rmSync(dir, { recursive: true, force: true });
});

test('an answer is kept for 24 hours, then the key is free, and the sweep leaves nothing', async () => {
  const idempotency = createIdempotency({ store, clock });
  const answer = (value: string) => idempotency.once(scope, 'sha', async () => value);
  expect(await answer('one')).toEqual({ value: 'one', reused: false });
  now += KEPT_MS - 1;
  expect(await answer('two')).toEqual({ value: 'one', reused: true });
  expect(await idempotency.sweep()).toBe(0);
  now += 1;
  expect(await answer('three')).toEqual({ value: 'three', reused: false });
  now += KEPT_MS;
  expect(await idempotency.sweep()).toBe(1);
  expect(await store.range({ prefix: [] })).toEqual([]);
});

test('a key that is used again while the sweep removes it stands for its new use', async () => {
  const idempotency = createIdempotency({ store, clock });
  const use = (value: string) => store.transaction((tx) => idempotency.remember(tx, scope, 'sha', value));
  await use('old');
  now += KEPT_MS;
  const swept = idempotency.sweep();
  const used = use('new');
  await Promise.all([swept, used]);
  expect(await store.transaction((tx) => idempotency.find(tx, scope, 'sha'))).toBe('new');
  now += KEPT_MS;
  expect(await idempotency.sweep()).toBe(1);
  expect(await store.range({ prefix: [] })).toEqual([]);
});

test('work that a crash cut off is begun again, and told when it began', async () => {
  const before = createIdempotency({ store, clock });
  let started = () => {};
  const running = new Promise<void>((resolve) => {
    started = resolve;
  });
  before.once(scope, 'sha', () => new Promise<string>(() => started())).catch(() => {});
  await running;
  const startedAt = now;
  now += 1000;
  await store.close();
  store = await open();
  const after = createIdempotency({ store, clock });
  expect(await after.once(scope, 'sha', async (interruptedAtMs) => interruptedAtMs ?? 0)).toEqual({
    value: startedAt,
    reused: false,
  });
});

test('work that fails is forgotten, and whoever joined it fails with it', async () => {
  const idempotency = createIdempotency({ store, clock });
  const fail = () => idempotency.once(scope, 'sha', () => Promise.reject(new Error('no')));
  const outcomes = await Promise.allSettled([fail(), fail()]);
  expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  expect(await store.range({ prefix: [] })).toEqual([]);
});

test('a run is remembered in the transaction that admits it, or not at all', async () => {
  const idempotency = createIdempotency({ store, clock });
  await expect(
    store.transaction((tx) => {
      idempotency.remember(tx, scope, 'sha', 'run_1');
      throw new Error('refused');
    }),
  ).rejects.toThrow('refused');
  await store.transaction((tx) => idempotency.remember(tx, scope, 'sha', 'run_2'));
  expect(await store.transaction((tx) => idempotency.find(tx, scope, 'sha'))).toBe('run_2');
  await expect(store.transaction((tx) => idempotency.find(tx, scope, 'other'))).rejects.toMatchObject({
    code: 'idempotency_conflict',
  });
});

test('what belonged to a deleted tenant is gone with it', async () => {
  const idempotency = createIdempotency({ store, clock });
  await idempotency.once(scope, 'sha', async () => 1);
  await idempotency.once({ ...scope, tenant: 'u' }, 'sha', async () => 2);
  await idempotency.forget('t');
  expect((await idempotency.once(scope, 'other', async () => 3)).reused).toBe(false);
  expect((await idempotency.once({ ...scope, tenant: 'u' }, 'sha', async () => 4)).value).toBe(2);
});

test('a sealed answer opens only with the secret that sealed it', async () => {
  const idempotency = createIdempotency({ store, clock });
  const ask = (secret: string) => idempotency.once(scope, 'sha', async () => ({ key: 'crd_hidden' }), secret);
  await ask('mine');
  expect(await ask('mine')).toEqual({ value: { key: 'crd_hidden' }, reused: true });
  await expect(ask('theirs')).rejects.toMatchObject({ code: 'idempotency_conflict' });
  expect(JSON.stringify(await store.range({ prefix: ['idempotency'] }))).not.toContain('hidden');
});
