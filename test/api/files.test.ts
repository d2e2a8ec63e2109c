import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Service, startService } from './service.ts';

let service: Service;
beforeAll(async () => {
  service = await startService({ CORDON_FILE_BYTES: String(8 * 1024 * 1024) });
});
afterAll(() => service.close());

const at = (path: string) => `/v1/agents/default/files/${path}`;
const put = (path: string, body: string | Uint8Array, headers: Record<string, string> = {}) =>
  service.call('PUT', at(path), { body, headers });
const get = (path: string, headers: Record<string, string> = {}) => service.call('GET', at(path), { headers });

test('bytes come back as they were sent, with their directories made', async () => {
  const bytes = randomBytes(3_000_000);
  const made = await put('deep/er/data.bin', bytes);
  expect([made.status, made.headers.get('location')]).toEqual([201, at('deep/er/data.bin')]);
  expect(made.json).toMatchObject({ path: 'deep/er/data.bin', type: 'file', bytes: bytes.length });
  const response = await service.request('GET', at('deep/er/data.bin'));
  expect(Buffer.from(await response.arrayBuffer()).equals(bytes)).toBe(true);
  expect(response.headers.get('content-length')).toBe(String(bytes.length));
  expect((await put('deep/er/data.bin', 'short')).status).toBe(200);
  expect((await get('deep/er/data.bin')).text).toBe('short');
});

test('an empty file is a file', async () => {
  expect((await put('empty', '')).status).toBe(201);
  const { status, text, headers } = await get('empty');
  expect([status, text, headers.get('content-length')]).toEqual([200, '', '0']);
});

test('names may have spaces, percent signs and any script', async () => {
  for (const name of ['a b', '100%', 'ü/日本語.txt', "it's#?.txt"]) {
    const path = name.split('/').map(encodeURIComponent).join('/');
    const made = await put(path, name);
    expect([made.status, made.json.path]).toEqual([201, name]);
    expect((await service.call('GET', made.headers.get('location') ?? '')).text).toBe(name);
  }
});

test('a directory answers what it holds, with paths that can be asked for', async () => {
  await put('list/b.txt', 'bb');
  await put('list/sub/c.txt', 'c');
  const { json } = await get('list');
  expect(json.items.map(({ path, type, bytes }: Record<string, unknown>) => [path, type, bytes])).toEqual([
    ['list/b.txt', 'file', 2],
    ['list/sub', 'directory', 0],
  ]);
  expect(new Date(json.items[0].modifiedAt).toISOString()).toBe(json.items[0].modifiedAt);
  const root = (await service.call('GET', '/v1/agents/default/files')).json.items.map(
    (item: { path: string }) => item.path,
  );
  expect(root).toContain('list');
  expect((await service.call('GET', '/v1/agents/default/files/')).json.items).toHaveLength(root.length);
});

test('a file is deleted at once, a directory only when that is said', async () => {
  await put('gone/a', 'x');
  const refused = await service.call('DELETE', at('gone'));
  expect([refused.status, refused.json.code]).toEqual([409, 'conflict']);
  expect((await service.call('DELETE', at('gone?recursive=yes'))).status).toBe(400);
  expect((await service.call('DELETE', at('gone/a'))).status).toBe(204);
  expect((await service.call('DELETE', at('gone/a'))).status).toBe(404);
  await put('gone/b', 'x');
  expect((await service.call('DELETE', at('gone?recursive=true'))).status).toBe(204);
  expect((await get('gone')).status).toBe(404);
});

