import { describe, expect, test } from 'vitest';
import type { Json } from '../../runtime/json.ts';
import {
  compileConstraint,
  compilePattern,
  describeConstraint,
  isNarrowerConstraint,
} from '../../runtime/permission/constraints.ts';
import type { Constraint } from '../../runtime/permission/grant.ts';

const holds = (constraint: Constraint, ...found: Json[]) => compileConstraint(constraint).holds(found);

describe('a constraint holds', () => {
  test('for the very same text only', () => {
    expect(holds({ equals: 'C1' }, 'C1', 'C1')).toBe(true);
    for (const other of ['c1', 'C1 ', '', 'C1\0', ['C1'], { a: 'C1' }, null, 1, true])
      expect(holds({ equals: 'C1' }, 'C1', other), JSON.stringify(other)).toBe(false);
    // One letter in two normal forms is two texts.
    expect(holds({ equals: '\u00e9' }, 'e\u0301')).toBe(false);
  });

  test('for numbers and truth values by their value or their text', () => {
    expect(holds({ equals: 5 }, 5, '5')).toBe(true);
    expect(holds({ equals: true }, true, 'true')).toBe(true);
    for (const other of ['05', '5.0', ' 5', '5e0', 6, true, null]) expect(holds({ equals: 5 }, other)).toBe(false);
    expect(holds({ equals: false }, 0)).toBe(false);
    expect(holds({ equals: '5' }, 5)).toBe(false);
  });

  test('never for a number that was not read exactly', () => {
    const read = JSON.parse('9007199254740993') as number;
    expect(read).toBe(9007199254740992);
    expect(holds({ equals: 9007199254740992 }, read)).toBe(false);
    expect(holds({ pattern: '[0-9]+' }, read)).toBe(false);
    expect(holds({ equals: Number.MAX_SAFE_INTEGER }, Number.MAX_SAFE_INTEGER)).toBe(true);
  });

  test('for one of a list, each value by itself', () => {
    expect(holds({ oneOf: ['a', 2] }, 'a', 2, '2')).toBe(true);
    expect(holds({ oneOf: ['a', 2] }, 'a', 'b')).toBe(false);
  });

  test('for a pattern only when it matches the whole of every value', () => {
    expect(holds({ pattern: 'C[0-9]+' }, 'C1', 'C23')).toBe(true);
    for (const other of ['xC1', 'C1x', 'C1\n', 'C', 'C1\ud800', null, ['C1']])
      expect(holds({ pattern: 'C[0-9]+' }, 'C1', other), JSON.stringify(other)).toBe(false);
    expect(holds({ pattern: 'a|ab' }, 'ab')).toBe(true);
    expect(holds({ pattern: '^a$|b' }, 'ab')).toBe(false);
    expect(holds({ pattern: '.*' }, '\ud800')).toBe(false);
    expect(holds({ pattern: '[0-9]|true' }, 7, true)).toBe(true);
  });

  test('for no value at all never', () => {
    for (const constraint of [{ equals: '' }, { oneOf: ['', 0] }, { pattern: '.*' }])
      expect(holds(constraint)).toBe(false);
  });
});

describe('patterns cost linear time and a bounded one', () => {
  test('what backtracking would never end', () => {
    const constraint = compileConstraint({ pattern: '(a*)*b' });
    expect(constraint.holds(['a'.repeat(4000)])).toBe(false);
    expect(constraint.holds([`${'a'.repeat(4000)}b`])).toBe(true);
  });

  test('long values are refused unread', () => {
    expect(holds({ pattern: 'a*' }, 'a'.repeat(4000))).toBe(true);
    expect(holds({ pattern: 'a*' }, 'a'.repeat(5000))).toBe(false);
    expect(holds({ pattern: 'a*' }, ...Array<string>(3000).fill('a'))).toBe(false);
  });

  test('what RE2 does not have, and what is too large, is refused when it is written', () => {
    for (const pattern of ['(', '(?=a)', '\\1', '(?<!a)b', 'x{1001}', 'a'.repeat(513), '(a{1,30}){1,30}', '\\pL{300}'])
      expect(() => compilePattern(pattern), pattern).toThrow();
    for (const pattern of ['C[A-Z0-9]{8,10}', '[^@]+@example\\.com', '(?i)invoice-\\d{4}-.*']) compilePattern(pattern);
  });
});

test('narrower is what can be seen to be', () => {
  const narrower: [Constraint, Constraint][] = [
    [{ equals: 'a' }, { equals: 'a' }],
    [{ equals: 'a' }, { oneOf: ['b', 'a'] }],
    [{ oneOf: ['a'] }, { equals: 'a' }],
    [{ oneOf: ['a', 'b'] }, { oneOf: ['c', 'b', 'a'] }],
    [{ oneOf: ['C1', 'C2'] }, { pattern: 'C[0-9]' }],
    [{ equals: 5 }, { pattern: '[0-9]' }],
    [{ pattern: 'C.' }, { pattern: 'C.' }],
    [{ absent: true }, { absent: true }],
  ];
  for (const [inner, outer] of narrower) expect(isNarrowerConstraint(inner, outer)).toBe(true);
  const wider: [Constraint, Constraint][] = [
    [{ equals: 'a' }, { equals: 'b' }],
    [{ oneOf: ['a', 'b'] }, { equals: 'a' }],
    [{ equals: 5 }, { equals: '5' }],
    [{ pattern: 'C1' }, { equals: 'C1' }],
    [{ pattern: 'C1' }, { pattern: 'C.' }],
    [{ oneOf: ['C1', 'D1'] }, { pattern: 'C[0-9]' }],
    [{ absent: true }, { equals: '' }],
    [{ absent: true }, { pattern: '.*' }],
    [{ equals: '' }, { absent: true }],
    [{ pattern: 'C.' }, { absent: true }],
  ];
  for (const [inner, outer] of wider) expect(isNarrowerConstraint(inner, outer)).toBe(false);
});

test('messages show what is demanded, bounded', () => {
  expect(describeConstraint('channel', { equals: 'C1' })).toBe('channel = "C1"');
  expect(describeConstraint('n', { oneOf: [1, 2, 3, 4, 5, 6, 7] })).toBe('n is one of 1, 2, 3, 4, 5 and 2 more');
  expect(describeConstraint('in_trash', { absent: true })).toBe('in_trash is not given');
  expect(describeConstraint('channel', { pattern: 'C.+' })).toBe('channel matches "C.+"');
  expect(describeConstraint('channel', { pattern: 'a\nb' })).not.toContain('\n');
  expect(describeConstraint('x', { equals: 'y'.repeat(1000) }).length).toBeLessThan(120);
});
