/** The one gate: every outbound call of every agent passes here. Read top to bottom: judge, count, approve, borrow, send, tell. */
import type { Audit } from '../audit/audit.ts';
import type { Clock } from '../clock.ts';
import type { CompiledConnector } from '../connector/connector.ts';
import type { Connectors } from '../connector/connectors.ts';
import { secretAudience } from '../connector/secret-audience.ts';
import type { Approvals } from '../permission/approvals.ts';
import type { Permissions } from '../permission/permissions.ts';
import type { EffectivePolicy } from '../permission/policy.ts';
import type { Owner } from '../sandbox/driver.ts';
import type { Store } from '../store/store.ts';
import type { Log } from '../telemetry/log.ts';
import { CredentialRefused, type User } from '../vault/credential.ts';
import type { Vault } from '../vault/vault.ts';
import { answer } from './answer.ts';
import type { Authenticator } from './auth/authenticate.ts';
import { refuseForeignCredential } from './auth/foreign-credential.ts';
import { createByteBudget } from './byte-budget.ts';
import { createCallBook, type OpenCall } from './call-book.ts';
import { type EgressCall, EgressError, type EgressRequest, type EgressResponse, type RunEgress } from './egress.ts';
import { cleanRequestHeaders } from './headers.ts';
import { type JudgedRequest, judge, type Permitted } from './judge.ts';
import { MAX_REDIRECTS, nextRequest } from './redirect.ts';
import { createScrubbers } from './scrub.ts';
import { readTarget } from './target.ts';
import type { Upstream } from './upstream.ts';

export interface GateDeps {
  store: Store;
  clock: Clock;
  log: Log;
  audit: Audit;
  connectors: Pick<Connectors, 'forOrigin'>;
  permissions: Pick<Permissions, 'policy' | 'count' | 'used' | 'whenRevoked'>;
  approvals: Pick<Approvals, 'ask'>;
  vault: Pick<Vault, 'lease'>;
  authenticator: Authenticator;
  upstream: Pick<Upstream, 'send'>;
  settings: {
    /** Of a request's body. */
    requestBytes: number;
    /** Bodies of requests of all runs together. */
    heldBytes: number;
    /** Of a response's body, decoded. */
    responseBytes: number;
    /** From the first byte sent to the last received. */
    callMs: number;
  };
}

/** Whose run it is, in whose name it acts, and who hears of its calls. */
export interface GateRun {
  owner: Owner;
  runId: string;
  /** Who asked for the run, as a registered issuer says. */
  user: User | undefined;
  limits: { egressRequests: number; egressBytes: number };
  onCall(call: EgressCall): void;
  /** A call waits for a person. */
  onWaiting(approval: string, operation: string): void;
}

export interface Gate {
  /** Egress of one run: every call is refused unless a grant in force allows it. */
  open(run: GateRun): RunEgress;
}

/** What a call is judged by: frozen, and the same objects until one of them changes. */
interface Rules {
  serving: readonly CompiledConnector[];
  policy: EffectivePolicy;
}

interface Judged {
  permitted: Permitted;
  rules: Rules;
}

/** Bodies of the largest size that one run may have under way. */
const BODIES_AT_ONCE = 4;

