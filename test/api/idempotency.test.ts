import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventsOf, type Service, slowCode, startService } from './service.ts';

let service: Service;
beforeAll(async () => {
  service = await startService();
});
afterAll(() => service.close());

const withKey = (key: string, more: Record<string, string> = {}) => ({ headers: { 'idempotency-key': key, ...more } });

describe('runs', () => {
  test('one key is one run, and the repeat says that it is one', async () => {
    const first = await service.run('Math.random()', {}, withKey('once'));
    const second = await service.run('Math.random()', {}, withKey('once'));
    expect(second.json).toEqual(first.json);
    expect([first.headers.get('idempotent-replayed'), second.headers.get('idempotent-replayed')]).toEqual([
      null,
      'true',
    ]);
  });

  test('a repeat while the first still runs joins it in the form that it asks for', async () => {
    const code = slowCode(3000);
    const first = service.run(code, {}, withKey('joined'));
    await new Promise((resolve) => setTimeout(resolve, 100));
    const [waited, async_, streamed] = await Promise.all([
      service.run(code, {}, withKey('joined')),
      service.run(code, {}, withKey('joined', { prefer: 'respond-async' })),
      service.run(code, {}, withKey('joined', { accept: 'text/event-stream' })),
    ]);
    const { json } = await first;
    expect([waited.status, waited.json]).toEqual([200, json]);
    expect([async_.status, async_.json.id]).toEqual([202, json.id]);
    expect(eventsOf(streamed.text).at(-1)?.data.run).toMatchObject({ id: json.id, result: 'slow' });
  });

  test('twenty at once are one run', async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => service.run('1', {}, withKey('burst'))));
    expect(new Set(answers.map(({ json }) => json.id)).size).toBe(1);
    expect(answers.filter(({ headers }) => headers.get('idempotent-replayed') === null)).toHaveLength(1);
  });

  test('another body under the same key is 409', async () => {
    await service.run('1', {}, withKey('taken'));
    const { status, json } = await service.run('2', {}, withKey('taken'));
    expect([status, json.code]).toEqual([409, 'idempotency_conflict']);
  });

  test('a refused request does not use the key up', async () => {
    expect((await service.run('1', { agent: 'later' }, withKey('retry'))).status).toBe(404);
    await service.call('POST', '/v1/agents', { body: { id: 'later' } });
    expect((await service.run('1', { agent: 'later' }, withKey('retry'))).status).toBe(200);
  });

  test('another tenant has its own keys', async () => {
    await service.call('POST', '/v1/tenants', { body: { id: 'other' } });
    const key = await service.key('developer', 'other');
    const mine = await service.run('1', {}, withKey('shared'));
    const theirs = await service.run('1', {}, { key, ...withKey('shared') });
    expect(theirs.json.id).not.toBe(mine.json.id);
  });

  test.each(['', 'x'.repeat(256), 'tab\there'])('the key %j is refused', async (key) => {
    const { status, json } = await service.run('1', {}, withKey(key));
    expect([status, json.errors[0].field]).toEqual([400, 'Idempotency-Key']);
  });
});

describe('what is created', () => {
  test('an agent is made once; the repeat answers as the first did; another body is 409', async () => {
    const make = (body: object) => service.call('POST', '/v1/agents', { body, ...withKey('agent-a') });
    const first = await make({ id: 'a' });
    const second = await make({ id: 'a' });
    expect([second.status, second.json, second.headers.get('location')]).toEqual([201, first.json, '/v1/agents/a']);
    expect((await make({ id: 'b' })).status).toBe(409);
    expect((await service.call('GET', '/v1/agents/b')).status).toBe(404);
  });

  test('the same key on another route is another key', async () => {
    expect((await service.call('POST', '/v1/agents', { body: { id: 'c' }, ...withKey('route') })).status).toBe(201);
    expect((await service.call('POST', '/v1/tenants', { body: { id: 'c' }, ...withKey('route') })).status).toBe(201);
  });

  test('a failure is not remembered', async () => {
    await service.call('POST', '/v1/agents', { body: { id: 'd' } });
    expect((await service.call('POST', '/v1/agents', { body: { id: 'd' }, ...withKey('fails') })).status).toBe(409);
    await service.call('DELETE', '/v1/agents/d');
    expect((await service.call('POST', '/v1/agents', { body: { id: 'd' }, ...withKey('fails') })).status).toBe(201);
  });

  test('a new key comes again with its secret, to its maker only, and its secret is nowhere on disk', async () => {
    const body = { name: 'ci', role: 'viewer' };
    const make = (key?: string) => service.call('POST', '/v1/keys', { body, ...withKey('key'), ...(key && { key }) });
    const [first, joined] = await Promise.all([make(), make()]);
    const again = await make();
    expect([joined.json, again.json]).toEqual([first.json, first.json]);
    expect((await service.call('GET', '/v1/runs', { key: again.json.key })).status).toBe(200);
    const names = (await service.call('GET', '/v1/keys')).json.items.filter(
      (key: { name: string }) => key.name === 'ci',
    );
    expect(names).toHaveLength(1);

    const admin = await service.key('admin');
    expect((await make(admin)).json.code).toBe('idempotency_conflict');
    const files = readdirSync(service.dataDir, { recursive: true, withFileTypes: true }).filter((entry) =>
      entry.isFile(),
    );
    expect(files.length).toBeGreaterThan(1);
    for (const file of files)
      expect(readFileSync(join(file.parentPath, file.name)).includes(first.json.key)).toBe(false);
  });

  test('answers are remembered over a restart', async () => {
    const agent = await service.call('POST', '/v1/agents', { body: { id: 'kept' }, ...withKey('restart') });
    const key = await service.call('POST', '/v1/keys', { body: { name: 'k', role: 'viewer' }, ...withKey('restart') });
    const run = await service.run('1', {}, withKey('restart'));
    await service.restart();
    expect((await service.call('POST', '/v1/agents', { body: { id: 'kept' }, ...withKey('restart') })).json).toEqual(
      agent.json,
    );
    expect(
      (await service.call('POST', '/v1/keys', { body: { name: 'k', role: 'viewer' }, ...withKey('restart') })).json,
    ).toEqual(key.json);
    expect((await service.run('1', {}, withKey('restart'))).json).toEqual(run.json);
  });
});