describe('conditions', () => {
  test('a changed file has another ETag; an unchanged one is 304', async () => {
    const first = (await put('tagged', 'one')).headers.get('etag') ?? '';
    expect((await get('tagged', { 'if-none-match': first })).status).toBe(304);
    expect((await get('tagged', { 'if-none-match': `W/${first}, "x"` })).status).toBe(304);
    const second = (await put('tagged', 'two')).headers.get('etag') ?? '';
    expect(second).not.toBe(first);
    const { status, text, headers } = await get('tagged', { 'if-none-match': first });
    expect([status, text, headers.get('etag')]).toEqual([200, 'two', second]);
  });

  test('If-Match and If-None-Match: * guard writing and deleting', async () => {
    expect((await put('guarded', 'x', { 'if-match': '*' })).status).toBe(412);
    expect((await put('guarded', 'x', { 'if-none-match': '*' })).status).toBe(201);
    expect((await put('guarded', 'y', { 'if-none-match': '*' })).status).toBe(412);
    const etag = (await get('guarded')).headers.get('etag') ?? '';
    expect((await put('guarded', 'y', { 'if-match': '"other"' })).status).toBe(412);
    expect((await put('guarded', 'y', { 'if-match': etag })).status).toBe(200);
    expect((await service.call('DELETE', at('guarded'), { headers: { 'if-match': etag } })).status).toBe(412);
    expect((await get('guarded')).text).toBe('y');
  });

  test('a condition that does not hold is said before the upload is read', async () => {
    await put('known', 'x');
    const tooBig = new Uint8Array(8 * 1024 * 1024 + 1);
    expect((await put('known', tooBig, { 'if-match': '"other"' })).status).toBe(412);
    expect((await put('known', tooBig, { 'if-none-match': '*' })).status).toBe(412);
  });

  test('of 10 writers with one ETag exactly one wins', async () => {
    const etag = (await put('raced', 'before')).headers.get('etag') ?? '';
    const writes = Array.from({ length: 10 }, (_, i) => put('raced', `by ${i}`, { 'if-match': etag }));
    const answers = await Promise.all(writes);
    expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array(9).fill(412)]);
    const winner = answers.findIndex(({ status }) => status === 200);
    expect((await get('raced')).text).toBe(`by ${winner}`);
  });

  test('a file is not made again by a writer with its ETag while it is deleted', async () => {
    for (let round = 0; round < 10; round++) {
      const etag = (await put('ended', 'before')).headers.get('etag') ?? '';
      const headers = { 'if-match': etag };
      const [written, removed] = await Promise.all([
        put('ended', 'after', headers),
        service.call('DELETE', at('ended'), { headers }),
      ]);
      expect(['200 412', '412 204']).toContain(`${written.status} ${removed.status}`);
      expect((await get('ended')).status).toBe(written.status === 200 ? 200 : 404);
    }
  });

  test('of 10 writers that want the file to be new exactly one wins', async () => {
    const writes = Array.from({ length: 10 }, (_, i) => put('fresh', String(i), { 'if-none-match': '*' }));
    const statuses = (await Promise.all(writes)).map(({ status }) => status).sort();
    expect(statuses).toEqual([201, ...Array(9).fill(412)]);
  });

  test('a doubled If-None-Match: * is still one', async () => {
    await put('doubled', 'old');
    for (const header of ['*, *', '*,*', '"x", *', ' * '])
      expect((await put('doubled', 'new', { 'if-none-match': header })).status).toBe(412);
    expect((await get('doubled')).text).toBe('old');
    expect((await put('doubled', 'new', { 'if-match': '*, *' })).status).toBe(200);
  });

  test.each([
    '',
    ' ',
    ',',
    'abc',
    '"open',
    'w/"x"',
    'abc, "x"',
  ])('a condition that is no tag (%j) stops the write', async (tag) => {
    await put('untagged', 'old');
    const { status, json } = await put('untagged', 'new', { 'if-none-match': tag });
    expect([status, json.errors[0].field]).toEqual([400, 'If-None-Match']);
    expect((await get('untagged', { 'if-none-match': tag })).status).toBe(400);
    expect((await put('untagged', 'new', { 'if-match': tag })).status).toBe(412);
    expect((await service.call('DELETE', at('untagged'), { headers: { 'if-match': tag } })).status).toBe(412);
    expect((await get('untagged')).text).toBe('old');
  });
});

describe('ranges', () => {
  beforeAll(() => put('ten', '0123456789').then(() => {}));

  test.each([
    ['bytes=0-3', 206, '0123', 'bytes 0-3/10'],
    ['bytes=7-', 206, '789', 'bytes 7-9/10'],
    ['bytes=-2', 206, '89', 'bytes 8-9/10'],
    ['bytes=-100', 206, '0123456789', 'bytes 0-9/10'],
    ['bytes=5-100', 206, '56789', 'bytes 5-9/10'],
    ['bytes=9-9', 206, '9', 'bytes 9-9/10'],
    ['bytes=0-1,3-4', 200, '0123456789', null],
    ['bytes=5-2', 200, '0123456789', null],
    ['lines=1-2', 200, '0123456789', null],
  ])('%s', async (range, status, text, contentRange) => {
    const answer = await get('ten', { range });
    expect([answer.status, answer.text, answer.headers.get('content-range')]).toEqual([status, text, contentRange]);
  });

  test.each(['bytes=10-', 'bytes=99-100', 'bytes=-0'])('%s is 416 and says the size', async (range) => {
    const { status, headers, json } = await get('ten', { range });
    expect([status, headers.get('content-range'), json.code]).toEqual([416, 'bytes */10', 'range_not_satisfiable']);
  });

  test('HEAD has no ranges', async () => {
    const { status, headers } = await service.call('HEAD', at('ten'), { headers: { range: 'bytes=0-3' } });
    expect([status, headers.get('content-length'), headers.get('content-range')]).toEqual([200, '10', null]);
  });

  test('a part of a file is not taken for the whole', async () => {
    const { status, json } = await put('ten', 'ab', { 'content-range': 'bytes 0-1/10' });
    expect([status, json.errors[0].field]).toEqual([400, 'content-range']);
    expect((await get('ten')).text).toBe('0123456789');
  });

  test('a range of a file that has changed meanwhile is the whole file', async () => {
    expect((await get('ten', { range: 'bytes=0-0', 'if-range': '"old"' })).status).toBe(200);
  });
});

