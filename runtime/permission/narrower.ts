import { isNarrowerConstraint } from './constraints.ts';
import type { GrantTerms } from './grant-input.ts';
import { isWildcard, isWithin, parsePattern } from './operation-pattern.ts';

/**
 * Whether every call that `inner` allows is allowed by `outer` as well, in the same name. Never true by mistake: what is
 * not plain counts as wider, and waits for an activation.
 */
export function isNarrower(inner: GrantTerms, outer: GrantTerms): boolean {
  return (
    inner.connector === outer.connector &&
    inner.as === outer.as &&
    (inner.requiresApproval || !outer.requiresApproval) &&
    isWithinDeadline(inner.expiresAt, outer.expiresAt) &&
    isWithinCount(inner.maxCalls, outer.maxCalls) &&
    areOperationsWithin(inner, outer) &&
    areConstraintsWithin(inner, outer)
  );
}

const isWithinDeadline = (inner: string | undefined, outer: string | undefined) =>
  outer === undefined || (inner !== undefined && Date.parse(inner) <= Date.parse(outer));

const isWithinCount = (inner: number | undefined, outer: number | undefined) =>
  outer === undefined || (inner !== undefined && inner <= outer);

function areOperationsWithin(inner: GrantTerms, outer: GrantTerms): boolean {
  const same = new Set(outer.operations);
  const byName = Map.groupBy(outer.operations.map(parsePattern), ({ name }) => name);
  const wild = outer.operations.filter(isWildcard).map(parsePattern);
  return inner.operations.every((text) => {
    if (same.has(text)) return true;
    const pattern = parsePattern(text);
    return [...(byName.get(pattern.name) ?? []), ...wild].some((one) => isWithin(pattern, one));
  });
}

/** Constraints of more parameters than before only narrow. */
const areConstraintsWithin = (inner: GrantTerms, outer: GrantTerms) =>
  Object.entries(outer.constraints).every(([name, constraint]) => {
    const own = Object.hasOwn(inner.constraints, name) ? inner.constraints[name] : undefined;
    return own !== undefined && isNarrowerConstraint(own, constraint);
  });
