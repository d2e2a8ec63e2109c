/** What is granted without a bound on what it may be used for. */
import type { Effect, Operation } from '../../connector/connector.ts';
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
            mend: 'Add a constraint on the value of a parameter, or requiresApproval.',
          };
        }),
      ),
};

/** A constraint on a parameter that a call cannot have refuses each call; one that asks for its absence refuses none. */
export const constraintParameter: Check = {
  name: 'constraint_parameter',
  find: (facts) =>
    liveGrants(facts).flatMap(({ grant, operations }) =>
      Object.entries(grant.constraints).flatMap(([parameter, constraint]) => {
        const described = operations.filter(({ parameters }) => parameters.length > 0);
        const without = described.filter((operation) => !hasParameter(operation, parameter));
        const isAbsence = 'absent' in constraint;
        // For one of several operations the absence is asked in vain; a name that none of them has is a misspelt one.
        if (without.length === 0 || (isAbsence && without.length < operations.length)) return [];
        const unknown = `The connector knows no parameter ${parameter} of ${listed(without.map(({ name }) => name))}`;
        return {
          severity: 'warning' as const,
          grant: grant.id,
          connector: grant.connector,
          ...about(without),
          ...(isAbsence
            ? {
                reason: `${unknown}: that it must be absent may keep nothing out.`,
                mend: 'Write the name of the parameter as the service has it, or leave this constraint out.',
              }
            : {
                reason: `${unknown}: calls without it are refused.`,
                mend: 'Grant these operations with constraints of their own.',
              }),
        };
      }),
    ),
};

const hasParameter = ({ parameters }: Operation, parameter: string) =>
  parameters.some(({ name, aliases = [] }) => name === parameter || aliases.includes(parameter));

/** Unlike each other in every way: a pattern that takes all of them leaves nothing out that matters. */
const PROBES = ['q7Zk-9_x', '0', 'a b/c', 'Ünï@example.test', '#~$%&!', 'ABCDEFGHIJKLMNOP'];

function isBound(constraint: Constraint): boolean {
  // It takes one thing out, often nothing, and leaves what the call is about free: any page may still be written.
  if ('absent' in constraint) return false;
  if (!('pattern' in constraint)) return true;
  const { holds } = compileConstraint(constraint);
  return !PROBES.every((probe) => holds([probe]));
}

function unboundNote({ constraints }: Grant): string {
  const all = Object.values(constraints);
  if (all.length === 0) return '';
  const absences = all.filter((constraint) => 'absent' in constraint).length;
  if (absences === all.length) return ', for its constraints only say what must be absent';
  return `, for the patterns of its constraints match everything${absences > 0 ? ' and the others only say what must be absent' : ''}`;
}
