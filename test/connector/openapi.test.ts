import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { outlineOf } from '../../runtime/connector/openapi/outline.ts';
import { readOutline } from '../../runtime/connector/openapi/read-outline.ts';
import { outline, small } from './small-document.ts';

const document = (name: string) => readFileSync(join(import.meta.dirname, 'documents', name), 'utf8');

describe('OpenAPI 3.1 in YAML', () => {
  const { operations, ...rest } = outlineOf({ text: document('tickets.yaml') });
  const byName = new Map(operations.map((one) => [one.name, one]));

  test('title, hosts without variables, scheme, and what cannot be used', () => {
    expect(rest).toMatchObject({
      title: 'Tickets',
      version: '2024-06-01',
      origins: ['https://api.tickets.example'],
      auth: { type: 'bearer' },
      sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    expect(rest.leftOut).toEqual([
      expect.stringContaining('GET /api/v2/users/{login}: counts as users.get'),
      expect.stringContaining('GET /odd/{a}{b}: its path has two parameters side by side'),
    ]);
  });

  test('names, methods, paths below the base path of the server, effects', () => {
    const lines = operations.map(({ name, method, path, effect }) => `${name} ${method} ${path} ${effect}`);
    expect(lines).toEqual([
      'tickets.list GET /api/v2/tickets read',
      'tickets.create POST /api/v2/tickets write',
      'tickets.get GET /api/v2/tickets/{ticketId} read',
      'tickets.update PATCH /api/v2/tickets/{ticketId} send',
      'tickets.delete DELETE /api/v2/tickets/{ticketId} delete',
      'post/tickets/{ticketId}/reply POST /api/v2/tickets/{ticketId}/reply send',
      'export_all_csv GET /api/v2/exports/{name}.csv read',
      'uploads.put PUT /uploads/{name} write',
      'users.get GET /api/v2/users/{id} read',
      'loop POST /api/v2/loop write',
    ]);
    expect(byName.get('uploads.put')?.origins).toEqual(['https://files.tickets.example']);
    expect(byName.get('tickets.list')?.origins).toBeUndefined();
  });

  test('dangers: of the document, of the graver one of two descriptions, guessed', () => {
    expect(byName.get('tickets.update')).toMatchObject({ effect: 'send', danger: 'Watchers are told.' });
    expect(byName.get('export_all_csv')?.danger).toMatch(/much at once/);
    expect(byName.get('tickets.get')?.danger).toBeUndefined();
  });

  test('parameters of path, query, header and two levels of the body', () => {
    expect(byName.get('tickets.list')?.parameters).toEqual([
      { name: 'X-Trace', in: 'header' },
      { name: 'status', in: 'query' },
    ]);
    expect(byName.get('tickets.get')?.parameters).toEqual([{ name: 'ticketId', in: 'path', required: true }]);
    expect(byName.get('tickets.update')?.parameters).toEqual([
      { name: 'ticketId', in: 'path', required: true },
      { name: 'into', in: 'body' },
    ]);
    expect(byName.get('tickets.create')?.parameters).toEqual([
      { name: 'X-Trace', in: 'header' },
      { name: 'subject', in: 'body', required: true },
      { name: 'from', in: 'body' },
      { name: 'text', in: 'body' },
      { name: 'html', in: 'body' },
      { name: 'from.email', in: 'body' },
      { name: 'from.address', in: 'body' },
    ]);
    expect(byName.get('loop')?.parameters).toEqual([
      { name: 'self', in: 'body' },
      { name: 'self.self', in: 'body' },
    ]);
  });
});

test('Swagger 2: host and port, base path, https among the schemes, form and body parameters', () => {
  const { operations, ...rest } = outlineOf({ text: document('parcels.json') });
  expect(rest).toMatchObject({ origins: ['https://parcels.example:8443'], auth: { type: 'basic' }, leftOut: [] });
  expect(operations).toEqual([
    {
      name: 'getParcel',
      method: 'GET',
      path: '/rest/parcels/{id}',
      effect: 'read',
      parameters: [{ name: 'id', in: 'path', required: true }],
    },
    {
      name: 'PostParcelSend',
      method: 'POST',
      path: '/rest/parcels/{id}',
      effect: 'send',
      danger: expect.any(String),
      parameters: [
        { name: 'id', in: 'path', required: true },
        { name: 'to', in: 'body', required: true },
        { name: 'note', in: 'body' },
      ],
    },
    {
      name: 'post/parcels',
      method: 'POST',
      path: '/rest/parcels',
      effect: 'write',
      parameters: [
        { name: 'weight', in: 'body', required: true },
        { name: 'size', in: 'body' },
        { name: 'size.height', in: 'body' },
      ],
    },
  ]);
});

describe('servers', () => {
  const where = (servers: unknown, url?: string) => {
    const { origins, operations } = outlineOf({ text: JSON.stringify(small({ servers })), ...(url ? { url } : {}) });
    return [origins, operations[0]?.path];
  };
  test.each([
    [
      [{ url: 'https://a.example/v1/' }, { url: 'https://b.example/v1' }, { url: 'https://c.example/v2' }],
      ['https://a.example', 'https://b.example'],
      '/v1/a',
    ],
    [[{ url: 'https://A.Example:443/' }], ['https://a.example'], '/a'],
    [[{ url: 'http://a.example/v1' }], [], '/v1/a'],
    [[{ url: 'http://a.example/v1' }, { url: 'https://b.example/v2' }], ['https://b.example'], '/v2/a'],
    [[{ url: 'https://{tenant}.a.example/v1', variables: { tenant: { default: 'x' } } }], [], '/v1/a'],
    [[{ url: 'https://a.example/{v}', variables: { v: { default: 'v3' } } }], ['https://a.example'], '/v3/a'],
    [[{ url: '/v1' }], [], '/v1/a'],
    [[{ url: 'https://10.0.0.1/v1' }], [], '/v1/a'],
    [[{ url: 'https://[::1]/v1' }], [], '/v1/a'],
    [[{ url: 'https://user@a.example/v1' }], [], '/v1/a'],
    [[{ url: 'https://a.example/../x' }], [], '/a'],
    [[{ url: 'https://a.example/%2e%2e' }], [], '/a'],
    [[], [], '/a'],
    [undefined, [], '/a'],
  ])('%j', (servers, origins, path) => {
    expect(where(servers)).toEqual([origins, path]);
  });
  test('relative ones of a document whose address is known', () => {
    expect(where([{ url: '/v1' }], 'https://docs.example/spec/openapi.json')).toEqual([
      ['https://docs.example'],
      '/v1/a',
    ]);
    expect(where([{ url: '../v2' }], 'https://docs.example/spec/x/openapi.json')).toEqual([
      ['https://docs.example'],
      '/spec/v2/a',
    ]);
  });
  test("a base path of the caller takes the place of the document's", () => {
    const { operations, origins } = outlineOf({
      text: JSON.stringify(small({ servers: [{ url: 'https://a.example/v1' }] })),
      basePath: '/ours',
    });
    expect([origins, operations[0]?.path]).toEqual([['https://a.example'], '/ours/a']);
  });
});

describe('authentication', () => {
  const auth = (securitySchemes: object, security?: object[]) =>
    outline({ components: { securitySchemes }, ...(security ? { security } : {}) }).auth;
  const bearer = { type: 'http', scheme: 'Bearer' };
  const header = { type: 'apiKey', in: 'header', name: 'X-Key' };
  test('what is clear', () => {
    expect(auth({ a: bearer })).toEqual({ type: 'bearer' });
    expect(auth({ a: header })).toEqual({ type: 'header', name: 'X-Key' });
    expect(auth({ a: { type: 'apiKey', in: 'query', name: 'key' } })).toEqual({ type: 'query', name: 'key' });
    expect(auth({ a: bearer, b: { type: 'oauth2' }, c: { type: 'openIdConnect' } })).toEqual({ type: 'bearer' });
    expect(auth({ a: bearer, b: header }, [{ b: [] }])).toEqual({ type: 'header', name: 'X-Key' });
  });
  test('what must be said', () => {
    expect(auth({})).toEqual({ choices: [] });
    expect(auth({ a: bearer, b: header })).toEqual({ choices: ['a', 'b'] });
    expect(auth({ a: bearer, b: header }, [{ a: [] }, { b: [] }])).toEqual({ choices: ['a', 'b'] });
    expect(auth({ a: bearer, b: header }, [{ a: [], b: [] }])).toEqual({ choices: ['a', 'b'] });
    expect(auth({ a: { type: 'apiKey', in: 'header', name: 'Authorization' } })).toEqual({ choices: ['a'] });
    expect(auth({ a: { type: 'apiKey', in: 'cookie', name: 'sid' } })).toEqual({ choices: ['a'] });
    expect(auth({ a: { type: 'mutualTLS' } })).toEqual({ choices: ['a'] });
  });
});

test('effects by method and words', () => {
  const effect = (method: string, operationId: string, path = '/x', summary = '') =>
    outline({ paths: { [path]: { [method]: { operationId, summary } } } }).operations[0]?.effect;
  const table: [string, string, string][] = [
    ['get', 'chat.list', 'read'],
    ['head', 'files_check', 'read'],
    ['get', 'repos/get-share-settings', 'read'],
    ['get', 'listDeletedUsers', 'read'],
    ['get', 'chat.delete', 'delete'],
    ['get', 'files_remote_share', 'send'],
    ['get', 'users_setActive', 'read'],
    ['delete', 'anything', 'delete'],
    ['delete', 'sendNothing', 'delete'],
    ['post', 'chat_postMessage', 'send'],
    ['post', 'chat_scheduleMessage', 'send'],
    ['post', 'chat_deleteScheduledMessage', 'delete'],
    ['post', 'PostInvoicesInvoiceSend', 'send'],
    ['post', 'PostCharges', 'write'],
    ['post', 'conversations_invite', 'send'],
    ['post', 'conversations_archive', 'delete'],
    ['post', 'conversations_unarchive', 'write'],
    ['post', 'users.messages.send', 'send'],
    ['post', 'publish-page', 'send'],
    ['post', 'batchDelete', 'delete'],
    ['post', 'removeMember', 'delete'],
    ['post', 'createMessage', 'send'],
    ['patch', 'updateEmailSettings', 'write'],
    ['put', 'setDeleteProtection', 'write'],
    ['post', 'searchIssues', 'write'],
  ];
  for (const [method, id, expected] of table) expect(effect(method, id), `${method} ${id}`).toBe(expected);
  expect(effect('post', '', '/mail/{id}/send')).toBe('send');
  expect(effect('post', 'thing', '/x', 'Emails the report')).toBe('write');
  expect(effect('post', 'thing', '/x', 'Sends the report')).toBe('send');
});

test('names are unique, and such that grants can use them', () => {
  const { operations } = outline({
    paths: {
      '/a': { get: { operationId: 'a b' }, post: { operationId: 'a*b' }, put: { operationId: '::a b' } },
      '/b:go': { get: {} },
      '/c': { get: { operationId: 'x'.repeat(500) }, post: { operationId: 'é' } },
    },
  });
  expect(operations.map(({ name }) => name)).toEqual([
    'a_b',
    'a_b_2',
    'a_b_3',
    'get/b_go',
    'x'.repeat(190),
    'operation',
  ]);
});

test('in a thread of its own: the same outline, faults as fields, and the service goes on meanwhile', async () => {
  const text = document('tickets.yaml');
  expect(await readOutline({ text })).toEqual(outlineOf({ text }));
  const wrong = {
    code: 'validation_failed',
    details: { errors: [{ field: 'document', message: expect.stringContaining('neither') }] },
  };
  await expect(readOutline({ text: 'a: [' })).rejects.toMatchObject(wrong);
  const large = `openapi: 3.0.3\npaths:\n${Array.from({ length: 5000 }, (_, index) => `  /a${index}:\n    get: { operationId: op${index}, summary: 'words and words' }`).join('\n')}`;
  let ticks = 0;
  const timer = setInterval(() => ticks++, 5);
  const { operations } = await readOutline({ text: large });
  clearInterval(timer);
  expect(operations).toHaveLength(5000);
  expect(ticks).toBeGreaterThan(5);
}, 60_000);
