/** What a grant may say. All errors: CordonError `validation_failed` with the field. */
import { checkObject } from '../agent/checks.ts';
import { isoTime } from '../clock.ts';
import { type Connector, effects, type Operation } from '../connector/connector.ts';
import { CordonError, fieldError } from '../errors.ts';
import { compilePattern } from './constraints.ts';
import { type Constraint, constraintForms, type Grant } from './grant.ts';
import { atOnce } from './in-steps.ts';
import { isWildcard, MAXIMUM_STARS, matchesOperation, parsePattern } from './operation-pattern.ts';

/** What a grant says, without what happened to it. */
export type GrantTerms = Pick<
  Grant,
  'connector' | 'operations' | 'constraints' | 'expiresAt' | 'maxCalls' | 'requiresApproval' | 'as'
>;

export const grantBounds = {
  operations: 200,
  operationLength: 200,
  constraints: 50,
  parameterLength: 200,
  values: 200,
  valueLength: 1024,
  /** All of it as JSON. */
  bytes: 64 * 1024,
} as const;

const known = ['connector', 'operations', 'constraints', 'expiresAt', 'maxCalls', 'requiresApproval', 'as'];
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused.
const control = /[\u0000-\u001f\u007f]/;

/** The terms, checked against the connector that they name: each pattern must match an operation of it. */
export const checkGrantInput = (input: unknown, connector: Connector, nowMs: number): GrantTerms =>
  atOnce(grantInputInSteps(input, connector, nowMs));

/** The same, with steps. */
export function* grantInputInSteps(input: unknown, connector: Connector, nowMs: number): Generator<void, GrantTerms> {
  const terms = checkGrantTerms(input, nowMs);
  if (terms.connector !== connector.id) throw fieldError('connector', `is not ${connector.id}`);
  yield* checkOperations(terms.operations, connector);
  return terms;
}

/** The terms by themselves: defaults filled in, times in UTC. */
export function checkGrantTerms(input: unknown, nowMs: number): GrantTerms {
  const given = checkObject(input, 'grant');
  const unknown = Object.keys(given).find((key) => !known.includes(key));
  if (unknown !== undefined) throw fieldError(unknown.slice(0, 100), 'is not known');
  const { connector, operations, constraints, expiresAt, maxCalls, requiresApproval = false, as = 'agent' } = given;
  if (typeof requiresApproval !== 'boolean') throw fieldError('requiresApproval', 'must be true or false');
  if (as !== 'agent' && as !== 'user') throw fieldError('as', 'must be agent or user');
  const terms: GrantTerms = {
    connector: checkText(connector, 'connector', 63),
    operations: checkPatterns(operations),
    constraints: constraints === undefined ? {} : checkConstraints(constraints),
    ...(expiresAt === undefined ? {} : { expiresAt: checkDeadline(expiresAt, nowMs) }),
    ...(maxCalls === undefined ? {} : { maxCalls: checkMaxCalls(maxCalls) }),
    requiresApproval,
    as,
  };
  const bytes = Buffer.byteLength(JSON.stringify(terms));
  if (bytes > grantBounds.bytes)
    throw new CordonError('too_large', `The grant is ${bytes} bytes as JSON, more than ${grantBounds.bytes}`, {
      errors: [{ field: 'grant', message: `at most ${grantBounds.bytes} bytes` }],
    });
  return terms;
}

function checkText(value: unknown, field: string, maximum: number): string {
  if (typeof value !== 'string' || value.length < 1 || value.length > maximum)
    throw fieldError(field, `must be text of 1 to ${maximum} characters`);
  if (control.test(value) || !value.isWellFormed()) throw fieldError(field, 'has characters that cannot be there');
  return value;
}

function checkPatterns(value: unknown): string[] {
  if (!Array.isArray(value) || value.length < 1 || value.length > grantBounds.operations)
    throw fieldError('operations', `must be a list of 1 to ${grantBounds.operations} names`);
  return value.map((one, index) => {
    const field = `operations.${index}`;
    const text = checkText(one, field, grantBounds.operationLength);
    if (text.split('*').length > MAXIMUM_STARS + 1) throw fieldError(field, `may have ${MAXIMUM_STARS} stars at most`);
    return text;
  });
}

