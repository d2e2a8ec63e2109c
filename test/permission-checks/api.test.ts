import { describe, expect, test } from 'vitest';
import { openInterface } from './interface.ts';
import { by, crm, owner } from './policies.ts';

const base = '/v1/agents/reporter';

describe('pre-flight', () => {
  test('a report, a refusal with the findings, a waiver, an activation', async () => {
    const { request, grant, secret } = await openInterface();
    await secret();
    const { id } = await grant(['records.delete']);
    const before = await request('GET', `${base}/preflight`, { as: 'viewer' });
    expect(before).toMatchObject({
      status: 200,
      json: { agent: 'reporter', status: 'draft', ok: false, findings: [{ check: 'unconstrained', grant: id }] },
    });

    const refused = await request('POST', `${base}/activate`, { as: 'developer' });
    expect(refused).toMatchObject({
      status: 409,
      json: {
        code: 'conflict',
        errors: [{ field: `grants.${id}.records.delete`, message: expect.stringContaining('unconstrained: ') }],
      },
    });

    const waived = await request('POST', `${base}/waivers`, {
      body: { check: 'unconstrained', grant: id, reason: 'clean-up' },
    });
    expect(waived).toMatchObject({ status: 201, json: { check: 'unconstrained', grant: id, reason: 'clean-up' } });
    expect(waived.headers.get('location')).toBe(`${base}/waivers/${waived.json.id}`);
    expect((await request('GET', `${base}/waivers`, { as: 'viewer' })).json).toEqual({ items: [waived.json] });

    const active = await request('POST', `${base}/activate`, { as: 'developer', body: {} });
    expect(active).toMatchObject({
      status: 200,
      json: {
        agent: 'reporter',
        status: 'active',
        activatedAt: '2026-01-01T00:00:00.000Z',
        grants: [{ id, status: 'in_force' }],
      },
    });
    expect((await request('DELETE', `${base}/waivers/${waived.json.id}`)).status).toBe(204);
    expect((await request('DELETE', `${base}/waivers/${waived.json.id}`)).status).toBe(404);
    const after = await request('GET', `${base}/preflight`);
    expect(after.json).toMatchObject({ status: 'active', ok: false });
  });

  test('of the operations that a wildcard covers it shows a hundred and says how many there are; a waiver covers all', async () => {
    const { request, connectors, grant, secret } = await openInterface();
    await secret();
    const operations = Array.from({ length: 150 }, (_, at) => ({
      ...{ name: `records.drop${at}`, method: 'DELETE', path: `/records/${at}`, effect: 'delete' },
    }));
    await connectors.replace(owner.tenant, 'crm', { ...crm, operations }, by);
    await grant(['records.*']);
    const named = { check: 'unconstrained', operations: { length: 100 }, operationCount: 150 };
    const { json } = await request('GET', `${base}/preflight`);
    expect(json.findings.find(({ check }: any) => check === 'unconstrained')).toMatchObject(named);
    const errors = new Set(json.findings.filter((one: any) => one.severity === 'error').map(({ check }: any) => check));
    for (const check of errors) {
      const waived = await request('POST', `${base}/waivers`, { body: { check, reason: 'clean-up' } });
      expect(waived.json.covers[0]).toMatchObject({ operations: { length: 100 }, operationCount: 150 });
    }
    expect((await request('GET', `${base}/waivers`)).json.items[0].covers[0].operations).toHaveLength(100);
    expect((await request('POST', `${base}/activate`)).status).toBe(200);
  });

  test('an activation takes nothing but an empty body', async () => {
    const { request } = await openInterface();
    const path = `${base}/activate`;
    expect((await request('POST', path, { body: { force: true } })).json.errors).toMatchObject([{ field: 'force' }]);
    for (const body of ['[]', 'null', '{', '"x"']) expect((await request('POST', path, { body })).status).toBe(400);
    expect((await request('POST', path)).status).toBe(200);
  });

  test('waivers are strict, and made once for an idempotency key of one agent', async () => {
    const { request, agents, grant, secret } = await openInterface();
    await secret();
    await grant(['records.delete']);
    const make = (body: unknown, path = base) =>
      request('POST', `${path}/waivers`, { body, headers: { 'idempotency-key': 'one' } });
    expect((await make({ check: 'unconstrained', reason: 'x', forever: true })).json.errors).toMatchObject([
      { field: 'forever' },
    ]);
    expect((await make({ check: 'unconstrained' })).json.errors).toMatchObject([{ field: 'reason' }]);
    expect((await make({ check: 'nothing', reason: 'x' })).json.errors).toMatchObject([{ field: 'check' }]);
    const first = await make({ check: 'unconstrained', reason: 'x' });
    const again = await make({ check: 'unconstrained', reason: 'x' });
    expect([first.status, again.status, again.json.id]).toEqual([201, 201, first.json.id]);
    // The key of another agent's waiver is another key.
    await agents.create('default', { id: 'other' });
    const other = await make({ check: 'unconstrained', reason: 'x' }, '/v1/agents/other');
    expect(other.json.errors).toMatchObject([{ field: 'check' }]);
    expect((await request('GET', `${base}/waivers`)).json.items.length).toBe(1);
  });

  test('a proposal says what is enough, and how the record fares with it', async () => {
    const { request, preflight, grant, secret, call } = await openInterface();
    await secret();
    const { id } = await grant(['records.list', 'records.get']);
    await preflight.activate(owner, by);
    await call(id, 'records.get');
    const made = await request('POST', `${base}/permissions/propose`, { as: 'developer' });
    expect(made).toMatchObject({
      status: 200,
      json: {
        agent: 'reporter',
        grants: [{ connector: 'crm', operations: ['records.get'], as: 'agent', requiresApproval: false }],
        changes: [{ grant: id, action: 'narrow', becomes: 0 }],
        removed: [{ grant: id, connector: 'crm', operations: ['records.list'] }],
        replay: { calls: 1, wouldDeny: 0, summary: 'would have denied 0 of 1 calls', isComplete: true },
      },
    });
  });
});

