import { describe, expect, test } from 'vitest';
import { type Measured, subjectTable, summarize } from '../../bench/lab.ts';
import { partNames, readOptions } from '../../bench/options.ts';
import { median, percentile } from '../../bench/statistics.ts';
import { cellText, renderTable } from '../../bench/table.ts';

const measured = (latenciesMs: number[], runsPerSecond: number): Measured => ({
  p50Ms: median(latenciesMs),
  p99Ms: percentile(latenciesMs, 0.99),
  runsPerSecond,
  loadedP50Ms: 16,
  loadedP99Ms: 32,
  clientCpuMicros: 40,
  latenciesMs,
});

describe('statistics', () => {
  test('the median of an even number of values lies between the two middle ones', () => {
    expect(median([4, 1, 3, 2])).toBe(2.5);
    expect(median([3, 1, 2])).toBe(2);
    expect(median([])).toBeNaN();
  });

  test('a percentile is a value that was measured', () => {
    const hundred = Array.from({ length: 100 }, (_, at) => at + 1);
    expect(percentile(hundred, 0.99)).toBe(99);
    expect(percentile([7], 0.5)).toBe(7);
    expect(percentile([], 0.5)).toBeNaN();
  });
});

describe('the report', () => {
  const rounds = [
    { naive: measured([2, 2, 2], 800), cordon: measured([1, 1, 9], 1000) },
    { naive: measured([4, 4, 4], 400), cordon: measured([2, 2, 2], 500) },
  ];

  test('gives medians over the rounds, ratios within them, and p99 over all requests', () => {
    const { cordon } = summarize(rounds, 'naive');
    expect(cordon).toMatchObject({ p50Ms: 1.5, p99Ms: 9, runsPerSecond: 750, p50Ratio: 0.5, throughputRatio: 1.25 });
  });

  test('is a table with the names to the left and the figures to the right', () => {
    expect(renderTable(subjectTable('Runs', summarize(rounds, 'naive'), 'naive', ['a note']))).toBe(
      [
        'Runs',
        '        p50 ms  p99 ms  p50 x naive  runs/s at 16  x naive  p50 ms at 16  p99 ms at 16  client CPU us',
        '------  ------  ------  -----------  ------------  -------  ------------  ------------  -------------',
        'naive        3       4            1           600        1            16            32             40',
        'cordon    1.50       9         0.50           750     1.25            16            32             40',
        '  a note',
        '',
      ].join('\n'),
    );
  });

  test('shows the digits that matter and a dash for what was not measured', () => {
    expect([0.1234, 12.34, 1234.5, 7, Number.NaN, undefined, 'text'].map(cellText)).toEqual([
      '0.12',
      '12.3',
      '1235',
      '7',
      '-',
      '-',
      'text',
    ]);
  });
});

describe('options', () => {
  test('take parts one by one or as a list', () => {
    expect(readOptions(['--only', 'store,compare', '--only', 'micro']).parts).toEqual(['compare', 'store', 'micro']);
    expect(readOptions([]).parts).toEqual(partNames);
  });

  test('refuse an unknown part, and a check without figures that it judges', () => {
    expect(() => readOptions(['--only', 'nothing'])).toThrow('there is no part nothing');
    expect(() => readOptions(['--only', 'store', '--check'])).toThrow(
      '--check needs the part compare, python, containers or egress',
    );
    expect(readOptions(['--only', 'python', '--check'])).toMatchObject({ parts: ['python'], check: true });
    expect(() => readOptions(['--rounds', '0'])).toThrow('--rounds must be');
  });
});
