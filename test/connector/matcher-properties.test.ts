import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Operation } from '../../runtime/connector/connector.ts';
import { createMatcher } from '../../runtime/connector/operation-matcher.ts';
import { long } from '../store/scratch.ts';
import { operation } from './operation.ts';
import { fitsExactly, readings, routed } from './server-models.ts';

const numRuns = long ? 20_000 : 1500;
const timeout = long ? 600_000 : 60_000;

const words = ['a', 'b', 'me', 'A', 'v1', 'admin', 'get.json', 'x-1', 'a:go', '(k)'];
const segment = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...words) },
  { weight: 4, arbitrary: fc.constant('{}') },
  { weight: 2, arbitrary: fc.constantFrom('{}.json', 'v{}', '{}:go', '{}...{}', "k('{}')") },
);
/** Names are filled in afterwards, each once. */
const template = fc
  .tuple(
    fc.array(segment, { maxLength: 4 }),
    fc.constantFrom('', '', '', '', '', '/', '/{+}', '/r:/{+}', '/r:/{+}:/me', '/{+}:'),
  )
  .map(([segments, end]) => {
    let count = 0;
    const path = `/${segments.join('/')}${segments.length === 0 && end !== '' ? end.slice(1) : end}`;
    return path.replaceAll(/\{(\+?)\}/g, (_, rest: string) => `{p${count++}${rest}}`);
  });
const method = fc.constantFrom('GET', 'POST', 'DELETE');
const connector = fc
  .array(fc.tuple(method, template), { minLength: 1, maxLength: 12 })
  .map((list) => list.map(([verb, path], index) => operation(verb, path, `op${index}`)));

const value = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom('7', 'q9', 'zz-1', '%C3%A9', 'a%20b') },
  { weight: 1, arbitrary: fc.constantFrom(...words, 'ME', 'a.json', 'a...b', 'x%3Ago') },
);
/** A path that a template makes with these values. */
function instance({ path }: Operation, values: string[]): string {
  let index = 0;
  return path.replaceAll(/\{[^{}]*\}/g, () => values[index++ % values.length]!);
}

