import { expect, test } from 'vitest';
import { createAgents } from '../../runtime/agent/agents.ts';
import { defaultQuotas } from '../../runtime/agent/quotas.ts';
import { createTenants } from '../../runtime/agent/tenants.ts';
import { manualClock, scratchStore } from '../store/scratch.ts';

async function setUp() {
  const store = await scratchStore();
  const clock = manualClock();
  const tenants = createTenants({ store, clock });
  const agents = createAgents({ store, clock });
  await tenants.ensureDefault();
  return { store, clock, tenants, agents };
}

const notFound = { code: 'not_found' };
const a = { tenant: 'default', agent: 'a' };

test('every tenant has the agent default, and ids are unique in their tenant', async () => {
  const { tenants, agents } = await setUp();
  await tenants.ensureDefault();
  await tenants.create({ id: 't1', name: 'First' });
  for (const tenant of ['default', 't1']) {
    expect(await agents.get({ tenant, agent: 'default' })).toMatchObject({
      id: 'default',
      tenant,
      name: 'default',
      limits: {},
      quotas: defaultQuotas,
    });
    await agents.create(tenant, { id: 'a' });
  }
  await expect(agents.create('t1', { id: 'a' })).rejects.toMatchObject({ code: 'already_exists' });
  await expect(tenants.create({ id: 't1' })).rejects.toMatchObject({ code: 'already_exists' });
  await expect(agents.create('nowhere', { id: 'a' })).rejects.toMatchObject(notFound);
  await expect(agents.get({ tenant: 'default', agent: 'b' })).rejects.toMatchObject(notFound);
});

test('ids are slugs', async () => {
  const { tenants, agents } = await setUp();
  for (const id of ['', 'A', '-a', '_a', 'a b', 'a/b', '..', 'é', 'a'.repeat(64), 7, undefined]) {
    const wrong = { code: 'validation_failed', details: { errors: [{ field: 'id' }] } };
    await expect(agents.create('default', { id })).rejects.toMatchObject(wrong);
    await expect(tenants.create({ id })).rejects.toMatchObject(wrong);
  }
  await agents.create('default', { id: `0${'-_a'.repeat(20)}aa` });
});

test('what cannot be an id is unknown, however long or odd', async () => {
  const { tenants, agents, store } = await setUp();
  for (const agent of ['', 'x'.repeat(5000), '\ud800', 'a/b', '\0']) {
    const owner = { tenant: 'default', agent };
    const questions = [
      agents.get(owner),
      agents.patch(owner, {}),
      agents.delete(owner),
      tenants.get(agent),
      tenants.delete(agent),
    ];
    for (const question of questions) await expect(question).rejects.toMatchObject(notFound);
    expect(await store.transaction((tx) => agents.find(tx, owner))).toBeUndefined();
  }
});

test('a patch changes what it names, null takes back to the default', async () => {
  const { agents, clock } = await setUp();
  const input = {
    id: 'a',
    name: 'A',
    limits: { cpuMs: 5, wallMs: 6 },
    quotas: { queuedRuns: 7 },
    metadata: { x: '1', y: '2' },
  };
  const created = await agents.create('default', input);
  expect(created).toMatchObject({
    ...input,
    quotas: { ...defaultQuotas, queuedRuns: 7 },
    createdAt: '2026-01-01T00:00:00.000Z',
  });
  clock.advance(1000);
  const patched = await agents.patch(a, {
    limits: { cpuMs: null, files: 8 },
    quotas: { memoryBytes: 9 },
    metadata: { x: null, z: '3' },
  });
  expect(patched).toEqual({
    ...created,
    limits: { wallMs: 6, files: 8 },
    quotas: { ...defaultQuotas, queuedRuns: 7, memoryBytes: 9 },
    metadata: { y: '2', z: '3' },
    updatedAt: '2026-01-01T00:00:01.000Z',
  });
  expect(await agents.get(a)).toEqual(patched);
  expect(await agents.patch(a, { name: null, limits: null, quotas: null, metadata: null })).toMatchObject({
    name: 'a',
    limits: {},
    quotas: defaultQuotas,
    metadata: {},
  });
  const wrong = (field: string) => ({ code: 'validation_failed', details: { errors: [{ field }] } });
  await expect(agents.patch(a, { limits: { cpuMs: 0 } })).rejects.toMatchObject(wrong('limits.cpuMs'));
  await expect(agents.patch(a, { quotas: { x: 1 } })).rejects.toMatchObject(wrong('quotas.x'));
  await expect(agents.patch(a, { quotas: [] })).rejects.toMatchObject(wrong('quotas'));
  await expect(agents.patch(a, { name: '' })).rejects.toMatchObject(wrong('name'));
  await expect(agents.patch({ ...a, agent: 'b' }, {})).rejects.toMatchObject(notFound);
});

