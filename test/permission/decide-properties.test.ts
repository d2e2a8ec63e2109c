/** What restrictions can never do, over generated grants and calls. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { effects, type Operation } from '../../runtime/connector/connector.ts';
import { decide } from '../../runtime/permission/decide.ts';
import type { CallFacts, Constraint, Grant } from '../../runtime/permission/grant.ts';
import { isNarrower } from '../../runtime/permission/narrower.ts';
import { matchesOperation, parsePattern } from '../../runtime/permission/operation-pattern.ts';
import { compilePolicy } from '../../runtime/permission/policy.ts';
import { factsOf, grantOf, operationOf } from './facts.ts';

const day = 86_400_000;
const start = Date.UTC(2026, 0, 1);
const time = fc.integer({ min: 0, max: 4 }).map((days) => new Date(start + days * day).toISOString());
const scalar = fc.constantFrom<string | number | boolean>('C1', 'C2', '1', 1, 2, true);
const constraint: fc.Arbitrary<Constraint> = fc.oneof(
  scalar.map((equals) => ({ equals })),
  fc.array(scalar, { minLength: 1, maxLength: 3 }).map((oneOf) => ({ oneOf })),
  fc.constantFrom('C.', 'C1', '.*', '[0-9]').map((pattern) => ({ pattern })),
  fc.constant({ absent: true as const }),
);
const names = fc.constantFrom('channel', 'text');
const patterns = fc.constantFrom('*', 'a.*', 'a.x', '*.x', '*:read', 'a.*:write', 'b.y:send', 'b.*', 'a.x:read');
const optional = <K extends string, T>(key: K, value: fc.Arbitrary<T>) =>
  fc.option(value).map((one) => (one === null ? {} : { [key]: one }) as Partial<Record<K, T>>);

const grant: fc.Arbitrary<Grant> = fc
  .record({
    number: fc.integer({ min: 0, max: 999 }),
    connector: fc.constantFrom('slack', 'slack', 'drive'),
    operations: fc.array(patterns, { minLength: 1, maxLength: 3 }),
    constraints: fc.dictionary(names, constraint, { maxKeys: 2 }),
    requiresApproval: fc.boolean(),
    as: fc.constantFrom('agent' as const, 'agent' as const, 'user' as const),
    createdAt: time,
    expiry: optional('expiresAt', time),
    count: optional('maxCalls', fc.integer({ min: 1, max: 3 })),
  })
  .map(({ number, expiry, count, ...rest }) => grantOf({ id: `grt_${number}`, ...rest, ...expiry, ...count }));
const grants = fc.uniqueArray(grant, { maxLength: 6, selector: ({ id }) => id });

const operation = fc
  .record({ name: fc.constantFrom('a.x', 'a.y', 'b.x', 'b.y', 'c'), effect: fc.constantFrom(...effects) })
  .map(({ name, effect }) => operationOf(name, { effect }));
const value = fc.oneof(scalar, fc.constantFrom(null, ['C1'], [], {}));
const call = fc
  .record({
    operation,
    connector: fc.constantFrom('slack', 'slack', 'slack', 'drive'),
    body: fc.option(fc.dictionary(names, value, { maxKeys: 2 })),
    query: fc.constantFrom('', '', '?channel=C1', '?channel=C2', '?text=1', '?channel=%ff'),
    days: fc.integer({ min: 0, max: 4 }),
    used: fc.integer({ min: 0, max: 3 }),
  })
  .map(({ days, used, body, ...parts }) =>
    factsOf({
      ...parts,
      ...(body === null ? {} : { body }),
      nowMs: start + days * day,
      used: (id) => (used + id.length) % 4,
    }),
  );

const decided = (list: readonly Grant[], facts: CallFacts) =>
  decide(compilePolicy('reporter', { status: 'active', grants: list, pending: [] }), facts);
const allows = (list: readonly Grant[], facts: CallFacts) => decided(list, facts).allowed;
/** Whether the call leaves at once, without a person. */
const allowsUnasked = (list: readonly Grant[], facts: CallFacts) => {
  const decision = decided(list, facts);
  return decision.allowed && !decision.grant.requiresApproval;
};
const covers = ({ operations, connector }: Grant, facts: { connector: string; operation: Operation }) =>
  connector === facts.connector && operations.some((text) => matchesOperation(parsePattern(text), facts.operation));

const runs = { numRuns: 3000 };

/** Checks `property` and that enough of the calls were allowed at all: a test of refusals alone would say nothing. */
function forAllCalls(property: (list: Grant[], facts: CallFacts, seed: number) => void): void {
  let allowed = 0;
  fc.assert(
    fc.property(grants, call, fc.nat(), (list, facts, seed) => {
      if (allows(list, facts)) allowed++;
      property(list, facts, seed);
    }),
    runs,
  );
  expect(allowed).toBeGreaterThan(runs.numRuns / 20);
}

