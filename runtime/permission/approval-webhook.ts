/** Tells the operator's webhook of calls that wait for an approval. Best effort: the list of approvals is what counts. */
import type { Log } from '../telemetry/log.ts';
import type { Approval } from './approval.ts';

export interface ApprovalWebhook {
  /** Returns at once. The body: `{type: "approval_waiting", tenant, approval}`, the approval as the API shows it. */
  notify(tenant: string, approval: Approval): void;
  /** Gives up what is on its way. */
  close(): void;
}

export interface ApprovalWebhookDeps {
  /** The operator's; may hold a secret, so it is never logged. */
  url: string;
  log: Log;
  /** Waits before each further try, milliseconds. */
  retryAfterMs?: readonly number[];
  timeoutMs?: number;
}

/** Notices on their way at most, in all and of one tenant; what comes then is left out, with a line in the log. */
const MAXIMUM_UNDER_WAY = 200;
const MAXIMUM_OF_TENANT = 50;

export function createApprovalWebhook({
  url,
  log,
  retryAfterMs = [1000, 5000, 20_000],
  timeoutMs = 10_000,
}: ApprovalWebhookDeps): ApprovalWebhook {
  const closing = new AbortController();
  let underWay = 0;
  const byTenant = new Map<string, number>();

  async function send(tenant: string, approval: Approval): Promise<void> {
    const body = JSON.stringify({ type: 'approval_waiting', tenant, approval });
    for (const [tries, waitMs] of [...retryAfterMs, undefined].entries()) {
      const failure = await post(body);
      if (failure === undefined || closing.signal.aborted) return;
      const line = { approval: approval.id, tries: tries + 1, failure };
      if (waitMs === undefined) return log.error(line, 'the approval webhook was not told');
      log.warn(line, 'the approval webhook failed and is tried again');
      await pause(waitMs, closing.signal);
      // Nobody needs to decide any more.
      if (Date.parse(approval.expiresAt) <= Date.now() || closing.signal.aborted) return;
    }
  }

  /** What went wrong, in words without the URL; undefined when it was taken. */
  async function post(body: string): Promise<string | undefined> {
    try {
      const signal = AbortSignal.any([closing.signal, AbortSignal.timeout(timeoutMs)]);
      const headers = { 'content-type': 'application/json', 'user-agent': 'cordon' };
      const answer = await fetch(url, { method: 'POST', body, headers, signal, redirect: 'manual' });
      await answer.body?.cancel();
      return answer.ok ? undefined : `status ${answer.status}`;
    } catch (error) {
      return failureOf(error);
    }
  }

  return {
    notify(tenant, approval) {
      const ofTenant = byTenant.get(tenant) ?? 0;
      if (underWay >= MAXIMUM_UNDER_WAY || ofTenant >= MAXIMUM_OF_TENANT) {
        log.error(
          { tenant, approval: approval.id, underWay },
          'the approval webhook was not told: too much is on its way',
        );
        return;
      }
      underWay++;
      byTenant.set(tenant, ofTenant + 1);
      void send(tenant, approval).finally(() => {
        underWay--;
        const left = (byTenant.get(tenant) ?? 1) - 1;
        if (left === 0) byTenant.delete(tenant);
        else byTenant.set(tenant, left);
      });
    },
    close: () => closing.abort(),
  };
}

/** The message of a failed fetch may quote the URL: its name and code do not. */
function failureOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  if (!(cause instanceof Error)) return 'unknown';
  return 'code' in cause && typeof cause.code === 'string' ? cause.code : cause.name;
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener('abort', end, { once: true });
  });
}
