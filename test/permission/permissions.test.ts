import { describe, expect, test } from 'vitest';
import type { Operation } from '../../runtime/connector/connector.ts';
import { decide } from '../../runtime/permission/decide.ts';
import type { Grant } from '../../runtime/permission/grant.ts';
import { connectorOf, factsOf, operationOf } from './facts.ts';
import { by, input, owner, setUp, slack } from './set-up.ts';

type World = Awaited<ReturnType<typeof setUp>>;

const [post, list, info] = slack.operations as [Operation, Operation, Operation];
const operations = { post, list, info };

/** How a call of an operation is decided now: `allowed`, or the reason. */
async function decided({ permissions, clock }: World, operation: keyof typeof operations, body: object = {}) {
  const policy = await permissions.policy(owner);
  const used = (id: string) => permissions.used(owner, id);
  const decision = decide(policy, factsOf({ operation: operations[operation], body, used, nowMs: clock.now() }));
  return decision.allowed ? 'allowed' : decision.reason;
}

/** Counts a call as the gate does. */
const call = ({ store, permissions }: World, grant: Grant, operation = 'files.list') =>
  store.transaction((tx) => permissions.count(tx, owner, grant, grant.connector, operation));

async function activated(world: World, ...inputs: object[]): Promise<Grant[]> {
  for (const one of inputs) {
    await world.permissions.createGrant(owner, one, by);
    world.clock.advance(1);
  }
  return [...(await world.permissions.activate(owner, by)).grants];
}

describe('a draft', () => {
  test('is closed whatever its grants, until it is activated', async () => {
    const world = await setUp();
    const { permissions, audited } = world;
    expect(await decided(world, 'list')).toBe('no_grant');
    const grant = await permissions.createGrant(owner, input(), by);
    expect(await decided(world, 'list')).toBe('draft');
    const policy = await permissions.activate(owner, by);
    expect(policy).toMatchObject({ status: 'active', activatedAt: '2026-01-01T00:00:00.000Z', pending: [] });
    expect(policy.grants).toEqual([{ ...grant, status: 'in_force' }]);
    expect(await decided(world, 'list')).toBe('allowed');
    expect(await decided(world, 'post')).toBe('no_grant');
    expect(await audited('activation')).toEqual([
      { agent: 'reporter', key: 'key_1', action: 'activate', grants: [grant.id], replaced: [] },
    ]);
  });

  test('without a grant can be activated too, and is no draft from then on', async () => {
    const { permissions } = await setUp();
    expect((await permissions.policy(owner)).status).toBe('draft');
    expect((await permissions.activate(owner, by)).status).toBe('active');
  });

  test('is what an agent is that nobody knows', async () => {
    const { permissions } = await setUp();
    expect(await permissions.policy({ ...owner, agent: 'nobody' })).toMatchObject({
      status: 'draft',
      grants: [],
      pending: [],
    });
    await expect(permissions.activate({ ...owner, agent: 'nobody' }, by)).rejects.toMatchObject({ code: 'not_found' });
  });

  test('is activated only as it was judged', async () => {
    const { permissions } = await setUp();
    const first = await permissions.createGrant(owner, input(), by);
    const judged = await permissions.policy(owner);
    await permissions.replaceGrant(owner, first.id, input({ operations: ['*'] }), by);
    await expect(permissions.activate(owner, by, judged)).rejects.toMatchObject({ code: 'conflict' });
    const again = await permissions.policy(owner);
    const second = await permissions.createGrant(owner, input({ operations: ['*'] }), by);
    await expect(permissions.activate(owner, by, again)).rejects.toMatchObject({ code: 'conflict' });
    await permissions.deleteGrant(owner, second.id, by);
    expect((await permissions.activate(owner, by, again)).status).toBe('active');
    expect((await permissions.activate(owner, by, await permissions.policy(owner))).grants).toHaveLength(1);
  });
});

