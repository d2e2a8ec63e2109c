/** Approvals: a call under `requiresApproval` waits until a person has decided about exactly this call. */
import type { Audit } from '../audit/audit.ts';
import { type Clock, isoTime } from '../clock.ts';
import type { Operation } from '../connector/connector.ts';
import { EgressError } from '../egress/egress.ts';
import { CordonError, fieldError } from '../errors.ts';
import { newId } from '../ids.ts';
import type { JsonObject } from '../json.ts';
import type { Owner } from '../sandbox/driver.ts';
import type { Page, PageRequest } from '../store/page.ts';
import type { Store, Transaction } from '../store/store.ts';
import type { Approval, ApprovalStatus } from './approval.ts';
import { approvalRecords } from './approval-records.ts';
import { shownUrl, urlDigest } from './shown-url.ts';

/** A call that wants an approval. The one that waits here is the one that is sent: nothing of it can change meanwhile. */
export interface ApprovalRequest {
  owner: Owner;
  runId: string;
  /** Id. */
  grant: string;
  /** Id. */
  connector: string;
  operation: Pick<Operation, 'name' | 'effect' | 'danger'>;
  method: string;
  /** As it will be sent. */
  url: string;
  /** Hexadecimal; of no bytes for a call without a body. */
  bodySha256: string;
  /** Ends the wait: the run is over. */
  signal: AbortSignal;
  /** Told once people can see it, for the event of the run. */
  onWaiting?(approval: Approval): void;
}

export interface ApprovalQuery extends PageRequest {
  status?: ApprovalStatus | undefined;
  agent?: string | undefined;
}

export interface Approvals {
  /**
   * Resolves when it is approved, at the latest after `waitMs`. Errors: EgressError `approval_denied`,
   * `approval_expired` (also when the signal aborts), `limit` when 100 calls of the agent wait.
   */
  ask(request: ApprovalRequest): Promise<{ id: string }>;
  /** Errors: CordonError `not_found`. */
  get(tenant: string, id: string): Promise<Approval>;
  /** Newest first. A page can be short of items although more follow. */
  list(tenant: string, query: ApprovalQuery): Promise<Page<Approval>>;
  /** The call goes on. Errors: `not_found`, `conflict` when nothing waits any more, `validation_failed` (comment). */
  approve(tenant: string, id: string, by: { key: string }, comment?: string): Promise<Approval>;
  /** The guest is told. Errors: as of `approve`. */
  deny(tenant: string, id: string, by: { key: string }, comment?: string): Promise<Approval>;
  /** After a restart: what waited is `expired`, for its run is gone. Call once, before the first run. */
  recover(): Promise<void>;
  /** Removes what was decided longer ago than `keepMs`. */
  sweep(keepMs: number): Promise<void>;
  forgetTenant(tenant: string): Promise<void>;
}

export interface ApprovalDeps {
  store: Store;
  clock: Clock;
  audit: Audit;
  /** Tells people that a call waits. Must not throw nor block. */
  notify?: (tenant: string, approval: Approval) => void;
  /** How long a call waits, milliseconds. */
  waitMs: number;
}

const MAXIMUM_WAITING = 100;
const MAXIMUM_COMMENT = 1000;

