/** How runs lie in the store. One transaction admits a run, one starts a queued one, one records its end. */
import { notFound } from '../errors.ts';
import type { Store, Transaction } from '../store/store.ts';
import type { RequestFile, RunEvent, RunRecord, RunSource } from './record.ts';

/** A run that has not ended: `queued` ones were never started and may still be; `started` ones must never run twice. */
export interface Unfinished {
  tenant: string;
  state: 'queued' | 'started';
}

export interface StoredSource extends RunSource {
  /** Kept until the run has started. */
  files?: RequestFile[];
}

const recordKey = (tenant: string, id: string) => ['run', tenant, id] as const;
const sourceKey = (id: string) => ['run-source', id] as const;
const unfinishedKey = (id: string) => ['run-unfinished', id] as const;
const eventsKey = (id: string, firstSeq: number) => ['run-events', id, firstSeq] as const;

export interface RunPage {
  records: RunRecord[];
  /** Id to continue below, when there may be more. */
  next?: string;
}

/** Records looked at for one page at most: a filter that matches little answers short pages instead of reading everything. */
const SCAN_PER_PAGE = 5000;

export function createRunStore(store: Store) {
  return {
    /** Part of the admitting transaction. */
    admit(tx: Transaction, record: RunRecord, source: StoredSource, state: Unfinished['state']): void {
      tx.put(recordKey(record.tenant, record.id), record);
      tx.put(sourceKey(record.id), source);
      tx.put(unfinishedKey(record.id), { tenant: record.tenant, state } satisfies Unfinished);
    },

    /** Durable before anything that the run does may be seen outside. */
    started: (record: RunRecord) =>
      store.transaction((tx) => {
        tx.put(unfinishedKey(record.id), { tenant: record.tenant, state: 'started' } satisfies Unfinished);
      }),

    /** Keeps events of a run that goes on, so that a crash does not take them along. */
    saveEvents: (id: string, events: readonly RunEvent[]) =>
      store.transaction((tx) => {
        tx.put(eventsKey(id, (events[0] as RunEvent).seq), events);
      }),

    /** `events`: those that were not saved before. */
    finished: (record: RunRecord, events: readonly RunEvent[], sourceWithoutFiles: RunSource | undefined) =>
      store.transaction(
        (tx) => {
          tx.put(recordKey(record.tenant, record.id), record);
          if (events[0]) tx.put(eventsKey(record.id, events[0].seq), events);
          tx.delete(unfinishedKey(record.id));
          if (sourceWithoutFiles) tx.put(sourceKey(record.id), sourceWithoutFiles);
          // An end may use the space kept free: it makes room for others to be deleted.
        },
        { reserve: true },
      ),

    async get(tenant: string, id: string): Promise<RunRecord> {
      const entry = await store.get<RunRecord>(recordKey(tenant, id));
      if (!entry) throw notFound(`Run ${id}`);
      return entry.value;
    },

    async source(id: string): Promise<StoredSource> {
      const entry = await store.get<StoredSource>(sourceKey(id));
      if (!entry) throw notFound(`Run ${id}`);
      return entry.value;
    },

    /** Events of a finished run, without `finished`, which is made from the record. */
    async events(id: string): Promise<RunEvent[]> {
      const chunks = await store.range<RunEvent[]>({ prefix: ['run-events', id] });
      return chunks.flatMap((chunk) => chunk.value);
    },

    /** Newest first, those that `matches`, at most `limit`, below `before`. */
    async page(
      tenant: string,
      matches: (record: RunRecord) => boolean,
      limit: number,
      before?: string,
    ): Promise<RunPage> {
      const records: RunRecord[] = [];
      let below = before;
      for (let scanned = 0; scanned < SCAN_PER_PAGE; ) {
        const batch = Math.min(SCAN_PER_PAGE - scanned, Math.max(limit + 1, 100));
        const entries = await store.range<RunRecord>({
          prefix: ['run', tenant],
          reverse: true,
          limit: batch,
          ...(below === undefined ? {} : { after: recordKey(tenant, below) }),
        });
        for (const { value } of entries) {
          if (matches(value)) {
            if (records.length === limit) return { records, next: (records.at(-1) as RunRecord).id };
            records.push(value);
          }
          below = value.id;
        }
        if (entries.length < batch) return { records };
        scanned += entries.length;
      }
      return below === undefined ? { records } : { records, next: below };
    },

    async unfinished(): Promise<(Unfinished & { id: string })[]> {
      const entries = await store.range<Unfinished>({ prefix: ['run-unfinished'] });
      return entries.map(({ key, value }) => ({ ...value, id: String(key[1]) }));
    },

    /** Oldest first, over one tenant. */
    async oldest(tenant: string, limit: number, after?: string): Promise<RunRecord[]> {
      const entries = await store.range<RunRecord>({
        prefix: ['run', tenant],
        limit,
        ...(after === undefined ? {} : { after: recordKey(tenant, after) }),
      });
      return entries.map((entry) => entry.value);
    },

    delete: (runs: { tenant: string; id: string }[]) =>
      store.transaction((tx) => {
        for (const { tenant, id } of runs) {
          tx.delete(recordKey(tenant, id));
          tx.delete(sourceKey(id));
          for (const { key } of tx.range({ prefix: ['run-events', id] })) tx.delete(key);
        }
      }),
  };
}

export type RunStore = ReturnType<typeof createRunStore>;