describe('approvals', () => {
  async function waiting() {
    const parts = await openInterface();
    const { approvals, clock } = parts;
    async function ask() {
      clock.advance(1);
      const seen = Promise.withResolvers<string>();
      const answer = approvals.ask({
        owner,
        runId: 'run_1',
        grant: 'grt_1',
        connector: 'crm',
        operation: { name: 'records.delete', effect: 'delete', danger: 'It cannot be brought back.' },
        method: 'DELETE',
        url: 'https://crm.example.com/records/7',
        bodySha256: 'e3b0',
        signal: new AbortController().signal,
        onWaiting: ({ id }) => seen.resolve(id),
      });
      answer.catch(() => {});
      return { id: await seen.promise, answer };
    }
    return { ...parts, ask };
  }

  test('are listed, read and decided', async () => {
    const { request, ask } = await waiting();
    const first = await ask();
    const second = await ask();
    const listed = await request('GET', '/v1/approvals?status=waiting', { as: 'viewer' });
    expect(listed.json.items.map(({ id }: { id: string }) => id)).toEqual([second.id, first.id]);
    expect((await request('GET', `/v1/approvals/${first.id}`, { as: 'viewer' })).json).toMatchObject({
      id: first.id,
      agent: 'reporter',
      run: 'run_1',
      operation: 'records.delete',
      effect: 'delete',
      danger: 'It cannot be brought back.',
      method: 'DELETE',
      url: 'https://crm.example.com/records/7',
      status: 'waiting',
    });

    const approved = await request('POST', `/v1/approvals/${first.id}/approve`);
    expect(approved).toMatchObject({
      status: 200,
      json: { status: 'approved', decidedBy: expect.stringMatching(/^key_/) },
    });
    expect(await first.answer).toEqual({ id: first.id });
    const denied = await request('POST', `/v1/approvals/${second.id}/deny`, { body: { comment: 'not this one' } });
    expect(denied).toMatchObject({ status: 200, json: { status: 'denied', comment: 'not this one' } });
    await expect(second.answer).rejects.toMatchObject({ reason: 'approval_denied' });

    expect((await request('POST', `/v1/approvals/${second.id}/approve`)).json.code).toBe('conflict');
    expect((await request('GET', '/v1/approvals?status=waiting')).json).toEqual({ items: [] });
    expect((await request('GET', '/v1/approvals?agent=reporter&limit=1')).json).toMatchObject({
      items: [{ id: second.id }],
      nextCursor: expect.any(String),
    });
  });

  test('bodies and queries are strict', async () => {
    const { request, ask, approvals } = await waiting();
    const { id } = await ask();
    const approve = `/v1/approvals/${id}/approve`;
    for (const body of [{ comment: 7 }, { comment: 'x'.repeat(1001) }, { coment: 'x' }, '[]', '{'])
      expect((await request('POST', approve, { body })).status).toBe(400);
    for (const query of ['status=open', 'state=waiting', 'agent=A', 'limit=0', 'cursor=x'])
      expect((await request('GET', `/v1/approvals?${query}`)).status).toBe(400);
    expect((await approvals.get('default', id)).status).toBe('waiting');
    expect((await request('POST', approve, { body: {} })).status).toBe(200);
  });
});

