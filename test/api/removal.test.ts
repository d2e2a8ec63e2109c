import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { RunRequest } from '../../runtime/run/record.ts';
import { defaultLimits } from '../../runtime/sandbox/limits.ts';
import { type Service, slowCode, startService } from './service.ts';

let service: Service;
beforeAll(async () => {
  service = await startService();
});
afterAll(() => service.close());

const file = (agent: string, name = 'f.txt') => `/v1/agents/${agent}/files/${name}`;
const memory = (agent: string, key = 'k') => `/v1/agents/${agent}/memory/${key}`;

/** Does it again and again, as long as `work` goes on. */
async function meanwhile(callers: (() => Promise<unknown>)[], work: () => Promise<unknown>): Promise<void> {
  let over = false;
  const calling = callers.map(async (call) => {
    while (!over) {
      await call();
      // Refusals come at once: the work must get its turn.
      await new Promise((resolve) => setImmediate(resolve));
    }
  });
  await work().finally(() => {
    over = true;
  });
  await Promise.all(calling);
}

/** Holds what a deletion does in its middle, with grants that go; answers when it has come there, and how to let it go on. */
function holdDeletion() {
  const { permissions } = service.runtime;
  const forget = permissions.forget;
  const reached = Promise.withResolvers<void>();
  const held = Promise.withResolvers<void>();
  const spy = vi.spyOn(permissions, 'forget').mockImplementation(async (owner) => {
    reached.resolve();
    await held.promise;
    await forget(owner);
  });
  return {
    reached: reached.promise,
    goOn() {
      held.resolve();
      spy.mockRestore();
    },
  };
}

async function newTenant(id: string): Promise<string> {
  expect((await service.call('POST', '/v1/tenants', { body: { id } })).status).toBe(201);
  return service.key('developer', id);
}

async function expectNothing(agent: string, key = service.operator) {
  expect((await service.call('GET', `/v1/agents/${agent}/files`, { key })).json.items).toEqual([]);
  expect((await service.call('GET', `/v1/agents/${agent}/memory`, { key })).json.items).toEqual([]);
}

const request = (tenant: string, agent: string, code: string): RunRequest => ({
  ...{ tenant, agent, code, language: 'javascript', driver: 'isolate' },
  ...{ input: undefined, files: [], limits: defaultLimits, metadata: {} },
});

const submit = (tenant: string, agent: string, code: string) =>
  service.runtime.runs.submit(request(tenant, agent, code), { trace: {}, requestId: 'req_1' });

