/** Approvals in the store: each under its id, which sorts by time, and those that wait once more, to be found again. */
import type { Clock } from '../clock.ts';
import { notFound } from '../errors.ts';
import { encodeCursor, type Page, readPage } from '../store/page.ts';
import type { Entry, Store, Transaction } from '../store/store.ts';
import type { Approval } from './approval.ts';
import type { ApprovalQuery } from './approvals.ts';

/** Entries that one list reads at most. */
const SCAN = 2000;
const BATCH = 500;
const approvalId = /^apr_[0-9a-z]{1,40}$/;

function keyOf(tenant: string, id: string) {
  // What cannot be an id is unknown, however long or odd.
  if (!approvalId.test(id)) throw notFound('This approval');
  return ['approval', tenant, id];
}
const waitingKey = (tenant: string, id: string) => ['approval-waiting', tenant, id];

export function approvalRecords(store: Store, clock: Clock) {
  return {
    open(tx: Transaction, tenant: string, approval: Approval): void {
      tx.put(keyOf(tenant, approval.id), approval);
      tx.put(waitingKey(tenant, approval.id), 0);
    },

    close(tx: Transaction, tenant: string, approval: Approval): void {
      tx.put(keyOf(tenant, approval.id), approval);
      tx.delete(waitingKey(tenant, approval.id));
    },

    find(tx: Transaction, tenant: string, id: string): Approval {
      return present(tx.get<Approval>(keyOf(tenant, id)), id);
    },

    async get(tenant: string, id: string): Promise<Approval> {
      return present(await store.get<Approval>(keyOf(tenant, id)), id);
    },

    async list(tenant: string, { status, agent, limit, cursor }: ApprovalQuery): Promise<Page<Approval>> {
      const items: Approval[] = [];
      const index = status === 'waiting' ? 'approval-waiting' : 'approval';
      let next = cursor;
      for (let read = 0; read < SCAN; ) {
        const page = await readPage<Approval>(store, [index, tenant], ['string'], { limit: 200, cursor: next });
        for (const { key, value } of page.entries) {
          const approval =
            index === 'approval' ? value : (await store.get<Approval>(keyOf(tenant, `${key[2]}`)))?.value;
          if (!approval || (status ?? approval.status) !== approval.status) continue;
          if ((agent ?? approval.agent) !== approval.agent) continue;
          if (items.length === limit) return { items, nextCursor: encodeCursor([items[limit - 1]!.id]) };
          items.push(approval);
        }
        read += Math.max(1, page.entries.length);
        next = page.nextCursor;
        if (next === undefined) return { items };
      }
      return { items, ...(next === undefined ? {} : { nextCursor: next }) };
    },

    async allWaiting(): Promise<{ tenant: string; id: string }[]> {
      const found = await store.range({ prefix: ['approval-waiting'] });
      return found.map(({ key }) => ({ tenant: String(key[1]), id: String(key[2]) }));
    },

    async sweep(keepMs: number): Promise<void> {
      const before = clock.now() - keepMs;
      const isOld = ({ value }: Entry<Approval>) =>
        value.status !== 'waiting' && Date.parse(value.decidedAt ?? value.createdAt) < before;
      for (const { key } of await store.range({ prefix: ['tenant'] })) await remove(String(key[1]), isOld);
    },

    async forgetTenant(tenant: string): Promise<void> {
      await remove(tenant, () => true);
    },
  };

  /** Oldest first, in pieces that do not hold up the event loop; ends at the first piece with one that stays. */
  async function remove(tenant: string, goes: (entry: Entry<Approval>) => boolean): Promise<void> {
    for (;;) {
      const found = await store.range<Approval>({ prefix: ['approval', tenant], limit: BATCH });
      const gone = found.filter(goes);
      if (gone.length > 0)
        await store.transaction((tx) => {
          for (const { key } of gone) {
            tx.delete(key);
            tx.delete(waitingKey(tenant, String(key[2])));
          }
        });
      if (gone.length < BATCH) return;
    }
  }
}

function present(found: Entry<Approval> | undefined, id: string): Approval {
  if (!found) throw notFound(`Approval ${id}`);
  return found.value;
}
