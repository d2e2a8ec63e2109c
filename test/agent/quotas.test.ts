import { expect, test } from 'vitest';
import { checkMetadata } from '../../runtime/agent/metadata.ts';
import {
  checkLimits,
  checkQuotas,
  defaultQuotas,
  quotaNames,
  quotaTable,
  runLimits,
} from '../../runtime/agent/quotas.ts';
import { defaultLimits, limitNames, limitTable } from '../../runtime/sandbox/limits.ts';

const field = (name: string) =>
  expect.objectContaining({
    code: 'validation_failed',
    details: { errors: [expect.objectContaining({ field: name })] },
  });
const wrong = [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, '100', null, true, [], undefined];

test.each(limitNames)('limit %s: only whole numbers from its minimum to its ceiling', (name) => {
  const { ceiling, default: usual } = limitTable[name];
  for (const value of [...wrong, ceiling + 1])
    expect(() => checkLimits({ [name]: value })).toThrow(field(`limits.${name}`));
  for (const value of [usual, ceiling]) expect(checkLimits({ [name]: value })).toEqual({ [name]: value });
});

test.each(quotaNames)('quota %s: only whole numbers from 1 to its ceiling', (name) => {
  const { ceiling, default: usual } = quotaTable[name];
  for (const value of [...wrong, ceiling + 1])
    expect(() => checkQuotas({ [name]: value })).toThrow(field(`quotas.${name}`));
  for (const value of [1, usual, ceiling]) expect(checkQuotas({ [name]: value })).toEqual({ [name]: value });
});

test('unknown names and what is no object are refused', () => {
  expect(() => checkLimits({ cpu: 1 })).toThrow(field('limits.cpu'));
  expect(() => checkQuotas({ constructor: 1 })).toThrow(field('quotas.constructor'));
  expect(() => checkLimits(JSON.parse('{"__proto__": 1}'))).toThrow(field('limits.__proto__'));
  for (const value of [null, [], 'x', 1, undefined]) expect(() => checkLimits(value)).toThrow(field('limits'));
});

test('the minimum of a limit holds', () => {
  expect(() => checkLimits({ ramBytes: limitTable.ramBytes.minimum - 1 })).toThrow(field('limits.ramBytes'));
});

test('a run has its own limits, else those of its agent, else the defaults', () => {
  expect(runLimits({ cpuMs: 5, wallMs: 6 }, { cpuMs: 7 })).toEqual({ ...defaultLimits, cpuMs: 7, wallMs: 6 });
});

test('every default is valid', () => {
  expect(checkQuotas(defaultQuotas)).toEqual(defaultQuotas);
  expect(checkLimits(defaultLimits)).toEqual(defaultLimits);
});

test('metadata is a small flat map of text', () => {
  const largest = Object.fromEntries(Array.from({ length: 32 }, (_, i) => [`${i}`.padStart(64, 'k'), 'v'.repeat(512)]));
  expect(checkMetadata(largest)).toEqual(largest);
  expect(() => checkMetadata({ ...largest, more: '' })).toThrow(field('metadata'));
  expect(() => checkMetadata({ k: 'v'.repeat(513) })).toThrow(field('metadata.k'));
  expect(() => checkMetadata({ k: 1 })).toThrow(field('metadata.k'));
  expect(() => checkMetadata({ ['k'.repeat(65)]: '' })).toThrow(field('metadata'));
  expect(() => checkMetadata({ '': '' })).toThrow(field('metadata'));
  expect(() => checkMetadata(JSON.parse('{"__proto__": "x"}'))).toThrow(field('metadata'));
});
