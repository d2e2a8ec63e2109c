/** How runs lie in the store. One transaction admits a run, one starts a queued one, one records its end. */
import { notFound } from '../errors.ts';
import type { Store, Transaction } from '../store/store.ts';
import type { WholeSource } from './held-source.ts';
import type { RunEvent, RunRecord, RunSource } from './record.ts';
import { roughBytes } from './rough-bytes.ts';
import { deleteEvents, putEvents, readEvents } from './stored-events.ts';
import { deleteFiles, putFiles, readFiles } from './stored-files.ts';

/** A run that has not ended: `queued` ones were never started and may still be; `started` ones must never run twice. */
export interface Unfinished {
  tenant: string;
  state: 'queued' | 'started';
}

const recordKey = (tenant: string, id: string) => ['run', tenant, id] as const;
const sourceKey = (id: string) => ['run-source', id] as const;
const unfinishedKey = (id: string) => ['run-unfinished', id] as const;

export interface RunPage {
  records: RunRecord[];
  /** Id to continue below, when there may be more. */
  next?: string;
}

/** Records looked at for one page at most: a filter that matches little answers short pages instead of reading everything. */
const SCAN_PER_PAGE = 5000;

/** JSON of one page, roughly: a longer one is cut short, since V8 cannot make one text of 200 records of any size. */
export const PAGE_BYTES = 16 * 1024 * 1024;

/** Bytes of records looked at for one page at most: reading them blocks the event loop. */
const SCAN_BYTES = 8 * PAGE_BYTES;

/** Records read in one go, until their size is known. */
const FIRST_BATCH = 8;

export function createRunStore(store: Store) {
  return {
    /** Part of the admitting transaction. */
    admit(tx: Transaction, record: RunRecord, { files, ...source }: WholeSource, state: Unfinished['state']): void {
      tx.put(recordKey(record.tenant, record.id), record);
      tx.put(sourceKey(record.id), source);
      putFiles(tx, record.id, files);
      tx.put(unfinishedKey(record.id), { tenant: record.tenant, state } satisfies Unfinished);
    },

    /** Durable before anything that the run does may be seen outside. */
    started: (record: RunRecord) =>
      store.transaction(
        (tx) => {
          tx.put(unfinishedKey(record.id), { tenant: record.tenant, state: 'started' } satisfies Unfinished);
        },
        // It was promised to run when there was room.
        { reserve: true },
      ),

    /** Of a run whose record is gone. */
    forgetUnfinished: (id: string) => store.transaction((tx) => tx.delete(unfinishedKey(id))),

    /** Keeps events of a run that goes on, so that a crash does not take them along. */
    saveEvents: (id: string, events: readonly RunEvent[]) => store.transaction((tx) => putEvents(tx, id, events)),

    /** `events`: those that were not saved before. `mayHaveFiles`: of its request, which have served. */
    finished: (record: RunRecord, events: readonly RunEvent[], mayHaveFiles: boolean) =>
      store.transaction(
        (tx) => {
          tx.put(recordKey(record.tenant, record.id), record);
          putEvents(tx, record.id, events);
          tx.delete(unfinishedKey(record.id));
          if (mayHaveFiles) deleteFiles(tx, record.id);
          // An end may use the space kept free: it makes room for others to be deleted.
        },
        { reserve: true },
      ),

    async get(tenant: string, id: string): Promise<RunRecord> {
      const entry = await store.get<RunRecord>(recordKey(tenant, id));
      if (!entry) throw notFound(`Run ${id}`);
      return entry.value;
    },

    async source(id: string): Promise<RunSource> {
      const entry = await store.get<RunSource>(sourceKey(id));
      if (!entry) throw notFound(`Run ${id}`);
      return entry.value;
    },

    /** Of a request whose run has not ended. */
    files: (id: string) => readFiles(store, id),

    /** Saved events after one, in order, in pieces. */
    events: (id: string, afterSeq?: number) => readEvents(store, id, afterSeq),

    /** Newest first, those that `matches`, at most `limit` and about `PAGE_BYTES`, at least one, below `before`. */
    async page(
      tenant: string,
      matches: (record: RunRecord) => boolean,
      limit: number,
      before?: string,
    ): Promise<RunPage> {
      const records: RunRecord[] = [];
      let below = before;
      let pageBytes = 0;
      let scannedBytes = 0;
      for (let scanned = 0; scanned < SCAN_PER_PAGE && scannedBytes < SCAN_BYTES; ) {
        // What a batch holds is in memory at once: of large records only a few are read ahead.
        const fitting = scanned === 0 ? FIRST_BATCH : Math.ceil((PAGE_BYTES * scanned) / scannedBytes);
        const batch = Math.min(SCAN_PER_PAGE - scanned, Math.max(limit + 1, 100), fitting);
        const entries = await store.range<RunRecord>({
          prefix: ['run', tenant],
          reverse: true,
          limit: batch,
          ...(below === undefined ? {} : { after: recordKey(tenant, below) }),
        });
        for (const { value } of entries) {
          const bytes = roughBytes(value);
          scannedBytes += bytes;
          if (matches(value)) {
            const last = records.at(-1);
            if (last && (records.length === limit || pageBytes + bytes > PAGE_BYTES)) return { records, next: last.id };
            records.push(value);
            pageBytes += bytes;
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

    /** Of all runs of a tenant, oldest first. */
    async ids(tenant: string, limit: number, after?: string): Promise<string[]> {
      const entries = await store.range({
        prefix: ['run', tenant],
        limit,
        keysOnly: true,
        ...(after === undefined ? {} : { after: recordKey(tenant, after) }),
      });
      return entries.map(({ key }) => String(key[2]));
    },

    delete: (runs: { tenant: string; id: string }[]) =>
      store.transaction((tx) => {
        for (const { tenant, id } of runs) {
          tx.delete(recordKey(tenant, id));
          tx.delete(sourceKey(id));
          tx.delete(unfinishedKey(id));
          deleteFiles(tx, id);
          deleteEvents(tx, id);
        }
      }),
  };
}

export type RunStore = ReturnType<typeof createRunStore>;