test('roles: reads for viewers, activations for developers, waivers and decisions for admins', async () => {
  const { request } = await openInterface();
  const needed: [string, string, string][] = [
    ['GET', `${base}/preflight`, 'viewer'],
    ['GET', `${base}/waivers`, 'viewer'],
    ['GET', '/v1/approvals', 'viewer'],
    ['GET', '/v1/approvals/apr_0', 'viewer'],
    ['POST', `${base}/activate`, 'developer'],
    ['POST', `${base}/permissions/propose`, 'developer'],
    ['POST', `${base}/waivers`, 'admin'],
    ['DELETE', `${base}/waivers/wvr_0`, 'admin'],
    ['POST', '/v1/approvals/apr_0/approve', 'admin'],
    ['POST', '/v1/approvals/apr_0/deny', 'admin'],
  ];
  const roles = ['viewer', 'developer', 'admin'];
  for (const [method, path, least] of needed)
    for (const as of roles) {
      const { status } = await request(method, path, { as });
      const isAllowed = roles.indexOf(as) >= roles.indexOf(least);
      expect([method, path, as, status === 403]).toEqual([method, path, as, !isAllowed]);
    }
});

test("what is another tenant's is unknown", async () => {
  const { request, tenants, preflight, approvals, grant } = await openInterface();
  await tenants.create({ id: 'rival' });
  await grant(['records.delete']);
  const { id } = await preflight.waive(owner, { check: 'unconstrained', reason: 'x' }, by);
  const stop = new AbortController();
  const seen = Promise.withResolvers<string>();
  const asked = approvals.ask({
    owner,
    runId: 'run_1',
    grant: 'grt_1',
    connector: 'crm',
    operation: { name: 'records.delete', effect: 'delete' },
    method: 'DELETE',
    url: 'https://crm.example.com/records/7',
    bodySha256: 'e3b0',
    signal: stop.signal,
    onWaiting: (approval) => seen.resolve(approval.id),
  });
  const approval = await seen.promise;
  const unknown: [string, string, unknown?][] = [
    ['GET', `${base}/preflight`],
    ['POST', `${base}/activate`],
    ['GET', `${base}/waivers`],
    ['POST', `${base}/waivers`, { check: 'unconstrained', reason: 'x' }],
    ['DELETE', `${base}/waivers/${id}`],
    ['POST', `${base}/permissions/propose`],
    ['GET', `/v1/approvals/${approval}`],
    ['POST', `/v1/approvals/${approval}/approve`],
    ['POST', `/v1/approvals/${approval}/deny`],
  ];
  for (const [method, path, body] of unknown)
    expect([path, (await request(method, path, { tenant: 'rival', body })).status]).toEqual([path, 404]);
  expect((await request('GET', '/v1/approvals', { tenant: 'rival' })).json).toEqual({ items: [] });
  expect((await approvals.get('default', approval)).status).toBe('waiting');
  stop.abort();
  await expect(asked).rejects.toMatchObject({ reason: 'approval_expired' });
});

test('an unknown agent is not found', async () => {
  const { request } = await openInterface();
  for (const agent of ['nobody', 'No_One', 'x'.repeat(200)])
    expect((await request('GET', `/v1/agents/${agent}/preflight`)).status).toBe(404);
});
