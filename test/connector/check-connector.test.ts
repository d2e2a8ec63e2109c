import { expect, test } from 'vitest';
import { readCatalog } from '../../runtime/connector/catalog.ts';
import { type ConnectorSources, readConnector } from '../../runtime/connector/check-connector.ts';
import { compileConnector } from '../../runtime/connector/compile-connector.ts';
import type { Connector } from '../../runtime/connector/connector.ts';
import type { ConnectorInput } from '../../runtime/connector/connector-input.ts';
import { secretAudience } from '../../runtime/connector/secret-audience.ts';

const list = { name: 'things.list', method: 'GET', path: '/things', effect: 'read' };
const base = { id: 'svc', auth: { type: 'bearer' }, hosts: ['svc.example'], operations: [list] };
const document = {
  openapi: '3.0.3',
  info: { title: 'Service', version: '2' },
  servers: [{ url: 'https://svc.example/v2' }],
  components: { securitySchemes: { a: { type: 'http', scheme: 'basic' } } },
  paths: { '/things/{id}': { delete: { operationId: 'drop' }, get: { operationId: 'get' } } },
};
const read = (input: object, sources: ConnectorSources = {}) => readConnector(input as ConnectorInput, sources);
const field = (name: string) => ({
  code: 'validation_failed',
  details: { errors: [expect.objectContaining({ field: name })] },
});

test('a list of operations by hand', async () => {
  expect(
    await read({
      ...base,
      name: 'Our service',
      hosts: ['svc.example', 'svc.example:443', 'files.svc.example:8443'],
      basePath: '/api/',
      foreignCredentialFields: ['token'],
      operations: [
        list,
        {
          name: 'things.put',
          method: 'PUT',
          otherMethods: ['POST'],
          path: '/things/{id}/{path+}',
          effect: 'write',
          danger: 'It overwrites.',
          parameters: [
            { name: 'id', in: 'path', aliases: ['thing'] },
            { name: 'to', in: 'body', required: true },
          ],
          hosts: ['files.svc.example:8443'],
          strictQuery: true,
          refuseHeaders: ['x-copy-from'],
          rawBody: true,
        },
      ],
      effects: { 'things.list': 'write' },
    }),
  ).toEqual({
    id: 'svc',
    name: 'Our service',
    origins: ['https://svc.example', 'https://files.svc.example:8443'],
    auth: { type: 'bearer' },
    foreignCredentialFields: ['token'],
    source: { kind: 'operations' },
    operations: [
      { name: 'things.list', method: 'GET', path: '/api/things', effect: 'write', parameters: [] },
      {
        name: 'things.put',
        method: 'PUT',
        otherMethods: ['POST'],
        path: '/api/things/{id}/{path+}',
        effect: 'write',
        danger: 'It overwrites.',
        parameters: [
          { name: 'id', in: 'path', aliases: ['thing'], required: true },
          { name: 'path', in: 'path', required: true },
          { name: 'to', in: 'body', required: true },
        ],
        origins: ['https://files.svc.example:8443'],
        strictQuery: true,
        refuseHeaders: ['x-copy-from'],
        rawBody: true,
      },
    ],
  });
});

test('a document, as an object and as text, with what the caller says instead', async () => {
  const fromObject = await read({ id: 'svc', document });
  expect(fromObject).toMatchObject({
    name: 'Service',
    origins: ['https://svc.example'],
    auth: { type: 'basic' },
    source: { kind: 'openapi', title: 'Service', version: '2' },
  });
  expect(fromObject.operations.map(({ name, path }) => [name, path])).toEqual([
    ['drop', '/v2/things/{id}'],
    ['get', '/v2/things/{id}'],
  ]);
  expect(await read({ id: 'svc', document: JSON.stringify(document) })).toEqual(fromObject);
  const changed = await read({
    id: 'svc',
    document,
    name: 'Mine',
    hosts: ['mirror.example'],
    auth: { type: 'header', name: 'X-Key' },
    basePath: '/other',
    effects: { get: 'send' },
  });
  expect(changed).toMatchObject({
    name: 'Mine',
    origins: ['https://mirror.example'],
    auth: { type: 'header' },
    operations: [{ path: '/other/things/{id}' }, { name: 'get', effect: 'send' }],
  });
});

test('what a document leaves open must be said', async () => {
  const { components: _, servers: __, ...bare } = document;
  await expect(read({ id: 'svc', document: bare })).rejects.toMatchObject(field('hosts'));
  await expect(read({ id: 'svc', document: bare, hosts: ['a.example'] })).rejects.toMatchObject(field('auth'));
  expect(await read({ id: 'svc', document: bare, hosts: ['a.example'], auth: { type: 'none' } })).toMatchObject({
    origins: ['https://a.example'],
  });
  await expect(read({ id: 'svc', document: 'x: [' })).rejects.toMatchObject(field('document'));
  await expect(read({ id: 'svc', document: 7 })).rejects.toMatchObject(field('document'));
});

