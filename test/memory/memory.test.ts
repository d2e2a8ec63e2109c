import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Json } from '../../runtime/json.ts';
import { createMemory, maximumValueBytes, type SetOptions } from '../../runtime/memory/memory.ts';
import { manualClock, scratchStore } from '../store/scratch.ts';

const owner = { tenant: 'default', agent: 'a' };
const quotaBytes = 64 * 1024 * 1024;

async function newMemory() {
  const clock = manualClock();
  const store = await scratchStore();
  const memory = createMemory({ store, clock });
  const set = (key: string, value: Json, options: Partial<SetOptions> = {}) =>
    memory.set(owner, key, value, { quotaBytes, ...options });
  return { clock, store, memory, set };
}

const field = (name: string) => ({ code: 'validation_failed', details: { errors: [{ field: name }] } });

test('a value comes back with its revision, exactly as JSON says it', async () => {
  const { memory, set } = await newMemory();
  const value = JSON.parse('{"__proto__": 1, "half": "\\ud800", "list": [null, 0.1, "é"]}');
  const revision = await set('k', value);
  const found = await memory.get(owner, 'k');
  expect(JSON.stringify(found?.value)).toBe(JSON.stringify(value));
  expect(found?.revision).toBe(revision);
  expect(await memory.get(owner, 'other')).toBeUndefined();
});

test('nothing crosses from one agent or tenant to another', async () => {
  const { memory, set } = await newMemory();
  await set('k', 'mine');
  for (const other of [
    { tenant: 'default', agent: 'b' },
    { tenant: 'other', agent: 'a' },
    { tenant: 'default', agent: 'a-' },
  ]) {
    expect(await memory.get(other, 'k')).toBeUndefined();
    expect((await memory.list(other, { limit: 10 })).items).toEqual([]);
    expect(await memory.usedBytes(other)).toBe(0);
    await memory.forget(other);
  }
  expect((await memory.get(owner, 'k'))?.value).toBe('mine');
});

test('ifRevision: null wants no key, a number wants that revision', async () => {
  const { memory, set } = await newMemory();
  const mismatch = { code: 'revision_mismatch' };
  await expect(set('k', 1, { ifRevision: 1 })).rejects.toMatchObject(mismatch);
  const first = await set('k', 1, { ifRevision: null });
  await expect(set('k', 2, { ifRevision: null })).rejects.toMatchObject(mismatch);
  const second = await set('k', 2, { ifRevision: first });
  await expect(set('k', 3, { ifRevision: first })).rejects.toMatchObject(mismatch);
  await expect(memory.delete(owner, 'k', { ifRevision: first })).rejects.toMatchObject(mismatch);
  expect(await memory.delete(owner, 'k', { ifRevision: second })).toBe(true);
  expect(await memory.delete(owner, 'k')).toBe(false);
  await expect(memory.delete(owner, 'k', { ifRevision: second })).rejects.toMatchObject(mismatch);
  expect(await set('k', 4, { ifRevision: null })).toBeGreaterThan(second);
});

test('of many writers that compare and set the same revision one wins', async () => {
  const { memory, set } = await newMemory();
  const revision = await set('n', 0);
  const results = await Promise.allSettled(Array.from({ length: 50 }, (_, i) => set('n', i, { ifRevision: revision })));
  expect(results.filter(({ status }) => status === 'fulfilled').length).toBe(1);
  const counted = async () => {
    for (;;) {
      const { value, revision } = (await memory.get(owner, 'n')) as { value: number; revision: number };
      const done = await set('n', value + 1, { ifRevision: revision }).catch(() => undefined);
      if (done !== undefined) return;
    }
  };
  await set('n', 0);
  await Promise.all(Array.from({ length: 20 }, counted));
  expect((await memory.get(owner, 'n'))?.value).toBe(20);
});

test('an expired key is gone at its moment, for every question', async () => {
  const { memory, set, clock } = await newMemory();
  await set('k', 'value', { ttlMs: 1000 });
  await set('stays', 'value', { ttlMs: 1000 });
  await set('stays', 'value');
  clock.advance(999);
  expect(await memory.get(owner, 'k')).toMatchObject({ value: 'value', expiresAt: '2026-01-01T00:00:01.000Z' });
  clock.advance(1);
  expect(await memory.get(owner, 'k')).toBeUndefined();
  expect((await memory.list(owner, { limit: 10 })).items.map(({ key }) => key)).toEqual(['stays']);
  expect(await memory.usedBytes(owner)).toBe('stays'.length + '"value"'.length);
  expect(await memory.delete(owner, 'k')).toBe(false);
  await set('k', 'again', { ttlMs: 5 });
  clock.advance(5);
  await set('k', 'new', { ifRevision: null });
  expect((await memory.get(owner, 'k'))?.value).toBe('new');
});

