import { describe, expect, test } from 'vitest';
import { checks } from '../../runtime/permission/preflight/checks.ts';
import { connector, credential, daysFromNow, found, grant, operation, short, slack } from './policy-facts.ts';

test('a bounded grant of named operations with a deadline and a fresh secret has no finding', () => {
  expect(found({ grants: [grant('g', ['chat.postMessage', 'conversations.history'])] })).toEqual([]);
});

test('every finding says what is wrong, what to do, and where', () => {
  const grants = [
    grant('w', ['*'], { constraints: {}, expiresAt: undefined } as never),
    grant('m', ['a'], { connector: 'gone' }),
    grant('u', ['nothing.here']),
    grant('e', ['files.delete'], { expiresAt: daysFromNow(-1) }),
  ];
  const findings = found({ grants, credentials: [] });
  expect(findings.length).toBeGreaterThan(6);
  for (const finding of findings) {
    expect(finding.reason).toMatch(/^.{10,}[.]$/s);
    expect(finding.mend).toMatch(/^.{10,}[.]$/s);
    expect(finding.grant ?? finding.connector).toBeDefined();
  }
  expect(findings.map(({ severity }) => severity)).toEqual(
    findings.map(({ severity }) => severity).toSorted((a, b) => order(a) - order(b)),
  );
});
const order = (severity: string) => ['error', 'warning', 'info'].indexOf(severity);

test('names of checks are unique', () => {
  expect(new Set(checks.map(({ name }) => name)).size).toBe(checks.length);
});

describe('wildcards', () => {
  test.each([
    ['*', 'error', ['conversations.rename', 'chat.postMessage', 'files.delete']],
    ['conversations.*', 'error', ['conversations.rename']],
    ['*:send', 'error', ['chat.postMessage']],
    ['*:delete', 'error', ['files.delete']],
    ['*:read', 'warning', ['conversations.history', 'conversations.list']],
    ['conversations.*st*', 'warning', ['conversations.history', 'conversations.list']],
  ])('%s is a finding of severity %s about %j', (pattern, severity, operations) => {
    const findings = found({ grants: [grant('g', [pattern])] }).filter(({ check }) => check === 'wildcard');
    expect(findings).toMatchObject([{ severity, grant: 'g', connector: 'slack' }]);
    expect(findings[0]?.operations ?? [findings[0]?.operation]).toEqual(operations);
  });

  test('approval and constraints do not make a wildcard right', () => {
    const grants = [grant('g', ['*'], { requiresApproval: true, maxCalls: 1 })];
    expect(short(found({ grants }))).toContain('error wildcard');
  });

  test('each wildcard of a grant is found, names beside it are not', () => {
    const findings = found({ grants: [grant('g', ['chat.postMessage', 'files.*', '*:read'])] });
    expect(short(findings.filter(({ check }) => check === 'wildcard'))).toEqual(['error wildcard', 'warning wildcard']);
  });
});

