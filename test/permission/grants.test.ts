import { describe, expect, test } from 'vitest';
import { by, input, owner, setUp } from './set-up.ts';

const invalid = (field: string) => ({ code: 'validation_failed', details: { errors: [{ field }] } });
const unknown = { code: 'not_found' };

describe('a grant', () => {
  test('is made pending, with its defaults, and told in the audit', async () => {
    const { permissions, audited } = await setUp();
    const made = await permissions.createGrant(owner, input(), by);
    expect(made).toEqual({
      id: expect.stringMatching(/^grt_[0-9a-z]{30}$/),
      agent: 'reporter',
      connector: 'slack',
      operations: ['files.*'],
      constraints: {},
      requiresApproval: false,
      as: 'agent',
      status: 'pending',
      createdAt: '2026-01-01T00:00:00.000Z',
    });
    expect(await permissions.getGrant(owner, made.id)).toEqual(made);
    expect(await audited('grant')).toMatchObject([
      {
        agent: 'reporter',
        key: 'key_1',
        action: 'create',
        grant: made.id,
        connector: 'slack',
        operations: ['files.*'],
      },
    ]);
  });

  test('keeps all that it says', async () => {
    const { permissions } = await setUp();
    const whole = {
      constraints: {
        channel: { oneOf: ['C1', 2, true] },
        text: { pattern: '[a-z]+' },
        limit: { equals: 5 },
        all: { absent: true },
      },
      maxCalls: 10,
      requiresApproval: true,
      as: 'user',
    };
    const made = await permissions.createGrant(owner, input({ ...whole, expiresAt: '2026-02-01T01:00+01:00' }), by);
    expect(made).toMatchObject({ ...whole, expiresAt: '2026-02-01T00:00:00.000Z' });
  });

  test.each<[string, unknown, string]>([
    ['nothing', null, 'grant'],
    ['an unknown field', input({ extra: 1 }), 'extra'],
    ['no connector', { operations: ['*'] }, 'connector'],
    ['an unknown connector', input({ connector: 'nowhere' }), 'connector'],
    ['no operations', { connector: 'slack' }, 'operations'],
    ['an empty list', input({ operations: [] }), 'operations'],
    ['too many operations', input({ operations: Array(201).fill('files.list') }), 'operations'],
    ['an operation that is no text', input({ operations: [5] }), 'operations.0'],
    ['an unknown operation', input({ operations: ['files.list', 'files.lisst'] }), 'operations.1'],
    ['an operation in another case', input({ operations: ['Files.list'] }), 'operations.0'],
    ['an operation of another effect', input({ operations: ['files.list:write'] }), 'operations.0'],
    ['a wildcard that names nothing', input({ operations: ['files.*:send'] }), 'operations.0'],
    ['control characters', input({ operations: ['files.list\0'] }), 'operations.0'],
    ['half a character', input({ operations: ['*\ud800'] }), 'operations.0'],
    ['constraints that are a list', input({ constraints: [] }), 'constraints'],
    [
      'too many constraints',
      input({ constraints: Object.fromEntries(Array.from({ length: 51 }, (_, i) => [`c${i}`, { equals: 1 }])) }),
      'constraints',
    ],
    ['a constraint of nothing', input({ constraints: { a: {} } }), 'constraints.a'],
    ['a constraint of two kinds', input({ constraints: { a: { equals: 1, pattern: 'x' } } }), 'constraints.a'],
    ['a constraint of no kind', input({ constraints: { a: { like: 1 } } }), 'constraints.a'],
    ['an absence that is none', input({ constraints: { a: { absent: false } } }), 'constraints.a.absent'],
    ['an absence of two kinds', input({ constraints: { a: { absent: true, equals: 1 } } }), 'constraints.a'],
    ['a constraint on __proto__', input({ constraints: JSON.parse('{"__proto__":{"equals":1}}') }), 'constraints'],
    ['a value that is an object', input({ constraints: { a: { equals: {} } } }), 'constraints.a.equals'],
    ['a number that JSON cannot hold', input({ constraints: { a: { equals: 2 ** 53 } } }), 'constraints.a.equals'],
    ['an empty list of values', input({ constraints: { a: { oneOf: [] } } }), 'constraints.a.oneOf'],
    ['a null value', input({ constraints: { a: { oneOf: ['x', null] } } }), 'constraints.a.oneOf.1'],
    ['a pattern that is none', input({ constraints: { a: { pattern: '(' } } }), 'constraints.a.pattern'],
    ['a pattern that looks ahead', input({ constraints: { a: { pattern: '(?=x)' } } }), 'constraints.a.pattern'],
    ['a long pattern', input({ constraints: { a: { pattern: 'x'.repeat(513) } } }), 'constraints.a.pattern'],
    ['a time without a zone', input({ expiresAt: '2026-02-01T00:00:00' }), 'expiresAt'],
    ['a day that does not exist', input({ expiresAt: '2026-02-30T00:00:00Z' }), 'expiresAt'],
    ['a time that is over', input({ expiresAt: '2026-01-01T00:00:00Z' }), 'expiresAt'],
    ['no calls', input({ maxCalls: 0 }), 'maxCalls'],
    ['half a call', input({ maxCalls: 1.5 }), 'maxCalls'],
    ['a truth value in text', input({ requiresApproval: 'false' }), 'requiresApproval'],
    ['another name', input({ as: 'root' }), 'as'],
  ])('is refused with %s', async (_, wrong, field) => {
    const { permissions } = await setUp();
    await expect(permissions.createGrant(owner, wrong, by)).rejects.toMatchObject(invalid(field));
    expect((await permissions.listGrants(owner, { limit: 10 })).items).toEqual([]);
  });

  test.each<[string, object, string]>([
    [
      'a misspelt effect',
      { operations: ['files.*:reads'] },
      ': reads is no effect; there are read, write, delete, send',
    ],
    [
      'a star that names nothing',
      { operations: ['nothing.*'] },
      'operations.0: no operation of slack matches nothing.*',
    ],
    [
      'a constraint of no kind',
      { constraints: { a: { is: 1 } } },
      'constraints.a: must be one of {"equals": VALUE}, {',
    ],
    ['a bare value', { constraints: { a: 'C1' } }, 'constraints.a: must be one of {"equals": VALUE}, {"oneOf": [VALUE'],
  ])('with %s is refused with what would be right', async (_, change, said) => {
    const { permissions } = await setUp();
    await expect(permissions.createGrant(owner, input(change), by)).rejects.toThrow(said);
  });

  test('that is not there is named', async () => {
    const { permissions } = await setUp();
    await expect(permissions.getGrant(owner, 'grt_0')).rejects.toThrow('Grant grt_0 does not exist');
    await expect(permissions.getGrant(owner, '../x')).rejects.toThrow('This grant does not exist');
  });

  test('is refused when it is large as a whole', async () => {
    const { permissions } = await setUp();
    const oneOf = Array.from({ length: 200 }, (_, i) => `${i}`.padEnd(1000, 'x'));
    await expect(permissions.createGrant(owner, input({ constraints: { a: { oneOf } } }), by)).rejects.toMatchObject({
      code: 'too_large',
    });
  });

  test('needs its agent, in its own tenant', async () => {
    const { permissions, agents } = await setUp();
    for (const other of [
      { ...owner, agent: 'nobody' },
      { ...owner, tenant: 'other' },
    ])
      await expect(permissions.createGrant(other, input(), by)).rejects.toThrow();
    await agents.delete(owner);
    await expect(permissions.createGrant(owner, input(), by)).rejects.toMatchObject(unknown);
  });

  test('is one of 200 at most', async () => {
    const { permissions } = await setUp();
    for (let count = 0; count < 200; count++) await permissions.createGrant(owner, input(), by);
    const full = { code: 'quota_exceeded', details: { quota: { name: 'grants', limit: 200, used: 200 } } };
    await expect(permissions.createGrant(owner, input(), by)).rejects.toMatchObject(full);
  });

  test('is made once when the attempt before was cut off', async () => {
    const { permissions, clock } = await setUp();
    const since = clock.now();
    const first = await permissions.createGrant(owner, input({ maxCalls: 5 }), by);
    expect(await permissions.createGrant(owner, input({ maxCalls: 5 }), by, since)).toEqual(first);
    expect((await permissions.createGrant(owner, input({ maxCalls: 6 }), by, since)).id).not.toBe(first.id);
    clock.advance(1);
    expect((await permissions.createGrant(owner, input({ maxCalls: 5 }), by, clock.now())).id).not.toBe(first.id);
  });
});

