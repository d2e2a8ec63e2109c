/** What a grant demands of a call's parameters. The one file that imports the regular expressions of RE2: linear time. */
import { RE2JS } from 're2js';
import type { Json } from '../json.ts';
import type { Constraint } from './grant.ts';

type Scalar = string | number | boolean;

export interface CompiledConstraint {
  readonly constraint: Constraint;
  /** Every value must satisfy; no value at all does not, except for `absent`: whether it is so, says `given` of the call. */
  holds(found: readonly Json[]): boolean;
}

export const maximumPatternLength = 512;
/** Instructions of a compiled pattern: with the text's bound below, one constraint takes some ten milliseconds at worst. */
const MAXIMUM_PROGRAM = 256;
/** Characters of all values of a parameter together, above which a pattern refuses them unread. */
const MAXIMUM_TEXT = 4096;

export function compileConstraint(constraint: Constraint): CompiledConstraint {
  if ('absent' in constraint) return { constraint, holds: (found) => found.length === 0 };
  if ('pattern' in constraint) {
    // At its first use: an agent may have thousands, and most calls ask for few.
    let pattern: RE2JS | undefined;
    const satisfies = (one: Json) => {
      pattern ??= compilePattern(constraint.pattern);
      return matches(pattern, one);
    };
    return { constraint, holds: (found) => found.length > 0 && fits(found) && found.every(satisfies) };
  }
  const allowed = 'equals' in constraint ? [constraint.equals] : constraint.oneOf;
  const values = new Set<Json>(allowed);
  const texts = new Set(allowed.map(String));
  const satisfies = (one: Json) => (typeof one === 'string' ? texts.has(one) : isExact(one) && values.has(one));
  return { constraint, holds: (found) => found.length > 0 && found.every(satisfies) };
}

/** Errors: Error with a short message when it is no pattern of RE2 or too large a one. */
export function compilePattern(pattern: string): RE2JS {
  if (pattern.length > maximumPatternLength) throw new Error(`may have ${maximumPatternLength} characters`);
  let compiled: RE2JS;
  try {
    compiled = RE2JS.compile(pattern);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message.replace(/^error parsing regexp: /, '') : 'unknown error';
    throw new Error(`is not a pattern of RE2: ${why}`, { cause });
  }
  if (compiled.programSize() > MAXIMUM_PROGRAM) throw new Error('is too large when its repetitions are written out');
  return compiled;
}

/** Whether all that satisfies `inner` satisfies `outer`. Never true by mistake; false when it is not plain. */
export function isNarrowerConstraint(inner: Constraint, outer: Constraint): boolean {
  // A value and none have no call in common.
  if ('absent' in inner || 'absent' in outer) return 'absent' in inner && 'absent' in outer;
  if ('pattern' in inner) return 'pattern' in outer && inner.pattern === outer.pattern;
  const values = 'equals' in inner ? [inner.equals] : inner.oneOf;
  if ('pattern' in outer) {
    const { holds } = compileConstraint(outer);
    return values.every((value) => holds([value]) && holds([String(value)]));
  }
  const allowed: Scalar[] = 'equals' in outer ? [outer.equals] : outer.oneOf;
  return values.every((value) => allowed.includes(value));
}

/** For messages: `channel = "C1"`, `channel is one of "C1", "C2"`, `channel matches "C.+"`, `channel is not given`. */
export function describeConstraint(name: string, constraint: Constraint): string {
  if ('equals' in constraint) return `${name} = ${shown(constraint.equals)}`;
  if ('pattern' in constraint) return `${name} matches ${shown(constraint.pattern)}`;
  if ('absent' in constraint) return `${name} is not given`;
  const some = constraint.oneOf.slice(0, SHOWN).map(shown).join(', ');
  const more = constraint.oneOf.length - SHOWN;
  return `${name} is one of ${some}${more > 0 ? ` and ${more} more` : ''}`;
}

const SHOWN = 5;

/** On one line, and short. */
const shown = (value: Scalar) => {
  const text = JSON.stringify(value);
  return text.length > 100 ? `${text.slice(0, 100)}…` : text;
};

/** Above 2^53 a number that was read is not the number that was sent: the service may read another one. */
const isExact = (value: Json) => typeof value !== 'number' || Math.abs(value) <= Number.MAX_SAFE_INTEGER;

function matches(pattern: RE2JS, value: Json): boolean {
  if (typeof value === 'string') return value.isWellFormed() && pattern.testExact(value);
  if (typeof value === 'boolean' || typeof value === 'number')
    return isExact(value) && pattern.testExact(String(value));
  return false;
}

function fits(found: readonly Json[]): boolean {
  let length = 0;
  for (const one of found) length += typeof one === 'string' ? one.length + 1 : 20;
  return length <= MAXIMUM_TEXT;
}
