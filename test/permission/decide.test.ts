import { describe, expect, test } from 'vitest';
import { decide } from '../../runtime/permission/decide.ts';
import type { Grant, Policy } from '../../runtime/permission/grant.ts';
import { compilePolicy, operationKey } from '../../runtime/permission/policy.ts';
import { factsOf, grantOf, operationOf } from './facts.ts';

const policyOf = (grants: Grant[], rest: Partial<Policy> = {}) =>
  compilePolicy('reporter', { status: 'active', grants, pending: [], ...rest });
const send = operationOf('chat.postMessage', { effect: 'send' });

describe('a refusal names what is missing and how to ask for it', () => {
  test('no grant', () => {
    const decision = decide(policyOf([grantOf({ operations: ['files.*'] })]), factsOf({ operation: send }));
    expect(decision).toEqual({
      allowed: false,
      reason: 'no_grant',
      message:
        'agent reporter has no grant for slack chat.postMessage (send). Ask for it: POST /v1/agents/reporter/grants {"connector":"slack","operations":["chat.postMessage"]}',
    });
  });

  test('a grant of another connector is none', () => {
    const policy = policyOf([grantOf({ connector: 'other' })]);
    expect(decide(policy, factsOf())).toMatchObject({ allowed: false, reason: 'no_grant' });
  });

  test('a grant that waits for an activation', () => {
    const waiting = grantOf({ status: 'pending' });
    const decision = decide(policyOf([], { pending: [waiting] }), factsOf({ operation: send }));
    expect(decision).toMatchObject({
      reason: 'no_grant',
      message: expect.stringContaining('/v1/agents/reporter/activate'),
    });
  });

  test('no grant of a draft: both steps at once', () => {
    const decision = decide(policyOf([], { status: 'draft' }), factsOf({ operation: send }));
    expect(decision).toMatchObject({
      reason: 'no_grant',
      message: expect.stringMatching(
        /POST \/v1\/agents\/reporter\/grants \{.*\}, then POST \/v1\/agents\/reporter\/activate$/,
      ),
    });
  });

  test('a draft, whatever its grants', () => {
    const policy = policyOf([grantOf()], { status: 'draft' });
    expect(decide(policy, factsOf())).toMatchObject({
      allowed: false,
      reason: 'draft',
      message: expect.stringContaining('POST /v1/agents/reporter/activate'),
    });
  });

  test('a deadline, at its very moment', () => {
    const policy = policyOf([grantOf({ expiresAt: '2026-01-02T00:00:00.000Z' })]);
    const at = Date.UTC(2026, 0, 2);
    expect(decide(policy, factsOf({ nowMs: at - 1 }))).toMatchObject({ allowed: true });
    expect(decide(policy, factsOf({ nowMs: at }))).toMatchObject({
      reason: 'expired',
      message: expect.stringMatching(/grt_1 .* 2026-01-02T00:00:00.000Z.*PUT \/v1\/agents\/reporter\/grants\/grt_1/),
      grant: { id: 'grt_1' },
    });
  });

  test('calls that are used up', () => {
    const policy = policyOf([grantOf({ maxCalls: 3 })]);
    expect(decide(policy, factsOf({ used: () => 2 }))).toMatchObject({ allowed: true });
    expect(decide(policy, factsOf({ used: () => 3 }))).toMatchObject({ reason: 'max_calls', grant: { id: 'grt_1' } });
  });

  test('a constraint: what it demands, never what the call had', () => {
    const policy = policyOf([grantOf({ constraints: { channel: { equals: 'C1' }, limit: { oneOf: [1, 2] } } })]);
    const decision = decide(policy, factsOf({ operation: send, body: { channel: 'SECRET-9', limit: 1 } }));
    expect(decision).toMatchObject({ reason: 'constraint', grant: { id: 'grt_1' } });
    expect(decision).toMatchObject({
      message: 'grant grt_1 allows slack chat.postMessage only where channel = "C1" (it is not so)',
    });
    expect(JSON.stringify(decision)).not.toContain('SECRET-9');
  });

  test('a constraint that cannot be judged says why', () => {
    const policy = policyOf([grantOf({ constraints: { channel: { equals: 'C1' } } })]);
    const message = (parts: Parameters<typeof factsOf>[0]) => {
      const decision = decide(policy, factsOf(parts));
      return decision.allowed ? 'allowed' : decision.message;
    };
    expect(message({ body: {} })).toContain('it is missing');
    expect(message({ body: 'x', type: 'multipart/form-data' })).toContain('the body is multipart');
    expect(message({ body: { channel: 'C1', Channel: 'C1' } })).toContain('the body also spells it "Channel"');
  });
});