test('grants are listed newest first, in pages, each agent its own', async () => {
  const { permissions, clock, agents } = await setUp();
  await agents.create('default', { id: 'other' });
  const ids: string[] = [];
  for (let count = 0; count < 5; count++) {
    ids.unshift((await permissions.createGrant(owner, input(), by)).id);
    clock.advance(1);
  }
  await permissions.createGrant({ ...owner, agent: 'other' }, input(), by);
  const first = await permissions.listGrants(owner, { limit: 3 });
  const second = await permissions.listGrants(owner, { limit: 3, cursor: first.nextCursor });
  expect([...first.items, ...second.items].map(({ id }) => id)).toEqual(ids);
  expect(second.nextCursor).toBeUndefined();
  await expect(permissions.getGrant({ ...owner, agent: 'other' }, ids[0]!)).rejects.toMatchObject(unknown);
});

test('what cannot be the id of a grant is unknown', async () => {
  const { permissions } = await setUp();
  for (const id of ['', 'grt_', 'grt_1', 'x'.repeat(5000), 'grt_\ud800', 'run_1']) {
    await expect(permissions.getGrant(owner, id)).rejects.toMatchObject(unknown);
    await expect(permissions.replaceGrant(owner, id, input(), by)).rejects.toMatchObject(unknown);
    await expect(permissions.deleteGrant(owner, id, by)).rejects.toMatchObject(unknown);
  }
});
