import { liveGrants } from './expiry.ts';
import type { Check } from './finding.ts';
import { about, listed, withEffects } from './wording.ts';

/** A wildcard grants what nobody looked at one by one, and grows with the service. */
export const wildcard: Check = {
  name: 'wildcard',
  find: (facts) =>
    liveGrants(facts).flatMap(({ grant, patterns }) =>
      patterns
        .filter(({ isWildcard, operations }) => isWildcard && operations.length > 0)
        .map(({ pattern, operations }) => {
          const changing = operations.filter(({ effect }) => effect !== 'read');
          const where = { grant: grant.id, connector: grant.connector };
          if (changing.length === 0)
            return {
              ...where,
              severity: 'warning' as const,
              ...about(operations),
              reason: `${pattern} matches ${operations.length} operations that read, wanted or not.`,
              mend: `Name those that the agent needs, of: ${listed(operations.map(({ name }) => name))}.`,
            };
          return {
            ...where,
            severity: 'error' as const,
            ...about(changing),
            reason: `${pattern} covers operations that change something: ${withEffects(changing)}.`,
            mend: `Name the operations that the agent needs${
              changing.length < operations.length ? `, or grant only reads with ${readsOf(pattern)}` : ''
            }.`,
          };
        }),
    ),
};

const readsOf = (pattern: string) => `${pattern.replace(/:(read|write|delete|send)$/, '')}:read`;