describe('of several grants', () => {
  const constraints = { channel: { equals: 'C1' } } as const;
  const gone = { expiresAt: '2026-01-01T12:00:00Z' };

  test('each reason says that none got further', () => {
    const used = () => 1;
    const all = [
      grantOf({ id: 'grt_a', ...gone }),
      grantOf({ id: 'grt_b', maxCalls: 1 }),
      grantOf({ id: 'grt_c', constraints }),
    ];
    expect(decide(policyOf(all), factsOf({ used }))).toMatchObject({ reason: 'constraint', grant: { id: 'grt_c' } });
    expect(decide(policyOf(all.slice(0, 2)), factsOf({ used }))).toMatchObject({
      reason: 'max_calls',
      grant: { id: 'grt_b' },
    });
    expect(decide(policyOf(all.slice(0, 1)), factsOf({ used }))).toMatchObject({
      reason: 'expired',
      grant: { id: 'grt_a' },
    });
  });

  test('the one that came nearest is named', () => {
    const two = { ...constraints, limit: { equals: 1 } };
    const grants = [grantOf({ id: 'grt_a', constraints: two }), grantOf({ id: 'grt_b', constraints })];
    expect(decide(policyOf(grants), factsOf())).toMatchObject({ grant: { id: 'grt_b' } });
  });

  test('one without approval counts first, then one without a count, then the oldest', () => {
    const chosen = (...grants: Grant[]) => {
      const decision = decide(policyOf(grants), factsOf());
      return decision.allowed ? decision.grant.id : decision.reason;
    };
    const old = grantOf({ id: 'grt_old', createdAt: '2025-01-01T00:00:00.000Z' });
    const counted = grantOf({ id: 'grt_counted', maxCalls: 5, createdAt: '2024-01-01T00:00:00.000Z' });
    const asked = grantOf({ id: 'grt_asked', requiresApproval: true, createdAt: '2023-01-01T00:00:00.000Z' });
    const other = grantOf({ id: 'grt_other' });
    expect(chosen(asked, counted, other, old)).toBe('grt_old');
    expect(chosen(asked, counted, other)).toBe('grt_other');
    expect(chosen(asked, counted)).toBe('grt_counted');
    expect(chosen(asked)).toBe('grt_asked');
  });
});

describe('operations that no activation has seen', () => {
  const read = operationOf('files.list', { method: 'GET' });
  const seen = new Map([['slack', new Set([operationKey(read)])]]);
  const policy = compilePolicy(
    'reporter',
    { status: 'active', grants: [grantOf({ operations: ['files.*'] })], pending: [] },
    seen,
  );

  test('are not allowed by a wildcard, and said to wait', () => {
    expect(decide(policy, factsOf({ operation: read }))).toMatchObject({ allowed: true });
    for (const other of [
      operationOf('files.remove', { method: 'GET' }),
      { ...read, effect: 'delete' as const },
      { ...read, method: 'DELETE' },
      { ...read, otherMethods: ['DELETE'] },
    ])
      expect(decide(policy, factsOf({ operation: other }))).toMatchObject({
        reason: 'no_grant',
        message: expect.stringContaining('activation'),
      });
  });
});
