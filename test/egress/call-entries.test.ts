/** What calls leave in the store, over a real one: counted exactly, in order, few transactions, nothing lost to a full disk. */
import { describe, expect, test } from 'vitest';
import { createAudit } from '../../runtime/audit/audit.ts';
import type { CompiledConnector, Operation } from '../../runtime/connector/connector.ts';
import { type CallEntries, createCallEntries } from '../../runtime/egress/call-entries.ts';
import type { Permitted } from '../../runtime/egress/judge.ts';
import { CordonError } from '../../runtime/errors.ts';
import type { Grant } from '../../runtime/permission/grant.ts';
import type { Store } from '../../runtime/store/store.ts';
import { by, owner, setUp, slack } from '../permission/set-up.ts';

const [post, list] = slack.operations as [Operation, Operation];

async function world() {
  const { store, clock, permissions } = await setUp();
  let transactions = 0;
  let isFull = false;
  const watched: Store = {
    ...store,
    transaction(body, options) {
      transactions++;
      if (isFull) return Promise.reject(new CordonError('storage_full', 'full'));
      return store.transaction(body, options);
    },
  };
  const audit = createAudit({ store, clock });
  const logged: unknown[] = [];
  const log = { error: (...told: unknown[]) => void logged.push(told) } as never;
  const open = () => createCallEntries({ store: watched, audit, permissions, log }, { owner, runId: 'run_1' });
  const grant = async (operation: Operation, more: object = {}): Promise<Grant> => {
    const { id } = await permissions.createGrant(
      owner,
      { connector: 'slack', operations: [operation.name], ...more },
      by,
    );
    const { grants } = await permissions.activate(owner, by);
    return grants.find((one) => one.id === id)!;
  };
  return {
    ...{ permissions, open, grant, logged },
    /** Numbers of the entries, oldest first. */
    audited: async () =>
      (await audit.list(owner.tenant, { limit: 200, kind: 'egress' })).items.toReversed().map(({ detail }) => detail.n),
    used: async (one: Grant) => {
      await permissions.policy(owner);
      return permissions.used(owner, one.id);
    },
    counted: () => transactions,
    fill: (full: boolean) => {
      isFull = full;
    },
  };
}

const permitted = (grant: Grant, operation: Operation): Permitted => ({
  grant,
  operation,
  compiled: { connector: slack } as CompiledConnector,
});

const told = (promise: Promise<void>) =>
  promise.then(
    () => 'begun',
    (error) => error.reason ?? error.code,
  );

/** So many begin in one turn. */
const beginAll = (entries: CallEntries, counts: Permitted, count: number) =>
  Promise.all(Array.from({ length: count }, (_, n) => told(entries.begun(counts, { n }))));

describe('calls that begin in one turn', () => {
  test('are one transaction, and each has its own verdict of maxCalls', async () => {
    const { open, grant, audited, used, counted } = await world();
    const three = await grant(post, { maxCalls: 3 });
    const entries = open();
    const ends = await beginAll(entries, permitted(three, post), 5);
    expect(ends).toEqual(['begun', 'begun', 'begun', 'max_calls', 'max_calls']);
    expect(await audited()).toEqual([0, 1, 2]);
    expect(await used(three)).toBe(3);
    expect(counted()).toBe(1);
  });

  test('count together where there is no maximum', async () => {
    const { open, grant, used, counted } = await world();
    const free = await grant(post);
    expect(new Set(await beginAll(open(), permitted(free, post), 40))).toEqual(new Set(['begun']));
    expect(await used(free)).toBe(40);
    expect(counted()).toBe(1);
  });

  test('are refused each when their grant was taken away, and leave no entry; others go on', async () => {
    const { open, grant, audited, permissions } = await world();
    const gone = await grant(post);
    const other = await grant(list);
    await permissions.deleteGrant(owner, gone.id, by);
    const entries = open();
    const ends = [
      told(entries.begun(permitted(gone, post), { n: 1 })),
      told(entries.begun(permitted(other, list), { n: 2 })),
      told(entries.begun(permitted(gone, post), { n: 3 })),
    ];
    expect(await Promise.all(ends)).toEqual(['no_grant', 'begun', 'no_grant']);
    expect(await audited()).toEqual([2]);
  });

  test('are written down before close resolves, when it comes before their turn has ended', async () => {
    const { open, grant, audited } = await world();
    const free = await grant(post);
    const entries = open();
    const ends = beginAll(entries, permitted(free, post), 2);
    await entries.close();
    expect(await audited()).toEqual([0, 1]);
    expect(await ends).toEqual(['begun', 'begun']);
  });
});

describe('calls that are over', () => {
  test('wait for each other, and stand before what begins after them', async () => {
    const { open, grant, audited, used, counted } = await world();
    const [reads, writes] = [await grant(list), await grant(post)];
    const entries = open();
    for (let n = 0; n < 100; n++) entries.ended({ n }, permitted(reads, list));
    await entries.begun(permitted(writes, post), { n: 100 });
    expect(await audited()).toEqual(Array.from({ length: 101 }, (_, n) => n));
    expect([await used(reads), await used(writes)]).toEqual([100, 1]);
    expect(counted()).toBe(1);
  });

  test('are written by themselves soon after', async () => {
    const { open, grant, audited } = await world();
    open().ended({ n: 1 }, permitted(await grant(list), list));
    await expect.poll(audited, { timeout: 5000 }).toEqual([1]);
  });

  test('stand in the audit also when their grant was taken away meanwhile', async () => {
    const { open, grant, audited, permissions } = await world();
    const reads = await grant(list);
    const entries = open();
    entries.ended({ n: 1 }, permitted(reads, list));
    await permissions.deleteGrant(owner, reads.id, by);
    await entries.close();
    expect(await audited()).toEqual([1]);
  });
});

describe('while the disk is full', () => {
  test('no call begins before the entries of earlier ones are written, and none is lost', async () => {
    const { open, grant, audited, used, fill, logged } = await world();
    const reads = await grant(list);
    const entries = open();
    fill(true);
    entries.ended({ n: 1 }, permitted(reads, list));
    entries.ended({ n: 2 }, permitted(reads, list));
    await expect.poll(() => logged.length, { timeout: 5000 }).toBe(1);
    expect([await told(entries.ready()), await told(entries.ready())]).toEqual(['limit', 'limit']);
    fill(false);
    // The second waits for the first one's attempt: by then all is on disk.
    void entries.ready();
    await entries.ready();
    expect(await audited()).toEqual([1, 2]);
    expect(await used(reads)).toBe(2);
  });

  test('a call that would be counted is refused, and counts nothing', async () => {
    const { open, grant, audited, used, fill } = await world();
    const writes = await grant(post);
    const entries = open();
    fill(true);
    expect(await told(entries.begun(permitted(writes, post), { n: 1 }))).toBe('storage_full');
    fill(false);
    await entries.close();
    expect(await audited()).toEqual([]);
    expect(await used(writes)).toBe(0);
  });
});
