import { liveGrants } from './expiry.ts';
import type { Check, JudgedGrant, OperationUse, PolicyFacts } from './finding.ts';
import { about, listed } from './wording.ts';

const DAY_MS = 24 * 3_600_000;

/** Grants in force that no call needed: what an agent does not use, it should not have. */
export const unused: Check = {
  name: 'unused',
  find: (facts) =>
    inForce(facts).flatMap((judged) => {
      const { grant, calls } = judged;
      const where = { grant: grant.id, connector: grant.connector, severity: 'warning' as const };
      const mend = 'Delete the grant.';
      if (calls === 0)
        return {
          ...where,
          reason: `No call has used the grant since it was activated at ${facts.activatedAt}.`,
          mend,
        };
      const last = lastUse(judged, facts);
      const idleMs = last === undefined ? 0 : facts.nowMs - Date.parse(last);
      if (idleMs <= facts.settings.unusedAfterMs) return [];
      return { ...where, reason: `No call has used the grant for ${Math.floor(idleMs / DAY_MS)} days.`, mend };
    }),
};

/** Operations of a used grant that were never called: the proposal of a smaller policy leaves them out. */
export const unusedOperations: Check = {
  name: 'unused_operations',
  find: (facts) =>
    inForce(facts).flatMap(({ grant, operations, calls }) => {
      if (calls === 0) return [];
      const never = operations.filter(({ name }) => (facts.use(grant.connector, name)?.count ?? 0) === 0);
      if (never.length === 0) return [];
      return {
        severity: 'info' as const,
        grant: grant.id,
        connector: grant.connector,
        ...about(never),
        reason: `Never called: ${listed(never.map(({ name }) => name))}.`,
        mend: `Take them out of the grant; POST /v1/agents/${facts.agent}/permissions/propose says what remains.`,
      };
    }),
};

const inForce = (facts: PolicyFacts): JudgedGrant[] =>
  facts.status === 'active' ? liveGrants(facts).filter(({ grant }) => grant.status === 'in_force') : [];

function lastUse({ grant, operations }: JudgedGrant, { use }: PolicyFacts): string | undefined {
  const times = operations
    .map(({ name }): OperationUse | undefined => use(grant.connector, name))
    .flatMap((found) => found?.lastAt ?? []);
  return times.toSorted().at(-1);
}
