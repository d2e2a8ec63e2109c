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