test('operations of a document that are on other hosts only are left out', async () => {
  const paths = {
    '/a': { get: { operationId: 'a' } },
    '/b': { servers: [{ url: 'https://uploads.example' }], post: { operationId: 'b' } },
  };
  const names = async (more: object) =>
    (await read({ id: 'svc', document: { ...document, paths }, ...more })).operations.map(({ name }) => name);
  expect(await names({})).toEqual(['a']);
  expect(await names({ hosts: ['svc.example', 'uploads.example'] })).toEqual(['a', 'b']);
  await expect(
    names({ hosts: ['svc.example'], document: { ...document, paths: { '/b': paths['/b'] } } }),
  ).rejects.toMatchObject(field('hosts'));
});

test('the address of a document', async () => {
  const asked: string[] = [];
  const fetchDocument = async (_tenant: string, url: string) => {
    asked.push(url);
    if (url.includes('secret')) throw new Error('10.0.0.1 is no public address');
    return Buffer.from(JSON.stringify({ ...document, servers: [{ url: '/v3' }] }));
  };
  const found = await read({ id: 'svc', url: 'https://docs.example/openapi.json' }, { fetchDocument });
  expect(found.origins).toEqual(['https://docs.example']);
  expect(found.operations[0]?.path).toBe('/v3/things/{id}');
  await expect(read({ id: 'svc', url: 'https://secret.example/' }, { fetchDocument })).rejects.toMatchObject(
    field('url'),
  );
  for (const url of [
    'http://docs.example/',
    'https://user@docs.example/',
    'https://127.0.0.1/',
    'https://[::1]/',
    'https://0x7f.1/',
    'https://docs.example/a/../b',
    'https://docs.example./',
    'file:///etc/passwd',
    'docs.example',
    7,
    'https://docs.example/#x',
  ])
    await expect(read({ id: 'svc', url }, { fetchDocument }), String(url)).rejects.toMatchObject(field('url'));
  expect(asked).toHaveLength(2);
  // A wrong field is told before anything is fetched.
  await expect(
    read({ id: 'svc', url: 'https://docs.example/', auth: { type: 'x' } }, { fetchDocument }),
  ).rejects.toMatchObject(field('auth.type'));
  expect(asked).toHaveLength(2);
});

test('an entry of the catalog, every one of which can be compiled', async () => {
  const catalog = readCatalog();
  for (const name of catalog.names()) {
    const entry = catalog.entry(name)!;
    const { auth } = entry;
    const made = await read(
      {
        id: name,
        catalog: name,
        ...(entry.needsHosts ? { hosts: ['customer.example'] } : {}),
        ...(auth ? {} : { auth: { type: 'bearer' } }),
      },
      { catalog },
    );
    expect(made.operations.length, name).toBeGreaterThan(0);
    compileConnector({ ...made, tenant: 't', createdAt: '', updatedAt: '' } as Connector);
    if (entry.needsHosts)
      await expect(read({ id: name, catalog: name, auth: { type: 'bearer' } }, { catalog })).rejects.toMatchObject(
        field('hosts'),
      );
    if (!auth)
      await expect(read({ id: name, catalog: name, hosts: ['customer.example'] }, { catalog })).rejects.toMatchObject(
        field('auth'),
      );
  }
  for (const name of ['nothing', '', '../slack', 'constructor', 7])
    await expect(read({ id: 'x', catalog: name }, { catalog })).rejects.toMatchObject(field('catalog'));
});

test('operations on the same path of different hosts are told apart by the host', async () => {
  const made = await read({
    ...base,
    hosts: ['a.example', 'b.example'],
    operations: [
      { ...list, name: 'a', hosts: ['a.example'] },
      { ...list, name: 'b', hosts: ['b.example'] },
      { ...list, name: 'both', path: '/both' },
    ],
  });
  const { match } = compileConnector({ ...made, tenant: 't', createdAt: '', updatedAt: '' });
  const found = (url: string) => {
    const result = match('GET', new URL(url));
    return result.kind === 'operation' ? result.operation.name : result.kind;
  };
  expect(found('https://a.example/things')).toBe('a');
  expect(found('https://b.example/things')).toBe('b');
  expect(found('https://b.example/both')).toBe('both');
  expect(found('https://c.example/both')).toBe('none');
  expect(found('http://a.example/both')).toBe('none');
  expect(found('https://a.example:8443/both')).toBe('none');
});

test('the audience of a secret: the scheme, the hosts, and where tokens come from', () => {
  const origins = ['https://b.example', 'https://a.example'];
  expect(secretAudience({ auth: { type: 'bearer' }, origins })).toEqual([
    'https://a.example',
    'https://b.example',
    'scheme bearer',
  ]);
  expect(
    secretAudience({ auth: { type: 'oauth2_refresh', tokenUrl: 'https://login.example/oauth/token' }, origins: [] }),
  ).toEqual(['scheme oauth2_refresh', 'token https://login.example']);
});