export function createApprovals({ store, clock, audit, notify, waitMs }: ApprovalDeps): Approvals {
  const records = approvalRecords(store, clock);
  /** Of this process: told how each ended. */
  const waiters = new Map<string, (ended: Approval) => void>();
  const waitingOf = new Map<string, number>();

  /** One transaction decides: the first end of an approval is its only one. */
  function end(
    tx: Transaction,
    tenant: string,
    id: string,
    status: ApprovalStatus,
    decision: Pick<Approval, 'decidedBy' | 'comment'> = {},
  ): Approval {
    const ended = { ...records.find(tx, tenant, id), status, decidedAt: isoTime(clock.now()), ...decision };
    records.close(tx, tenant, ended);
    addEntry(tx, tenant, ended, status, decision.decidedBy);
    return ended;
  }

  /** `key`: of who decided; what a run or time did has none. */
  function addEntry(tx: Transaction, tenant: string, approval: Approval, action: string, key?: string): void {
    const { id, agent, run, grant, connector, operation, method, urlSha256, bodySha256, comment } = approval;
    const detail: JsonObject = { action, approval: id, grant, connector, operation, method, urlSha256, bodySha256 };
    if (comment !== undefined) detail.comment = comment;
    audit.add(tx, tenant, { kind: 'approval', agent, run, ...(key === undefined ? {} : { key }), detail });
  }

  async function decide(
    tenant: string,
    id: string,
    status: 'approved' | 'denied',
    { key }: { key: string },
    comment: string | undefined,
  ): Promise<Approval> {
    const decision = { decidedBy: key, ...(comment === undefined ? {} : { comment: checkComment(comment) }) };
    const decided = await store.transaction((tx) => {
      const found = records.find(tx, tenant, id);
      const isLate = Date.parse(found.expiresAt) <= clock.now();
      if (found.status !== 'waiting' || isLate)
        throw new CordonError('conflict', `Approval ${id} is ${found.status === 'waiting' ? 'expired' : found.status}`);
      return end(tx, tenant, id, status, decision);
    });
    waiters.get(id)?.(decided);
    return decided;
  }

  /** Resolves with how it ended: by a decision, by time, or because the run did. */
  function ending(tenant: string, { id }: Approval, signal: AbortSignal): Promise<Approval> {
    const { promise, resolve, reject } = Promise.withResolvers<Approval>();
    waiters.set(id, resolve);
    const giveUp = (status: 'expired' | 'withdrawn') =>
      store
        .transaction(
          (tx) => {
            const found = records.find(tx, tenant, id);
            return found.status === 'waiting' ? end(tx, tenant, id, status) : found;
          },
          { reserve: true },
        )
        .then(resolve, (cause) =>
          // Gone with its tenant, or the disk is full: without an answer nothing is sent.
          reject(new EgressError('approval_expired', 'the call could not be approved any more', { cause })),
        );
    const timer = setTimeout(() => void giveUp('expired'), waitMs);
    const onAbort = () => void giveUp('withdrawn');
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    return promise.finally(() => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      waiters.delete(id);
    });
  }

  async function put(request: ApprovalRequest): Promise<Approval> {
    const { owner, runId, grant, connector, operation, method, url, bodySha256 } = request;
    const now = clock.now();
    const approval: Approval = {
      id: newId('apr', now),
      agent: owner.agent,
      run: runId,
      grant,
      connector,
      operation: operation.name,
      effect: operation.effect,
      ...(operation.danger === undefined ? {} : { danger: operation.danger }),
      method,
      url: shownUrl(url),
      urlSha256: urlDigest(url),
      bodySha256,
      status: 'waiting',
      createdAt: isoTime(now),
      expiresAt: isoTime(now + waitMs),
    };
    await store.transaction((tx) => {
      records.open(tx, owner.tenant, approval);
      addEntry(tx, owner.tenant, approval, 'ask');
    });
    return approval;
  }

  return {
    async ask(request) {
      const { owner, signal, onWaiting } = request;
      const name = `${owner.tenant}/${owner.agent}`;
      const waiting = waitingOf.get(name) ?? 0;
      if (waiting >= MAXIMUM_WAITING)
        throw new EgressError('limit', `${waiting} calls of agent ${owner.agent} wait for an approval already`);
      waitingOf.set(name, waiting + 1);
      try {
        const approval = await put(request);
        const ended = ending(owner.tenant, approval, signal);
        onWaiting?.(approval);
        notify?.(owner.tenant, approval);
        return { id: approved(await ended).id };
      } finally {
        const left = (waitingOf.get(name) ?? 1) - 1;
        if (left === 0) waitingOf.delete(name);
        else waitingOf.set(name, left);
      }
    },

    get: records.get,
    list: records.list,
    approve: (tenant, id, by, comment) => decide(tenant, id, 'approved', by, comment),
    deny: (tenant, id, by, comment) => decide(tenant, id, 'denied', by, comment),

    async recover() {
      for (const { tenant, id } of await records.allWaiting())
        await store.transaction((tx) => end(tx, tenant, id, 'expired'), { reserve: true });
    },

    sweep: records.sweep,
    forgetTenant: records.forgetTenant,
  };
}

/** Errors: EgressError, for the guest. */
function approved(ended: Approval): Approval {
  const { id, status, operation, connector, comment } = ended;
  if (status === 'approved') return ended;
  const call = `the call of ${connector} ${operation}`;
  // One line: it also goes where lines are counted, such as the status of an answer.
  const says = comment === undefined ? '' : `: ${comment.replaceAll(/\s+/g, ' ')}`;
  if (status === 'denied') throw new EgressError('approval_denied', `${call} was denied (${id})${says}`);
  if (status === 'withdrawn') throw new EgressError('approval_expired', `${call} was given up before it was approved`);
  throw new EgressError(
    'approval_expired',
    `nobody approved ${call} in time (${id}, expired at ${ended.expiresAt}). Try again when somebody can decide.`,
  );
}

function checkComment(comment: string): string {
  if (comment.length > MAXIMUM_COMMENT || !comment.isWellFormed())
    throw fieldError('comment', `must be well-formed text of at most ${MAXIMUM_COMMENT} characters`);
  return comment;
}