describe('without a bound', () => {
  const free = (operations: string[], more = {}) =>
    found({ grants: [grant('g', operations, { constraints: {}, ...more })] }).filter(
      ({ check }) => check === 'unconstrained',
    );

  test.each([
    ['chat.postMessage', 'error'],
    ['files.delete', 'error'],
    ['conversations.rename', 'warning'],
  ])('%s is a finding of severity %s', (name, severity) => {
    expect(free([name])).toMatchObject([{ severity, grant: 'g', operation: name }]);
  });

  test('a read is none', () => {
    expect(free(['conversations.history'])).toEqual([]);
  });

  test('delete and send count together, writes by themselves', () => {
    expect(free(['conversations.rename', 'files.delete', 'chat.postMessage', 'conversations.list'])).toMatchObject([
      { severity: 'error', operations: ['chat.postMessage', 'files.delete'] },
      { severity: 'warning', operation: 'conversations.rename' },
    ]);
  });

  test('approval or a constraint is a bound', () => {
    expect(free(['files.delete'], { requiresApproval: true })).toEqual([]);
    expect(free(['files.delete'], { constraints: { file: { oneOf: ['F1', 'F2'] } } })).toEqual([]);
    expect(free(['files.delete'], { constraints: { file: { pattern: 'F[0-9]+' } } })).toEqual([]);
  });

  test.each([
    '.*',
    '.+',
    '(?s).*',
    '[^\\n]+',
    '^.*$',
    '(.|x)*',
    '.{1,99}',
    '|.*',
  ])('a pattern that takes everything, %s, is no bound', (pattern) => {
    const findings = free(['files.delete'], { constraints: { file: { pattern } } });
    expect(findings).toMatchObject([{ severity: 'error', operation: 'files.delete' }]);
    expect(findings[0]?.reason).toContain('match everything');
  });

  test('what must be absent is no bound: everything else is free', () => {
    const absent = { absent: true as const };
    const findings = free(['files.delete'], { constraints: { nothing: absent, force: absent } });
    expect(findings).toMatchObject([{ severity: 'error', operation: 'files.delete' }]);
    expect(findings[0]?.reason).toContain('only say what must be absent');
    expect(free(['files.delete'], { constraints: { file: { equals: 'F1' }, force: absent } })).toEqual([]);
    const mixed = free(['files.delete'], { constraints: { file: { pattern: '.*' }, force: absent } });
    expect(mixed[0]?.reason).toMatch(/match everything and the others only say what must be absent/);
  });

  test('what is dangerous about the operation is said', () => {
    const dangerous = { ...operation('files.delete', 'delete'), danger: 'Deletes for everybody.' };
    const findings = found({
      connectors: [connector('slack', [dangerous])],
      grants: [grant('g', ['files.delete'], { constraints: {} })],
    });
    expect(findings.find(({ check }) => check === 'unconstrained')?.reason).toContain('Deletes for everybody.');
  });
});

test('a constraint on a parameter that an operation does not have is named with the operation', () => {
  const grants = [grant('g', ['chat.postMessage', 'conversations.list'], { constraints: { text: { equals: 'hi' } } })];
  expect(found({ grants })).toMatchObject([
    { check: 'constraint_parameter', severity: 'warning', operation: 'conversations.list' },
  ]);
});

test('a parameter that must be absent, and that no operation of the grant has, may be misspelt', () => {
  const asked = (operations: string[], parameter: string) =>
    found({
      grants: [grant('g', operations, { constraints: { channel: { equals: 'C1' }, [parameter]: { absent: true } } })],
    }).filter(({ check, reason }) => check === 'constraint_parameter' && reason.includes(` ${parameter} `));
  expect(asked(['chat.postMessage'], 'text')).toEqual([]);
  expect(asked(['chat.postMessage', 'conversations.list'], 'text')).toEqual([]);
  expect(asked(['chat.postMessage'], 'tekst')).toMatchObject([
    { severity: 'warning', operation: 'chat.postMessage', reason: expect.stringContaining('may keep nothing out') },
  ]);
});

describe('what does not exist', () => {
  test('a missing connector is one error and not also a missing secret or operation', () => {
    const grants = [grant('g', ['a.b', 'c.*'], { connector: 'gone' })];
    expect(short(found({ grants, credentials: [] }))).toEqual(['error connector_missing']);
  });

  test.each(['chat.update', 'chat.update*', 'chat.postMessage:read'])('%s matches nothing: an error', (pattern) => {
    expect(found({ grants: [grant('g', ['chat.postMessage', pattern])] })).toMatchObject([
      { check: 'unknown_operation', severity: 'error', operation: pattern, connector: 'slack', grant: 'g' },
    ]);
  });

  test('a draft without grants is told so, an active agent without grants is not', () => {
    expect(short(found({}))).toEqual(['info nothing_granted']);
    expect(found({ status: 'active' })).toEqual([]);
  });
});

