/** The calls of one run: each is an event and an audit entry, counted before it leaves, and ends when what allowed it ends. */
import { createHash } from 'node:crypto';
import type { JsonObject } from '../json.ts';
import type { Approvals } from '../permission/approvals.ts';
import type { CredentialLease } from '../vault/credential.ts';
import type { ByteShare } from './byte-budget.ts';
import { createCallEntries } from './call-entries.ts';
import { type EgressCall, EgressError } from './egress.ts';
import type { GateDeps, GateRun } from './gate.ts';
import type { Permitted } from './judge.ts';

export interface ApprovalAsked {
  method: string;
  url: URL;
  body: Uint8Array | undefined;
  permitted: Permitted;
  signal: AbortSignal | undefined;
}

/** One call from the moment it is asked until its last byte. */
export interface OpenCall {
  /** Aborts with an EgressError when the call may not go on. */
  readonly signal: AbortSignal;
  tell(known: Partial<EgressCall>): void;
  /** Its body takes memory until it ends. Errors: EgressError limit, when there is no room. */
  holds(bytes: number): void;
  /** It is allowed: counted, and written down where it changes something. Durable before it leaves, except for plain reads. */
  begun(permitted: Permitted): Promise<void>;
  /** Waits for a person. Errors: EgressError approval_denied, approval_expired. */
  approved(approvals: Pick<Approvals, 'ask'>, asked: ApprovalAsked): Promise<void>;
  /** From now on it ends with the credential, the guest's own signal, and the time. */
  borrows(lease: CredentialLease | undefined, signal: AbortSignal | undefined, ms: number): void;
  /** From now on the service may have seen it. */
  leaves(): void;
  abort(error: EgressError): void;
  /** It was answered and is over, or broke: told once. */
  end(error?: EgressError): void;
  /** It was refused or broke before an answer: told once. Returns the error. */
  refuse(error: EgressError): EgressError;
}

export interface CallBook {
  begin(method: string): OpenCall;
  /** Ends what is under way; resolves when all is written down. */
  close(): Promise<void>;
}

/** Refused calls of a run that are told one by one: a loop must not fill the disk with what was not done. */
const MOST_REFUSED = 1000;

export function createCallBook(deps: GateDeps, run: GateRun, held: ByteShare): CallBook {
  const { permissions, clock } = deps;
  const { owner, runId, user } = run;
  const entries = createCallEntries(deps, run);
  const mine = new Set<OpenCall>();
  let isClosed = false;
  let refused = 0;

  function begin(method: string): OpenCall {
    const startedAt = clock.now();
    const abort = new AbortController();
    const known: EgressCall = { allowed: false, method: method.slice(0, 20), host: '' };
    let counted: Permitted | undefined;
    let lease: CredentialLease | undefined;
    let timer: NodeJS.Timeout | undefined;
    let isOver = false;
    let hasLeft = false;
    const undo: (() => void)[] = [];

    const call: OpenCall = {
      signal: abort.signal,
      tell: (more) => void Object.assign(known, more),

      holds(bytes) {
        if (!held.take(bytes))
          throw new EgressError('limit', 'bodies of requests under way take too much memory: try again later');
        undo.push(() => held.give(bytes));
      },

      async begun(permitted) {
        abort.signal.throwIfAborted();
        const { operation, grant, compiled } = permitted;
        Object.assign(known, {
          allowed: true,
          connector: compiled.connector.id,
          operation: operation.name,
          effect: operation.effect,
          path: operation.path,
          grant: grant.id,
          as: grant.as,
          ...(grant.as === 'user' && user ? { onBehalfOf: user } : {}),
        });
        undo.push(
          permissions.whenRevoked(owner, grant.id, () =>
            call.abort(new EgressError('no_grant', 'the grant of this call was taken away')),
          ),
        );
        await entries.ready();
        if (operation.effect === 'read' && grant.maxCalls === undefined) {
          counted = permitted;
          return;
        }
        const detail = operation.effect === 'read' ? undefined : ({ ...known, phase: 'begun' } as JsonObject);
        await entries.begun(permitted, detail);
      },

      async approved(approvals, { method: exact, url, body, permitted, signal }) {
        const { id } = await approvals.ask({
          owner,
          runId,
          grant: permitted.grant.id,
          connector: permitted.compiled.connector.id,
          operation: permitted.operation,
          method: exact,
          url: url.href,
          bodySha256: createHash('sha256')
            .update(body ?? '')
            .digest('hex'),
          signal: signal ? AbortSignal.any([signal, abort.signal]) : abort.signal,
          onWaiting: ({ id: waiting }) => run.onWaiting(waiting, permitted.operation.name),
        });
        known.approval = id;
      },

      borrows(borrowed, signal, ms) {
        // It may have ended, or been aborted, while the credential was on its way: then it goes back, now or at the end.
        if (isOver) borrowed?.release();
        else lease = borrowed;
        abort.signal.throwIfAborted();
        const on = (from: AbortSignal | undefined, error: () => EgressError) => {
          if (!from) return;
          const stop = () => call.abort(error());
          if (from.aborted) return stop();
          from.addEventListener('abort', stop, { once: true });
          undo.push(() => from.removeEventListener('abort', stop));
        };
        on(lease?.revoked, () => new EgressError('credential_revoked', 'the credential of this call was taken back'));
        on(signal, () => new EgressError('upstream', 'the call was given up'));
        timer = setTimeout(() => call.abort(new EgressError('limit', `the call took longer than ${ms} ms`)), ms);
      },

      leaves() {
        abort.signal.throwIfAborted();
        hasLeft = true;
      },

      abort: (error) => abort.abort(error),

      end(error) {
        if (isOver) return;
        isOver = true;
        clearTimeout(timer);
        for (const one of undo) one();
        lease?.release();
        mine.delete(call);
        known.ms = clock.now() - startedAt;
        if (error) known.reason = error.reason;
        if (!known.allowed && ++refused > MOST_REFUSED) return;
        run.onCall({ ...known });
        entries.ended({ ...known } as JsonObject, counted);
      },

      refuse(error) {
        // What was allowed and broke stays allowed; what a person or the vault refused does not.
        if (!hasLeft && error.reason !== 'upstream' && error.reason !== 'limit') known.allowed = false;
        counted = known.allowed ? counted : undefined;
        call.end(error);
        return error;
      },
    };
    if (isClosed) call.abort(new EgressError('limit', 'the run is over'));
    mine.add(call);
    return call;
  }

  return {
    begin,
    async close() {
      isClosed = true;
      for (const call of [...mine]) {
        call.abort(new EgressError('limit', 'the run is over'));
        call.end(new EgressError('limit', 'the run is over'));
      }
      if (refused > MOST_REFUSED) {
        const summary: EgressCall = { allowed: false, method: '', host: '', more: refused - MOST_REFUSED };
        run.onCall(summary);
        entries.ended({ ...summary } as JsonObject, undefined);
      }
      await entries.close();
    },
  };
}