export function createGate(deps: GateDeps): Gate {
  const { connectors, permissions, approvals, vault, authenticator, upstream, settings, clock, log } = deps;
  const scrubberOf = createScrubbers();
  const budget = createByteBudget(settings.heldBytes);

  function openRun(run: GateRun): RunEgress {
    const { owner, limits } = run;
    const book = createCallBook(deps, run, budget.share(owner.tenant, BODIES_AT_ONCE * settings.requestBytes));
    let requests = 0;
    let bytes = 0;

    /** One call, judged and sent; redirects are the caller's. */
    async function once(asked: EgressRequest, signal: AbortSignal | undefined): Promise<EgressResponse> {
      if (++requests > limits.egressRequests)
        throw new EgressError('limit', `egressRequests is used up (${limits.egressRequests})`, {
          limit: 'egressRequests',
        });
      const call = book.begin(asked.method);
      try {
        return await sent(call, asked, signal);
      } catch (error) {
        throw call.refuse(asEgressError(error, call, run.runId));
      }
    }

    async function sent(
      call: OpenCall,
      asked: EgressRequest,
      signal: AbortSignal | undefined,
    ): Promise<EgressResponse> {
      const { url } = readTarget(asked.url);
      call.tell({ host: url.host });
      const { headers, connector: chosen } = cleanRequestHeaders(asked.headers, url);
      const body = asked.body;
      checkSize(body);
      call.holds(body?.byteLength ?? 0);

      const request = { method: asked.method, url, headers, body };
      const judged = await permit(call, { ...request, chosen });
      const { permitted } = judged;
      const { connector } = permitted.compiled;
      // Before anything is counted, asked or lent.
      const clean = refuseForeignCredential(connector, headers, url, { operation: permitted.operation, body });
      await call.begun(permitted);
      if (permitted.grant.requiresApproval) await call.approved(approvals, { ...request, permitted, signal });
      await confirm(call, { ...request, chosen }, judged);
      const ms = deadline(permitted);

      const lease =
        connector.auth.type === 'none'
          ? undefined
          : await vault.lease({
              tenant: owner.tenant,
              agent: owner.agent,
              connector: connector.id,
              audience: secretAudience(connector),
              ...(permitted.grant.as === 'user' ? { user: theUser(run.user) } : {}),
            });
      call.borrows(lease, signal, ms);
      const send = async () => {
        const signed = await authenticator.authenticate({
          ...{ connector, lease, method: asked.method, clean, body, signal: call.signal },
        });
        call.leaves();
        const received = await upstream.send({
          ...{ tenant: owner.tenant, connector: connector.id, connectTo: connector.connectTo },
          ...{ method: asked.method, url: signed.url, headers: signed.headers, body, signal: call.signal },
        });
        return { received, secrets: signed.secrets };
      };
      let { received, secrets } = await send();
      const refusal = { tenant: owner.tenant, connector: connector.id, lease, secrets };
      if (received.status === 401 && authenticator.forget(refusal)) {
        await received.body[Symbol.asyncIterator]().return?.();
        const again = await send();
        // The service may send back what it was given first.
        received = again.received;
        secrets = [...new Set([...secrets, ...again.secrets])];
      }
      const left = limits.egressBytes - bytes;
      const room =
        left < settings.responseBytes ? { bytes: left, used: bytesUsed() } : { bytes: settings.responseBytes };
      return answer({ call, received, url, scrubber: scrubberOf(secrets), room, onBytes: count });
    }

    /** `counted`: the grant that this call was counted against already. */
    async function permit(call: OpenCall, request: Omit<JudgedRequest, 'agent'>, counted?: string): Promise<Judged> {
      const rules = await rulesFor(request.url);
      const { serving, policy } = rules;
      const judgement = judge({ ...request, agent: owner.agent }, serving, {
        policy,
        nowMs: clock.now(),
        used: (grant) => permissions.used(owner, grant) - (grant === counted ? 1 : 0),
      });
      if ('permitted' in judgement) return { permitted: judgement.permitted, rules };
      const { error, connector, operation, grant } = judgement.refused;
      call.tell({
        ...(connector === undefined ? {} : { connector }),
        ...(operation ? { operation: operation.name, effect: operation.effect, path: operation.path } : {}),
        ...(grant ? { grant: grant.id } : {}),
      });
      throw error;
    }

    /** Judged again right before the credential is lent: flushes and people take time, and what held may not hold now. */
    async function confirm(call: OpenCall, request: Omit<JudgedRequest, 'agent'>, before: Judged): Promise<void> {
      const { serving, policy } = await rulesFor(request.url);
      // By the same rules the same grant allows it, as long as that lasts: which `deadline` asks.
      if (serving === before.rules.serving && policy === before.rules.policy) return;
      const first = before.permitted;
      const { permitted: now } = await permit(call, request, first.grant.id);
      const isSame =
        now.grant.id === first.grant.id &&
        now.compiled.connector.id === first.compiled.connector.id &&
        now.compiled.connector.updatedAt === first.compiled.connector.updatedAt &&
        now.operation.name === first.operation.name &&
        now.operation.effect === first.operation.effect;
      if (!isSame) throw new EgressError('no_grant', 'what allowed this call has changed meanwhile: make it again');
    }

    async function rulesFor({ origin }: URL): Promise<Rules> {
      const [serving, policy] = await Promise.all([
        connectors.forOrigin(owner.tenant, origin),
        permissions.policy(owner),
      ]);
      return { serving, policy };
    }

    function checkSize(body: Uint8Array | undefined): void {
      const size = body?.byteLength ?? 0;
      if (size > settings.requestBytes)
        throw new EgressError('limit', `a request body has at most ${settings.requestBytes} bytes`);
      count(size);
    }

    const bytesUsed = () =>
      new EgressError('limit', `egressBytes is used up (${limits.egressBytes})`, { limit: 'egressBytes' });

    function count(more: number): void {
      bytes += more;
      if (bytes > limits.egressBytes) throw bytesUsed();
    }

    /** Of the setting, or of the grant when that ends sooner. */
    function deadline({ grant }: Permitted): number {
      if (grant.expiresAt === undefined) return settings.callMs;
      const left = Date.parse(grant.expiresAt) - clock.now();
      if (left <= 0) throw new EgressError('expired', `grant ${grant.id} ended at ${grant.expiresAt}`);
      return Math.min(settings.callMs, left);
    }

    return {
      get requests() {
        return requests;
      },
      async request(request, { redirect, signal }) {
        let asked = request;
        for (let hops = 0; ; hops++) {
          const response = await once(asked, signal);
          const next = redirect === 'manual' ? undefined : nextRequest(asked, response);
          if (!next) return response;
          await response.body[Symbol.asyncIterator]().return?.();
          if (redirect === 'error') throw new EgressError('upstream', 'the service answered with a redirect');
          if (hops === MAX_REDIRECTS) throw new EgressError('upstream', `more than ${MAX_REDIRECTS} redirects`);
          asked = next;
        }
      },
      close: book.close,
    };
  }

  function asEgressError(error: unknown, call: OpenCall, runId: string): EgressError {
    if (call.signal.reason instanceof EgressError) return call.signal.reason;
    if (error instanceof EgressError) return error;
    if (error instanceof CredentialRefused) return new EgressError(error.reason, error.message);
    // A fault of ours, or of the disk.
    log.error({ runId, error }, 'a call to a service could not be made');
    return new EgressError('upstream', 'the call could not be made', { cause: error });
  }

  return { open: openRun };
}

/** Never a fallback to the agent's own: a call in a user's name without one is refused. */
function theUser(user: User | undefined): User {
  if (user) return user;
  throw new EgressError(
    'credential_missing',
    'this grant acts in the name of a user, and the run was asked for without one: POST /v1/runs with onBehalfOf',
  );
}
