/** From a policy to its findings: pure, for the service and for files alike. */
import type { Connector, Operation } from '../../connector/connector.ts';
import type { Grant, Policy } from '../grant.ts';
import { atOnce } from '../in-steps.ts';
import { isWildcard, matchesOperation, parsePattern } from '../operation-pattern.ts';
import { type Check, type Finding, type JudgedGrant, type PolicyFacts, severities } from './finding.ts';

/** Those that would be in force after an activation now: a pending one takes the place of the one that it replaces. */
export function grantsAfterActivation({ grants, pending }: Pick<Policy, 'grants' | 'pending'>): Grant[] {
  const replaced = new Set(pending.map(({ replaces }) => replaces));
  return [...grants.filter(({ id }) => !replaced.has(id)), ...pending];
}

export const judgedGrant = (grant: Grant, connector: Connector | undefined, calls: number): JudgedGrant =>
  atOnce(judgeInSteps(grant, connector, calls));

/** The same, with steps. */
export function* judgeInSteps(
  grant: Grant,
  connector: Connector | undefined,
  calls: number,
): Generator<void, JudgedGrant> {
  const known = connector?.operations ?? [];
  const byName = Map.groupBy(grant.operations.some(isPlain) ? known : [], ({ name }) => name);
  const matches = new Map<string, Operation[]>();
  for (const text of new Set(grant.operations)) {
    const pattern = parsePattern(text);
    // A plain name is looked up: documents have thousands of operations, and grants hundreds of names.
    const candidates = isPlain(text) ? (byName.get(pattern.name) ?? []) : known;
    matches.set(
      text,
      candidates.filter((operation) => matchesOperation(pattern, operation)),
    );
    if (!isPlain(text)) yield;
  }
  const matched = new Set([...matches.values()].flat());
  return {
    grant,
    connector,
    patterns: grant.operations.map((pattern) => ({
      pattern,
      isWildcard: isWildcard(pattern),
      operations: matches.get(pattern) ?? [],
    })),
    operations: known.filter((operation) => matched.has(operation)),
    calls,
  };
}

const isPlain = (pattern: string) => !isWildcard(pattern);

/** Worst first, otherwise in the order of the checks and grants. */
export function findAll(checks: readonly Check[], facts: PolicyFacts): Finding[] {
  const found = checks.flatMap(({ name, find }) =>
    find(facts).map((finding): Finding => ({ check: name, ...finding })),
  );
  return severities.flatMap((severity) => found.filter((finding) => finding.severity === severity));
}

/** What stands in the way of an activation. */
export const blocking = (findings: readonly Finding[]): Finding[] =>
  findings.filter(({ severity, waived }) => severity === 'error' && waived !== true);
