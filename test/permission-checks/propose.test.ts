import { expect, test } from 'vitest';
import { by, openPolicies, owner } from './policies.ts';

test('a wildcard becomes what its calls needed, and the proposal can be put in its place at once', async () => {
  const { preflight, permissions, propose, grant, secret, call, clock } = await openPolicies();
  const { id } = await grant(['records.*'], { constraints: { id: { pattern: 'r[0-9]+' } } });
  clock.advance(1);
  const { id: unused } = await grant(['records.list']);
  await secret();
  await preflight.waive(owner, { check: 'wildcard', reason: 'to learn what it needs' }, by);
  await preflight.activate(owner, by);
  for (let calls = 0; calls < 250; calls++) await call(id, 'records.get');
  clock.advance(1000);
  // What changes something is recorded before it leaves, and again when it has ended.
  await call(id, 'records.update', { phase: 'begun' });
  await call(id, 'records.update');
  await call(id, 'records.delete', { allowed: false, reason: 'constraint' });

  const made = await propose(owner);
  expect(made.replay).toEqual({
    calls: 251,
    wouldDeny: 0,
    deniedToday: 0,
    summary: 'would have denied 0 of 251 calls',
    since: '2026-01-01T00:00:00.001Z',
    isComplete: true,
  });
  expect(made.changes).toEqual([
    { grant: id, action: 'narrow', becomes: 0 },
    { grant: unused, action: 'delete' },
  ]);
  expect(made.grants).toMatchObject([
    { connector: 'crm', operations: ['records.get', 'records.update'], constraints: { id: { pattern: 'r[0-9]+' } } },
  ]);
  expect(made.removed).toEqual([
    { grant: id, connector: 'crm', operations: ['records.list', 'records.delete'] },
    { grant: unused, connector: 'crm', operations: ['records.list'] },
  ]);

  const before = await permissions.policy(owner);
  expect(before.grants.length).toBe(2);
  const narrowed = await permissions.replaceGrant(owner, id, made.grants[0], by);
  expect(narrowed).toMatchObject({ id, status: 'in_force', operations: ['records.get', 'records.update'] });
  await permissions.deleteGrant(owner, unused, by);
  expect((await propose(owner)).changes).toEqual([{ grant: id, action: 'keep', becomes: 0 }]);
});

test('a call that began and was cut off is a need, and not a call', async () => {
  const { preflight, propose, grant, secret, call } = await openPolicies();
  const { id } = await grant(['records.update', 'records.list']);
  await secret();
  await preflight.activate(owner, by);
  await call(id, 'records.update', { phase: 'begun' });
  const made = await propose(owner);
  expect(made.grants[0]?.operations).toEqual(['records.update']);
  expect(made.replay.calls).toBe(0);
});

test('calls of other agents, pending grants and odd entries do not count', async () => {
  const { store, audit, preflight, propose, grant, secret } = await openPolicies();
  await grant(['records.list']);
  await secret();
  await preflight.activate(owner, by);
  await grant(['records.get']);
  await store.transaction((tx) => {
    const detail = { allowed: true, connector: 'crm', operation: 'records.list', grant: 'grt_x', as: 'agent' };
    audit.add(tx, 'default', { kind: 'egress', agent: 'other', detail });
    audit.add(tx, 'default', { kind: 'egress', agent: 'reporter', detail: { allowed: true } });
    audit.add(tx, 'default', { kind: 'connector', agent: 'reporter', detail });
  });
  const made = await propose(owner);
  expect(made.replay.calls).toBe(0);
  expect(made.changes.map(({ action }) => action)).toEqual(['delete']);
});

test('an agent that was never activated has nothing to shrink', async () => {
  const { propose } = await openPolicies();
  expect(await propose(owner)).toMatchObject({ agent: 'reporter', grants: [], changes: [], removed: [] });
});
