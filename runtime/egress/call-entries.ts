/** What the calls of one run leave in the store: their counts and their entries in the audit, in order, many to a transaction. */
import type { JsonObject } from '../json.ts';
import type { Transaction } from '../store/store.ts';
import { EgressError } from './egress.ts';
import type { GateDeps, GateRun } from './gate.ts';
import type { Permitted } from './judge.ts';

export interface CallEntries {
  /** Errors: EgressError `limit` while the disk refuses entries of calls that were made: whoever cannot be audited does not call. */
  ready(): Promise<void>;
  /**
   * Counted, and with a detail written down, before the call leaves: resolves when that is durable.
   * Calls of one turn of the event loop are one transaction. Errors: EgressError `max_calls`, `no_grant`; of the store.
   */
  begun(counts: Permitted, detail: JsonObject | undefined): Promise<void>;
  /** After the fact: not waited for, except by `close` and, when the disk refused it, by `ready`. */
  ended(detail: JsonObject, counts: Permitted | undefined): void;
  /** Resolves when all is written down. */
  close(): Promise<void>;
}

interface CallEntry {
  detail: JsonObject | undefined;
  counts: Permitted | undefined;
  /** Of a call that has not left yet. */
  waits?: { resolve(): void; reject(error: unknown): void };
}

/** Calls that are over wait this long for others of their run, to be one transaction; and that as long for others, to share a flush. */
const COMPANY_MS = 25;
const PATIENCE_MS = 25;

export function createCallEntries(
  { store, audit, permissions, log }: Pick<GateDeps, 'store' | 'audit' | 'permissions' | 'log'>,
  { owner, runId }: Pick<GateRun, 'owner' | 'runId'>,
): CallEntries {
  let waiting: CallEntry[] = [];
  let company: NodeJS.Timeout | undefined;
  let endOfTurn: NodeJS.Immediate | undefined;
  /** What the disk refused: nothing more leaves until it is written. */
  let unwritten: CallEntry[] = [];
  let catchingUp: Promise<void> | undefined;
  const writing = new Set<Promise<void>>();

  function write(): void {
    clearTimeout(company);
    clearImmediate(endOfTurn);
    company = endOfTurn = undefined;
    if (waiting.length === 0) return;
    const those = waiting;
    waiting = [];
    const flush = those.some(({ waits }) => waits) ? { atOnce: true } : { patienceMs: PATIENCE_MS };
    const done = store
      .transaction((tx) => put(tx, those), flush)
      .then(
        (refused) => {
          for (const one of those) {
            const error = refused.get(one);
            if (error) one.waits?.reject(error);
            else one.waits?.resolve();
          }
        },
        (error: unknown) => {
          const late = those.filter(({ waits }) => !waits);
          if (late.length > 0) log.error({ runId, error }, 'audit entries of calls could not be written yet');
          unwritten.push(...late);
          for (const { waits } of those) waits?.reject(error);
        },
      )
      .finally(() => writing.delete(done));
    writing.add(done);
  }

  /** Answers which may not be made, and why. */
  function put(tx: Transaction, those: readonly CallEntry[]): ReadonlyMap<CallEntry, EgressError> {
    const refused = new Map<CallEntry, EgressError>();
    for (const [{ grant, compiled, operation }, same] of countedTogether(those))
      try {
        permissions.count(tx, owner, grant, compiled.connector.id, operation.name, same.length);
      } catch (error) {
        // For a call that is over: its grant was taken away meanwhile, and the count with it.
        if (!(error instanceof EgressError)) throw error;
        for (const one of same) if (one.waits) refused.set(one, error);
      }
    for (const one of those)
      if (one.detail && !refused.has(one))
        audit.add(tx, owner.tenant, { kind: 'egress', agent: owner.agent, run: runId, detail: one.detail });
    return refused;
  }

  /** Another one waits for the attempt that is under way. */
  async function ready(): Promise<void> {
    if (!catchingUp && unwritten.length === 0) return;
    catchingUp ??= catchUp().finally(() => {
      catchingUp = undefined;
    });
    await catchingUp;
  }

  async function catchUp(): Promise<void> {
    const late = unwritten;
    unwritten = [];
    try {
      await store.transaction((tx) => put(tx, late));
    } catch (error) {
      unwritten = [...late, ...unwritten];
      throw new EgressError('limit', 'calls wait until the audit can be written', { cause: error });
    }
  }

  return {
    ready,
    begun(counts, detail) {
      endOfTurn ??= setImmediate(write);
      return new Promise((resolve, reject) => waiting.push({ counts, detail, waits: { resolve, reject } }));
    },
    ended(detail, counts) {
      waiting.push({ counts, detail });
      company ??= setTimeout(write, COMPANY_MS);
    },
    async close() {
      write();
      while (writing.size > 0) {
        store.hurry();
        await Promise.all(writing);
      }
      await ready().catch((error: unknown) => log.error({ runId, error }, 'audit entries of a run are lost'));
    },
  };
}

/** Each with what is counted with it: all calls of one operation under one grant, unless that has a maximum that each may pass. */
function countedTogether(those: readonly CallEntry[]): [Permitted, CallEntry[]][] {
  const groups: [Permitted, CallEntry[]][] = [];
  const byName = new Map<string, CallEntry[]>();
  for (const one of those) {
    if (!one.counts) continue;
    const { grant, operation } = one.counts;
    const name = `${grant.id} ${operation.name}`;
    const same = grant.maxCalls === undefined ? byName.get(name) : undefined;
    if (same) {
      same.push(one);
      continue;
    }
    const group = [one];
    if (grant.maxCalls === undefined) byName.set(name, group);
    groups.push([one.counts, group]);
  }
  return groups;
}
