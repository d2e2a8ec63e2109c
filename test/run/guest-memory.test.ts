import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { Json } from '../../runtime/json.ts';
import { createMemory } from '../../runtime/memory/memory.ts';
import { createGuestMemory } from '../../runtime/run/guest-memory.ts';
import type { HostReply } from '../../runtime/sandbox/driver.ts';
import { openStore } from '../../runtime/store/lmdb-store.ts';

async function guest(quotaBytes = 1_000_000) {
  const dir = mkdtempSync(join(tmpdir(), 'cordon-guest-memory-'));
  const store = await openStore({ dir, durability: 'process', minimumFreeBytes: 0 });
  onTestFinished(async () => {
    await store.close();
    rmSync(dir, { recursive: true, force: true });
  });
  let now = 1_000_000;
  const writes: [string, number | null][] = [];
  const faults: unknown[] = [];
  const memory = createGuestMemory({
    memory: createMemory({ store, clock: { now: () => now } }),
    owner: { tenant: 'default', agent: 'agent-a' },
    quotaBytes,
    onWrite: (key, revision) => writes.push([key, revision]),
    onFault: (error) => faults.push(error),
  });
  const ask = (op: string, args: Json) => memory.call({ op: `memory.${op}`, args });
  const pass = (ms: number) => {
    now += ms;
  };
  return { memory, ask, writes, faults, pass };
}

const value = (reply: HostReply) => (reply.ok ? reply.value : reply.error.name);

test('a guest gets, sets, deletes and lists; writes are told, with their revision', async () => {
  const g = await guest();
  expect(await g.ask('get', { key: 'a' })).toEqual({ ok: true, value: { found: false } });
  const first = value(await g.ask('set', { key: 'a', value: { n: [1, null, 'x'] } })) as number;
  const second = value(await g.ask('set', { key: 'a', value: null })) as number;
  expect(second).toBeGreaterThan(first);
  expect(await g.ask('get', { key: 'a' })).toEqual({ ok: true, value: { found: true, value: null } });
  await g.ask('set', { key: 'b', value: 1, ttlMs: 1000 });
  expect(value(await g.ask('list', {}))).toMatchObject([{ key: 'a', revision: second, bytes: 4 }, { key: 'b' }]);
  expect(value(await g.ask('list', { prefix: 'b' }))).toMatchObject([
    { key: 'b', expiresAt: '1970-01-01T00:16:41.000Z' },
  ]);
  g.pass(1000);
  expect(value(await g.ask('get', { key: 'b' }))).toEqual({ found: false });
  expect(value(await g.ask('delete', { key: 'a' }))).toBe(true);
  expect(value(await g.ask('delete', { key: 'a' }))).toBe(false);
  expect(g.writes.map(([key, revision]) => [key, revision === null ? null : 'revision'])).toEqual([
    ['a', 'revision'],
    ['a', 'revision'],
    ['b', 'revision'],
    ['a', null],
  ]);
  expect(g.memory.operations).toBe(10);
});

test('a stale revision is RevisionMismatch, writes nothing and tells nothing', async () => {
  const g = await guest();
  const revision = value(await g.ask('set', { key: 'a', value: 1, ifRevision: null })) as number;
  expect(value(await g.ask('set', { key: 'a', value: 2, ifRevision: null }))).toBe('RevisionMismatch');
  expect(value(await g.ask('set', { key: 'a', value: 2, ifRevision: revision + 1 }))).toBe('RevisionMismatch');
  expect(value(await g.ask('delete', { key: 'a', ifRevision: revision + 1 }))).toBe('RevisionMismatch');
  expect(value(await g.ask('get', { key: 'a' }))).toEqual({ found: true, value: 1 });
  expect(g.writes).toHaveLength(1);
});

test('the quota is QuotaExceeded', async () => {
  const g = await guest(100);
  expect(value(await g.ask('set', { key: 'a', value: 'x'.repeat(50) }))).toBeTypeOf('number');
  expect(value(await g.ask('set', { key: 'b', value: 'x'.repeat(50) }))).toBe('QuotaExceeded');
  expect(g.faults).toEqual([]);
});

test('hostile arguments and bad keys and values are a TypeError and no fault of ours', async () => {
  const g = await guest();
  const hostile: [string, Json][] = [
    ['get', null],
    ['get', []],
    ['get', {}],
    ['get', { key: 1 }],
    ['get', { key: '' }],
    ['get', { key: 'a\0' }],
    ['get', { key: 'x'.repeat(513) }],
    ['get', { key: '\ud800' }],
    ['get', { key: 'a', owner: { tenant: 'default', agent: 'other' } }],
    ['get', JSON.parse('{"key":"a","__proto__":{}}')],
    ['set', { key: 'a' }],
    ['set', { key: 'a', value: 'x'.repeat(1024 * 1024) }],
    ['set', { key: 'a', value: 1, ttlMs: 0 }],
    ['set', { key: 'a', value: 1, ttlMs: -1 }],
    ['set', { key: 'a', value: 1, ttlMs: null }],
    ['set', { key: 'a', value: 1, ifRevision: '1' }],
    ['set', { key: 'a', value: 1, quotaBytes: 1e9 }],
    ['delete', { key: 'a', ifRevision: null }],
    ['list', { prefix: 1 }],
    ['list', { prefix: null }],
    ['list', { limit: 5 }],
    ['forget', {}],
    ['constructor', {}],
  ];
  for (const [op, args] of hostile) expect([op, args, value(await g.ask(op, args))]).toEqual([op, args, 'TypeError']);
  expect(value(await g.ask('list', {}))).toEqual([]);
  expect(g.writes).toEqual([]);
  expect(g.faults).toEqual([]);
});

test('more keys than one page are all listed', async () => {
  const g = await guest();
  await Promise.all(Array.from({ length: 1500 }, (_, n) => g.ask('set', { key: `k${n}`, value: n })));
  expect(value(await g.ask('list', { prefix: 'k' }))).toHaveLength(1500);
});
