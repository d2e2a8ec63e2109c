/** From a policy to its findings: pure, for the service and for files alike. */
import type { Connector } from '../../connector/connector.ts';
import type { Grant, Policy } from '../grant.ts';
import { isWildcard, operationsOf, parsePattern } from '../operation-pattern.ts';
import { type Check, type Finding, type JudgedGrant, type PolicyFacts, severities } from './finding.ts';

/** Those that would be in force after an activation now: a pending one takes the place of the one that it replaces. */
export function grantsAfterActivation({ grants, pending }: Pick<Policy, 'grants' | 'pending'>): Grant[] {
  const replaced = new Set(pending.map(({ replaces }) => replaces));
  return [...grants.filter(({ id }) => !replaced.has(id)), ...pending];
}

export function judgedGrant(grant: Grant, connector: Connector | undefined, calls: number): JudgedGrant {
  const known = connector?.operations ?? [];
  const byName = Map.groupBy(known, ({ name }) => name);
  const patterns = grant.operations.map((pattern) => {
    const { name } = parsePattern(pattern);
    // A plain name is looked up: documents have thousands of operations, and grants hundreds of names.
    const candidates = isWildcard(pattern) ? known : (byName.get(name) ?? []);
    return { pattern, isWildcard: isWildcard(pattern), operations: operationsOf([pattern], candidates) };
  });
  const matched = new Set(patterns.flatMap(({ operations }) => operations));
  return { grant, connector, patterns, operations: known.filter((operation) => matched.has(operation)), calls };
}

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
