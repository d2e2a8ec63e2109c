/** What a developer's grants cost the service at most: counted, not timed. */
import { describe, expect, test } from 'vitest';
import type { Operation } from '../../runtime/connector/connector.ts';
import { matrixInSteps } from '../../runtime/permission/matrix.ts';
import { compilePolicy } from '../../runtime/permission/policy.ts';
import { createPolicyCache, memoryOf } from '../../runtime/permission/policy-cache.ts';
import { judgedGrant, judgeInSteps } from '../../runtime/permission/preflight/judge.ts';
import { scratchStore } from '../store/scratch.ts';
import { connectorOf, grantOf, operationOf } from './facts.ts';
import { by, input, owner, setUp, slack } from './set-up.ts';

const full = (name: string, limit: number, used: number) => ({
  code: 'quota_exceeded',
  details: { quota: { name, limit, used }, errors: [{ field: 'operations' }] },
});
const upTo = <T>(count: number, make: (at: number) => T): T[] => Array.from({ length: count }, (_, at) => make(at));

/** Operations that count how often anybody reads a name of theirs. */
function counted(count: number) {
  let reads = 0;
  const operations = upTo(count, (at): Operation => {
    const one = operationOf(`op.${at}`);
    return {
      ...one,
      get name() {
        reads++;
        return `op.${at}`;
      },
    };
  });
  return { connector: connectorOf('slack', operations), reads: () => reads };
}

const exactGrants = (grants: number) =>
  upTo(grants, (at) => grantOf({ id: `grt_${at}`, operations: upTo(200, (one) => `op.${at * 200 + one}`) }));

describe('exact names', () => {
  const namesRead = (grants: number) => {
    const { connector, reads } = counted(1000);
    const policy = compilePolicy('reporter', { status: 'active', grants: exactGrants(grants), pending: [] });
    const facts = { policy, connectors: new Map([['slack', connector]]), use: [], nowMs: 0, used: () => 0 };
    for (const _ of matrixInSteps(facts));
    for (const operation of connector.operations) policy.grantsFor('slack', operation);
    return reads();
  };

  test('cost the matrix and a call nothing for each of them', () => {
    expect(namesRead(200)).toBe(namesRead(1));
    expect(namesRead(200)).toBeLessThan(10 * 1000);
  });

  test('cost the pre-flight nothing for each of them', () => {
    const namesRead = (names: number) => {
      const { connector, reads } = counted(1000);
      const judged = judgedGrant(grantOf({ operations: upTo(names, (at) => `op.${at}`) }), connector, 0);
      expect(judged.operations).toHaveLength(names);
      return reads();
    };
    // Those that match are looked at, the other 800 once.
    expect(namesRead(200) - namesRead(1)).toBeLessThan(10 * 200);
  });
});

describe('wildcards', () => {
  test('have four stars at most', async () => {
    const { permissions } = await setUp();
    await permissions.createGrant(owner, input({ operations: ['*f*i*s.*'] }), by);
    const refused = permissions.createGrant(owner, input({ operations: ['files.list', '*f*i*l*s.*'] }), by);
    await expect(refused).rejects.toMatchObject({
      code: 'validation_failed',
      details: { errors: [{ field: 'operations.1' }] },
    });
  });

  test('are 200 in all grants of an agent, whatever way they come', async () => {
    const { permissions, clock } = await setUp();
    const stars = (count: number) => input({ operations: upTo(count, (at) => (at % 2 ? 'files.*' : '*')) });
    const first = await permissions.createGrant(owner, stars(150), by);
    await expect(permissions.createGrant(owner, stars(51), by)).rejects.toMatchObject(full('wildcards', 200, 150));
    const second = await permissions.createGrant(owner, stars(50), by);
    await expect(permissions.replaceGrant(owner, second.id, stars(51), by)).rejects.toMatchObject(
      full('wildcards', 200, 150),
    );
    expect((await permissions.getGrant(owner, second.id)).operations).toHaveLength(50);
    await permissions.activate(owner, by);
    clock.advance(1);
    // Narrower, and in force at once.
    const narrower = { ...stars(51), maxCalls: 1 };
    await expect(permissions.replaceGrant(owner, second.id, narrower, by)).rejects.toMatchObject(
      full('wildcards', 200, 150),
    );
    // Wider: it would wait beside the one that it replaces.
    await permissions.replaceGrant(owner, second.id, { ...stars(50), maxCalls: 1 }, by);
    await expect(permissions.replaceGrant(owner, second.id, stars(50), by)).rejects.toMatchObject(
      full('wildcards', 200, 200),
    );
    // Names are not among them.
    await permissions.createGrant(owner, input({ operations: ['files.list', 'files.info:read'] }), by);
    await permissions.deleteGrant(owner, first.id, by);
    await permissions.createGrant(owner, stars(150), by);
  });

  test('are tried in steps between which others have their turn', () => {
    const operations = upTo(5000, (at) => operationOf(`op.${at}`));
    const grants = upTo(200, (at) => grantOf({ id: `grt_${at}`, operations: [`*${at}`] }));
    const policy = compilePolicy('reporter', { status: 'active', grants, pending: [] });
    const connectors = new Map([['slack', connectorOf('slack', operations)]]);
    let steps = 0;
    for (const _ of matrixInSteps({ policy, connectors, use: [], nowMs: 0, used: () => 0 })) steps++;
    expect(steps).toBeGreaterThanOrEqual(25);
    steps = 0;
    const one = grantOf({ operations: upTo(200, (at) => `*${at}`) });
    for (const _ of judgeInSteps(one, connectors.get('slack'), 0)) steps++;
    expect(steps).toBe(200);
  });
});