test('an operation outside the union of the grants is never allowed, and a refusal says so', () => {
  forAllCalls((list, facts) => {
    if (list.some((one) => covers(one, facts))) return;
    expect(decided(list, facts)).toMatchObject({ allowed: false, reason: 'no_grant' });
  });
});

test('what is allowed goes under one grant that allows it alone', () => {
  forAllCalls((list, facts) => {
    const decision = decided(list, facts);
    if (!decision.allowed) return expect(list.some((one) => allows([one], facts))).toBe(false);
    expect(allows([decision.grant], facts)).toBe(true);
    expect(covers(decision.grant, facts)).toBe(true);
  });
});

test('taking a grant away never allows more', () => {
  forAllCalls((list, facts, seed) => {
    const fewer = list.toSpliced(seed % (list.length + 1), 1);
    if (allows(fewer, facts)) expect(allows(list, facts)).toBe(true);
    if (allowsUnasked(fewer, facts)) expect(allowsUnasked(list, facts)).toBe(true);
  });
});

const narrowings: [string, (one: Grant, rest: { constraint: Constraint; time: string; count: number }) => Grant][] = [
  ['a constraint', (one, rest) => ({ ...one, constraints: { ...one.constraints, extra: rest.constraint } })],
  [
    'a constraint of a parameter that calls have',
    (one, rest) => ({ ...one, constraints: { text: rest.constraint, ...one.constraints } }),
  ],
  ['an absence', (one) => ({ ...one, constraints: { channel: { absent: true }, ...one.constraints } })],
  ['an earlier end', (one, rest) => ({ ...one, expiresAt: [one.expiresAt ?? rest.time, rest.time].sort()[0]! })],
  ['fewer calls', (one, rest) => ({ ...one, maxCalls: Math.min(one.maxCalls ?? rest.count, rest.count) })],
  ['an approval', (one) => ({ ...one, requiresApproval: true })],
  ['an operation less', (one) => ({ ...one, operations: one.operations.slice(1) })],
  [
    'an effect',
    (one) => ({ ...one, operations: one.operations.map((text) => (text.includes(':') ? text : `${text}:read`)) }),
  ],
];

test.each(narrowings)('narrowing a grant by %s never allows more', (_, narrow) => {
  let allowed = 0;
  fc.assert(
    fc.property(
      grants,
      call,
      fc.nat(),
      constraint,
      time,
      fc.integer({ min: 1, max: 3 }),
      (list, facts, seed, ...rest) => {
        if (list.length === 0) return;
        const index = seed % list.length;
        const narrowed = narrow(list[index]!, { constraint: rest[0], time: rest[1], count: rest[2] });
        const after = list.with(index, narrowed);
        if (allows(after, facts)) {
          allowed++;
          expect(allows(list, facts)).toBe(true);
        }
        if (allowsUnasked(after, facts)) expect(allowsUnasked(list, facts)).toBe(true);
        expect(isNarrower(narrowed, list[index]!)).toBe(true);
      },
    ),
    runs,
  );
  expect(allowed).toBeGreaterThan(50);
});

test('what counts as narrower allows nothing that was refused', () => {
  const terms = ['operations', 'constraints', 'requiresApproval', 'as', 'expiresAt', 'maxCalls'] as const;
  let narrower = 0;
  fc.assert(
    fc.property(
      grant,
      grant,
      fc.subarray([...terms]),
      fc.array(call, { minLength: 1, maxLength: 5 }),
      (one, outer, taken, calls) => {
        // Some terms of another grant under the same id: they share a count.
        const inner: Grant = { ...outer, ...Object.fromEntries(taken.map((term) => [term, one[term]])) };
        if (!isNarrower(inner, outer)) return;
        narrower++;
        for (const facts of calls) {
          if (allows([inner], facts)) expect(allows([outer], facts)).toBe(true);
          if (allowsUnasked([inner], facts)) expect(allowsUnasked([outer], facts)).toBe(true);
        }
      },
    ),
    runs,
  );
  expect(narrower).toBeGreaterThan(300);
});

test('the order of the grants changes nothing', () => {
  forAllCalls((list, facts, seed) => {
    const turned = [...list.slice(seed % (list.length + 1)), ...list.slice(0, seed % (list.length + 1))];
    expect(decided(turned, facts)).toEqual(decided(list, facts));
    expect(decided(list.toReversed(), facts)).toEqual(decided(list, facts));
  });
});

test('a draft is allowed nothing', () => {
  fc.assert(
    fc.property(grants, call, (list, facts) => {
      const policy = compilePolicy('reporter', { status: 'draft', grants: list, pending: list });
      const reason = list.some((one) => covers(one, facts)) ? 'draft' : 'no_grant';
      expect(decide(policy, facts)).toMatchObject({ allowed: false, reason });
    }),
  );
});
