/** Which operation of which connector a request is, and whether a grant in force allows it. Pure: no clock, store or network. */
import type { CompiledConnector, Operation, OperationMatch } from '../connector/connector.ts';
import { decide } from '../permission/decide.ts';
import type { CallParameters, Decision, DenyReason, Grant } from '../permission/grant.ts';
import { namesAnotherMethod, readParameters } from '../permission/parameters.ts';
import type { EffectivePolicy } from '../permission/policy.ts';
import { refuseForeignFields } from './auth/foreign-credential.ts';
import { EgressError } from './egress.ts';

/** One request, its URL parsed and its headers clean. */
export interface JudgedRequest {
  agent: string;
  method: string;
  url: URL;
  headers: [string, string][];
  body: Uint8Array | undefined;
  /** By the guest, where several connectors serve one origin. */
  chosen: string | undefined;
}

export interface Circumstances {
  policy: EffectivePolicy;
  nowMs: number;
  used(grantId: string): number;
}

/** A connector and the operation that a request is there. */
interface Candidate {
  compiled: CompiledConnector;
  operation: Operation;
  parameters: CallParameters;
}

export interface Permitted {
  compiled: CompiledConnector;
  operation: Operation;
  grant: Grant;
}

/** What is known of a refused call, for its event. */
export interface Refused {
  connector?: string;
  operation?: Operation;
  grant?: Grant;
  error: EgressError;
}

export type Judgement = { permitted: Permitted } | { refused: Refused };

/** Connectors in the text of a refusal; the rest is counted. */
const NAMED = 10;

/** From what says least about the guest's mistake to what says most. */
const telling: DenyReason[] = ['no_grant', 'draft', 'expired', 'max_calls', 'constraint'];

export function judge(
  request: JudgedRequest,
  connectors: readonly CompiledConnector[],
  circumstances: Circumstances,
): Judgement {
  const { chosen, agent, url } = request;
  const serving = chosen === undefined ? connectors : connectors.filter(({ connector }) => connector.id === chosen);
  if (serving.length === 0) return refused('no_connector', noConnector(request, connectors, circumstances.policy));

  const found: Candidate[] = [];
  for (const compiled of serving) {
    const match = matched(compiled, request);
    if (match.kind === 'ambiguous')
      return refused(
        'ambiguous',
        `${request.method} ${url.origin}: ${match.why}; what can be read in two ways is refused`,
        {
          connector: compiled.connector.id,
        },
      );
    if (match.kind === 'none') continue;
    if (match.kind === 'in_body') continue;
    const { operation, pathParameters } = match;
    const parameters = readParameters(operation, url, pathParameters, request.headers, request.body);
    if (!operation.rawBody) refuseForeignFields(compiled.connector, parameters);
    found.push({ compiled, operation, parameters });
  }
  const [first] = found;
  if (!first) {
    const names = serving.map(({ connector }) => connector.id).join(', ');
    const message = `${request.method} ${url.pathname} is no operation of the connector ${names}: GET /v1/connectors/${serving[0]?.connector.id} lists them`;
    return refused('no_operation', message, { connector: names });
  }

  const decisions = found.map((candidate) => ({ candidate, decision: decided(agent, candidate, circumstances) }));
  // After the decisions: only for who has a grant is a large body looked through.
  for (const { candidate, decision } of decisions) {
    const { compiled, operation } = candidate;
    const why = decision.allowed ? misleading(operation, request) : undefined;
    if (why !== undefined)
      return refused('ambiguous', `${why}; what can be read in two ways is refused`, {
        connector: compiled.connector.id,
        operation,
      });
  }
  const allowed = decisions.flatMap(({ candidate, decision }) =>
    decision.allowed ? [{ compiled: candidate.compiled, operation: candidate.operation, grant: decision.grant }] : [],
  );
  if (allowed.length > 1) {
    const ids = allowed.map(({ compiled }) => compiled.connector.id).join(' and ');
    return refused('ambiguous', `the connectors ${ids} both allow this call: name one in the header cordon-connector`);
  }
  if (allowed[0]) return { permitted: allowed[0] };
  return mostTelling(decisions);
}

function matched(compiled: CompiledConnector, { method, url, headers, body }: JudgedRequest): OperationMatch {
  const match = compiled.match(method, url);
  if (match.kind !== 'in_body') return match;
  return compiled.matchBody?.(body ?? new Uint8Array(), headers) ?? { kind: 'none' };
}

/** Headers by which a service would do another thing than method and path say. */
function misleading(operation: Operation, { url, headers, body }: JudgedRequest): string | undefined {
  if (namesAnotherMethod(url, headers, operation.rawBody ? undefined : body))
    return 'the request names another method than its own';
  const refusedHeader = operation.refuseHeaders?.find((name) =>
    headers.some(([given]) => given.toLowerCase() === name.toLowerCase()),
  );
  return refusedHeader === undefined ? undefined : `the header ${refusedHeader} changes what ${operation.name} does`;
}

function decided(agent: string, { compiled, operation, parameters }: Candidate, { policy, ...now }: Circumstances) {
  return decide(policy, { agent, connector: compiled.connector.id, operation, parameters, ...now });
}

function mostTelling(decisions: { candidate: Candidate; decision: Decision }[]): Judgement {
  const rank = (decision: Decision) => (decision.allowed ? -1 : telling.indexOf(decision.reason));
  const [first] = decisions.toSorted((a, b) => rank(b.decision) - rank(a.decision));
  if (!first || first.decision.allowed) throw new Error('an allowed call was refused');
  const { candidate, decision } = first;
  return refused(decision.reason, decision.message, {
    connector: candidate.compiled.connector.id,
    operation: candidate.operation,
    ...(decision.grant ? { grant: decision.grant } : {}),
  });
}

function noConnector(
  { url, agent, chosen }: JudgedRequest,
  connectors: readonly CompiledConnector[],
  { grants }: EffectivePolicy,
): string {
  const ask = `an admin makes one with POST /v1/connectors, then POST /v1/agents/${agent}/grants names its operations`;
  if (chosen !== undefined && connectors.length > 0)
    return `the connector that cordon-connector names does not serve ${url.origin}`;
  const named = [...new Set(grants.map(({ connector }) => connector))];
  const others = named.length > NAMED ? ` and ${named.length - NAMED} more` : '';
  // One of these connectors may be gone: the audit looks, and this is the path of every call.
  const granted =
    named.length === 0
      ? ''
      : `. The grants of agent ${agent} in force are for ${named.slice(0, NAMED).join(', ')}${others}: GET /v1/agents/${agent}/preflight says whether one of these connectors is missing`;
  return `the egress policy of agent ${agent} allows no call to ${url.origin}: no connector serves it; ${ask}${granted}`;
}

function refused(reason: DenyReason, message: string, known: Omit<Refused, 'error'> = {}): Judgement {
  return { refused: { ...known, error: new EgressError(reason, message) } };
}
