/** Memory where two requests meet, and where a key or a number is an odd one. The ordinary is in resources.test.ts. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Service, startService } from './service.ts';

let service: Service;
beforeAll(async () => {
  service = await startService();
});
afterAll(() => service.close());

const at = (key: string) => `/v1/agents/default/memory/${encodeURIComponent(key)}`;
const put = (key: string, body = '1', headers: Record<string, string> = {}) =>
  service.call('PUT', at(key), { body, headers });
const statusesOf = async (count: number, write: (n: number) => Promise<{ status: number }>) =>
  (await Promise.all(Array.from({ length: count }, (_, n) => write(n)))).map(({ status }) => status).sort();

describe('writers that meet', () => {
  test('all go through while their condition holds', async () => {
    await put('shared');
    for (const headers of [{ 'if-match': '*' }, { 'if-none-match': '"0"' }] as Record<string, string>[])
      expect(await statusesOf(10, (n) => put('shared', String(n), headers))).toEqual(Array(10).fill(200));
    expect(await statusesOf(10, (n) => put('new', String(n), { 'if-none-match': '"0"' }))).toEqual([
      ...Array(9).fill(200),
      201,
    ]);
  });

  test('one of those that name the revision among others wins', async () => {
    const { json } = await put('listed');
    const headers = { 'if-match': `"0", "${json.revision}"` };
    expect(await statusesOf(10, (n) => put('listed', String(n), headers))).toEqual([200, ...Array(9).fill(412)]);
  });

  test('one of those that want a new key wins, and without a condition one is told that it made it', async () => {
    expect(await statusesOf(10, (n) => put('made', String(n), { 'if-none-match': '*' }))).toEqual([
      201,
      ...Array(9).fill(412),
    ]);
    expect(await statusesOf(10, (n) => put('free', String(n)))).toEqual([...Array(9).fill(200), 201]);
  });

  test('a key that is deleted meanwhile is not made again by If-Match: *', async () => {
    for (let round = 0; round < 10; round++) {
      await put('ended');
      const [written, removed] = await Promise.all([
        put('ended', '2', { 'if-match': '*' }),
        service.call('DELETE', at('ended')),
      ]);
      expect(['200 204', '412 204']).toContain(`${written.status} ${removed.status}`);
      expect((await service.call('GET', at('ended'))).status).toBe(404);
    }
  });
});

describe('conditions', () => {
  test('a doubled If-None-Match: * is still one', async () => {
    await put('doubled', '"old"');
    for (const header of ['*, *', '"0", *']) {
      expect((await put('doubled', '"new"', { 'if-none-match': header })).status).toBe(412);
      expect((await service.call('GET', at('doubled'), { headers: { 'if-none-match': header } })).status).toBe(304);
    }
  });

  test.each(['', 'abc', '"1', '5', '5, abc'])('what is no tag (%j) stops the write', async (tag) => {
    await put('untagged', '"old"');
    for (const [method, body] of [['PUT', '"new"'], ['DELETE']] as const) {
      const { status, json } = await service.call(method, at('untagged'), { body, headers: { 'if-none-match': tag } });
      expect([status, json.errors[0].field]).toEqual([400, 'If-None-Match']);
      expect((await service.call(method, at('untagged'), { body, headers: { 'if-match': tag } })).status).toBe(412);
    }
    const got = await service.call('GET', at('untagged'), { headers: { 'if-none-match': tag } });
    expect([got.status, got.json.errors[0].field]).toEqual([400, 'If-None-Match']);
    expect((await service.call('GET', at('untagged'))).json).toBe('old');
  });
});

describe('a number', () => {
  const long = '9'.repeat(300);

  test.each([
    ['1e400', 'body'],
    ['-1e400', 'body'],
    ['1E+0000400', 'body'],
    ['9'.repeat(310), 'body'],
    [`${long}e10`, 'body'],
    [`${long}.5E+9`, 'body'],
    ['[1e999]', '0'],
    [`{"a":{"b":[0,${'"padding",'.repeat(100)}-1e999]}}`, 'a.b.101'],
    [`[${'['.repeat(600)}${']'.repeat(600)},{"":1e999}]`, '1.'],
    [`${'['.repeat(512)}1e999${']'.repeat(512)}`, Array(512).fill(0).join('.').slice(0, 200)],
    [`${'['.repeat(514)}1e999${']'.repeat(514)}`, 'body'],
  ])('beyond a double is refused (%#)', async (body, field) => {
    const { status, json } = await put('number', body);
    expect([status, json.errors[0].field]).toEqual([400, field]);
    expect((await service.call('GET', at('number'))).status).toBe(404);
  });

  test('beyond a double is refused in the input of a run', async () => {
    const body = '{"language":"javascript","code":"input","input":{"n":1e400}}';
    const { status, json } = await service.call('POST', '/v1/runs', { body });
    expect([status, json.errors[0].field]).toEqual([400, 'input.n']);
  });

  test.each([
    '"1e400"',
    '{"1e400":"9e999"}',
    '[1e308,-1.7976931348623157e308,5e-324,1e-400,0e999]',
    long,
    '["\\\\",1,":1e400"]',
    JSON.stringify(`costs ${'9'.repeat(400)} or 1e400`),
  ])('that a double can be is kept, and so is text (%#)', async (body) => {
    expect((await put('text', body)).status).toBeLessThan(300);
    expect((await service.call('GET', at('text'))).json).toEqual(JSON.parse(body));
  });
});

describe('a key', () => {
  const odd = [
    'a/../b',
    '../x',
    '../../agents/bot',
    'a/..',
    './a',
    'a/./b',
    'a//b',
    '/a',
    'a/',
    '...',
    '%2e%2e/a',
    'a\\..\\b',
    'a\u2028b',
    '\u2029',
    'a/\u2028/../b',
    'ü 😀?#;&+',
  ];

  test.each(odd)('%j is the key that its Location names', async (key) => {
    const made = await put(key, '"it"');
    expect([made.status, made.json.key]).toEqual([201, key]);
    // What a client asks for: the place as a URL parser understands it.
    const { pathname } = new URL(made.headers.get('location') ?? '', 'http://cordon.test');
    expect((await service.call('GET', pathname)).json).toBe('it');
    expect((await service.call('PUT', pathname, { body: '"new"' })).json.key).toBe(key);
    expect((await service.call('GET', at(key))).json).toBe('new');
    expect((await service.call('DELETE', pathname)).status).toBe(204);
    expect((await service.call('GET', at(key))).status).toBe(404);
  });

  test('comes whole over HTTP', async () => {
    const base = await service.listen();
    const ask = (method: string, path: string, body?: string) =>
      fetch(base + path, { method, headers: { 'x-api-key': service.operator }, ...(body && { body }) });
    for (const key of odd) {
      const place = (await ask('PUT', at(key), JSON.stringify(key))).headers.get('location') ?? '';
      expect(await (await ask('GET', place)).json()).toBe(key);
      expect((await ask('DELETE', place)).status).toBe(204);
    }
  });

  test('an ordinary one has its slashes in its Location', async () => {
    expect((await put('plain/my key')).headers.get('location')).toBe('/v1/agents/default/memory/plain/my%20key');
  });

  test('with a line break is refused by name', async () => {
    const { status, json } = await put('a\nb');
    expect([status, json.errors[0].field]).toEqual([400, 'key']);
  });

  test.each(['.', '..'])('%j, which no URL can name, touches nothing else', async (key) => {
    for (const method of ['GET', 'PUT', 'DELETE'])
      expect((await service.call(method, at(key), method === 'PUT' ? { body: '1' } : {})).status).toBe(404);
    expect((await service.call('GET', '/v1/agents/default')).status).toBe(200);
  });
});
