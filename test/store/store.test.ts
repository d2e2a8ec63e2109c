import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Entry, Key, Store } from '../../runtime/store/store.ts';
import { scratchDir, scratchStore } from './scratch.ts';

const get = async <T>(store: Store, ...key: Key) => (await store.get<T>(key))?.value;

test('what a transaction puts is there, together, when it resolves', async () => {
  const store = await scratchStore();
  const revisions = await store.transaction((tx) => [tx.put(['a'], { n: 1 }), tx.put(['b'], [2]), tx.put(['c'], null)]);
  expect(await store.get(['a'])).toEqual({ key: ['a'], value: { n: 1 }, revision: revisions[0] });
  expect(await store.range({ prefix: [] })).toEqual([
    { key: ['a'], value: { n: 1 }, revision: revisions[0] },
    { key: ['b'], value: [2], revision: revisions[1] },
    { key: ['c'], value: null, revision: revisions[2] },
  ]);
});

test('a body that throws writes nothing, and the caller gets its error', async () => {
  const store = await scratchStore();
  const mistake = new Error('no');
  const failing = store.transaction((tx) => {
    tx.put(['a'], 1);
    throw mistake;
  });
  await expect(failing).rejects.toBe(mistake);
  expect(await get(store, 'a')).toBeUndefined();
});

test('a body runs at once, sees its own writes and those still on their way; plain reads see durable state only', async () => {
  const store = await scratchStore();
  let ran = false;
  const first = store.transaction((tx) => {
    tx.put(['n'], 1);
    tx.put(['m'], 1);
    tx.delete(['m']);
    expect(tx.get(['n'])?.value).toBe(1);
    expect(tx.get(['m'])).toBeUndefined();
    ran = true;
  });
  expect(ran).toBe(true);
  expect(await get(store, 'n')).toBeUndefined();
  const second = store.transaction((tx) => tx.get<number>(['n'])?.value);
  const third = store.transaction((tx) => tx.range({ prefix: ['n'] }).length);
  expect(await second).toBe(1);
  expect(await third).toBe(1);
  expect(await get(store, 'n')).toBe(1);
  await first;
});

test('an answer that rests on writes still on their way does not outrun them', async () => {
  const store = await scratchStore();
  const order: string[] = [];
  const write = store.transaction((tx) => tx.put(['a'], 1)).then(() => order.push('write'));
  const read = store.transaction((tx) => tx.get(['a'])?.value).then(() => order.push('read'));
  const refusal = store
    .transaction((tx) => {
      if (tx.get(['a'])) throw new Error('exists');
    })
    .catch(() => order.push('refusal'));
  const other = store.transaction((tx) => tx.get(['b'])).then(() => order.push('unrelated read'));
  await Promise.all([write, read, refusal, other]);
  expect(order).toEqual(['unrelated read', 'write', 'read', 'refusal']);
});

test('1,000 concurrent transactions that count lose none', async () => {
  const store = await scratchStore();
  const count = () => store.transaction((tx) => tx.put(['n'], (tx.get<number>(['n'])?.value ?? 0) + 1));
  const waves = Array.from({ length: 10 }, async (_, i) => {
    await new Promise((resolve) => setTimeout(resolve, i));
    return Promise.all(Array.from({ length: 100 }, count));
  });
  const revisions = (await Promise.all(waves)).flat();
  expect(await get(store, 'n')).toBe(1000);
  expect(new Set(revisions).size).toBe(1000);
});

test('a body may not be asynchronous, and its transaction is of no use afterwards', async () => {
  const store = await scratchStore();
  await expect(store.transaction(async (tx) => tx.put(['a'], 1))).rejects.toThrow('synchronous');
  let kept: { put(key: Key, value: unknown): number } | undefined;
  await store.transaction((tx) => {
    kept = tx;
  });
  expect(() => kept!.put(['a'], 1)).toThrow('over');
  expect(await get(store, 'a')).toBeUndefined();
});

