/** The audit: what agents did and what people changed of their permissions, in order, for as long as the operator keeps it. */
import { type Clock, isoTime } from '../clock.ts';
import type { JsonObject } from '../json.ts';
import { encodeCursor, type Page, type PageRequest, readPage } from '../store/page.ts';
import type { Store, Transaction } from '../store/store.ts';

export const auditKinds = [
  'egress',
  'connector',
  'grant',
  'activation',
  'waiver',
  'credential',
  'approval',
  'issuer',
] as const;
export type AuditKind = (typeof auditKinds)[number];

/** Who changes something: the id of an API key. */
export interface ChangedBy {
  key: string;
}

/** Never a secret, a query or a body. */
export interface AuditEntry {
  /** By the clock of that moment; the order is that of writing, also where the clock went back. */
  at: string;
  kind: AuditKind;
  agent?: string;
  run?: string;
  /** The key that changed something; absent for what a run did. */
  key?: string;
  /** For `egress` an EgressCall, else what was done: `{action, ...}`. */
  detail: JsonObject;
}

export interface AuditQuery extends PageRequest {
  agent?: string | undefined;
  kind?: AuditKind | undefined;
  run?: string | undefined;
}

export interface Audit {
  /** Part of a transaction of the caller: the change and its entry are one. */
  add(tx: Transaction, tenant: string, entry: Omit<AuditEntry, 'at'>): void;
  /** Newest first. A page can be short of items although more follow: it reads a bounded number of entries. */
  list(tenant: string, query: AuditQuery): Promise<Page<AuditEntry>>;
  /** Removes what is older than `keepMs`. */
  sweep(keepMs: number): Promise<void>;
  forgetTenant(tenant: string): Promise<void>;
}

const SCAN = 2000;
const BATCH = 500;

export function createAudit({ store, clock }: { store: Store; clock: Clock }): Audit {
  /** The highest key of each tenant, so that an entry costs no read. */
  const newest = new Map<string, { ms: number; within: number }>();

  return {
    add(tx, tenant, entry) {
      let last = newest.get(tenant);
      if (last === undefined) {
        last = newestStored(tx, tenant);
        newest.set(tenant, last);
      }
      const now = clock.now();
      // When the clock stands or went back, also while Cordon was down: no entry takes the key of another, or its place.
      if (now > last.ms) {
        last.ms = now;
        last.within = 0;
      } else last.within++;
      tx.put(['audit', tenant, last.ms, last.within], { at: isoTime(now), ...entry });
    },

    async list(tenant, { agent, kind, run, limit, cursor }) {
      const items: AuditEntry[] = [];
      let next = cursor;
      for (let read = 0; read < SCAN; ) {
        const size = agent === undefined && kind === undefined && run === undefined ? limit - items.length : 200;
        const page = await readPage<AuditEntry>(store, ['audit', tenant], ['number', 'number'], {
          limit: size,
          cursor: next,
        });
        for (const [index, { key, value }] of page.entries.entries()) {
          if ((agent ?? value.agent) !== value.agent) continue;
          if ((kind ?? value.kind) !== value.kind || (run ?? value.run) !== value.run) continue;
          items.push(value);
          const isLast = index === page.entries.length - 1 && page.nextCursor === undefined;
          if (items.length === limit) return { items, ...(isLast ? {} : { nextCursor: encodeCursor(key.slice(2)) }) };
        }
        read += page.entries.length;
        next = page.nextCursor;
        if (next === undefined) return { items };
      }
      return { items, ...(next === undefined ? {} : { nextCursor: next }) };
    },

    async sweep(keepMs) {
      // Not by the key: after a clock that was far ahead for a moment it is far ahead for good.
      const before = isoTime(clock.now() - keepMs);
      const tenants = await store.range({ prefix: ['tenant'] });
      for (const { key } of tenants) await remove(String(key[1]), (at) => at < before);
    },

    async forgetTenant(tenant) {
      await remove(tenant, () => true);
      newest.delete(tenant);
    },
  };

  function newestStored(tx: Transaction, tenant: string): { ms: number; within: number } {
    const [found] = tx.range({ prefix: ['audit', tenant], reverse: true, limit: 1 });
    return found ? { ms: found.key[2] as number, within: found.key[3] as number } : { ms: 0, within: 0 };
  }

  /** Oldest first, in pieces that do not hold up the event loop. */
  async function remove(tenant: string, isOld: (at: string) => boolean): Promise<void> {
    for (;;) {
      const found = await store.range<AuditEntry>({ prefix: ['audit', tenant], limit: BATCH });
      const old = found.filter(({ value }) => isOld(value.at));
      if (old.length > 0)
        await store.transaction((tx) => {
          for (const { key } of old) tx.delete(key);
        });
      if (old.length < BATCH) return;
    }
  }
}
