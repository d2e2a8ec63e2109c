/** Operations that not all hosts of a connector have: each host is matched as if it had a connector of its own. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compileConnector } from '../../runtime/connector/compile-connector.ts';
import type { Connector, Operation, OperationMatch } from '../../runtime/connector/connector.ts';
import { createMatcher } from '../../runtime/connector/operation-matcher.ts';
import { operation } from './operation.ts';

const hosts = ['https://a.example', 'https://b.example', 'https://c.example'] as const;
const [a, b, c] = hosts;

const compiled = (operations: Operation[], origins: readonly string[] = hosts) =>
  compileConnector({ id: 'c', tenant: 't', origins, operations, auth: { type: 'none' } } as unknown as Connector);
const told = (match: OperationMatch) => (match.kind === 'operation' ? match.operation.name : match.kind);

test('an operation is found on its own hosts only', () => {
  const { match } = compiled([
    operation('GET', '/things/{id}', 'everywhere'),
    operation('GET', '/things/{id}', 'never', { origins: [] }),
    operation('GET', '/files/{id}', 'onA', { origins: [a] }),
    operation('GET', '/files/{file}', 'onB', { origins: [b] }),
    operation('POST', '/files/{id}:move', 'move', { origins: [b] }),
    operation('DELETE', '/files/new', 'new', { origins: [a] }),
  ]);
  const at = (origin: string, method: string, path: string) => told(match(method, new URL(path, origin)));
  expect(hosts.map((host) => at(host, 'GET', '/things/1'))).toEqual(['everywhere', 'everywhere', 'everywhere']);
  expect(hosts.map((host) => at(host, 'GET', '/files/1'))).toEqual(['onA', 'onB', 'none']);
  expect(match('GET', new URL('/files/1', b))).toMatchObject({ pathParameters: { file: '1' } });
  // Of the paths of other hosts nothing is in the way.
  expect(hosts.map((host) => at(host, 'GET', '/files/x:y'))).toEqual(['onA', 'ambiguous', 'none']);
  expect(hosts.map((host) => at(host, 'GET', '/files/new'))).toEqual(['ambiguous', 'onB', 'none']);
  expect(hosts.map((host) => at(host, 'delete', '/files/new'))).toEqual(['ambiguous', 'none', 'none']);
  expect(at('https://d.example', 'GET', '/things/1')).toBe('none');
  expect(at('https://a.example:8443', 'GET', '/things/1')).toBe('none');
});

test('one tree says of each host what a tree of its own would say', () => {
  const path = fc
    .array(fc.constantFrom('x', 'X', 'y', '{}', '{}:go', '{}.json'), { minLength: 1, maxLength: 3 })
    .map((parts) => {
      let at = 0;
      return `/${parts.join('/')}`.replaceAll('{}', () => `{p${at++}}`);
    });
  const where = fc.option(fc.subarray([...hosts], { minLength: 1 }), { nil: undefined });
  const list = fc
    .array(fc.tuple(fc.constantFrom('GET', 'POST'), path, where), { minLength: 1, maxLength: 8 })
    .map((all) =>
      all.map(([method, text, origins], at) => operation(method, text, `o${at}`, origins ? { origins } : {})),
    );
  const asked = fc
    .array(fc.constantFrom('x', 'X', 'y', 'z', 'z:go', 'z.json', 'x%2Fy'), { minLength: 1, maxLength: 3 })
    .map((parts) => `/${parts.join('/')}`);
  let found = 0;
  fc.assert(
    fc.property(list, fc.constantFrom('GET', 'POST', 'get'), asked, (operations, method, pathname) => {
      const { match } = createMatcher(operations);
      for (const host of [a, b, c]) {
        const own = createMatcher(operations.filter(({ origins }) => origins?.includes(host) ?? true));
        const name = told(match(method, pathname, '', host));
        expect(name).toBe(told(own.match(method, pathname, '')));
        if (name.startsWith('o')) found++;
      }
    }),
    { numRuns: 1500 },
  );
  expect(found).toBeGreaterThan(50);
}, 60_000);