describe('secrets', () => {
  const grants = [grant('g', ['chat.postMessage'])];

  test('none is an error, one for each connector however many grants use it', () => {
    const twice = [...grants, grant('h', ['conversations.list'])];
    expect(found({ grants: twice, credentials: [] })).toMatchObject([
      { check: 'secret_missing', severity: 'error', connector: 'slack' },
    ]);
  });

  test('that of another agent, of another connector or of a user is none', () => {
    const others = [
      credential('slack', { holder: { agent: 'other' } }),
      credential('drive'),
      credential('slack', { holder: { user: { issuer: 'https://idp.example.com', subject: 'ann' } } }),
    ];
    expect(short(found({ grants, credentials: others }))).toEqual(['error secret_missing']);
  });

  test('in the name of users: a warning while nobody has one, and the own one of the agent is none', () => {
    const asUser = [grant('g', ['chat.postMessage'], { as: 'user' })];
    expect(short(found({ grants: asUser }))).toEqual(['warning secret_missing']);
    const users = [credential('slack', { holder: { user: { issuer: 'https://idp.example.com', subject: 'ann' } } })];
    expect(found({ grants: asUser, credentials: users })).toEqual([]);
  });

  test('a connector that takes no secret needs none', () => {
    const open = connector('slack', slack.operations, { type: 'none' });
    expect(found({ grants, connectors: [open], credentials: [] })).toEqual([]);
  });

  test('what is not known is not judged', () => {
    expect(found({ grants, credentials: undefined })).toEqual([]);
  });

  test('age: quiet, then a warning, then an error from the age of refusal on', () => {
    const aged = (days: number, secretRefuseAfterMs?: number) =>
      short(
        found({
          grants,
          credentials: [credential('slack', { rotatedAt: daysFromNow(-days) })],
          settings: { secretRefuseAfterMs },
        }),
      );
    const ninety = 90 * 24 * 3_600_000;
    expect(aged(29.9, ninety)).toEqual([]);
    expect(aged(30, ninety)).toEqual(['warning secret_old']);
    expect(aged(89.9, ninety)).toEqual(['warning secret_old']);
    expect(aged(90, ninety)).toEqual(['error secret_old']);
    expect(aged(4000)).toEqual(['warning secret_old']);
    expect(aged(5, 5 * 24 * 3_600_000)).toEqual(['error secret_old']);
  });
});

describe('time and use', () => {
  const inForce = { status: 'in_force' as const };
  const active = { status: 'active' as const, activatedAt: daysFromNow(-40) };

  test('no deadline is a warning', () => {
    const { expiresAt: _, ...endless } = grant('g', ['chat.postMessage']);
    expect(short(found({ grants: [endless] }))).toEqual(['warning no_deadline']);
  });

  test('what has expired or is used up gets one note and no other finding', () => {
    const harmless = [
      grant('e', ['*'], { constraints: {}, expiresAt: daysFromNow(-1) }),
      grant('m', ['*'], { constraints: {}, maxCalls: 3 }),
    ];
    const findings = found({ grants: harmless, calls: { m: 3 }, credentials: [] });
    expect(findings.map(({ check, severity, grant: id }) => [check, severity, id])).toEqual([
      ['ended', 'info', 'e'],
      ['ended', 'info', 'm'],
    ]);
  });

  test('a grant in force that no call used is unused; a pending one is not yet', () => {
    const grants = [grant('g', ['chat.postMessage'], inForce), grant('p', ['files.delete'])];
    expect(found({ ...active, grants })).toMatchObject([{ check: 'unused', severity: 'warning', grant: 'g' }]);
  });

  test('so is one whose last call is longer ago than 30 days', () => {
    const grants = [grant('g', ['chat.postMessage'], inForce)];
    const last = (days: number) =>
      short(
        found({
          ...active,
          grants,
          calls: { g: 7 },
          uses: { 'slack chat.postMessage': { count: 7, lastAt: daysFromNow(-days) } },
        }),
      );
    expect(last(29)).toEqual([]);
    expect(last(31)).toEqual(['warning unused']);
  });

  test('operations of a used grant that were never called are told', () => {
    const grants = [grant('g', ['chat.postMessage', 'conversations.list'], inForce)];
    const uses = { 'slack chat.postMessage': { count: 2, lastAt: daysFromNow(-1) } };
    expect(found({ ...active, grants, calls: { g: 2 }, uses })).toMatchObject([
      { check: 'unused_operations', severity: 'info', grant: 'g', operation: 'conversations.list' },
    ]);
  });
});
