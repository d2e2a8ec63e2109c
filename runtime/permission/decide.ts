/** Whether a call is allowed: pure, over what was worked out before. Nothing but a grant in force allows anything. */
import { type CompiledConstraint, describeConstraint } from './constraints.ts';
import type { CallFacts, CallParameters, Decision, DenyReason, Grant } from './grant.ts';
import type { CompiledGrant, EffectivePolicy } from './policy.ts';

/**
 * Reasons of a refusal, in this order: `no_grant`, `draft`, `expired`, `max_calls`, `constraint`: each says that no grant
 * got further. Of several grants that allow: one without approval, then one without a count, then the oldest.
 */
export function decide(policy: EffectivePolicy, facts: CallFacts): Decision {
  const { agent } = policy;
  const call = `${facts.connector} ${facts.operation.name}`;
  const activate = `POST /v1/agents/${agent}/activate`;
  const named = policy.grantsFor(facts.connector, facts.operation);
  const isWaiting = named.length === 0 && policy.isPending(facts.connector, facts.operation);
  const isDraft = policy.status === 'draft';

  if (isDraft && (isWaiting || named.length > 0))
    return refuse('draft', `agent ${agent} is a draft: nothing is allowed to it before ${activate}`);
  if (named.length === 0) {
    const missing = `agent ${agent} has no grant for ${call} (${facts.operation.effect}).`;
    if (isWaiting) return refuse('no_grant', `${missing} One waits for the next activation: ${activate}`);
    const body = JSON.stringify({ connector: facts.connector, operations: [facts.operation.name] });
    const then = isDraft ? `, then ${activate}` : '';
    return refuse('no_grant', `${missing} Ask for it: POST /v1/agents/${agent}/grants ${body}${then}`);
  }

  const inTime = named.filter(({ expiresAtMs }) => expiresAtMs === undefined || facts.nowMs < expiresAtMs);
  if (inTime.length === 0) {
    const { grant } = named.at(-1)!;
    return refuse(
      'expired',
      `grant ${grant.id} for ${call} ended at ${grant.expiresAt}. ${renew(agent, grant)}`,
      grant,
    );
  }

  const withCalls = inTime.filter(({ grant }) => grant.maxCalls === undefined || facts.used(grant.id) < grant.maxCalls);
  if (withCalls.length === 0) {
    const { grant } = inTime.at(-1)!;
    const message = `grant ${grant.id} for ${call} has used up its ${grant.maxCalls} calls. ${renew(agent, grant)}`;
    return refuse('max_calls', message, grant);
  }

  let best: Grant | undefined;
  let nearest: { grant: Grant; faults: string[] } | undefined;
  for (const one of withCalls) {
    if (best !== undefined && !isBetter(one.grant, best)) continue;
    const faults = faultsOf(one, facts);
    if (faults.length === 0) best = one.grant;
    else if (nearest === undefined || faults.length < nearest.faults.length) nearest = { grant: one.grant, faults };
  }
  if (best) return { allowed: true, grant: best };
  const { grant, faults } = nearest!;
  return refuse('constraint', `grant ${grant.id} allows ${call} only where ${faults.join('; ')}`, grant);
}

/** Grants come oldest first: of equals the first one stays. */
const isBetter = (one: Grant, best: Grant) => rank(one) < rank(best);
const rank = ({ requiresApproval, maxCalls }: Grant) => (requiresApproval ? 2 : 0) + (maxCalls === undefined ? 0 : 1);

/** What is wrong with the call, in words that say what the grant demands and never what the call had. */
function faultsOf({ constraints }: CompiledGrant, { parameters }: CallFacts): string[] {
  const faults: string[] = [];
  for (const [name, compiled] of constraints) {
    const why = 'absent' in compiled.constraint ? parameters.given(name) : faultOfValues(name, compiled, parameters);
    if (why !== undefined) faults.push(`${describeConstraint(name, compiled.constraint)} (${why})`);
  }
  return faults;
}

function faultOfValues(name: string, { holds }: CompiledConstraint, parameters: CallParameters): string | undefined {
  const { found, unreadable } = parameters.values(name);
  if (unreadable !== undefined) return unreadable;
  if (holds(found)) return undefined;
  return found.length === 0 ? 'it is missing' : 'it is not so';
}

const renew = (agent: string, grant: Grant) => `Ask for another: PUT /v1/agents/${agent}/grants/${grant.id}`;

const refuse = (reason: DenyReason, message: string, grant?: Grant): Decision => ({
  allowed: false,
  reason,
  message,
  ...(grant ? { grant } : {}),
});
