import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventsOf, type Service, slowCode, startService } from './service.ts';

let service: Service;
beforeAll(async () => {
  service = await startService({
    CORDON_CODE_BYTES: '2048',
    CORDON_INPUT_BYTES: '2048',
    CORDON_REQUEST_FILES_BYTES: '2048',
    CORDON_BODY_BYTES: '65536',
  });
});
afterAll(() => service.close());

describe('the three ways to wait', () => {
  test('a run answers 200 with its record when it ends within the wait', async () => {
    const { status, json, headers } = await service.run('6*7', { metadata: { job: 'a' } });
    expect(status).toBe(200);
    expect(json).toMatchObject({
      status: 'succeeded',
      result: 42,
      agent: 'default',
      tenant: 'default',
      metadata: { job: 'a' },
    });
    expect(json.id).toMatch(/^run_/);
    expect(headers.get('location')).toBe(`/v1/runs/${json.id}`);
    expect(headers.get('x-trace-id')).toBe(json.traceId);
    expect(headers.has('preference-applied')).toBe(false);
  });

  test('guest code that throws is still 200', async () => {
    const { status, json } = await service.run('throw new TypeError("mine")');
    expect({ status, run: json.status, name: json.error.name }).toEqual({
      status: 200,
      run: 'failed',
      name: 'TypeError',
    });
  });

  test('when the wait is over the answer is 202, and the run goes on to its end', async () => {
    const { status, json, headers } = await service.run(slowCode(1500), {}, { headers: { prefer: 'wait=1' } });
    expect(status).toBe(202);
    expect(headers.get('preference-applied')).toBe('wait=1');
    expect(headers.get('location')).toBe(`/v1/runs/${json.id}`);
    await expect.poll(async () => (await service.call('GET', `/v1/runs/${json.id}`)).json.status).toBe('succeeded');
  });

  test('respond-async answers 202 at once', async () => {
    const begin = performance.now();
    const { status, json, headers } = await service.run(slowCode(20_000), {}, { headers: { prefer: 'respond-async' } });
    expect(status).toBe(202);
    expect(performance.now() - begin).toBeLessThan(10_000);
    expect(headers.get('preference-applied')).toBe('respond-async');
    await service.call('POST', `/v1/runs/${json.id}/cancel`);
  });

  test('an event stream shows the run from its first event to its record', async () => {
    const { status, text, headers } = await service.run(
      'console.log("hello"); 5',
      {},
      { headers: { accept: 'text/event-stream' } },
    );
    expect(status).toBe(200);
    expect(headers.get('content-type')).toMatch(/^text\/event-stream/);
    const events = eventsOf(text);
    expect(events.map(({ id }) => id)).toEqual(events.map((_, index) => index + 1));
    expect(
      events.every(({ id, event, data }) => data.seq === id && data.type === event && typeof data.at === 'string'),
    ).toBe(true);
    expect(events.find(({ event }) => event === 'stdout')?.data.text).toBe('hello\n');
    const last = events.at(-1);
    expect(last?.event).toBe('finished');
    expect(last?.data.run).toMatchObject({ status: 'succeeded', result: 5 });
  });

  test('events come again after Last-Event-ID', async () => {
    const { json } = await service.run('console.log("a"); 1');
    const all = eventsOf((await service.call('GET', `/v1/runs/${json.id}/events`)).text);
    const rest = await service.call('GET', `/v1/runs/${json.id}/events`, { headers: { 'last-event-id': '2' } });
    expect(eventsOf(rest.text)).toEqual(all.slice(2));
    expect(
      (await service.call('GET', `/v1/runs/${json.id}/events`, { headers: { 'last-event-id': 'x' } })).status,
    ).toBe(400);
  });
});