test('values keep what JSON can say, bytes stay bytes, and copies do not leak', async () => {
  const store = await scratchStore();
  const hostile = JSON.parse('{"__proto__": {"x": 1}, "half": "\\ud800", "nul": "\\u0000"}');
  const own = { list: [1] };
  await store.transaction((tx) => {
    tx.put(['hostile'], hostile);
    tx.put(['bytes'], new Uint8Array([0, 1, 255]));
    tx.put(['empty'], new Uint8Array());
    tx.put(['own'], own);
    own.list.push(2);
    tx.get<typeof own>(['own'])!.value.list.push(3);
  });
  expect(JSON.stringify(await get(store, 'hostile'))).toBe(JSON.stringify(hostile));
  expect(await get(store, 'bytes')).toEqual(new Uint8Array([0, 1, 255]));
  expect(await get(store, 'empty')).toEqual(new Uint8Array());
  expect(await get(store, 'own')).toEqual({ list: [1] });
  await expect(store.transaction((tx) => tx.put(['x'], undefined))).rejects.toThrow(TypeError);
});

test('values of many megabytes come back whole', async () => {
  const store = await scratchStore();
  const big = 'é'.repeat(8 * 1024 * 1024);
  await store.transaction((tx) => {
    tx.put(['big'], big);
    tx.put(['bytes'], Buffer.alloc(20 * 1024 * 1024, 7));
  });
  expect(await get(store, 'big')).toBe(big);
  expect(Buffer.alloc(20 * 1024 * 1024, 7).equals((await get<Uint8Array>(store, 'bytes'))!)).toBe(true);
  expect((await store.range<string>({ prefix: ['big'] }))[0]?.value.length).toBe(big.length);
});

test('revisions rise, over deletes and restarts too', async () => {
  const dir = scratchDir();
  let highest = 0;
  for (let round = 0; round < 3; round++) {
    const store = await scratchStore(dir);
    for (let i = 0; i < 5; i++) {
      const revision = await store.transaction((tx) => tx.put(['a'], i));
      expect(revision).toBeGreaterThan(highest);
      highest = revision;
    }
    await store.transaction((tx) => tx.delete(['a']));
    await store.close();
  }
  const store = await scratchStore(dir);
  const many = await store.transaction((tx) => Array.from({ length: 70_000 }, () => tx.put(['a'], 0)));
  expect(many[0]).toBeGreaterThan(highest);
  await store.close();
  const again = await scratchStore(dir);
  expect(await again.transaction((tx) => tx.put(['a'], 0))).toBeGreaterThan(many.at(-1)!);
});

test('a watcher hears each durable write below its prefix, in order, before the transaction resolves', async () => {
  const store = await scratchStore();
  const heard: unknown[] = [];
  const stop = store.watch(['runs', 'a'], (key, value) => heard.push([...key, value]));
  const writes = store.transaction((tx) => {
    tx.put(['runs', 'a', 1], 'one');
    tx.put(['runs', 'a', 1], 'two');
    tx.put(['runs', 'ab', 1], 'other');
    tx.delete(['runs', 'a', 1]);
  });
  expect(heard).toEqual([]);
  await writes;
  const expected = [
    ['runs', 'a', 1, 'one'],
    ['runs', 'a', 1, 'two'],
    ['runs', 'a', 1, undefined],
  ];
  expect(heard).toEqual(expected);
  await store.transaction((tx) => tx.put(['runs', 'a', 2], new Uint8Array([1])));
  expect(heard.at(-1)).toEqual(['runs', 'a', 2, new Uint8Array([1])]);
  stop();
  await store.transaction((tx) => tx.put(['runs', 'a', 3], 'unheard'));
  expect(heard.length).toBe(4);
});

test('close waits for the writes on their way, and refuses later ones', async () => {
  const dir = scratchDir();
  const store = await scratchStore(dir);
  const write = store.transaction((tx) => tx.put(['a'], 1));
  await store.close();
  await write;
  await expect(store.transaction((tx) => tx.put(['a'], 2))).rejects.toMatchObject({ code: 'shutting_down' });
  expect(await get(await scratchStore(dir), 'a')).toBe(1);
});

