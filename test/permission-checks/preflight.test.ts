import { describe, expect, test } from 'vitest';
import { by, crm, DAY, openPolicies, owner } from './policies.ts';

describe('a draft', () => {
  test('without grants is told that it grants nothing, and may be activated', async () => {
    const { preflight } = await openPolicies();
    expect(await preflight.report(owner)).toMatchObject({
      agent: 'reporter',
      status: 'draft',
      ok: true,
      findings: [{ check: 'nothing_granted', severity: 'info' }],
    });
    expect(await preflight.activate(owner, by)).toMatchObject({ status: 'active', grants: [] });
    expect(await preflight.report(owner)).toEqual({ agent: 'reporter', status: 'active', ok: true, findings: [] });
  });

  test('with an error is not activated, and the refusal says each error, where, and the mend', async () => {
    const { preflight, permissions, grant } = await openPolicies();
    const wild = await grant(['records.*']);
    const { ok, findings } = await preflight.report(owner);
    expect(ok).toBe(false);
    expect(findings.map(({ severity, check }) => `${severity} ${check}`)).toEqual([
      'error wildcard',
      'error unconstrained',
      'error secret_missing',
      'warning unconstrained',
    ]);
    await expect(preflight.activate(owner, by)).rejects.toMatchObject({
      code: 'conflict',
      message: expect.stringContaining('3 errors'),
      details: {
        errors: [
          { field: `grants.${wild.id}`, message: expect.stringMatching(/^wildcard: .*Name the operations/) },
          { field: `grants.${wild.id}.records.delete`, message: expect.stringMatching(/^unconstrained: /) },
          { field: 'connectors.crm', message: expect.stringMatching(/^secret_missing: .*POST \/v1\/credentials/) },
        ],
      },
    });
    const policy = await permissions.policy(owner);
    expect([policy.status, policy.grants.length, policy.pending.length]).toEqual(['draft', 0, 1]);
  });

  test('is active when everything is mended, and the activation is audited', async () => {
    const { preflight, audit, grant, secret } = await openPolicies();
    const read = await grant(['records.list', 'records.get']);
    await secret();
    const policy = await preflight.activate(owner, by);
    expect(policy).toMatchObject({ status: 'active', activatedAt: '2026-01-01T00:00:00.000Z' });
    expect(policy.grants.map(({ id, status }) => [id, status])).toEqual([[read.id, 'in_force']]);
    const { items } = await audit.list('default', { kind: 'activation', limit: 10 });
    expect(items).toMatchObject([{ agent: 'reporter', key: 'key_test' }]);
  });
});

describe('an active policy', () => {
  test('stays in force while a wider one is refused', async () => {
    const { preflight, permissions, grant, secret } = await openPolicies();
    const read = await grant(['records.list']);
    await secret();
    await preflight.activate(owner, by);
    await grant(['records.delete']);
    await expect(preflight.activate(owner, by)).rejects.toMatchObject({ code: 'conflict' });
    const policy = await permissions.policy(owner);
    expect(policy.status).toBe('active');
    expect(policy.grants.map(({ id }) => id)).toEqual([read.id]);
    expect(policy.pending.length).toBe(1);
  });

  test('a pending replacement is judged in the place of the grant that it replaces', async () => {
    const { preflight, permissions, grant, secret, checksOf } = await openPolicies();
    const { id } = await grant(['records.list']);
    await secret();
    await preflight.activate(owner, by);
    const wider = { connector: 'crm', operations: ['records.delete'], requiresApproval: true };
    const pending = await permissions.replaceGrant(owner, id, wider, by);
    expect(pending).toMatchObject({ status: 'pending', replaces: id });
    // Neither is the old one called unused, nor the new one unbounded: it only lacks a deadline.
    expect(await checksOf()).toEqual(['warning no_deadline']);
    await preflight.activate(owner, by);
    expect((await permissions.policy(owner)).grants.map(({ operations }) => operations)).toEqual([['records.delete']]);
  });

  test('what the connector learned after the activation is found at the next', async () => {
    const { preflight, connectors, grant, secret, checksOf } = await openPolicies();
    await grant(['records.l*', 'records.g*']);
    await secret();
    await preflight.activate(owner, by);
    expect((await preflight.report(owner)).ok).toBe(true);
    const { id: _, ...rest } = crm;
    const grown = [...crm.operations, { name: 'records.give', method: 'POST', path: '/give', effect: 'send' }];
    await connectors.replace('default', 'crm', { ...rest, operations: grown }, by);
    expect(await checksOf()).toEqual(expect.arrayContaining(['error wildcard', 'error unconstrained']));
    await connectors.replace('default', 'crm', { ...rest, operations: grown.slice(1) }, by);
    const { findings } = await preflight.report(owner);
    expect(findings).toContainEqual(
      expect.objectContaining({ check: 'unknown_operation', severity: 'error', operation: 'records.l*' }),
    );
    await connectors.delete('default', 'crm', by);
    expect(await checksOf()).toContain('error connector_missing');
  });

  test('use is read from what was counted', async () => {
    const { preflight, clock, grant, secret, call, checksOf } = await openPolicies();
    const { id } = await grant(['records.list', 'records.get'], {
      expiresAt: new Date(clock.now() + 400 * DAY).toISOString(),
    });
    await secret();
    await preflight.activate(owner, by);
    expect(await checksOf()).toEqual(['warning unused']);
    await call(id, 'records.list');
    expect(await checksOf()).toEqual(['info unused_operations']);
    await call(id, 'records.get');
    expect(await checksOf()).toEqual([]);
    clock.advance(31 * DAY);
    expect(await checksOf()).toEqual(['warning secret_old', 'warning unused']);
  });
});

