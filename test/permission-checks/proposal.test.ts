import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Operation } from '../../runtime/connector/connector.ts';
import type { Grant } from '../../runtime/permission/grant.ts';
import { checkGrantInput } from '../../runtime/permission/grant-input.ts';
import { isNarrower } from '../../runtime/permission/narrower.ts';
import { compilePolicy } from '../../runtime/permission/policy.ts';
import { propose } from '../../runtime/permission/proposal.ts';
import type { RecordedCalls } from '../../runtime/permission/recorded-calls.ts';
import { connector, daysFromNow, grant, NOW, operation, slack } from './policy-facts.ts';

const call = (grantId: string, name: string, calls = 1, more: Partial<RecordedCalls> = {}): RecordedCalls => ({
  connector: 'slack',
  operation: name,
  grant: grantId,
  as: 'agent',
  calls,
  lastAt: daysFromNow(-1),
  ...more,
});

function proposal(
  grants: Grant[],
  groups: RecordedCalls[],
  { operations = slack.operations, used = {} as Record<string, number>, isComplete = true } = {},
) {
  const inForce = grants.map((one) => ({ ...one, status: 'in_force' as const }));
  return propose({
    policy: compilePolicy('reporter', { status: 'active', grants: inForce, pending: [] }),
    operations: new Map([['slack', operations]]),
    record: { groups, isComplete, since: daysFromNow(-20) },
    used: (id) => used[id] ?? 0,
    nowMs: NOW,
  });
}

test('a wildcard shrinks to what was called, constraints and limits stay, nothing recorded is denied', () => {
  const wide = grant('g', ['*'], { maxCalls: 5000, requiresApproval: true });
  const made = proposal([wide], [call('g', 'conversations.list', 1200), call('g', 'chat.postMessage', 4)]);
  expect(made.grants).toEqual([
    {
      connector: 'slack',
      operations: ['chat.postMessage', 'conversations.list'],
      constraints: wide.constraints,
      expiresAt: wide.expiresAt,
      maxCalls: 5000,
      requiresApproval: true,
      as: 'agent',
    },
  ]);
  expect(made.changes).toEqual([{ grant: 'g', action: 'narrow', becomes: 0 }]);
  expect(made.removed).toEqual([
    { grant: 'g', connector: 'slack', operations: ['conversations.history', 'conversations.rename', 'files.delete'] },
  ]);
  expect(made.replay).toEqual({
    calls: 1204,
    wouldDeny: 0,
    deniedToday: 0,
    summary: 'would have denied 0 of 1,204 calls',
    since: daysFromNow(-20),
    isComplete: true,
  });
});

test('what was never used goes, what is exact already stays as it is', () => {
  const made = proposal(
    [grant('a', ['chat.postMessage']), grant('b', ['files.delete'])],
    [call('a', 'chat.postMessage')],
  );
  expect(made.changes).toEqual([
    { grant: 'a', action: 'keep', becomes: 0 },
    { grant: 'b', action: 'delete' },
  ]);
  expect(made.removed).toEqual([{ grant: 'b', connector: 'slack', operations: ['files.delete'] }]);
});

test('an operation that two grants allow stays only with the one that was used', () => {
  const made = proposal(
    [grant('a', ['chat.*', 'conversations.list']), grant('b', ['chat.postMessage'])],
    [call('b', 'chat.postMessage'), call('a', 'conversations.list')],
  );
  expect(made.grants.map(({ operations }) => operations)).toEqual([['conversations.list'], ['chat.postMessage']]);
  expect(made.replay.wouldDeny).toBe(0);
});

test('a name that a pattern allowed by its effect keeps the effect', () => {
  const made = proposal(
    [grant('g', ['conversations.*:read', 'chat.*'])],
    [call('g', 'conversations.list'), call('g', 'chat.postMessage')],
  );
  expect(made.grants[0]?.operations).toEqual(['chat.postMessage', 'conversations.list:read']);
  expect(made.replay.wouldDeny).toBe(0);
});

