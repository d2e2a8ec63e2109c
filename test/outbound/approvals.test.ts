/** A call that waits for a person: seen while it waits, bound to what was asked, refused when nobody answers. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Crm, callsOf, crmHost, startCrm } from './crm.ts';

let crm: Crm;
const code = `await fetch(input, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ channel: 'all', text: 'hi' }) })
  .then((r) => r.status, (e) => [e.name, e.message])`;
const input = `https://${crmHost}/v1/messages`;

beforeAll(async () => {
  crm = await startCrm(() => undefined, { CORDON_APPROVAL_WAIT_MS: '4000' });
  await crm.agent('sender', [{ operations: ['messages.post'], requiresApproval: true }]);
});
afterAll(() => crm.close());

/** The one that waits. */
async function waiting(): Promise<any> {
  for (let tries = 0; tries < 200; tries++) {
    const { json } = await crm.service.call('GET', '/v1/approvals?status=waiting');
    if (json.items.length > 0) return json.items[0];
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error('nothing waits');
}

test('goes on when it is approved, and not before', async () => {
  const before = crm.standIn.requests.length;
  const going = crm.run('sender', code, { input });
  const approval = await waiting();
  expect(approval).toMatchObject({ agent: 'sender', connector: 'crm', method: 'POST', url: input });
  expect(crm.standIn.requests.length).toBe(before);
  expect((await crm.service.call('POST', `/v1/approvals/${approval.id}/approve`)).status).toBe(200);
  const record = await going;
  expect(record.result).toBe(200);
  expect(crm.standIn.requests.length).toBe(before + 1);
  expect(await callsOf(crm.service, record.id)).toMatchObject([{ allowed: true, approval: approval.id }]);
  const events = (await crm.service.call('GET', `/v1/runs/${record.id}/events`)).text;
  expect(events).toContain(`messages.post waits for approval ${approval.id}`);
});

test('is refused when it is denied, with the comment, and when nobody answers', async () => {
  const before = crm.standIn.requests.length;
  const going = crm.run('sender', code, { input });
  const { id } = await waiting();
  await crm.service.call('POST', `/v1/approvals/${id}/deny`, { body: { comment: 'not on a Friday' } });
  expect((await going).result).toEqual(['EgressDenied', expect.stringContaining('not on a Friday')]);

  const unanswered = await crm.run('sender', code, { input });
  expect(unanswered.result[0]).toBe('EgressDenied');
  expect(await callsOf(crm.service, unanswered.id)).toMatchObject([{ allowed: false, reason: 'approval_expired' }]);
  expect(crm.standIn.requests.length).toBe(before);
});

test('is not sent when its grant went while it waited', async () => {
  const before = crm.standIn.requests.length;
  const going = crm.run('sender', code, { input });
  const { id, grant } = await waiting();
  expect((await crm.service.call('DELETE', `/v1/agents/sender/grants/${grant}`)).status).toBe(204);
  await crm.service.call('POST', `/v1/approvals/${id}/approve`);
  expect((await going).result[0]).toBe('EgressDenied');
  expect(crm.standIn.requests.length).toBe(before);
});