test('durability may change from one start to the next', async () => {
  const { openStore } = await import('../../runtime/store/lmdb-store.ts');
  const dir = scratchDir();
  for (const durability of ['disk', 'process', 'disk'] as const) {
    const store = await openStore({ dir, durability, minimumFreeBytes: 0 });
    await store.transaction((tx) => tx.put(['n'], (tx.get<number>(['n'])?.value ?? 0) + 1));
    await store.close();
  }
  expect(await get(await scratchStore(dir), 'n')).toBe(3);
});

test('reads agree with a model, inside and outside of transactions, whatever is still on its way', async () => {
  const store = await scratchStore();
  const part = fc.constantFrom<string | number>('a', 'b', 'ab', 'é', 1, 2, 10, -1);
  const key = fc.array(part, { minLength: 1, maxLength: 3 });
  const step = fc.record({ key, value: fc.option(fc.integer(), { nil: undefined }) });
  const question = fc.record({
    prefix: fc.array(part, { maxLength: 2 }),
    rest: fc.option(fc.array(part, { minLength: 1, maxLength: 1 }), { nil: undefined }),
    reverse: fc.boolean(),
    limit: fc.option(fc.integer({ min: 0, max: 4 }), { nil: undefined }),
  });
  const name = (k: Key) => JSON.stringify(k);
  let round = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(step, { maxLength: 6 }), { maxLength: 5 }),
      fc.array(question),
      async (batches, questions) => {
        const root = round++;
        const model = new Map<string, { key: Key; value: number }>();
        const answer = ({ prefix, rest, reverse, limit }: (typeof questions)[number]) => {
          const keys = [...model.values()].sort((a, b) => compare(a.key, b.key));
          const after = rest && [...prefix, ...rest];
          const found = keys
            .filter((entry) => prefix.every((p, i) => entry.key[i] === p))
            .filter((entry) => !after || (reverse ? compare(entry.key, after) < 0 : compare(entry.key, after) > 0));
          if (reverse) found.reverse();
          return found.slice(0, limit);
        };
        const options = ({ prefix, rest, reverse, limit }: (typeof questions)[number]) => ({
          prefix: [root, ...prefix],
          reverse,
          ...(rest ? { after: [root, ...prefix, ...rest] } : {}),
          ...(limit === undefined ? {} : { limit }),
        });
        const shown = (entries: Entry<number>[]) => entries.map((e) => ({ key: e.key.slice(1), value: e.value }));
        const writes: Promise<unknown>[] = [];
        for (const [i, batch] of batches.entries()) {
          writes.push(
            store.transaction((tx) => {
              for (const { key: k, value } of batch) {
                if (value === undefined) {
                  tx.delete([root, ...k]);
                  model.delete(name(k));
                } else {
                  tx.put([root, ...k], value);
                  model.set(name(k), { key: k, value });
                }
              }
              for (const q of questions) expect(shown(tx.range<number>(options(q)))).toEqual(answer(q));
            }),
          );
          if (i % 2 === 1) await new Promise((resolve) => setImmediate(resolve));
        }
        await Promise.all(writes);
        for (const q of questions) expect(shown(await store.range<number>(options(q)))).toEqual(answer(q));
      },
    ),
    { numRuns: 150 },
  );
});

function compare(a: Key, b: Key): number {
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    const [x, y] = [a[i]!, b[i]!];
    if (typeof x !== typeof y) return typeof x === 'number' ? -1 : 1;
    if (x !== y) return x < y ? -1 : 1;
  }
  return a.length - b.length;
}

test('what was written long ago, lately or just now is read alike', async () => {
  const store = await scratchStore();
  const size = (i: number) => (i % 100 === 0 ? 40_000 : 2000);
  for (const round of [1, 2]) {
    // More than the store keeps in memory.
    for (let i = 0; i < 6000; i += 500)
      await store.transaction((tx) => {
        for (let j = i; j < i + 500; j++) tx.put([j], `${round}`.repeat(size(round + j)));
      });
    await store.transaction((tx) => {
      for (let i = 0; i < 6000; i += 7) tx.delete([i]);
    });
    for (let i = 0; i < 6000; i++) {
      const expected = i % 7 === 0 ? undefined : `${round}`.repeat(size(round + i));
      if ((await get(store, i)) !== expected) expect.fail(`key ${i} in round ${round}`);
    }
  }
});
