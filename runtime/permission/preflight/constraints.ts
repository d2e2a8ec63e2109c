/** What is granted without a bound on what it may be used for. */
import type { Effect } from '../../connector/connector.ts';
import { compileConstraint } from '../constraints.ts';
import type { Constraint, Grant } from '../grant.ts';
import { liveGrants } from './expiry.ts';
import type { Check, Severity } from './finding.ts';
import { about, effectsOf, listed, withEffects } from './wording.ts';

/** Reads are bounded by what they are; the rest by severity of what cannot be taken back. */
const severityOf: Partial<Record<Effect, Severity>> = { write: 'warning', delete: 'error', send: 'error' };

export const unconstrained: Check = {
  name: 'unconstrained',
  find: (facts) =>
    liveGrants(facts)
      .filter(({ grant }) => !grant.requiresApproval && !Object.values(grant.constraints).some(isBound))
      .flatMap(({ grant, operations }) =>
        (['error', 'warning'] as const).flatMap((severity) => {
          const free = operations.filter(({ effect }) => severityOf[effect] === severity);
          if (free.length === 0) return [];
          const dangers = free.flatMap(({ danger }) => danger ?? []);
          return {
            severity,
            grant: grant.id,
            connector: grant.connector,
            ...about(free),
            reason: `${withEffects(free)}: may ${effectsOf(free)} anything${unboundNote(grant)}.${dangers.length === 1 ? ` ${dangers[0]}` : ''}`,
            mend: 'Add a constraint on a parameter, or requiresApproval.',
          };
        }),
      ),
};

/** A constraint on a parameter that a call cannot have refuses each call. */
export const constraintParameter: Check = {
  name: 'constraint_parameter',
  find: (facts) =>
    liveGrants(facts).flatMap(({ grant, operations }) =>
      Object.keys(grant.constraints).flatMap((parameter) => {
        const without = operations.filter(
          ({ parameters }) =>
            parameters.length > 0 &&
            !parameters.some(({ name, aliases = [] }) => name === parameter || aliases.includes(parameter)),
        );
        if (without.length === 0) return [];
        return {
          severity: 'warning' as const,
          grant: grant.id,
          connector: grant.connector,
          ...about(without),
          reason: `The connector knows no parameter ${parameter} of ${listed(without.map(({ name }) => name))}: calls without it are refused.`,
          mend: 'Grant these operations with constraints of their own.',
        };
      }),
    ),
};

/** Unlike each other in every way: a pattern that takes all of them leaves nothing out that matters. */
const PROBES = ['q7Zk-9_x', '0', 'a b/c', 'Ünï@example.test', '#~$%&!', 'ABCDEFGHIJKLMNOP'];

function isBound(constraint: Constraint): boolean {
  if (!('pattern' in constraint)) return true;
  const { holds } = compileConstraint(constraint);
  return !PROBES.every((probe) => holds([probe]));
}

const unboundNote = ({ constraints }: Grant) =>
  Object.keys(constraints).length === 0 ? '' : ', for the patterns of its constraints match everything';