test('sweep removes what has expired, of all owners, and only that', async () => {
  const { memory, store, clock } = await newMemory();
  for (let a = 0; a < 5; a++)
    for (let i = 0; i < 450; i += a + 1)
      await memory.set({ tenant: `t${a % 2}`, agent: `a${a}` }, `k${i}`, i, { quotaBytes, ttlMs: i % 2 ? 1000 : 2000 });
  clock.advance(1000);
  const swept = await memory.sweep();
  expect(swept).toBe(
    [1, 2, 3, 4, 5].reduce(
      (sum, step) => sum + Array.from({ length: 450 }, (_, i) => i).filter((i) => i % step === 0 && i % 2).length,
      0,
    ),
  );
  expect(await memory.sweep()).toBe(0);
  clock.advance(1000);
  await memory.sweep();
  expect(await store.range({ prefix: [] })).toEqual([]);
});

test('the quota counts keys and values, frees what is replaced, deleted or expired, and says how much is used', async () => {
  const { memory, set, clock } = await newMemory();
  const size = (key: string, text: string) => key.length + text.length + 2;
  const text = 'x'.repeat(100);
  const limit = 3 * size('a', text);
  const options = { quotaBytes: limit };
  for (const key of ['a', 'b', 'c']) await set(key, text, { ...options, ttlMs: key === 'c' ? 10 : 1000 });
  expect(await memory.usedBytes(owner)).toBe(limit);
  await expect(set('d', 1, options)).rejects.toMatchObject({
    code: 'quota_exceeded',
    details: { quota: { name: 'memoryBytes', limit, used: limit } },
  });
  await set('a', text, options);
  await expect(set('a', `${text}x`, options)).rejects.toMatchObject({ code: 'quota_exceeded' });
  clock.advance(10);
  await set('d', text, options);
  await memory.delete(owner, 'a');
  await set('e', text, options);
  // A smaller value is taken even above a quota that was lowered.
  await set('e', 'x', { quotaBytes: 1 });
  expect(await memory.usedBytes(owner)).toBe(2 * size('a', text) + size('e', 'x'));
});

test('forget leaves nothing in the store', async () => {
  const { memory, store, set } = await newMemory();
  await Promise.all(Array.from({ length: 500 }, (_, i) => set(`k${i}`, i, i % 2 ? { ttlMs: 1000 } : {})));
  await memory.forget(owner);
  expect(await memory.usedBytes(owner)).toBe(0);
  expect(await store.range({ prefix: [] })).toEqual([]);
});

test('lists page through a prefix in the order of the keys', async () => {
  const { memory, set, clock } = await newMemory();
  for (let i = 0; i < 450; i++) await set(`n/${String(i).padStart(3, '0')}`, i, i % 3 ? {} : { ttlMs: 1 });
  for (const key of ['n', 'n/', 'n0', 'm', 'é', '\u{1f600}']) await set(key, 0);
  clock.advance(1);
  const keys: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await memory.list(owner, { prefix: 'n/', limit: 7, ...(cursor ? { cursor } : {}) });
    expect(page.items.length).toBeLessThanOrEqual(7);
    keys.push(...page.items.map(({ key }) => key));
    cursor = page.nextCursor;
  } while (cursor);
  const expected = Array.from({ length: 450 }, (_, i) => i).filter((i) => i % 3);
  expect(keys).toEqual(['n/', ...expected.map((i) => `n/${String(i).padStart(3, '0')}`)]);
  expect((await memory.list(owner, { prefix: 'zzz', limit: 5 })).items).toEqual([]);
  await expect(memory.list(owner, { limit: 5, cursor: 'nonsense' })).rejects.toMatchObject(field('cursor'));
});

test('keys are 1 to 512 bytes of UTF-8 without control characters', async () => {
  const { memory, set } = await newMemory();
  for (const key of ['', 'a\0', 'tab\t', '\u007f', '\u0085', '\ud800', 'x'.repeat(513), 'é'.repeat(257), 7, null]) {
    await expect(set(key as string, 1)).rejects.toMatchObject(field('key'));
    await expect(memory.get(owner, key as string)).rejects.toMatchObject(field('key'));
    await expect(memory.delete(owner, key as string)).rejects.toMatchObject(field('key'));
  }
  for (const key of ['x'.repeat(512), 'é'.repeat(256), '__proto__', '../etc', ' ']) {
    await set(key, key);
    expect((await memory.get(owner, key))?.value).toBe(key);
  }
});

