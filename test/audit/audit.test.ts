import { expect, test } from 'vitest';
import { type Audit, createAudit } from '../../runtime/audit/audit.ts';
import type { Store, Transaction } from '../../runtime/store/store.ts';
import { manualClock, scratchStore } from '../store/scratch.ts';

const SECOND = 1000;
const DAY = 24 * 3600 * SECOND;

const entry = (n: number) => ({ kind: 'egress', agent: 'a', detail: { n } }) as const;

/** Adds an entry per millisecond, each in a transaction of its own. */
async function addEach(store: Store, audit: Audit, clock: ReturnType<typeof manualClock>, ns: number[]) {
  for (const n of ns) {
    await store.transaction((tx) => audit.add(tx, 't', entry(n)));
    clock.advance(1);
  }
}

const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);
const listed = async (audit: Audit) =>
  (await audit.list('t', { limit: 1000 })).items.map(({ detail }) => detail.n).reverse();

test('after a restart with the clock set back, every entry is kept, in the order of writing', async () => {
  const store = await scratchStore();
  const clock = manualClock();
  await addEach(store, createAudit({ store, clock }), clock, numbers(0, 100));
  clock.advance(-50);
  const restarted = createAudit({ store, clock });
  await addEach(store, restarted, clock, numbers(100, 250));
  expect(await listed(restarted)).toEqual(numbers(0, 250));
});

test('entries of one millisecond keep their order over a restart, and tenants do not share it', async () => {
  const store = await scratchStore();
  const clock = manualClock();
  for (const first of [0, 3]) {
    const audit = createAudit({ store, clock });
    for (const n of numbers(first, first + 3))
      await store.transaction((tx) => {
        audit.add(tx, 't', entry(n));
        audit.add(tx, 'other', entry(n));
      });
    expect(await listed(audit)).toEqual(numbers(0, first + 3));
  }
  expect((await createAudit({ store, clock }).list('other', { limit: 10 })).items.length).toBe(6);
});

test('an entry tells the time of its clock, and one that was far ahead keeps nothing for ever', async () => {
  const store = await scratchStore();
  const clock = manualClock();
  clock.advance(3650 * DAY);
  await addEach(store, createAudit({ store, clock }), clock, [0]);
  clock.advance(-3650 * DAY);
  const now = new Date(clock.now()).toISOString();
  const restarted = createAudit({ store, clock });
  await store.transaction((tx) => {
    tx.put(['tenant', 't'], {});
    restarted.add(tx, 't', entry(1));
  });
  expect((await restarted.list('t', { limit: 1 })).items[0]!.at).toBe(now);
  clock.advance(2 * DAY);
  await restarted.sweep(DAY);
  expect(await listed(restarted)).toEqual([0]);
});

test('a tenant that was deleted and made again begins anew', async () => {
  const store = await scratchStore();
  const clock = manualClock();
  const audit = createAudit({ store, clock });
  await addEach(store, audit, clock, [0, 1]);
  await audit.forgetTenant('t');
  clock.advance(-SECOND);
  await addEach(store, audit, clock, [2, 3]);
  expect(await listed(audit)).toEqual([2, 3]);
});

test('what is stored is read once per tenant, not at each entry', async () => {
  const store = await scratchStore();
  const clock = manualClock();
  const audit = createAudit({ store, clock });
  let reads = 0;
  const counting = (tx: Transaction): Transaction => ({
    ...tx,
    get(key) {
      reads++;
      return tx.get(key);
    },
    range(options) {
      reads++;
      return tx.range(options);
    },
  });
  for (let n = 0; n < 20; n++)
    await store.transaction((tx) => {
      audit.add(counting(tx), 't', entry(n));
      clock.advance(n % 2 === 0 ? 1 : -1);
    });
  expect(reads).toBe(1);
  expect(await listed(audit)).toEqual(numbers(0, 20));
});