describe('what is refused before anything runs', () => {
  const field = async (body: unknown) => {
    const { status, json } = await service.call('POST', '/v1/runs', { body });
    return `${status} ${json.code} ${json.errors?.[0]?.field}`;
  };
  const run = { language: 'javascript', code: '1' };

  test.each([
    ['an unknown field', { ...run, langauge: 'x' }, '400 validation_failed langauge'],
    ['a missing field', { code: '1' }, '400 validation_failed language'],
    ['an unknown language', { ...run, language: 'cobol' }, '400 validation_failed language'],
    ['code that is no text', { ...run, code: 5 }, '400 validation_failed code'],
    ['an unknown limit', { ...run, limits: { speed: 1 } }, '400 validation_failed limits.speed'],
    ['a limit of zero', { ...run, limits: { wallMs: 0 } }, '400 validation_failed limits.wallMs'],
    ['a negative limit', { ...run, limits: { cpuMs: -1 } }, '400 validation_failed limits.cpuMs'],
    ['a limit with a fraction', { ...run, limits: { cpuMs: 1.5 } }, '400 validation_failed limits.cpuMs'],
    ['a limit that is no number', { ...run, limits: { cpuMs: '5' } }, '400 validation_failed limits.cpuMs'],
    ['a limit that is null', { ...run, limits: { cpuMs: null } }, '400 validation_failed limits.cpuMs'],
    ['a limit above its ceiling', { ...run, limits: { ramBytes: 2 ** 40 } }, '400 validation_failed limits.ramBytes'],
    [
      'a file outside of the workspace',
      { ...run, files: [{ path: '../x', content: '' }] },
      '400 validation_failed files.0.path',
    ],
    [
      'a file with bad base64',
      { ...run, files: [{ path: 'x', content: '*', encoding: 'base64' }] },
      '400 validation_failed files.0.content',
    ],
    [
      'one path twice',
      {
        ...run,
        files: [
          { path: 'x', content: '' },
          { path: './x', content: '' },
        ],
      },
      '400 validation_failed files.1.path',
    ],
    ['metadata that is no text', { ...run, metadata: { a: 1 } }, '400 validation_failed metadata.a'],
    [
      'metadata that no object can hold',
      '{"language":"javascript","code":"1","metadata":{"__proto__":"x"}}',
      '400 validation_failed metadata.__proto__',
    ],
    ['an image for an isolate', { ...run, driver: 'isolate', image: 'debian' }, '400 validation_failed image'],
    ['an unknown agent', { ...run, agent: 'nobody' }, '404 not_found undefined'],
    ['code above its limit', { ...run, code: '1'.repeat(2049) }, '413 too_large code'],
    ['code above its limit in bytes', { ...run, code: '"é"'.padEnd(2047, 'é') }, '413 too_large code'],
    ['input above its limit', { ...run, input: 'x'.repeat(2049) }, '413 too_large input'],
    ['files above their limit', { ...run, files: [{ path: 'x', content: 'x'.repeat(2049) }] }, '413 too_large files'],
    ['a body above its limit', { ...run, input: 'x'.repeat(65536) }, '413 too_large body'],
    ['a body that is no object', [run], '400 validation_failed body'],
    [
      'nesting that would overflow a stack',
      { ...run, input: JSON.parse('['.repeat(900) + ']'.repeat(900)) },
      '400 validation_failed body',
    ],
    ['a language that nothing here runs', { ...run, language: 'shell' }, '503 driver_unavailable undefined'],
    ['a driver that does not run the language', { ...run, driver: 'container' }, '503 driver_unavailable undefined'],
  ])('%s', async (_what, body, expected) => {
    expect(await field(body)).toBe(expected);
  });

  test('1e999 is no limit', async () => {
    expect(await field('{"language":"javascript","code":"1","limits":{"wallMs":1e999}}')).toBe(
      '400 validation_failed limits.wallMs',
    );
  });

  test.each([
    ['no content type', {}],
    ['another content type', { 'content-type': 'text/plain' }],
    ['a form', { 'content-type': 'application/x-www-form-urlencoded' }],
  ])('a body with %s is validated all the same', async (_what, headers) => {
    const bad = await service.call('POST', '/v1/runs', {
      body: '{"language":"javascript","code":"1","more":1}',
      headers,
    });
    expect([bad.status, bad.json.errors[0].field]).toEqual([400, 'more']);
    const good = await service.call('POST', '/v1/runs', { body: '{"language":"javascript","code":"1"}', headers });
    expect(good.status).toBe(200);
  });

  test.each([
    ['nothing', ''],
    ['half of JSON', '{"language":'],
    ['bytes that are no UTF-8', Buffer.from([0x22, 0xff, 0xfe, 0x22])],
    ['a compressed body', Buffer.from([0x1f, 0x8b])],
  ])('%s is 400 and shows nothing of the body', async (_what, body) => {
    const { status, json } = await service.call('POST', '/v1/runs', { body });
    expect([status, json.code, json.errors[0].field]).toEqual([400, 'validation_failed', 'body']);
  });

  test('a parameter that is not known, or given twice, is named', async () => {
    const unknown = await service.call('POST', '/v1/runs?onDisconect=cancel', { body: run });
    expect([unknown.status, unknown.json.errors[0].field]).toEqual([400, 'onDisconect']);
    const twice = await service.call('GET', '/v1/runs?limit=1&limit=2');
    expect([twice.status, twice.json.errors[0].field]).toEqual([400, 'limit']);
  });
});