describe('what does not pass', () => {
  test.each([
    '..%2f..%2fetc%2fpasswd',
    '%2fetc%2fpasswd',
    'a%00b',
    'a%5cb',
    '%2e%2e%2f%2e%2e%2fx',
  ])('the path %s', async (path) => {
    for (const method of ['GET', 'PUT', 'DELETE']) {
      const { status, text } = await service.call(method, at(path), method === 'PUT' ? { body: 'x' } : {});
      expect([400, 404]).toContain(status);
      expect(text).not.toMatch(/root:|cordon-api-|\/tmp/);
    }
  });

  test('a file above the limit, announced or not, leaves nothing behind', async () => {
    const big = new Uint8Array(8 * 1024 * 1024 + 1);
    const announced = await put('big', big, { 'content-length': String(big.length) });
    expect([announced.status, announced.json.errors[0].field]).toEqual([413, 'body']);
    const chunked = await put('big', big);
    expect([chunked.status, chunked.json.errors[0].field]).toEqual([413, 'body']);
    expect((await get('big')).status).toBe(404);
  });

  test("more than the agent's quota is 429 with the quota's numbers", async () => {
    await service.call('POST', '/v1/agents', {
      body: { id: 'tight', quotas: { workspaceBytes: 1000, workspaceFiles: 3 } },
    });
    const over = await service.call('PUT', '/v1/agents/tight/files/x', { body: 'x'.repeat(2000) });
    expect([over.status, over.json.quota]).toMatchObject([429, { name: 'workspaceBytes', limit: 1000 }]);
    expect((await service.call('PUT', '/v1/agents/tight/files/a/b/c/d', { body: 'x' })).json.quota.name).toBe(
      'workspaceFiles',
    );
    expect((await service.call('GET', '/v1/agents/tight/files')).json.items).toEqual([]);
  });

  test('writing over a directory or below a file is 409', async () => {
    await put('dir/file', 'x');
    expect((await put('dir', 'x')).status).toBe(409);
    expect((await put('dir/file/below', 'x')).status).toBe(409);
  });

  test('below a file there is nothing', async () => {
    await put('plain', 'x');
    for (const path of ['plain/below', 'plain/', 'plain/be/low']) {
      for (const method of ['GET', 'HEAD', 'DELETE']) expect((await service.call(method, at(path))).status).toBe(404);
      expect((await service.call('DELETE', at(`${path}?recursive=true`))).status).toBe(404);
      expect((await put(path, 'x')).status).toBe(409);
    }
    expect((await get('plain')).text).toBe('x');
  });

  test('a name with line breaks of any kind', async () => {
    for (const path of ['a%0Ab', 'a%E2%80%A8b', 'a%E2%80%A9b']) {
      const { status, json } = await put(path, 'x');
      expect([status, json.errors[0].field]).toEqual([400, 'path']);
    }
  });
});

test('what a guest wrote is not rendered by a browser', async () => {
  await put('page.html', '<script>1</script>');
  const page = (await get('page.html')).headers;
  expect([page.get('content-type'), page.get('x-content-type-options')]).toEqual([
    'text/plain; charset=utf-8',
    'nosniff',
  ]);
  await put('pic ü.png', 'x');
  const picture = (await get('pic%20ü.png')).headers;
  expect(picture.get('content-disposition')).toBe("attachment; filename*=UTF-8''pic%20%C3%BC.png");
  expect(picture.get('content-security-policy')).toContain('sandbox');
  await put("a'(1)*.png", 'x');
  expect((await get("a'(1)*.png")).headers.get('content-disposition')).toBe(
    "attachment; filename*=UTF-8''a%27%281%29%2A.png",
  );
});