describe('a later change', () => {
  test('that adds waits for the next activation, while the old policy stays in force', async () => {
    const world = await setUp();
    await activated(world, input());
    await world.permissions.createGrant(owner, input({ operations: ['chat.postMessage'] }), by);
    expect([await decided(world, 'list'), await decided(world, 'post')]).toEqual(['allowed', 'no_grant']);
    await world.permissions.activate(owner, by);
    expect([await decided(world, 'list'), await decided(world, 'post')]).toEqual(['allowed', 'allowed']);
  });

  test('that takes away is in force at once', async () => {
    const world = await setUp();
    const [grant] = (await activated(world, input())) as [Grant];
    const before = await world.permissions.policy(owner);
    expect(world.permissions.isCurrent(owner, before)).toBe(true);
    await world.permissions.deleteGrant(owner, grant.id, by);
    expect(world.permissions.isCurrent(owner, before)).toBe(false);
    expect(await decided(world, 'list')).toBe('no_grant');
    await expect(call(world, grant)).rejects.toMatchObject({ reason: 'no_grant' });
    expect((await world.audited('grant')).at(-1)).toMatchObject({ action: 'delete', grant: grant.id, key: 'key_1' });
  });

  test.each<[string, object]>([
    ['fewer operations', { operations: ['files.list'] }],
    ['an effect', { operations: ['files.*:read'] }],
    ['a constraint', { constraints: { channel: { equals: 'C1' } } }],
    ['an end', { expiresAt: '2027-01-01T00:00:00Z' }],
    ['a count', { maxCalls: 1000 }],
    ['an approval', { requiresApproval: true }],
  ])('that narrows by %s is in force at once, under its id, and cannot be undone at once', async (_, narrower) => {
    const world = await setUp();
    const [grant] = (await activated(world, input())) as [Grant];
    const after = await world.permissions.replaceGrant(owner, grant.id, input(narrower), by);
    expect(after).toMatchObject({
      id: grant.id,
      status: 'in_force',
      createdAt: grant.createdAt,
      ...('expiresAt' in narrower ? {} : narrower),
    });
    expect((await world.permissions.policy(owner)).grants).toEqual([after]);
    const back = await world.permissions.replaceGrant(owner, grant.id, input(), by);
    expect(back).toMatchObject({ status: 'pending', replaces: grant.id });
    expect((await world.permissions.policy(owner)).grants).toEqual([after]);
  });

  test('that widens takes the place of the old grant at the next activation', async () => {
    const world = await setUp();
    const { permissions } = world;
    const [grant] = (await activated(world, input({ operations: ['files.list'] }))) as [Grant];
    const wider = await permissions.replaceGrant(owner, grant.id, input(), by);
    expect(wider).toMatchObject({ status: 'pending', replaces: grant.id });
    expect([await decided(world, 'list'), await decided(world, 'info')]).toEqual(['allowed', 'no_grant']);
    const { grants } = await permissions.activate(owner, by);
    expect(grants.map(({ id, status, replaces }) => ({ id, status, replaces }))).toEqual([
      { id: wider.id, status: 'in_force', replaces: undefined },
    ]);
    expect([await decided(world, 'list'), await decided(world, 'info')]).toEqual(['allowed', 'allowed']);
    await expect(permissions.getGrant(owner, grant.id)).rejects.toMatchObject({ code: 'not_found' });
    expect((await world.audited('activation')).at(-1)).toMatchObject({ grants: [wider.id], replaced: [grant.id] });
  });

  test('the last replacement wins, and goes with its grant', async () => {
    const world = await setUp();
    const { permissions } = world;
    const [grant] = (await activated(world, input({ operations: ['files.list'] }))) as [Grant];
    const pending = async () => (await permissions.policy(owner)).pending.map(({ operations }) => operations);
    await permissions.replaceGrant(owner, grant.id, input(), by);
    await permissions.replaceGrant(owner, grant.id, input({ operations: ['*'] }), by);
    expect(await pending()).toEqual([['*']]);
    await permissions.replaceGrant(owner, grant.id, input({ operations: ['files.list'] }), by);
    expect(await pending()).toEqual([]);
    await permissions.replaceGrant(owner, grant.id, input({ operations: ['*'] }), by);
    await permissions.deleteGrant(owner, grant.id, by);
    expect(await pending()).toEqual([]);
  });

  test('of a pending grant is made in its place', async () => {
    const { permissions } = await setUp();
    const grant = await permissions.createGrant(owner, input(), by);
    const after = await permissions.replaceGrant(owner, grant.id, input({ connector: 'drive', operations: ['*'] }), by);
    expect(after).toEqual({ ...grant, connector: 'drive', operations: ['*'] });
    expect((await permissions.policy(owner)).pending).toEqual([after]);
  });
});

describe('a wildcard', () => {
  test('covers nothing that came into its connector after the activation', async () => {
    const world = await setUp();
    const { permissions, connectors } = world;
    await activated(world, input());
    const more = operationOf('files.share', { effect: 'send' });
    const changed = { ...info, effect: 'write' as const };
    connectors.set('slack', connectorOf('slack', [post, list, changed, more]));
    const ask = async (operation: typeof more) =>
      decide(await permissions.policy(owner), factsOf({ operation })).allowed;
    expect([await ask(list), await ask(changed), await ask(more)]).toEqual([true, false, false]);
    const granted = async () =>
      (await permissions.matrix(owner)).connectors[0]!.operations.map(({ granted }) => granted);
    expect(await granted()).toEqual(['no', 'in_force', 'pending', 'pending']);
    await permissions.activate(owner, by);
    expect([await ask(list), await ask(changed), await ask(more)]).toEqual([true, true, true]);
    expect(await granted()).toEqual(['no', 'in_force', 'in_force', 'in_force']);
  });

  test('covers what the pre-flight saw, not what came in before its activation', async () => {
    const world = await setUp();
    const { permissions, connectors } = world;
    await permissions.createGrant(owner, input(), by);
    const judged = await permissions.policy(owner);
    const seen = new Map([['slack', connectorOf('slack', [list])]]);
    await permissions.activate(owner, by, judged, seen);
    expect(connectors.get('slack')).toBe(slack);
    expect([await decided(world, 'list'), await decided(world, 'info')]).toEqual(['allowed', 'no_grant']);
  });

  test('covers nothing of a connector that is gone at the activation', async () => {
    const world = await setUp();
    await world.permissions.createGrant(owner, input(), by);
    world.connectors.delete('slack');
    await world.permissions.activate(owner, by);
    world.connectors.set('slack', slack);
    expect(await decided(world, 'list')).toBe('no_grant');
  });
});

