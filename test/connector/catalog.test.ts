/** The data files of the catalog: each is well formed, and each of its operations can be told from the others. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { checkCatalogEntry, readCatalog } from '../../runtime/connector/catalog.ts';
import type { CatalogEntry } from '../../runtime/connector/catalog-entry.ts';
import { checkOperations } from '../../runtime/connector/check-operations.ts';
import type { Operation } from '../../runtime/connector/connector.ts';
import { createMatcher } from '../../runtime/connector/operation-matcher.ts';

const catalog = readCatalog();
const entries = catalog.names().map((name) => catalog.entry(name) as CatalogEntry);

const services = [
  'anthropic',
  'atlassian',
  'azure-ai-vision',
  'github',
  'gmail',
  'gong',
  'google-drive',
  'microsoft-365',
  'notion',
  'okta',
  'openai',
  'pinecone',
  's3',
  'salesforce',
  'slack',
  'snowflake',
];

test('the catalog holds the services that the documents promise', () => {
  expect(catalog.names()).toEqual(services);
  expect(catalog.entry('jenkins')).toBeUndefined();
  expect(catalog.entry('__proto__')).toBeUndefined();
});

test('an entry is shared and cannot be changed', () => {
  const slack = catalog.entry('slack')!;
  expect(() => {
    slack.operations[0]!.effect = 'read';
  }).toThrow(TypeError);
  expect(() => slack.operations.pop()).toThrow(TypeError);
  expect(() => slack.hosts?.push('evil.example')).toThrow(TypeError);
});

describe('a file is refused with its name and the field when', () => {
  const sound = {
    name: 'sound',
    title: 'Sound',
    documentation: 'https://docs.example.com/',
    hosts: ['api.example.com'],
    auth: { type: 'bearer' },
    operations: [
      { name: 'things.list', method: 'GET', path: '/things', effect: 'read' },
      { name: 'things.delete', method: 'DELETE', path: '/things/{id}', effect: 'delete', danger: 'It is gone.' },
    ],
  };
  const operation = (change: object) => ({ operations: [{ ...sound.operations[0], ...change }] });
  const { hosts: _hosts, ...withoutHosts } = sound;
  const { auth: _auth, ...withoutAuth } = sound;

  test('nothing is wrong with the one that is changed below', () => {
    expect(checkCatalogEntry(sound, 'sound')).toEqual(sound);
  });

  test.each<[string, unknown, string]>([
    ['it has a key that is not known', { ...sound, kind: 1 }, 'kind'],
    ['its name is not that of the file', { ...sound, name: 'other' }, 'name'],
    ['it has no title', { ...sound, title: '' }, 'title'],
    ['its documentation is not https', { ...sound, documentation: 'http://docs.example.com/' }, 'documentation'],
    ['it has no hosts', withoutHosts, 'hosts'],
    ['a host is an address', { ...sound, hosts: ['127.0.0.1'] }, 'hosts.0'],
    ['a host is an origin', { ...sound, hosts: ['https://api.example.com'] }, 'hosts.0'],
    ['it needs hosts and has some', { ...sound, needsHosts: true, hostsHelp: 'NAME.example.com' }, 'hosts'],
    ['it needs hosts and does not say which', { ...withoutHosts, needsHosts: true }, 'hostsHelp'],
    ['it says how hosts look and needs none', { ...sound, hostsHelp: 'NAME.example.com' }, 'hostsHelp'],
    ['it has neither auth nor how to make it', withoutAuth, 'auth'],
    ['it has auth and how to make it', { ...sound, authHelp: 'bearer' }, 'auth'],
    ['its auth is not known', { ...sound, auth: { type: 'magic' } }, 'auth.type'],
    ['its auth has a secret', { ...sound, auth: { type: 'bearer', token: 'x' } }, 'auth.token'],
    ['it has no operations', { ...sound, operations: [] }, 'operations'],
    ['an effect is not known', { ...sound, ...operation({ effect: 'harmless' }) }, 'operations.0.effect'],
    ['a path is relative', { ...sound, ...operation({ path: 'things' }) }, 'operations.0.path'],
    [
      'an operation has a key that is not known',
      { ...sound, ...operation({ dangerous: true }) },
      'operations.0.dangerous',
    ],
    [
      'two operations have one name',
      { ...sound, operations: [sound.operations[0], { ...sound.operations[1], name: 'things.list' }] },
      'operations.1.name',
    ],
    [
      'two operations are the same request',
      { ...sound, operations: [sound.operations[0], { ...sound.operations[0], name: 'things.all' }] },
      'operations.1.path',
    ],
    [
      'an operation is on a host of its own',
      { ...sound, ...operation({ hosts: ['files.example.com'] }) },
      'operations.0.hosts',
    ],
    ['it is no object', [sound], 'entry'],
  ])('%s', (_what, value, field) => {
    expect(() => checkCatalogEntry(value, 'sound')).toThrow(
      expect.objectContaining({ code: 'validation_failed', message: expect.stringContaining(field) }),
    );
  });

  const folder = mkdtempSync(join(tmpdir(), 'cordon-catalog-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test('it is no JSON, or a valid one under another name', () => {
    writeFileSync(join(folder, 'sound.json'), JSON.stringify(sound));
    expect(readCatalog(folder).names()).toEqual(['sound']);
    writeFileSync(join(folder, 'copy.json'), JSON.stringify(sound));
    expect(() => readCatalog(folder)).toThrow(/^Catalog file copy\.json: .*name/);
    writeFileSync(join(folder, 'copy.json'), '{"name": ');
    expect(() => readCatalog(folder)).toThrow(/^Catalog file copy\.json: /);
  });
});

describe.each(entries.map((entry) => [entry.name, entry] as const))('%s', (_name, entry) => {
  const operations = checkOperations(entry.operations);
  const matcher = createMatcher(operations);

  test('each operation is found by a request of its own, and no other is', () => {
    for (const operation of operations)
      for (const method of [operation.method, ...(operation.otherMethods ?? [])]) {
        const { pathname, search, values } = requestOf(operation);
        const found = matcher.match(method, pathname, search);
        expect(found, `${method} ${pathname}${search}`).toMatchObject({ kind: 'operation', pathParameters: values });
        expect(found.kind === 'operation' && found.operation.name).toBe(operation.name);
      }
  });

  test('a method that no operation has is never another one', () => {
    for (const operation of operations) {
      const { pathname, search } = requestOf(operation);
      const taken = new Set(
        operations.filter(({ path }) => path.split('?')[0] === operation.path.split('?')[0]).flatMap(methodsOf),
      );
      for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])
        if (!taken.has(method))
          expect(matcher.match(method, pathname, search).kind, `${method} ${pathname}${search}`).not.toBe('operation');
    }
  });

  test('what deletes, sends or shares says what can go wrong', () => {
    const silent = operations.filter(({ effect, danger }) => (effect === 'delete' || effect === 'send') && !danger);
    expect(silent.map(({ name }) => name)).toEqual([]);
  });

  test('a method tells its effect: DELETE deletes, and GET reads unless the file says why not', () => {
    const wrong = operations.filter(({ method, effect, danger }) => {
      if (method === 'DELETE') return effect !== 'delete';
      return (method === 'GET' || method === 'HEAD') && effect !== 'read' && !danger;
    });
    expect(wrong.map(({ name }) => name)).toEqual([]);
  });

  test('a name that speaks of deleting, sharing or sending is no plain write', () => {
    const telling =
      /(?:^|\.)(?:delete|remove|erase|purge|trash|archive|revoke|send|invite|notify|forward|share)(?:$|[A-Z.])/;
    const plain = operations.filter(({ name, effect, danger }) => telling.test(name) && effect === 'write' && !danger);
    expect(plain.map(({ name }) => name).filter((name) => !knownWrites.includes(`${entry.name} ${name}`))).toEqual([]);
  });

  test('a danger is a sentence, and the parameters that it says to constrain are there', () => {
    for (const { name, danger, parameters } of operations) {
      if (danger === undefined) continue;
      expect(danger, name).toMatch(/^[A-Z].*\.$/);
      for (const [, spans = ''] of danger.matchAll(/constrain ((?:`[^`]+`(?:, | and )?)+)/g))
        for (const [, wanted] of spans.matchAll(/`([^`]+)`/g))
          expect(
            parameters.map((one) => one.name),
            `${name}: ${wanted}`,
          ).toContain(wanted);
    }
  });

  test('no parameter is listed twice in one place', () => {
    for (const { name, parameters } of operations) {
      const keys = parameters.map((one) => `${one.in} ${one.name}`);
      expect(new Set(keys).size, name).toBe(keys.length);
    }
  });
});

/** Their names speak of it, what they do is something else: see each. */
const knownWrites = [
  // Takes back what made a file public.
  'slack files.revokePublicURL',
  // Carries the bytes of an upload.
  'notion fileUploads.send',
];

const methodsOf = ({ method, otherMethods = [] }: Operation) => [method, ...otherMethods];

/** A request as the template says it, with a value of its own for each parameter. */
function requestOf({ path }: Operation): { pathname: string; search: string; values: Record<string, string> } {
  const values: Record<string, string> = {};
  const [template = '', query] = path.split('?');
  const pathname = template.replace(/\{([^}]+)\}/g, (_all, name: string) => {
    const plain = name.replace(/\+$/, '');
    const value = name.endsWith('+') ? 'one/two.txt' : `v${Object.keys(values).length}`;
    values[plain] = value;
    return value;
  });
  const pairs = query?.split('&').map((pair) => (pair.includes('=') ? pair : `${pair}=`)) ?? [];
  return { pathname, search: pairs.length > 0 ? `?${pairs.join('&')}` : '', values };
}
