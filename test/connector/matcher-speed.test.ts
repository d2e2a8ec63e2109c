import { expect, test } from 'vitest';
import type { Operation } from '../../runtime/connector/connector.ts';
import { createMatcher } from '../../runtime/connector/operation-matcher.ts';
import { operation } from './operation.ts';

/** As large services have them: many nouns, the same few shapes below each. */
function thousand(): Operation[] {
  const shapes = [
    '',
    '/{id}',
    '/{id}/parts',
    '/{id}/parts/{part}',
    '/{id}/report.json',
    '/{id}/compare/{a}...{b}',
    '/search',
    '/{id}/files/{path+}',
  ];
  return Array.from({ length: 125 }, (_, noun) =>
    shapes.map((shape, index) => operation('GET', `/api/v1/teams/{team}/noun${noun}${shape}`, `op${noun}.${index}`)),
  ).flat();
}

test('a match among 1000 operations costs less than 20 microseconds of CPU', () => {
  const operations = thousand();
  const { match } = createMatcher(operations);
  const paths = operations.map(({ path }) => path.replaceAll(/\{[^{}]*\}/g, 'some-value%20x'));
  const all = () => {
    for (const [index, path] of paths.entries()) {
      const found = match('GET', path, '?page=2');
      if (found.kind !== 'operation' || found.operation !== operations[index])
        throw new Error(`${path}: ${found.kind}`);
    }
  };
  for (let round = 0; round < 20; round++) all();
  // CPU time, and the best of several: other programs on the machine do not count.
  const costs = Array.from({ length: 10 }, () => {
    const before = process.cpuUsage().user;
    for (let round = 0; round < 5; round++) all();
    return (process.cpuUsage().user - before) / (5 * paths.length);
  });
  expect(Math.min(...costs)).toBeLessThan(20);
});

test('a match among thousands of operations on one path, or of one shape, does not hold up the service', () => {
  const query = Array.from({ length: 5000 }, (_, at) => operation('GET', `/x?a=${at}`, `q${at}`));
  // Each segment a literal or a parameter: all of them fit one path.
  const shapes = Array.from({ length: 4096 }, (_, bits) =>
    operation(
      'GET',
      `/${Array.from({ length: 12 }, (_, at) => ((bits >> at) & 1 ? 'a' : `{p${at}}`)).join('/')}`,
      `s${bits}`,
    ),
  );
  const asked: [Operation[], string, string][] = [
    [query, '/x', `?${'a=4&'.repeat(1500)}`],
    [query, '/x', `?${'a=5001&'.repeat(1000)}`],
    [shapes, `/${Array.from({ length: 12 }, () => 'a').join('/')}`, ''],
    [shapes, `/${Array.from({ length: 11 }, () => 'a').join('/')}%2fa`, ''],
  ];
  for (const [operations, path, search] of asked) {
    const { match } = createMatcher(operations);
    const before = process.cpuUsage().user;
    match('GET', path, search);
    expect((process.cpuUsage().user - before) / 1000, path + search.slice(0, 10)).toBeLessThan(200);
  }
});