test('get never answers from before an acknowledged change', async () => {
  const { agents, store } = await setUp();
  await agents.create('default', { id: 'a' });
  for (let i = 1; i < 50; i++) {
    const reads = Array.from({ length: 5 }, () => agents.get(a));
    await agents.patch(a, { quotas: { queuedRuns: i } });
    expect((await agents.get(a)).quotas.queuedRuns).toBe(i);
    expect(await store.transaction((tx) => agents.find(tx, a)?.quotas.queuedRuns)).toBe(i);
    await Promise.all(reads);
  }
  await agents.delete(a);
  await expect(agents.get(a)).rejects.toMatchObject(notFound);
});

test('the agent default stays, others go without a trace', async () => {
  const { agents, store } = await setUp();
  const before = (await store.range({ prefix: [] })).map(({ key }) => key);
  await agents.create('default', { id: 'a' });
  await agents.delete(a);
  expect((await store.range({ prefix: [] })).map(({ key }) => key)).toEqual(before);
  await expect(agents.delete(a)).rejects.toMatchObject(notFound);
  await expect(agents.delete({ ...a, agent: 'default' })).rejects.toMatchObject({ code: 'conflict' });
});

test('lists are newest first and page without gaps', async () => {
  const { agents, tenants, clock } = await setUp();
  for (let i = 0; i < 25; i++) {
    await agents.create('default', { id: `a${i}` });
    await tenants.create({ id: `t${i}` });
    clock.advance(1);
  }
  const collect = async (
    list: (page: { limit: number; cursor?: string }) => Promise<{ items: { id: string }[]; nextCursor?: string }>,
  ) => {
    const ids: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await list({ limit: 7, ...(cursor ? { cursor } : {}) });
      ids.push(...page.items.map(({ id }) => id));
      cursor = page.nextCursor;
    } while (cursor);
    return ids;
  };
  const down = (prefix: string) => Array.from({ length: 25 }, (_, i) => `${prefix}${24 - i}`);
  expect((await collect((page) => agents.list('default', page))).slice(0, 24)).toEqual(down('a').slice(0, 24));
  expect(new Set(await collect((page) => agents.list('default', page)))).toEqual(new Set([...down('a'), 'default']));
  expect(new Set(await collect((page) => tenants.list(page)))).toEqual(new Set([...down('t'), 'default']));
  expect((await agents.list('t3', { limit: 5 })).items.map(({ id }) => id)).toEqual(['default']);
  const forged = (parts: unknown) => Buffer.from(JSON.stringify(parts)).toString('base64url');
  for (const cursor of ['x', '', forged([1]), forged([1, '\ud800']), forged([1, 'x'.repeat(5000)]), forged(['1', 'a'])])
    await expect(agents.list('default', { limit: 5, cursor })).rejects.toMatchObject({ code: 'validation_failed' });
});

test('a deleted tenant takes its agents along; default stays', async () => {
  const { tenants, agents, store } = await setUp();
  const before = (await store.range({ prefix: [] })).length;
  await tenants.create({ id: 't1' });
  await agents.create('t1', { id: 'a' });
  await agents.get({ tenant: 't1', agent: 'a' });
  await tenants.delete('t1');
  await expect(tenants.get('t1')).rejects.toMatchObject(notFound);
  await expect(agents.get({ tenant: 't1', agent: 'a' })).rejects.toMatchObject(notFound);
  expect((await store.range({ prefix: [] })).length).toBe(before);
  await expect(tenants.delete('default')).rejects.toMatchObject({ code: 'conflict' });
  await expect(tenants.delete('t1')).rejects.toMatchObject(notFound);
});
