/** What changes while a call is under way or waits for a person: it goes by what holds when it leaves, or not at all. */
import { afterEach, expect, test } from 'vitest';
import { ask, gateWith } from '../egress/gate-with.ts';
import { type StandIn, startStandIn } from '../egress/stand-in.ts';
import { type Crm, crmHost, crmOperations, crmToken, startCrm } from '../outbound/crm.ts';

const newToken = 'crm-rotated-0b5d1f6e9c3a7284';
const newHost = 'crm.example.org';
const post = `https://${crmHost}/v1/contacts`;

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close();
});
const kept = <T extends { close(): Promise<void> }>(one: T): T => {
  open.push(one);
  return one;
};

/** The first approval that waits. */
async function waiting({ service }: Crm): Promise<{ id: string }> {
  for (;;) {
    const { items } = (await service.call('GET', '/v1/approvals?status=waiting')).json;
    if (items.length > 0) return items[0];
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const approve = async ({ service }: Crm, { id }: { id: string }) =>
  expect((await service.call('POST', `/v1/approvals/${id}/approve`, { body: {} })).status).toBe(200);

const create = `
  const told = await fetch(input, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"name":"Eve"}' })
    .then((response) => response.status, (error) => error.name);
  told`;

const replaced = { hosts: [crmHost], auth: { type: 'bearer' }, operations: crmOperations };

const changes: Record<string, (crm: Crm, other: StandIn) => Promise<void>> = {
  'the connector is moved to another host and gets a new secret there': async ({ service }, other) => {
    const body = { ...replaced, hosts: [newHost], connectTo: other.connectTo };
    expect((await service.call('PUT', '/v1/connectors/crm', { body })).status).toBe(200);
    const { items } = (await service.call('GET', '/v1/credentials')).json;
    const secret = { body: { secret: { token: newToken } } };
    expect((await service.call('PUT', `/v1/credentials/${items[0].id}/secret`, secret)).status).toBe(200);
  },
  'the operator takes connectTo away': async ({ service }) => {
    const path = '/v1/tenants/default/connectors/crm/connect-to';
    expect((await service.call('DELETE', path)).status).toBeLessThan(300);
  },
  'the connector has the operation no more': async ({ service }) => {
    const operations = crmOperations.filter(({ name }) => name !== 'contacts.create');
    const body = { ...replaced, operations };
    expect((await service.call('PUT', '/v1/connectors/crm', { body })).status).toBe(200);
  },
  'the connector calls the operation by another effect': async ({ service }) => {
    const operations = crmOperations.map((one) => (one.name === 'contacts.create' ? { ...one, effect: 'send' } : one));
    const body = { ...replaced, operations };
    expect((await service.call('PUT', '/v1/connectors/crm', { body })).status).toBe(200);
  },
};

test.each(Object.entries(changes))(
  'a call that waits for approval is not sent when %s',
  async (_, change) => {
    const crm = kept(await startCrm());
    const other = kept(await startStandIn({ names: [newHost], handler: () => ({ body: 'new' }) }));
    await crm.agent('asker', [{ operations: ['contacts.create'], requiresApproval: true }]);
    const going = crm.run('asker', create, { input: post });
    const approval = await waiting(crm);
    await change(crm, other);
    await approve(crm, approval);
    const { result } = await going;
    const seen = JSON.stringify(crm.standIn.requests.map(({ headers }) => headers));
    expect(seen).not.toContain(newToken);
    expect(crm.standIn.requests).toEqual([]);
    expect(other.requests).toEqual([]);
    expect(result).toBe('EgressDenied');
  },
  120_000,
);

test('a call that is approved when its grant has ended is not sent', async () => {
  const crm = kept(await startCrm());
  const expiresAtMs = Date.now() + 15_000;
  await crm.agent('late', [
    { operations: ['contacts.create'], requiresApproval: true, expiresAt: new Date(expiresAtMs).toISOString() },
    { operations: ['contacts.list'] },
  ]);
  // Reads meanwhile: a connection is at hand on which the call would leave at once.
  const code = `
    let isOver = false;
    const reading = (async () => {
      while (!isOver) {
        await fetch(input);
        await new Promise((resolve) => setTimeout(resolve, 300));
      }
    })();
    const told = await fetch(input, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"name":"Eve"}' })
      .then((response) => response.status, (error) => error.name);
    isOver = true;
    await reading;
    told`;
  const going = crm.run('late', code, { input: post });
  const approval = await waiting(crm);
  expect(Date.now()).toBeLessThan(expiresAtMs);
  await new Promise((resolve) => setTimeout(resolve, expiresAtMs - Date.now() + 500));
  // Too late for this call: either answer of the approval will do.
  await crm.service.call('POST', `/v1/approvals/${approval.id}/approve`, { body: {} });
  const { result } = await going;
  expect(crm.standIn.requests.filter(({ method }) => method === 'POST')).toEqual([]);
  expect(result).toBe('EgressDenied');
}, 120_000);

test('what left and was then cut off by a revocation stands in the audit as a call that was allowed', async () => {
  const crm = kept(await startCrm(({ method }) => (method === 'POST' ? (new Promise(() => {}) as never) : undefined)));
  await crm.agent('cut', [{ operations: ['contacts.create'] }]);
  // The head of the answer never comes: only the request has left.
  const going = crm.run('cut', create, { input: post });
  while (crm.standIn.requests.length === 0) await new Promise((resolve) => setTimeout(resolve, 20));
  const { items } = (await crm.service.call('GET', '/v1/credentials?agent=cut')).json;
  await crm.service.call('DELETE', `/v1/credentials/${items[0].id}`);
  const { id } = await going;
  const entries = (await crm.service.call('GET', `/v1/audit?run=${id}&kind=egress`)).json.items;
  const ended = entries.find((entry: any) => entry.detail.phase !== 'begun');
  expect(crm.standIn.requests[0]?.headers.authorization).toBe(`Bearer ${crmToken}`);
  expect(ended.detail).toMatchObject({ allowed: true, reason: 'credential_revoked' });
}, 60_000);

test.each([
  ['a run that ends', 'limit'],
  ['a grant that is taken away', 'no_grant'],
])('%s while a credential is being borrowed: it is given back, and nothing is sent', async (what, reason) => {
  const borrowing = Promise.withResolvers<void>();
  const lending = Promise.withResolvers<void>();
  let revoke = () => {};
  let held = 0;
  let sent = 0;
  const open = gateWith(
    {
      vault: {
        async lease() {
          borrowing.resolve();
          await lending.promise;
          held++;
          const lease = { credentialId: 'k', version: 1, secret: { token: 'abcdefgh' } };
          return { ...lease, revoked: new AbortController().signal, release: () => void held-- };
        },
      },
      upstream: {
        async send({ signal }: { signal: AbortSignal }) {
          signal.throwIfAborted();
          sent++;
          throw new Error('it was sent');
        },
      },
    },
    { onRevoked: (listener) => (revoke = listener) },
  );
  const egress = open('t');
  const told = ask(egress);
  await borrowing.promise;
  if (what === 'a run that ends') await egress.close();
  else revoke();
  lending.resolve();
  expect(await told).toBe(reason);
  expect({ held, sent }).toEqual({ held: 0, sent: 0 });
});

test('bodies of one tenant that wait for approval leave room for those of another', async () => {
  let waits = true;
  const open = gateWith(
    { approvals: { ask: () => (waits ? new Promise(() => {}) : { id: 'apr_1' }) } },
    { requiresApproval: true },
  );
  for (let run = 0; run < 10; run++) {
    const egress = open('greedy');
    for (let call = 0; call < 4; call++) void ask(egress);
  }
  await new Promise((resolve) => setTimeout(resolve, 50));
  waits = false;
  expect(await ask(open('modest'))).toBe('answered');
});
