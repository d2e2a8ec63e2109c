/** What an agent did through the gate, from the audit, counted by what allowed it. */
import type { Audit } from '../audit/audit.ts';
import type { JsonObject } from '../json.ts';
import type { Owner } from '../sandbox/driver.ts';
import type { InWhoseName } from './grant.ts';

export interface RecordedCalls {
  connector: string;
  operation: string;
  grant: string;
  as: InWhoseName;
  calls: number;
  /** ISO 8601. */
  lastAt: string;
}

export interface CallRecord {
  groups: RecordedCalls[];
  /** Time of the oldest call that was read. */
  since?: string;
  /** False: there are older calls that were not read. */
  isComplete: boolean;
}

const PAGE = 200;
/** Pages of the audit that one reading takes at most: about a second. */
const MAXIMUM_PAGES = 1000;

/** Calls that were allowed, as far back as the audit goes. */
export async function readRecordedCalls(audit: Pick<Audit, 'list'>, { tenant, agent }: Owner): Promise<CallRecord> {
  const groups = new Map<string, RecordedCalls>();
  let since: string | undefined;
  let cursor: string | undefined;
  for (let pages = 0; pages < MAXIMUM_PAGES; pages++) {
    const page = await audit.list(tenant, { agent, kind: 'egress', limit: PAGE, cursor });
    for (const { at, detail } of page.items) {
      const call = readCall(detail);
      if (call === undefined) continue;
      since = at;
      const key = [call.connector, call.operation, call.grant, call.as].join('\n');
      const group = groups.get(key) ?? { ...call, calls: 0, lastAt: at };
      // What changes something is told twice: before it leaves, so that a crash cannot hide it, and when it has ended.
      if (detail.phase !== 'begun') group.calls++;
      groups.set(key, group);
    }
    cursor = page.nextCursor;
    if (cursor === undefined) break;
  }
  return { groups: [...groups.values()], ...(since === undefined ? {} : { since }), isComplete: cursor === undefined };
}

function readCall(detail: JsonObject): Omit<RecordedCalls, 'calls' | 'lastAt'> | undefined {
  const { allowed, connector, operation, grant, as } = detail;
  if (allowed !== true || typeof connector !== 'string' || typeof operation !== 'string') return undefined;
  if (typeof grant !== 'string') return undefined;
  return { connector, operation, grant, as: as === 'user' ? 'user' : 'agent' };
}