describe('lists', () => {
  test('newest first, page by page, by agent, status and metadata', async () => {
    await service.call('POST', '/v1/agents', { body: { id: 'lister' } });
    const ids: string[] = [];
    for (const job of ['a', 'b', 'a', 'a'])
      ids.unshift((await service.run('1', { agent: 'lister', metadata: { 'the job': job } })).json.id);
    const listed = async (query: string) => (await service.call('GET', `/v1/runs?agent=lister&${query}`)).json;
    const first = await listed('limit=3');
    expect(first.items.map((run: { id: string }) => run.id)).toEqual(ids.slice(0, 3));
    const second = await listed(`limit=3&cursor=${encodeURIComponent(first.nextCursor)}`);
    expect(second).toMatchObject({ items: [{ id: ids[3] }] });
    expect(second.nextCursor).toBeUndefined();
    expect((await listed('metadata.the%20job=b')).items.map((run: { id: string }) => run.id)).toEqual([ids[2]]);
    expect((await listed('metadata.__proto__=x')).items).toEqual([]);
    expect((await listed('status=failed')).items).toEqual([]);
    expect((await listed('status=succeeded&metadata.the%20job=a')).items).toHaveLength(3);
  });

  test.each([
    'limit=0',
    'limit=201',
    'limit=-1',
    'limit=1.5',
    'limit=x',
    'cursor=nonsense',
    'cursor=',
    'status=done',
    'owner=me',
    '__proto__=x',
  ])('%s is refused with the name of the parameter', async (query) => {
    const { status, json } = await service.call('GET', `/v1/runs?${query}`);
    expect([status, json.errors[0].field]).toEqual([400, query.split('=')[0]]);
  });
});

describe('the life of a run', () => {
  test('include=source adds code and input, and nothing else is a value of include', async () => {
    const { json } = await service.run('input.a', { input: { a: [1, null] } });
    expect((await service.call('GET', `/v1/runs/${json.id}?include=source`)).json).toMatchObject({
      code: 'input.a',
      input: { a: [1, null] },
    });
    const plain = (await service.call('GET', `/v1/runs/${json.id}`)).json;
    expect([plain.code, plain.input]).toEqual([undefined, undefined]);
    expect((await service.call('GET', `/v1/runs/${json.id}?include=secrets`)).status).toBe(400);
  });

  test('cancel is 202 while the run ends, and 200 with the unchanged record afterwards', async () => {
    const { json } = await service.run(slowCode(20_000), {}, { headers: { prefer: 'respond-async' } });
    expect((await service.call('POST', `/v1/runs/${json.id}/cancel`)).status).toBe(202);
    await expect.poll(async () => (await service.call('GET', `/v1/runs/${json.id}`)).json.status).toBe('cancelled');
    const before = (await service.call('GET', `/v1/runs/${json.id}`)).json;
    const again = await service.call('POST', `/v1/runs/${json.id}/cancel`);
    expect([again.status, again.json]).toEqual([200, before]);
  });

  test('a running run cannot be deleted, an ended one can, once', async () => {
    const { json } = await service.run(slowCode(400), {}, { headers: { prefer: 'respond-async' } });
    expect((await service.call('DELETE', `/v1/runs/${json.id}`)).status).toBe(409);
    await expect.poll(async () => (await service.call('GET', `/v1/runs/${json.id}`)).json.status).toBe('succeeded');
    const deletion = await service.call('DELETE', `/v1/runs/${json.id}`);
    expect([deletion.status, deletion.text]).toEqual([204, '']);
    for (const method of ['GET', 'DELETE'])
      expect((await service.call(method, `/v1/runs/${json.id}`)).status).toBe(404);
    expect((await service.call('GET', `/v1/runs/${json.id}/events`)).status).toBe(404);
  });

  test('a run is part of the trace that its request names', async () => {
    const traceId = '0af7651916cd43dd8448eb211c80319c';
    const { json } = await service.run('1', {}, { headers: { traceparent: `00-${traceId}-b7ad6b7169203331-01` } });
    expect(json.traceId).toBe(traceId);
    expect((await service.run('1')).json.traceId).toMatch(/^(?!0{32})[0-9a-f]{32}$/);
  });
});