function differsInSlash(a: Operation, b: Operation): boolean {
  const [one, other] = [a, b].map(({ path }) => path.replaceAll(/\{[^{}+]*/g, '{'));
  return one !== other && one!.replace(/\/$/, '') === other!.replace(/\/$/, '');
}

/** Other spellings of a path: each is the same for some server, or nonsense. */
const respellings: ((path: string, at: number) => string)[] = [
  (path, at) => swap(path, at, (char) => `%${char.charCodeAt(0).toString(16).padStart(2, '0')}`),
  (path, at) => swap(path, at, (char) => `%25${char.charCodeAt(0).toString(16)}`),
  (path, at) => swap(path, at, (char) => (char === char.toUpperCase() ? char.toLowerCase() : char.toUpperCase())),
  (path, at) =>
    swap(path, at, (char) =>
      char >= '!' && char <= '~' ? encodeURIComponent(String.fromCharCode(char.charCodeAt(0) + 0xfee0)) : char,
    ),
  (path, at) => insert(path, at, '/'),
  (path, at) => insertAtSlash(path, at, '/.'),
  (path, at) => insertAtSlash(path, at, '/x/..'),
  (path, at) => insertAtSlash(path, at, '/%2e%2e/x'),
  (path, at) => insertAtSlash(path, at, ';p=1'),
  (path, at) => insertAtSlash(path, at, '%3Bp'),
  (path, at) => insertAtSlash(path, at, '%20'),
  (path, at) => insertAtSlash(path, at, '.'),
  (path, at) => insertAtSlash(path, at, '%00'),
  (path, at) => insert(path, at, '%E2%80%8B'),
  (path) => `${path}/`,
  (path) => path.replace(/\/$/, ''),
  (path) => `/${path}`,
  (path) => path.replace('/', '/./'),
  (path, at) =>
    path
      .split('/')
      .map((part, index) => (index === at % 4 ? `${part}%2F` : part))
      .join('/'),
  (path) => path.replaceAll('/', '\\'),
  (path) => path.replace(/(.)\//, '$1%2f'),
];
function swap(path: string, at: number, change: (char: string) => string): string {
  if (path === '') return path;
  const index = at % path.length;
  return path.slice(0, index) + change(path[index]!) + path.slice(index + 1);
}
const insert = (path: string, at: number, text: string) =>
  path.slice(0, at % (path.length + 1)) + text + path.slice(at % (path.length + 1));
function insertAtSlash(path: string, at: number, text: string): string {
  const slashes = [...path.matchAll(/\//g)]
    .map((found) => found.index)
    .concat(path.length)
    .slice(1);
  return insert(path, slashes[at % slashes.length] ?? path.length, text);
}

test(
  'what is matched fits its template as written, and no server of any model takes it for another operation',
  () => {
    let matched = 0;
    fc.assert(
      fc.property(
        connector,
        fc.array(value, { minLength: 1, maxLength: 4 }),
        fc.nat({ max: 11 }),
        fc.array(fc.tuple(fc.nat({ max: respellings.length - 1 }), fc.nat({ max: 40 })), { maxLength: 2 }),
        (operations, values, which, changes) => {
          const chosen = operations[which % operations.length]!;
          let path = instance(chosen, values);
          for (const [change, at] of changes) path = respellings[change]!(path, at);
          const found = createMatcher(operations).match(chosen.method, path, '');
          if (found.kind !== 'operation') return;
          matched++;
          expect(fitsExactly(found.operation, path)).toBe(true);
          for (const { name, read, leniences } of readings) {
            const segments = read(path);
            if (!segments) continue;
            for (const lenience of leniences) {
              // A service that has a path with and without a slash at its end does not ignore it.
              if (lenience.ignoresSlash && operations.some((one) => differsInSlash(one, found.operation))) continue;
              const taken = routed(operations, chosen.method, segments, lenience).map((one) => one.name);
              // None: such a server knows no such path, and does nothing.
              if (taken.length > 0) expect(taken, `${path} read by ${name}`).toEqual([found.operation.name]);
            }
          }
        },
      ),
      { numRuns },
    );
    expect(matched).toBeGreaterThan(numRuns / 10);
  },
  timeout,
);

test(
  'another spelling of a path that is matched is the same operation or refused',
  () => {
    let compared = 0;
    fc.assert(
      fc.property(
        connector,
        fc.array(value, { minLength: 1, maxLength: 4 }),
        fc.nat({ max: 11 }),
        fc.nat({ max: respellings.length - 1 }),
        fc.nat({ max: 40 }),
        (operations, values, which, change, at) => {
          const matcher = createMatcher(operations);
          const chosen = operations[which % operations.length]!;
          const path = instance(chosen, values);
          const first = matcher.match(chosen.method, path, '');
          const other = respellings[change]!(path, at);
          // A doubled slash between segments can be a new segment of a rest; a slash alone is another path only there.
          const second = matcher.match(chosen.method, other, '');
          if (first.kind !== 'operation' || second.kind !== 'operation') return;
          compared++;
          const isOtherSlash = path !== other && path.replace(/\/$/, '') === other.replace(/\/$/, '');
          const isNewSegment = other.split('/').length > path.split('/').length && !other.includes('//');
          if (!isOtherSlash && !isNewSegment) expect(second.operation.name).toBe(first.operation.name);
        },
      ),
      { numRuns },
    );
    expect(compared).toBeGreaterThan(numRuns / 50);
  },
  timeout,
);

test(
  'every template matches its own instances, unless another one of the connector fits them too',
  () => {
    fc.assert(
      fc.property(
        connector,
        fc.array(fc.stringMatching(/^[a-z]{2}\d{3}$/), { minLength: 5, maxLength: 5 }),
        (operations, values) => {
          const matcher = createMatcher(operations);
          for (const one of operations) {
            const path = instance(one, values);
            const rivals = operations.filter(
              (other) =>
                routed([other], other.method, path.slice(1).split('/'), { ignoresCase: true, ignoresSlash: true })
                  .length > 0 ||
                new RegExp(
                  `^${other.path
                    .replaceAll(/[.()$]/g, '\\$&')
                    .replaceAll(/\{[^{}]*\+\}/g, '.+')
                    .replaceAll(/\{[^{}]*\}/g, '[^/]+')
                    .replace(/\/$/, '')}/?$`,
                  'i',
                ).test(path),
            );
            const found = matcher.match(one.method, path, '');
            if (rivals.length === 1) {
              expect(found, path).toMatchObject({ kind: 'operation', operation: { name: one.name } });
              if (found.kind === 'operation') {
                const names = [...one.path.matchAll(/\{([^{}+]*)\+?\}/g)].map((part) => part[1]!);
                expect(found.pathParameters).toEqual(
                  Object.fromEntries(names.map((name, index) => [name, values[index % 5]])),
                );
              }
            }
          }
        },
      ),
      { numRuns: Math.ceil(numRuns / 3) },
    );
  },
  timeout,
);

test(
  'nothing outside the templates matches, whatever bytes the path has',
  () => {
    const piece = fc.oneof(
      fc.constantFrom(
        ...words,
        '7',
        '.',
        '..',
        '%2e',
        '%2F',
        '%5c',
        ';',
        '%3b',
        '//',
        '%',
        '%00',
        '\\',
        '%C3%A9',
        ':go',
        '.json',
      ),
      fc.string({ unit: 'binary', maxLength: 3 }),
    );
    const path = fc.array(fc.oneof(piece, fc.constant('/')), { maxLength: 10 }).map((parts) => `/${parts.join('')}`);
    fc.assert(
      fc.property(connector, path, method, (operations, text, verb) => {
        const found = createMatcher(operations).match(verb, text, '');
        if (found.kind !== 'operation') return;
        expect(found.operation.method).toBe(verb);
        expect(fitsExactly(found.operation, text)).toBe(true);
      }),
      { numRuns },
    );
  },
  timeout,
);

test(
  'the order of operations does not matter',
  () => {
    fc.assert(
      fc.property(
        connector,
        fc.array(value, { minLength: 1, maxLength: 4 }),
        fc.nat({ max: 11 }),
        (operations, values, which) => {
          const chosen = operations[which % operations.length]!;
          const path = instance(chosen, values);
          const told = (list: Operation[]) => {
            const found = createMatcher(list).match(chosen.method, path, '');
            return found.kind === 'operation' ? found.operation.name : found.kind;
          };
          expect(told(operations.toReversed())).toBe(told(operations));
        },
      ),
      { numRuns },
    );
  },
  timeout,
);