test('a secret above the age of refusal blocks, a new one mends', async () => {
  const { preflight, vault, clock, grant, secret, checksOf } = await openPolicies({ refuseAfterMs: 90 * DAY });
  await grant(['records.list'], { expiresAt: new Date(clock.now() + 400 * DAY).toISOString() });
  const { id } = await secret();
  clock.advance(90 * DAY);
  expect(await checksOf()).toEqual(['error secret_old']);
  await expect(preflight.activate(owner, by)).rejects.toMatchObject({ code: 'conflict' });
  await vault.putSecret('default', id, { token: 'a-new-token-of-crm' }, by);
  expect(await checksOf()).toEqual([]);
});

test('in the name of users: any user has one, and the agent has none', async () => {
  const { grant, secret, checksOf } = await openPolicies();
  await grant(['records.list'], { as: 'user' });
  await secret();
  expect(await checksOf()).toEqual(['warning secret_missing']);
  await secret({ user: { issuer: 'https://idp.example.com', subject: 'ann' } });
  expect(await checksOf()).toEqual([]);
});

describe('waivers', () => {
  test('let an activation pass, and a taken back one does not', async () => {
    const { preflight, grant, secret } = await openPolicies();
    await secret();
    const { id } = await grant(['records.delete']);
    const waiver = await preflight.waive(owner, { check: 'unconstrained', grant: id, reason: 'clean-up' }, by);
    expect(await preflight.waivers(owner)).toEqual([waiver]);
    expect(await preflight.report(owner)).toMatchObject({
      ok: true,
      findings: [{ check: 'unconstrained', severity: 'error', waived: true, waiver: waiver.id }],
    });
    await preflight.deleteWaiver(owner, waiver.id, by);
    await expect(preflight.activate(owner, by)).rejects.toMatchObject({ code: 'conflict' });
    await preflight.waive(owner, { check: 'unconstrained', reason: 'clean-up' }, by);
    expect((await preflight.activate(owner, by)).grants.map((one) => one.id)).toEqual([id]);
  });

  test('one without a grant covers what there is, not what comes', async () => {
    const { preflight, grant, secret } = await openPolicies();
    await secret();
    await grant(['records.delete']);
    await preflight.waive(owner, { check: 'unconstrained', reason: 'clean-up' }, by);
    const later = await grant(['records.delete']);
    await expect(preflight.activate(owner, by)).rejects.toMatchObject({
      details: { errors: [{ field: `grants.${later.id}.records.delete` }] },
    });
  });

  test('are of what was found: nothing to accept is a mistake', async () => {
    const { preflight, grant, secret } = await openPolicies();
    await secret();
    const { id } = await grant(['records.delete']);
    const field = (name: string) => ({ code: 'validation_failed', details: { errors: [{ field: name }] } });
    const waive = (check: string, of?: string, reason = 'x') =>
      preflight.waive(owner, { check, grant: of, reason }, by);
    await expect(waive('everything')).rejects.toMatchObject(field('check'));
    await expect(waive('wildcard')).rejects.toMatchObject(field('check'));
    await expect(waive('unconstrained', 'grt_other')).rejects.toMatchObject(field('grant'));
    await expect(waive('unconstrained', id, '')).rejects.toMatchObject(field('reason'));
    expect(await preflight.waivers(owner)).toEqual([]);
  });
});

test('a grant that comes in while the policy is judged is not taken into force unjudged', async () => {
  const parts = await openPolicies();
  const { permissions, grant, secret } = parts;
  await grant(['records.list']);
  await secret();
  let sneaked = false;
  const { preflight } = await openWith(parts, async () => {
    if (!sneaked) await grant(['records.*']);
    sneaked = true;
  });
  await expect(preflight.activate(owner, by)).rejects.toMatchObject({ code: 'conflict' });
  expect((await permissions.policy(owner)).status).toBe('draft');
  expect(sneaked).toBe(true);
});

/** The same policy, with something that happens after it was read and before it is activated. */
async function openWith(parts: Awaited<ReturnType<typeof openPolicies>>, meanwhile: () => Promise<void>) {
  const { permissions, connectors, vault, clock } = parts;
  const { createPreflight } = await import('../../runtime/permission/preflight/preflight.ts');
  const { createWaivers } = await import('../../runtime/permission/waivers.ts');
  const waivers = createWaivers(parts);
  const list: typeof waivers.list = async (who) => {
    await meanwhile();
    return waivers.list(who);
  };
  return { preflight: createPreflight({ permissions, connectors, vault, clock, waivers: { ...waivers, list } }) };
}

test('a check of another feature is judged with the rest', async () => {
  const { checks } = await import('../../runtime/permission/preflight/checks.ts');
  const budget = {
    name: 'no_budget',
    find: () => [{ severity: 'error' as const, reason: 'The agent has no budget.', mend: 'Set one.' }],
  };
  const { preflight } = await openPolicies({ checks: [...checks, budget] });
  await expect(preflight.activate(owner, by)).rejects.toMatchObject({
    details: { errors: [{ field: 'policy', message: 'no_budget: The agent has no budget. Set one.' }] },
  });
  await preflight.waive(owner, { check: 'no_budget', reason: 'a test' }, by);
  await preflight.activate(owner, by);
});

test("what is another agent's or tenant's is not seen", async () => {
  const { preflight, agents, grant, secret } = await openPolicies();
  await agents.create('default', { id: 'other' });
  await secret();
  await grant(['records.delete']);
  await preflight.waive(owner, { check: 'unconstrained', reason: 'x' }, by);
  const other = { tenant: 'default', agent: 'other' };
  expect((await preflight.report(other)).findings.map(({ check }) => check)).toEqual(['nothing_granted']);
  expect(await preflight.waivers(other)).toEqual([]);
  await preflight.forget(owner);
  expect(await preflight.waivers(owner)).toEqual([]);
});