describe('an activation', () => {
  test('pins an operation once, however many grants name it', async () => {
    const { permissions, store, connectors } = await setUp();
    for (let at = 0; at < 20; at++) await permissions.createGrant(owner, input({ maxCalls: at + 1 }), by);
    await permissions.createGrant(owner, { connector: 'drive', operations: ['*'] }, by);
    await permissions.activate(owner, by);
    const pinned = async () =>
      (await store.range<string[]>({ prefix: ['grant-seen'] })).map(({ key, value }) => [key[3], value.length]);
    expect(await pinned()).toEqual([
      ['drive', 1],
      ['slack', 3],
    ]);
    for (const { id, connector } of (await permissions.policy(owner)).grants)
      if (connector === 'drive') await permissions.deleteGrant(owner, id, by);
    connectors.set('slack', connectorOf('slack', slack.operations.slice(0, 2)));
    await permissions.activate(owner, by);
    expect(await pinned()).toEqual([['slack', 1]]);
  });

  test('is refused for more than 20,000 operations, and changes nothing then', async () => {
    const { permissions, connectors } = await setUp();
    for (let at = 0; at < 5; at++) {
      connectors.set(
        `c${at}`,
        connectorOf(
          `c${at}`,
          upTo(at === 4 ? 1 : 5000, (one) => operationOf(`op.${one}`)),
        ),
      );
      await permissions.createGrant(owner, { connector: `c${at}`, operations: ['*', 'op.0'] }, by);
    }
    await expect(permissions.activate(owner, by)).rejects.toMatchObject(full('operations', 20_000, 20_001));
    expect((await permissions.policy(owner)).status).toBe('draft');
    connectors.delete('c4');
    expect((await permissions.activate(owner, by)).grants).toHaveLength(5);
  });
});

describe('policies in memory', () => {
  const agents = upTo(10, (at) => ({ tenant: 'default', agent: `agent-${at}` }));
  const terms = { connector: 'slack', constraints: {}, requiresApproval: false, as: 'agent' };
  /** Each with grants of some 50 KiB. */
  async function stored() {
    const store = await scratchStore();
    const operations = upTo(200, (at) => `${at}`.padEnd(200, 'x'));
    await store.transaction((tx) => {
      for (const { tenant, agent } of agents)
        tx.put(['grant', tenant, agent, 'grt_1'], { terms: { ...terms, operations }, status: 'pending', createdMs: 0 });
    });
    return store;
  }

  test('are bounded by what they take: those not asked for the longest go', async () => {
    const store = await stored();
    const probe = await createPolicyCache(store).read(agents[0]!);
    const cache = createPolicyCache(store, 3.5 * (memoryOf(probe, new Map()) + 4000));
    const read = new Map<string, Awaited<ReturnType<typeof cache.read>>>();
    for (const one of agents) {
      read.set(one.agent, await cache.read(one));
      // Asked for again and again, the first one stays.
      read.set('agent-0', await cache.read(agents[0]!));
    }
    const kept = agents.filter((one) => cache.isCurrent(one, read.get(one.agent)!)).map(({ agent }) => agent);
    expect(kept).toEqual(['agent-0', 'agent-8', 'agent-9']);
  });

  test('what is dropped, changed and read again is counted once', async () => {
    const store = await stored();
    const probe = await createPolicyCache(store).read(agents[0]!);
    const cache = createPolicyCache(store, 2.5 * (memoryOf(probe, new Map()) + 4000));
    const [first, second] = agents as [(typeof agents)[0], (typeof agents)[0]];
    const stays = await cache.read(first);
    for (let count = 0; count < 20; count++) {
      await store.transaction((tx) => void tx.put(['policy', second.tenant, second.agent], { activatedMs: count }));
      await Promise.all([cache.read(second), cache.read(second)]);
    }
    expect(cache.isCurrent(first, stays)).toBe(true);
  });

  test('one that is larger than all may be is kept until the next one', async () => {
    const cache = createPolicyCache(await stored(), 1000);
    const [first, second] = agents as [(typeof agents)[0], (typeof agents)[0]];
    const large = await cache.read(first);
    expect(cache.isCurrent(first, large)).toBe(true);
    const other = await cache.read(second);
    expect([cache.isCurrent(first, large), cache.isCurrent(second, other)]).toEqual([false, true]);
  });

  test('a long pattern, many values and what was seen weigh more than their text', () => {
    const weight = (constraints: object, seen = 0) => {
      const grants = [grantOf({ constraints: constraints as never })];
      const policy = compilePolicy('reporter', { status: 'active', grants, pending: [] });
      return memoryOf(policy, new Map([['slack', new Set(upTo(seen, String))]]));
    };
    expect(weight({ a: { pattern: 'x' } }) - weight({})).toBeGreaterThan(20_000);
    expect(weight({ a: { oneOf: upTo(200, (at) => at) } }) - weight({})).toBeGreaterThan(20_000);
    expect(weight({}, 5000) - weight({})).toBeGreaterThan(300_000);
  });
});