describe('an agent that is being deleted', () => {
  test('refuses what would use it, and its name, until all is gone', async () => {
    await service.call('POST', '/v1/agents', { body: { id: 'bot' } });
    await service.call('PUT', file('bot'), { body: 'former' });
    await service.call('PUT', memory('bot'), { body: '"former"' });
    const deletion = holdDeletion();
    const deleted = service.call('DELETE', '/v1/agents/bot');
    await deletion.reached;

    for (const [method, path, body] of [
      ['PUT', file('bot'), 'x'],
      ['GET', file('bot'), undefined],
      ['DELETE', file('bot'), undefined],
      ['GET', '/v1/agents/bot/files', undefined],
      ['PUT', memory('bot'), '1'],
      ['GET', memory('bot'), undefined],
      ['DELETE', memory('bot'), undefined],
      ['GET', '/v1/agents/bot/memory', undefined],
      ['GET', '/v1/agents/bot/grants', undefined],
      ['PATCH', '/v1/agents/bot', { name: 'another' }],
      ['POST', '/v1/runs', { agent: 'bot', language: 'javascript', code: '1' }],
    ] as const) {
      const { status, json } = await service.call(method, path, { body });
      expect([status, json?.code], `${method} ${path}`).toEqual([409, 'conflict']);
    }
    expect((await service.call('POST', '/v1/agents', { body: { id: 'bot' } })).status).toBe(409);
    expect((await service.call('GET', '/v1/agents/bot')).status).toBe(200);

    deletion.goOn();
    expect((await deleted).status).toBe(204);
    expect((await service.call('POST', '/v1/agents', { body: { id: 'bot' } })).status).toBe(201);
    await expectNothing('bot');
  });

  test('is deleted once: a second DELETE joins the first', async () => {
    await service.call('POST', '/v1/agents', { body: { id: 'twice' } });
    const deletion = holdDeletion();
    const first = service.call('DELETE', '/v1/agents/twice');
    await deletion.reached;
    let ended = false;
    const second = service.call('DELETE', '/v1/agents/twice').finally(() => {
      ended = true;
    });
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(ended).toBe(false);
    deletion.goOn();
    expect([(await first).status, (await second).status]).toEqual([204, 204]);
    expect((await service.call('DELETE', '/v1/agents/twice')).status).toBe(404);
  });

  test('leaves nothing of what was written all the while to the next of its name', async () => {
    for (let round = 0; round < 5; round++) {
      await service.call('POST', '/v1/agents', { body: { id: 'busy' } });
      const writer = (n: number) => async () => {
        await service.call('PUT', memory('busy', `k${n}`), { body: '"former"' });
        await service.call('PUT', file('busy', `f${n}`), { body: 'former' });
      };
      await meanwhile([writer(1), writer(2), writer(3)], async () =>
        expect((await service.call('DELETE', '/v1/agents/busy')).status).toBe(204),
      );
      await service.call('POST', '/v1/agents', { body: { id: 'busy' } });
      await expectNothing('busy');
      await service.call('DELETE', '/v1/agents/busy');
    }
  });

  test('takes along a run that was admitted at that moment', async () => {
    await service.call('POST', '/v1/agents', { body: { id: 'runner' } });
    const deleted = service.runtime.deleteAgent({ tenant: 'default', agent: 'runner' });
    const admitted = submit('default', 'runner', slowCode(20_000));
    await deleted;
    const ended = await admitted.then(
      async ({ id }) => (await service.runtime.runs.get('default', id)).status,
      (error) => error.code,
    );
    expect(ended).toMatch(/^(cancelled|conflict)$/);
  });
});

