/** What a grant counts, and what is written down, when calls come at once and when Cordon is killed. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createAudit } from '../../runtime/audit/audit.ts';
import { systemClock } from '../../runtime/clock.ts';
import { openStore } from '../../runtime/store/lmdb-store.ts';
import { type Crm, callsOf, crmHost, startCrm } from './crm.ts';

let crm: Crm;
/** Called when a request arrives at the service, before it is answered. */
let arrives: (() => Promise<void>) | undefined;
beforeAll(async () => {
  crm = await startCrm((request) => (request.path.endsWith('/slow') ? { body: slowly() } : undefined));
});
afterAll(() => crm.close());

async function* slowly() {
  await arrives?.();
  yield Buffer.from('{}');
}

test('maxCalls holds exactly, however many come at once', async () => {
  await crm.agent('counted', [{ operations: ['contacts.list'], maxCalls: 7 }]);
  const code = `const ends = await Promise.all(Array.from({ length: 30 }, () => fetch(input).then((r) => r.status, (e) => e.name)));
    ends.reduce((counts, end) => ({ ...counts, [end]: (counts[end] ?? 0) + 1 }), {})`;
  const before = crm.standIn.requests.length;
  const runs = await Promise.all(
    [1, 2, 3].map(() => crm.run('counted', code, { input: `https://${crmHost}/v1/contacts` })),
  );
  const passed = runs.reduce((sum, { result }) => sum + (result[200] ?? 0), 0);
  const refused = runs.reduce((sum, { result }) => sum + (result.EgressDenied ?? 0), 0);
  expect([passed, refused]).toEqual([7, 83]);
  expect(crm.standIn.requests.length - before).toBe(7);
});

test('what deletes is on disk before the service hears of it', { timeout: 60_000 }, async () => {
  await crm.agent('deleter', [{ operations: ['contacts.delete'] }]);
  let found: string[] = [];
  arrives = async () => {
    // What another process would find after a power failure at this moment: the store's files as they are.
    const store = await openStore({
      dir: `${crm.service.dataDir}/store`,
      durability: 'disk',
      minimumFreeBytes: 0,
    });
    const { items } = await createAudit({ store, clock: systemClock }).list('default', { limit: 50, agent: 'deleter' });
    found = items.map(({ kind, detail }) => `${kind} ${detail.operation ?? ''} ${detail.phase ?? ''}`);
    await store.close();
  };
  const record = await crm.run('deleter', "await fetch(input, { method: 'DELETE' }).then((r) => r.status)", {
    input: `https://${crmHost}/v1/contacts/slow`,
  });
  arrives = undefined;
  expect(record.result).toBe(200);
  expect(found).toContain('egress contacts.delete begun');
});

test('egressRequests and egressBytes of a run are limits with their names', async () => {
  await crm.agent('limited', [{ operations: ['contacts.list'] }]);
  const url = `https://${crmHost}/v1/contacts`;
  const caught = await crm.run(
    'limited',
    'const told = []; for (let n = 0; n < 5; n++) told.push(await fetch(input).then((r) => r.status, (e) => e.name)); told',
    { input: url, limits: { egressRequests: 3 } },
  );
  expect(caught.result).toEqual([200, 200, 200, 'QuotaExceeded', 'QuotaExceeded']);
  const uncaught = await crm.run('limited', 'for (;;) await fetch(input)', {
    input: url,
    limits: { egressRequests: 3 },
  });
  expect([uncaught.status, uncaught.error.limit]).toEqual(['limit_exceeded', 'egressRequests']);
  const bytes = await crm.run('limited', 'for (;;) await (await fetch(input)).text()', {
    input: url,
    limits: { egressBytes: 200 },
  });
  expect([bytes.status, bytes.error.limit]).toEqual(['limit_exceeded', 'egressBytes']);
});

test('of calls that are refused a run tells a thousand, and of the rest how many', { timeout: 120_000 }, async () => {
  await crm.agent('looper', []);
  const code = `let refused = 0;
    for (let n = 0; n < 1030; n++) await fetch(input).catch(() => refused++);
    refused`;
  const record = await crm.run('looper', code, { input: `https://${crmHost}/v1/contacts` });
  expect(record.result).toBe(1030);
  const told = await callsOf(crm.service, record.id);
  expect([told.length, told.at(-1)?.more]).toEqual([1001, 30]);
  const entries: any[] = [];
  for (let cursor = ''; ; ) {
    const page = (await crm.service.call('GET', `/v1/audit?run=${record.id}&kind=egress&limit=200${cursor}`)).json;
    entries.push(...page.items);
    if (!page.nextCursor) break;
    cursor = `&cursor=${page.nextCursor}`;
  }
  expect([entries.length, entries[0].detail.more]).toEqual([1001, 30]);
});
