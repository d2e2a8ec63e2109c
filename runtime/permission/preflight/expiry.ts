/** Grants and time: those without an end, and those that have ended. */
import type { Check, JudgedGrant, PolicyFacts } from './finding.ts';

/** Why a grant allows nothing any more; undefined while it can. */
export function endOf({ grant, calls }: JudgedGrant, nowMs: number): 'expired' | 'used up' | undefined {
  if (grant.expiresAt !== undefined && Date.parse(grant.expiresAt) <= nowMs) return 'expired';
  return grant.maxCalls !== undefined && calls >= grant.maxCalls ? 'used up' : undefined;
}

/** Those that can still allow something: what has ended is no risk, and judged by `ended` alone. */
export const liveGrants = ({ grants, nowMs }: PolicyFacts): JudgedGrant[] =>
  grants.filter((judged) => endOf(judged, nowMs) === undefined);

export const noDeadline: Check = {
  name: 'no_deadline',
  find: (facts) =>
    liveGrants(facts)
      .filter(({ grant }) => grant.expiresAt === undefined)
      .map(({ grant }) => ({
        severity: 'warning' as const,
        grant: grant.id,
        connector: grant.connector,
        reason: 'The grant has no deadline: it stays until somebody thinks of it.',
        mend: 'Set expiresAt.',
      })),
};

export const ended: Check = {
  name: 'ended',
  find: ({ grants, nowMs }) =>
    grants.flatMap((judged) => {
      const { grant } = judged;
      const end = endOf(judged, nowMs);
      if (end === undefined) return [];
      const how = end === 'expired' ? `expired at ${grant.expiresAt}` : `has used its ${grant.maxCalls} calls up`;
      return {
        severity: 'info' as const,
        grant: grant.id,
        connector: grant.connector,
        reason: `The grant ${how} and allows nothing any more.`,
        mend: 'Delete the grant.',
      };
    }),
};