describe('a tenant that is being deleted', () => {
  test('has no key from the beginning on, and its id is not free', async () => {
    const key = await newTenant('acme');
    await service.call('POST', '/v1/agents', { key, body: { id: 'zeta' } });
    const deletion = holdDeletion();
    const deleted = service.call('DELETE', '/v1/tenants/acme');
    await deletion.reached;
    for (const agent of ['default', 'zeta']) {
      expect((await service.call('PUT', memory(agent), { key, body: '"former"' })).status).toBe(401);
      expect((await service.call('PUT', file(agent), { key, body: 'former' })).status).toBe(401);
    }
    expect((await service.call('POST', '/v1/tenants', { body: { id: 'acme' } })).status).toBe(409);
    const made = await service.call('POST', '/v1/keys', { body: { name: 'k', role: 'admin', tenant: 'acme' } });
    expect([made.status, made.json.code]).toEqual([409, 'conflict']);
    const second = service.call('DELETE', '/v1/tenants/acme');
    deletion.goOn();
    expect([(await deleted).status, (await second).status]).toEqual([204, 204]);
    expect((await service.call('DELETE', '/v1/tenants/acme')).status).toBe(404);
  });

  test('gets nothing from a request of its former life whose body came late', async () => {
    await service.call('POST', '/v1/tenants', { body: { id: 'late' } });
    const key = await service.key('developer', 'late');
    const rest = Promise.withResolvers<void>();
    const body = new ReadableStream({
      async start(controller) {
        controller.enqueue(Buffer.from('"la'));
        await rest.promise;
        controller.enqueue(Buffer.from('te"'));
        controller.close();
      },
    });
    const url = `${await service.listen()}${memory('default')}`;
    const init = { method: 'PUT', headers: { authorization: `Bearer ${key}` }, body, duplex: 'half' };
    const answer = fetch(url, init as RequestInit);
    await sleep(200);
    expect((await service.call('DELETE', '/v1/tenants/late')).status).toBe(204);
    await service.call('POST', '/v1/tenants', { body: { id: 'late' } });
    const next = await service.key('developer', 'late');
    rest.resolve();
    expect((await answer).status).toBe(401);
    expect((await service.call('GET', memory('default'), { key: next })).status).toBe(404);
  });
  test('leaves nothing of what its keys did all the while to the next of its id', async () => {
    const key = await newTenant('globex');
    const names = ['default', 'a', 'b', 'c', 'd', 'e'];
    for (const id of names.slice(1)) await service.call('POST', '/v1/agents', { key, body: { id } });
    const run = { language: 'javascript', code: '"former"' };
    const once = { key, headers: { 'idempotency-key': 'one' } };
    const writer = (agent: string) => async () => {
      await service.call('PUT', memory(agent), { key, body: '"former"' });
      await service.call('PUT', file(agent), { key, body: 'former' });
      await service.call('POST', '/v1/runs', { ...once, body: { ...run, agent } });
      await service.call('POST', '/v1/agents', { ...once, body: { id: `new-${agent}` } });
    };
    await meanwhile(names.map(writer), async () => {
      await new Promise((resolve) => setTimeout(resolve, 100));
      expect((await service.call('DELETE', '/v1/tenants/globex')).status).toBe(204);
    });

    const next = await newTenant('globex');
    expect((await service.call('GET', '/v1/agents', { key: next })).json.items).toMatchObject([{ id: 'default' }]);
    expect((await service.call('GET', '/v1/runs', { key: next })).json.items).toEqual([]);
    for (const id of names.slice(1)) await service.call('POST', '/v1/agents', { key: next, body: { id } });
    for (const id of names) await expectNothing(id, next);
    for (const body of names.map((agent) => ({ ...run, agent }))) {
      const { headers } = once;
      const { status, json } = await service.call('POST', '/v1/runs', { key: next, headers, body });
      expect([status, json.agent ?? json.code]).toEqual(
        body.agent === 'default' ? [200, 'default'] : [409, 'idempotency_conflict'],
      );
    }
  });

  test('takes along a run that was admitted at that moment', async () => {
    await newTenant('initech');
    const deleted = service.runtime.deleteTenant('initech');
    const admitted = submit('initech', 'default', slowCode(20_000)).catch((error) => error.code);
    await deleted;
    await admitted;
    const next = await newTenant('initech');
    expect((await service.call('GET', '/v1/runs', { key: next })).json.items).toEqual([]);
    await new Promise((resolve) => setTimeout(resolve, 1500));
    expect((await service.call('GET', '/v1/runs', { key: next })).json.items).toEqual([]);
  });

  test('whose deletion was cut off can be deleted again, and is gone after a restart', async () => {
    const key = await newTenant('hooli');
    await service.call('PUT', memory('default'), { key, body: '"former"' });
    await service.call('PUT', file('default'), { key, body: 'former' });
    await service.run('1', {}, { key });
    for (const finish of [
      async () => expect((await service.call('DELETE', '/v1/tenants/hooli')).status).toBe(204),
      () => service.restart(),
    ]) {
      const spy = vi.spyOn(service.runtime.permissions, 'forget').mockRejectedValue(new Error('cut off'));
      expect((await service.call('DELETE', '/v1/tenants/hooli')).status).toBe(500);
      spy.mockRestore();
      expect((await service.call('GET', '/v1/agents', { key })).status).toBe(401);
      expect((await service.call('GET', '/v1/tenants/hooli')).status).toBe(200);
      await finish();
      expect((await service.call('GET', '/v1/tenants/hooli')).status).toBe(404);
      const next = await newTenant('hooli');
      expect((await service.call('GET', '/v1/runs', { key: next })).json.items).toEqual([]);
      await expectNothing('default', next);
      await service.call('PUT', memory('default'), { key: next, body: '"former"' });
    }
  });
});