test('values are JSON up to 1 MiB, lifetimes whole milliseconds', async () => {
  const { memory, set } = await newMemory();
  const largest = 'x'.repeat(maximumValueBytes - 2);
  await set('big', largest);
  expect((await memory.get(owner, 'big'))?.value).toBe(largest);
  await expect(set('big', `${largest}x`)).rejects.toMatchObject({
    code: 'too_large',
    details: { errors: [{ field: 'value' }] },
  });
  const cyclic: Record<string, unknown> = {};
  cyclic.self = cyclic;
  for (const value of [undefined, () => 1, cyclic, 1n])
    await expect(set('k', value as Json)).rejects.toMatchObject(field('value'));
  for (const ttlMs of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])
    await expect(set('k', 1, { ttlMs })).rejects.toMatchObject(field('ttlMs'));
});

test('memory agrees with a model, with expiry and concurrent writers', async () => {
  const key = fc.constantFrom('a', 'b', 'ab', 'é', 'c/1');
  const value = fc.jsonValue({ maxDepth: 2 }) as fc.Arbitrary<Json>;
  const wanted = fc.constantFrom('none', 'any', 'current', 'absent', 'wrong');
  const step = fc.oneof(
    fc.record({
      op: fc.constant('set' as const),
      key,
      value,
      ttlMs: fc.option(fc.integer({ min: 1, max: 50 }), { nil: undefined }),
      wanted,
    }),
    fc.record({ op: fc.constant('delete' as const), key, wanted }),
    fc.record({ op: fc.constant('advance' as const), ms: fc.integer({ min: 1, max: 30 }) }),
    fc.record({ op: fc.constant('sweep' as const) }),
  );
  interface Modelled {
    json: string;
    revision: number;
    expiresAt: number;
  }
  const { memory, clock, set } = await newMemory();
  await fc.assert(
    fc.asyncProperty(fc.array(fc.array(step, { minLength: 1, maxLength: 5 }), { maxLength: 8 }), async (waves) => {
      await memory.forget(owner);
      const model = new Map<string, Modelled>();
      const seen = new Set<number>();
      const live = (k: string) => {
        const found = model.get(k);
        return found && found.expiresAt > clock.now() ? found : undefined;
      };
      for (const wave of waves) {
        // The steps of a wave are sent without waiting: they must take effect in order all the same.
        const sent: Promise<unknown>[] = [];
        for (const s of wave) {
          if (s.op === 'advance') {
            await Promise.all(sent);
            clock.advance(s.ms);
          } else if (s.op === 'sweep') sent.push(memory.sweep());
          else {
            // A revision is known only when the write before it is acknowledged.
            if (s.wanted === 'current') await Promise.all(sent);
            const before = live(s.key);
            const current = before?.revision;
            const ifRevision = { none: undefined, any: undefined, current: current ?? null, absent: null, wrong: -1 }[
              s.wanted
            ];
            const matches = ifRevision === undefined || (before ? ifRevision === before.revision : ifRevision === null);
            if (s.op === 'set') {
              const options = {
                ...(s.ttlMs ? { ttlMs: s.ttlMs } : {}),
                ...(ifRevision === undefined ? {} : { ifRevision }),
              };
              const work = set(s.key, s.value, options);
              if (!matches) sent.push(expect(work).rejects.toMatchObject({ code: 'revision_mismatch' }));
              else {
                const entry = {
                  json: JSON.stringify(s.value),
                  revision: Number.NaN,
                  expiresAt: s.ttlMs ? clock.now() + s.ttlMs : Infinity,
                };
                model.set(s.key, entry);
                sent.push(
                  work.then((revision) => {
                    expect(seen.has(revision)).toBe(false);
                    seen.add(revision);
                    entry.revision = revision;
                  }),
                );
              }
            } else {
              const work = memory.delete(owner, s.key, typeof ifRevision === 'number' ? { ifRevision } : {});
              if (typeof ifRevision === 'number' && !matches)
                sent.push(expect(work).rejects.toMatchObject({ code: 'revision_mismatch' }));
              else {
                model.delete(s.key);
                sent.push(work.then((deleted) => expect(deleted).toBe(before !== undefined)));
              }
            }
          }
        }
        await Promise.all(sent);
        const items = [...model]
          .filter(([k]) => live(k))
          .sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
        const listed = (await memory.list(owner, { limit: 100 })).items;
        expect(listed.map((item) => [item.key, item.revision, item.bytes])).toEqual(
          items.map(([k, m]) => [k, m.revision, Buffer.byteLength(m.json)]),
        );
        for (const [k, m] of items) expect(JSON.stringify((await memory.get(owner, k))?.value)).toBe(m.json);
        const used = items.reduce((sum, [k, m]) => sum + Buffer.byteLength(k) + Buffer.byteLength(m.json), 0);
        expect(await memory.usedBytes(owner)).toBe(used);
      }
    }),
    { numRuns: 150 },
  );
}, 30_000);
