import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { effects, type Operation } from '../../runtime/connector/connector.ts';
import {
  isWildcard,
  isWithin,
  MAXIMUM_STARS,
  matchesOperation,
  operationsOf,
  parsePattern,
  patternTable,
} from '../../runtime/permission/operation-pattern.ts';
import { operationOf } from './facts.ts';

const matches = (pattern: string, operation: Operation) => matchesOperation(parsePattern(pattern), operation);

describe('a pattern names operations', () => {
  test('by their whole name, in the same case', () => {
    const post = operationOf('chat.postMessage', { effect: 'send' });
    for (const pattern of [
      'chat.postMessage',
      'chat.*',
      '*',
      '*Message',
      'chat*post*',
      'c*t.p*e',
      'chat.postMessage:send',
      '*:send',
    ])
      expect(matches(pattern, post), pattern).toBe(true);
    for (const pattern of [
      'chat.postMessages',
      'Chat.postMessage',
      'chat',
      'hat.*',
      '*:read',
      'chat.postMessage:read',
      '',
      ':send',
    ])
      expect(matches(pattern, post), pattern).toBe(false);
  });

  test('stars do not share characters', () => {
    expect(matches('ab*ba', operationOf('aba'))).toBe(false);
    expect(matches('ab*ba', operationOf('abba'))).toBe(true);
    expect(matches('a*bc*c', operationOf('abc'))).toBe(false);
  });

  test('the effect is what follows the last colon, when it is one', () => {
    expect(parsePattern('files.*:read')).toMatchObject({ name: 'files.*', effect: 'read' });
    expect(parsePattern('items:batchGet')).toMatchObject({ name: 'items:batchGet', effect: undefined });
    const remove = operationOf('items:delete', { effect: 'write' });
    expect(matches('items:delete', remove)).toBe(false);
    expect(matches('items:delete:write', remove)).toBe(true);
  });

  test('a list of patterns gives what any of them names, once', () => {
    const operations = [operationOf('a.x'), operationOf('a.y', { effect: 'write' }), operationOf('b.x')];
    expect(operationsOf(['a.*', 'a.x', 'b.*:write'], operations).map(({ name }) => name)).toEqual(['a.x', 'a.y']);
  });

  test('with more than four stars it names nothing', () => {
    const one = operationOf('aaaaa');
    expect(MAXIMUM_STARS).toBe(4);
    expect([matches('*a*a*a*', one), matches('*a*a*a*a*', one)]).toEqual([true, false]);
    expect(operationsOf(['*a*a*a*a*'], [one])).toEqual([]);
    expect(isWithin(parsePattern('aaaaa'), parsePattern('*a*a*a*a*'))).toBe(false);
  });

  test('exact names are looked up: what one operation costs does not grow with them', () => {
    const names = Array.from({ length: 40_000 }, (_, at) => `name-${at}`);
    const table = patternTable([names, ['*-7'], names], (patterns) => patterns);
    let looked = 0;
    for (const name of ['name-7', 'name-39999', 'other']) {
      const one = operationOf(name);
      const found = table.of({
        ...one,
        get name() {
          looked++;
          return name;
        },
      });
      expect(found).toEqual(name === 'other' ? [] : name === 'name-7' ? [names, ['*-7'], names] : [names, names]);
    }
    // Once to look up, once for the wildcard.
    expect(looked).toBeLessThanOrEqual(6);
  });

  test('wildcards are told from names', () => {
    expect([isWildcard('a.*:read'), isWildcard('*'), isWildcard('a.b:read'), isWildcard('a.b')]).toEqual([
      true,
      true,
      false,
      false,
    ]);
  });
});

const text = fc.string({ unit: fc.constantFrom('a', 'b', '.', ':'), maxLength: 8 });
const pattern = fc
  .tuple(
    fc.string({ unit: fc.constantFrom('a', 'b', '.', '*'), minLength: 1, maxLength: 8 }),
    fc.option(fc.constantFrom(...effects)),
  )
  .map(([name, effect]) => (effect === null ? name : `${name}:${effect}`))
  .filter((one) => one.split('*').length <= MAXIMUM_STARS + 1);
const named = text.filter((name) => name !== '');
const operation = fc.tuple(named, fc.constantFrom(...effects)).map(([name, effect]) => operationOf(name, { effect }));

describe('properties', () => {
  test('a pattern means what the same regular expression means', () => {
    fc.assert(
      fc.property(pattern, operation, (wanted, one) => {
        const { name, effect } = parsePattern(wanted);
        const same = new RegExp(`^${name.replaceAll('.', '\\.').replaceAll('*', '[^]*')}$`);
        expect(matches(wanted, one)).toBe(same.test(one.name) && (effect === undefined || effect === one.effect));
      }),
      { numRuns: 3000 },
    );
  });

  test('a table says of each operation what its patterns say one by one, in order and once', () => {
    const holders = fc.array(fc.array(fc.oneof(pattern, text), { maxLength: 5 }), { maxLength: 6 });
    fc.assert(
      fc.property(holders, fc.array(operation, { maxLength: 10 }), (all, operations) => {
        const table = patternTable(all, (patterns) => patterns);
        for (const one of operations)
          expect(table.of(one)).toEqual(all.filter((patterns) => patterns.some((wanted) => matches(wanted, one))));
      }),
      { numRuns: 2000 },
    );
  });

  test('what is within another pattern never names more', () => {
    let within = 0;
    fc.assert(
      fc.property(
        pattern,
        pattern,
        fc.array(operation, { minLength: 1, maxLength: 20 }),
        (inner, outer, operations) => {
          if (!isWithin(parsePattern(inner), parsePattern(outer))) return;
          within++;
          for (const one of operations) if (matches(inner, one)) expect(matches(outer, one)).toBe(true);
        },
      ),
      { numRuns: 5000 },
    );
    expect(within).toBeGreaterThan(100);
  });

  test('every pattern is within itself, within the star, and a name within each pattern that matches it', () => {
    fc.assert(
      fc.property(pattern, operation, (one, { name, effect }) => {
        expect(isWithin(parsePattern(one), parsePattern(one))).toBe(true);
        expect(isWithin(parsePattern(one), parsePattern('*'))).toBe(true);
        if (matches(one, operationOf(name, { effect })))
          expect(isWithin(parsePattern(`${name}:${effect}`), parsePattern(one))).toBe(true);
      }),
    );
  });
});