describe('calls are counted', () => {
  test('in the transaction of the caller, up to the last one', async () => {
    const world = await setUp();
    const [grant] = (await activated(world, input({ maxCalls: 2 }))) as [Grant];
    await call(world, grant);
    const both = await Promise.allSettled([call(world, grant), call(world, grant)]);
    expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(both.find(({ status }) => status === 'rejected')).toMatchObject({
      reason: { name: 'EgressDenied', reason: 'max_calls' },
    });
    expect(world.permissions.used(owner, grant.id)).toBe(2);
    expect(await decided(world, 'list')).toBe('max_calls');
  });

  test('not when the transaction fails', async () => {
    const world = await setUp();
    const [grant] = (await activated(world, input())) as [Grant];
    const failing = world.store.transaction((tx) => {
      world.permissions.count(tx, owner, grant, 'slack', 'files.list');
      throw new Error('not sent');
    });
    await expect(failing).rejects.toThrow('not sent');
    await world.permissions.policy(owner);
    expect(world.permissions.used(owner, grant.id)).toBe(0);
  });

  test('across a restart, a narrowing and a widening', async () => {
    const world = await setUp();
    const [grant] = (await activated(world, input({ maxCalls: 5 }))) as [Grant];
    await call(world, grant);
    await world.permissions.replaceGrant(owner, grant.id, input({ maxCalls: 4 }), by);
    await call(world, grant);
    const wider = await world.permissions.replaceGrant(owner, grant.id, input({ maxCalls: 10 }), by);
    await world.permissions.activate(owner, by);
    const restarted = world.open();
    await restarted.policy(owner);
    expect(restarted.used(owner, wider.id)).toBe(2);
  });

  test('without dropping the policy from memory', async () => {
    const world = await setUp();
    const [grant] = (await activated(world, input())) as [Grant];
    const policy = await world.permissions.policy(owner);
    await call(world, grant);
    expect(world.permissions.isCurrent(owner, policy)).toBe(true);
    expect(await world.permissions.policy(owner)).toBe(policy);
    expect(world.permissions.used(owner, grant.id)).toBe(1);
  });
});

describe('calls under way hear of a revocation', () => {
  test('once, when their own grant is deleted or changed', async () => {
    const world = await setUp();
    const { permissions } = world;
    const [one, other] = (await activated(world, input(), input({ operations: ['files.list'] }))) as [Grant, Grant];
    const heard: string[] = [];
    permissions.whenRevoked(owner, one.id, () => heard.push('one'));
    permissions.whenRevoked(owner, other.id, () => heard.push('other'));
    permissions.whenRevoked(owner, other.id, () => heard.push('ended'))();
    await call(world, one);
    await permissions.activate(owner, by);
    await permissions.createGrant(owner, input(), by);
    expect(heard).toEqual([]);
    await permissions.deleteGrant(owner, other.id, by);
    expect(heard).toEqual(['other']);
    await permissions.replaceGrant(owner, one.id, input({ maxCalls: 1 }), by);
    await permissions.deleteGrant(owner, one.id, by);
    expect(heard).toEqual(['other', 'one']);
  });
});

describe('nothing is left', () => {
  test('of an agent that is forgotten, and another keeps its own', async () => {
    const world = await setUp();
    const { permissions, store, agents } = world;
    const other = { ...owner, agent: 'other' };
    await agents.create(owner.tenant, { id: other.agent });
    await permissions.createGrant(other, input(), by);
    const [grant] = (await activated(world, input(), input())) as [Grant];
    await call(world, grant);
    await permissions.forget(owner);
    expect(await permissions.policy(owner)).toMatchObject({ status: 'draft', grants: [], pending: [] });
    const kept = await Promise.all(
      ['policy', 'grant', 'grant-seen', 'grant-count', 'grant-use'].map((kind) => store.range({ prefix: [kind] })),
    );
    expect(kept.flat().map(({ key }) => key[2])).toEqual(['other']);
    await permissions.forgetTenant(owner.tenant);
    expect((await permissions.listGrants(other, { limit: 10 })).items).toEqual([]);
  });
});