describe('what today denies already', () => {
  test('calls under a deleted grant are counted, unless another one allows them without conditions', () => {
    const groups = [call('gone', 'chat.postMessage', 3), call('gone', 'conversations.list', 2)];
    const free = grant('b', ['chat.*'], { constraints: {} });
    const made = proposal([grant('a', ['conversations.*']), free], groups);
    expect(made.changes).toEqual([
      { grant: 'a', action: 'delete' },
      { grant: 'b', action: 'narrow', becomes: 0 },
    ]);
    expect(made.replay).toMatchObject({ calls: 5, wouldDeny: 2, deniedToday: 2 });
    expect(made.replay.summary).toBe('would have denied 2 of 5 calls');
  });

  test('a grant of the user is no stand-in for one of the agent', () => {
    const user = grant('u', ['chat.*'], { constraints: {}, as: 'user' });
    expect(proposal([user], [call('gone', 'chat.postMessage')]).replay.wouldDeny).toBe(1);
    expect(proposal([user], [call('gone', 'chat.postMessage', 1, { as: 'user' })]).replay.wouldDeny).toBe(0);
  });

  test('so are those under a grant that has ended, which goes', () => {
    const over = grant('e', ['chat.*'], { expiresAt: daysFromNow(-1) });
    const usedUp = grant('m', ['conversations.*'], { maxCalls: 2 });
    const made = proposal([over, usedUp], [call('e', 'chat.postMessage', 3), call('m', 'conversations.list', 2)], {
      used: { m: 2 },
    });
    expect(made.grants).toEqual([]);
    expect(made.replay).toMatchObject({ calls: 5, wouldDeny: 5, deniedToday: 5 });
  });

  test('and calls of operations that the connector has no more', () => {
    const made = proposal([grant('g', ['*'])], [call('g', 'chat.update', 7), call('g', 'conversations.list')]);
    expect(made.grants[0]?.operations).toEqual(['conversations.list']);
    expect(made.replay).toMatchObject({ calls: 8, wouldDeny: 7, deniedToday: 7 });
  });
});

test('of a connector that is gone the patterns are shown', () => {
  const made = proposal([grant('g', ['x.*', 'y'], { connector: 'gone' })], []);
  expect(made.removed).toEqual([{ grant: 'g', connector: 'gone', operations: ['x.*', 'y'] }]);
});

test('nothing granted, nothing called', () => {
  const made = proposal([], []);
  expect(made).toMatchObject({ agent: 'reporter', grants: [], changes: [], removed: [] });
  expect(made.replay.summary).toBe('would have denied 0 of 0 calls');
});

test('more names than a grant may have stay a pattern', () => {
  const many = Array.from({ length: 300 }, (_, index) => operation(`n.${index}`, 'read'));
  const groups = many.slice(0, 201).map(({ name }) => call('g', name));
  const kept = proposal([grant('g', ['n.*'])], groups, { operations: many });
  expect(kept.changes).toEqual([{ grant: 'g', action: 'keep', becomes: 0 }]);
  expect(kept.removed).toEqual([]);
  expect(kept.replay.wouldDeny).toBe(0);
  const fewer = proposal([grant('g', ['n.*'])], groups.slice(1), { operations: many });
  expect(fewer.grants[0]?.operations.length).toBe(200);
  expect(fewer.removed[0]?.operations.length).toBe(100);
});

test('a record that was not read to its end says so', () => {
  expect(proposal([], [], { isComplete: false }).replay.isComplete).toBe(false);
});

describe('property', () => {
  const names = ['a', 'a.b', 'a.c', 'b', 'b.a', 'b.a.c', 'a:read', 'b:send', 'c:delete:write'];
  const operations: fc.Arbitrary<Operation[]> = fc
    .uniqueArray(
      fc.record({ name: fc.constantFrom(...names), effect: fc.constantFrom('read', 'write', 'delete', 'send') }),
      {
        selector: ({ name }) => name,
        minLength: 1,
      },
    )
    .map((list) => list.map(({ name, effect }) => operation(name, effect as Operation['effect'], ['channel'])));
  const patterns = fc.array(
    fc.constantFrom(
      '*',
      'a*',
      '*.c',
      '*:read',
      'a.*:write',
      'b*',
      ...names,
      'a:read:read',
      'b:send:delete',
      'a.b:read',
    ),
    { minLength: 1, maxLength: 4 },
  );

  test('each proposed grant is a valid input, narrower than its origin, and denies nothing that today allows', () => {
    fc.assert(
      fc.property(operations, fc.array(patterns, { minLength: 1, maxLength: 3 }), fc.nat(), (known, lists, seed) => {
        const grants = lists.map((list, index) => grant(`g${index}`, list, { status: 'in_force' }));
        const policy = compilePolicy('reporter', { status: 'active', grants, pending: [] });
        // Calls as the gate records them: each under a grant that covers it.
        const groups = known.flatMap((one, index) => {
          const able = policy.grantsFor('slack', one);
          const by = able[(seed + index) % Math.max(1, able.length)];
          return by === undefined || (seed >> index) % 2 === 1 ? [] : call(by.grant.id, one.name, index + 1);
        });
        const made = proposal(grants, groups, { operations: known });
        expect(made.replay.wouldDeny).toBe(0);
        for (const { grant: id, becomes } of made.changes) {
          if (becomes === undefined) continue;
          const terms = checkGrantInput(made.grants[becomes], connector('slack', known), NOW);
          expect(isNarrower(terms, grants.find((one) => one.id === id)!)).toBe(true);
        }
        // No operation is granted by the proposal that no call needed.
        const smaller = compilePolicy('reporter', {
          status: 'active',
          grants: made.grants.map((input, index) => grant(`p${index}`, input.operations)),
          pending: [],
        });
        for (const one of known)
          if (smaller.grantsFor('slack', one).length > 0)
            expect(groups.map(({ operation: name }) => name)).toContain(one.name);
      }),
    );
  });
});