function* checkOperations(patterns: readonly string[], { id, operations }: Connector): Generator<void> {
  const byName = Map.groupBy(operations, ({ name }) => name);
  for (const [index, text] of patterns.entries()) {
    const pattern = parsePattern(text);
    // Each is tried against thousands of operations: others have work too.
    if (isWildcard(text)) yield;
    const candidates = isWildcard(text) ? operations : (byName.get(pattern.name) ?? []);
    if (candidates.some((operation) => matchesOperation(pattern, operation))) continue;
    const field = `operations.${index}`;
    const hint = misspeltEffect(text, operations);
    if (isWildcard(text)) throw fieldError(field, `no operation of ${id} matches ${text}${hint}`);
    const [named] = byName.get(text) ?? candidates;
    if (named === undefined) throw fieldError(field, `${id} has no operation ${pattern.name}${hint}`);
    throw fieldError(field, `${named.name} of ${id} is ${named.effect}: write ${named.name}:${named.effect}`);
  }
}

/** What follows the last colon, where only what is before it names an operation. */
function misspeltEffect(text: string, operations: readonly Operation[]): string {
  const colon = text.lastIndexOf(':');
  if (colon < 1) return '';
  const [before, after] = [parsePattern(text.slice(0, colon)), text.slice(colon + 1)];
  if (effects.some((effect) => effect === after)) return '';
  if (!operations.some((operation) => matchesOperation(before, operation))) return '';
  return `: ${after} is no effect; there are ${effects.join(', ')}`;
}

function checkConstraints(value: unknown): Record<string, Constraint> {
  const entries = Object.entries(checkObject(value, 'constraints'));
  if (entries.length > grantBounds.constraints)
    throw fieldError('constraints', `may be ${grantBounds.constraints} at most`);
  return Object.fromEntries(
    entries.map(([name, one]) => {
      if (name === '__proto__') throw fieldError('constraints', 'names must not be __proto__');
      checkText(name, 'constraints', grantBounds.parameterLength);
      return [name, checkConstraint(one, `constraints.${name}`)];
    }),
  );
}

function checkConstraint(value: unknown, field: string): Constraint {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw fieldError(field, constraintForms);
  const [[kind, wanted] = [], ...others] = Object.entries(value);
  if (others.length > 0) throw fieldError(field, constraintForms);
  if (kind === 'equals') return { equals: checkScalar(wanted, `${field}.equals`) };
  if (kind === 'oneOf') {
    if (!Array.isArray(wanted) || wanted.length < 1 || wanted.length > grantBounds.values)
      throw fieldError(`${field}.oneOf`, `must be a list of 1 to ${grantBounds.values} values`);
    return { oneOf: wanted.map((one, index) => checkScalar(one, `${field}.oneOf.${index}`)) };
  }
  if (kind === 'absent') {
    if (wanted !== true) throw fieldError(`${field}.absent`, 'must be true');
    return { absent: true };
  }
  if (kind !== 'pattern') throw fieldError(field, constraintForms);
  if (typeof wanted !== 'string' || wanted === '') throw fieldError(`${field}.pattern`, 'must be text');
  try {
    compilePattern(wanted);
  } catch (error) {
    throw fieldError(`${field}.pattern`, (error as Error).message);
  }
  return { pattern: wanted };
}

function checkScalar(value: unknown, field: string): string | number | boolean {
  if (typeof value === 'boolean') return value;
  if (typeof value === 'number' && Number.isFinite(value) && Math.abs(value) <= Number.MAX_SAFE_INTEGER) return value;
  if (typeof value === 'string' && value.length <= grantBounds.valueLength && value.isWellFormed()) return value;
  throw fieldError(
    field,
    `must be text of at most ${grantBounds.valueLength} characters, a number up to 2^53, true or false`,
  );
}

const isoDateTime = /^(\d{4})-(\d\d)-(\d\d)T([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)$/;

function checkDeadline(value: unknown, nowMs: number): string {
  const parts = typeof value === 'string' ? isoDateTime.exec(value) : null;
  const atMs = parts ? Date.parse(parts[0]) : Number.NaN;
  // A day that the month does not have would be taken for one of the next month.
  const day = parts && new Date(Date.UTC(Number(parts[1]), Number(parts[2]) - 1, Number(parts[3]))).getUTCDate();
  if (!parts || Number.isNaN(atMs) || day !== Number(parts[3]))
    throw fieldError('expiresAt', 'must be a time in ISO 8601 with its zone, such as 2030-01-31T12:00:00Z');
  if (atMs <= nowMs) throw fieldError('expiresAt', 'is over already');
  return isoTime(atMs);
}

function checkMaxCalls(value: unknown): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 1 || value > 1_000_000_000)
    throw fieldError('maxCalls', 'must be a whole number from 1 to 1000000000');
  return value;
}
