import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { createAudit } from '../../runtime/audit/audit.ts';
import type { Approval } from '../../runtime/permission/approval.ts';
import { type ApprovalRequest, createApprovals } from '../../runtime/permission/approvals.ts';
import { manualClock, scratchDir, scratchStore } from '../store/scratch.ts';

const LONG = 600_000;
const owner = { tenant: 'default', agent: 'reporter' };
const sha = (text: string) => createHash('sha256').update(text).digest('hex');
const admin = { key: 'key_admin' };

async function setUp({ waitMs = LONG, dir = scratchDir() } = {}) {
  const store = await scratchStore(dir);
  const clock = manualClock();
  const audit = createAudit({ store, clock });
  const told: Approval[] = [];
  const notify = (_tenant: string, approval: Approval) => told.push(approval);
  const approvals = createApprovals({ store, clock, audit, notify, waitMs });
  /** Asks, and resolves when people can see it. The promise of the answer comes in an object: it may reject. */
  async function ask(more: Partial<ApprovalRequest> = {}) {
    const seen = Promise.withResolvers<Approval>();
    const answer = approvals.ask({ ...request, ...more, onWaiting: seen.resolve });
    answer.catch(seen.reject);
    return { approval: await seen.promise, answer };
  }
  const entries = async () => (await audit.list('default', { limit: 100, kind: 'approval' })).items.toReversed();
  return { store, clock, audit, approvals, told, ask, entries };
}

const request: ApprovalRequest = {
  owner,
  runId: 'run_1',
  grant: 'grt_1',
  connector: 'slack',
  operation: { name: 'chat.postMessage', effect: 'send', danger: 'Reaches people.' },
  method: 'POST',
  url: 'https://slack.example.com/api/chat.postMessage?draft=no',
  bodySha256: sha('{"text":"hi"}'),
  signal: new AbortController().signal,
};

test('a call waits, is seen and told, and goes on when an admin approves it', async () => {
  const { approvals, ask, told, entries } = await setUp();
  const { approval, answer } = await ask();
  let isOver = false;
  void answer.finally(() => {
    isOver = true;
  });
  expect(approval).toMatchObject({
    agent: 'reporter',
    run: 'run_1',
    grant: 'grt_1',
    operation: 'chat.postMessage',
    effect: 'send',
    danger: 'Reaches people.',
    method: 'POST',
    url: request.url,
    urlSha256: sha(request.url),
    bodySha256: request.bodySha256,
    status: 'waiting',
    createdAt: '2026-01-01T00:00:00.000Z',
    expiresAt: '2026-01-01T00:10:00.000Z',
  });
  expect(told).toEqual([approval]);
  expect((await approvals.list('default', { status: 'waiting', limit: 10 })).items).toEqual([approval]);
  expect(isOver).toBe(false);

  const decided = await approvals.approve('default', approval.id, admin, 'as agreed');
  expect(decided).toMatchObject({ status: 'approved', decidedBy: 'key_admin', comment: 'as agreed' });
  expect(await answer).toEqual({ id: approval.id });
  expect((await approvals.list('default', { status: 'waiting', limit: 10 })).items).toEqual([]);
  expect(await approvals.get('default', approval.id)).toEqual(decided);
  const common = { kind: 'approval', agent: 'reporter', run: 'run_1' };
  expect(await entries()).toMatchObject([
    { ...common, detail: { action: 'ask', approval: approval.id, urlSha256: sha(request.url) } },
    { ...common, key: 'key_admin', detail: { action: 'approved', approval: approval.id, comment: 'as agreed' } },
  ]);
  expect(JSON.stringify(await entries())).not.toContain('draft=no');
});

test('a denied call fails with the comment', async () => {
  const { approvals, ask } = await setUp();
  const { approval, answer } = await ask();
  await approvals.deny('default', approval.id, admin, 'not on Fridays');
  await expect(answer).rejects.toMatchObject({
    name: 'EgressDenied',
    reason: 'approval_denied',
    message: expect.stringContaining('not on Fridays'),
  });
  expect((await approvals.get('default', approval.id)).status).toBe('denied');
});

test('a decision is of one call only: its neighbour with the same words waits on', async () => {
  const { approvals, ask } = await setUp();
  const first = await ask();
  const second = await ask();
  await approvals.approve('default', second.approval.id, admin);
  expect(await second.answer).toEqual({ id: second.approval.id });
  expect((await approvals.get('default', first.approval.id)).status).toBe('waiting');
  await approvals.deny('default', first.approval.id, admin);
  await expect(first.answer).rejects.toMatchObject({ reason: 'approval_denied' });
});

test('nothing is decided twice', async () => {
  const { approvals, ask } = await setUp();
  const { approval, answer } = await ask();
  const both = await Promise.allSettled([
    approvals.deny('default', approval.id, admin),
    approvals.approve('default', approval.id, admin),
  ]);
  expect(both.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
  await expect(answer).rejects.toMatchObject({ reason: 'approval_denied' });
  await expect(approvals.approve('default', approval.id, admin)).rejects.toMatchObject({
    code: 'conflict',
    message: `Approval ${approval.id} is denied`,
  });
});

test('without a decision in time the call fails, and nobody can approve it later', async () => {
  const { approvals, ask, entries } = await setUp({ waitMs: 30 });
  const { approval, answer } = await ask();
  await expect(answer).rejects.toMatchObject({ name: 'EgressDenied', reason: 'approval_expired' });
  expect((await approvals.get('default', approval.id)).status).toBe('expired');
  await expect(approvals.approve('default', approval.id, admin)).rejects.toMatchObject({ code: 'conflict' });
  expect((await entries()).map(({ detail }) => detail.action)).toEqual(['ask', 'expired']);
});

test('the time is over at the moment that it says, whatever the timer does', async () => {
  const { approvals, ask, clock } = await setUp();
  const stop = new AbortController();
  const { approval, answer } = await ask({ signal: stop.signal });
  clock.advance(LONG);
  await expect(approvals.approve('default', approval.id, admin)).rejects.toMatchObject({ code: 'conflict' });
  stop.abort();
  await expect(answer).rejects.toMatchObject({ reason: 'approval_expired' });
});

test('a run that ends takes its call back', async () => {
  const { approvals, ask } = await setUp();
  const stop = new AbortController();
  const { approval, answer } = await ask({ signal: stop.signal });
  stop.abort();
  await expect(answer).rejects.toMatchObject({ reason: 'approval_expired' });
  expect((await approvals.get('default', approval.id)).status).toBe('withdrawn');
  await expect(approvals.deny('default', approval.id, admin)).rejects.toMatchObject({ code: 'conflict' });
  await expect(approvals.ask({ ...request, signal: stop.signal })).rejects.toMatchObject({
    reason: 'approval_expired',
  });
});

test('after a restart what waited is expired, and what was decided is still listed', async () => {
  const dir = scratchDir();
  const first = await setUp({ dir });
  const stop = new AbortController();
  const waiting = await first.ask({ signal: stop.signal });
  waiting.answer.catch(() => {});
  const done = await first.ask();
  await first.approvals.approve('default', done.approval.id, admin);
  await first.store.close();
  stop.abort();

  const second = await setUp({ dir });
  await second.approvals.recover();
  const { items } = await second.approvals.list('default', { limit: 10 });
  expect(Object.fromEntries(items.map(({ id, status }) => [id, status]))).toEqual({
    [waiting.approval.id]: 'expired',
    [done.approval.id]: 'approved',
  });
  expect((await second.approvals.list('default', { limit: 10, status: 'waiting' })).items).toEqual([]);
});

test('a hundred calls of one agent wait at most; the next one is refused and leaves nothing', async () => {
  const { approvals, ask } = await setUp();
  const stop = new AbortController();
  const all = await Promise.all(Array.from({ length: 100 }, () => ask({ signal: stop.signal })));
  await expect(ask()).rejects.toMatchObject({ reason: 'limit' });
  const other = await ask({ owner: { tenant: 'default', agent: 'other' } });
  await approvals.approve('default', other.approval.id, admin);
  await other.answer;
  stop.abort();
  const ends = await Promise.allSettled(all.map(({ answer }) => answer));
  expect(new Set(ends.map(({ status }) => status))).toEqual(new Set(['rejected']));
  const again = await ask();
  await approvals.approve('default', again.approval.id, admin);
  await again.answer;
  const { items } = await approvals.list('default', { limit: 200, agent: 'reporter' });
  expect(items.length).toBe(101);
});

test('lists are by tenant, newest first, in pages, by status and agent', async () => {
  const { approvals, ask, clock } = await setUp();
  const ids: string[] = [];
  for (const agent of ['a', 'b', 'a', 'b', 'a']) {
    clock.advance(1000);
    const { approval, answer } = await ask({ owner: { tenant: 'default', agent } });
    ids.unshift(approval.id);
    await approvals[agent === 'a' ? 'approve' : 'deny']('default', approval.id, admin);
    await answer.catch(() => {});
  }
  const first = await approvals.list('default', { limit: 2 });
  const second = await approvals.list('default', { limit: 3, cursor: first.nextCursor });
  expect([...first.items, ...second.items].map(({ id }) => id)).toEqual(ids);
  expect(second.nextCursor).toBeUndefined();
  const idsOf = async (query: object) =>
    (await approvals.list('default', { limit: 10, ...query })).items.map(({ id }) => id);
  expect(await idsOf({ status: 'denied' })).toEqual([ids[1], ids[3]]);
  expect(await idsOf({ agent: 'a' })).toEqual([ids[0], ids[2], ids[4]]);
  expect(await idsOf({ agent: 'a', status: 'denied' })).toEqual([]);
  expect((await approvals.list('other', { limit: 10 })).items).toEqual([]);
  await expect(approvals.get('other', ids[0] as string)).rejects.toMatchObject({ code: 'not_found' });
  await expect(approvals.approve('other', ids[0] as string, admin)).rejects.toMatchObject({ code: 'not_found' });
});

test.each(['', 'x', 'apr_../x', `apr_${'0'.repeat(5000)}`, 'apr_\0'])('%j is unknown', async (id) => {
  const { approvals } = await setUp();
  await expect(approvals.get('default', id)).rejects.toMatchObject({ code: 'not_found' });
  await expect(approvals.deny('default', id, admin)).rejects.toMatchObject({ code: 'not_found' });
});

test('a long address is shown without the values of its query, and its digest is of the whole', async () => {
  const { approvals, ask } = await setUp();
  const url = `https://slack.example.com/api/x?channel=C1&blob=${'A'.repeat(3000)}&flag`;
  const { approval, answer } = await ask({ url });
  expect(approval.url).toBe('https://slack.example.com/api/x?channel=…&blob=…&flag');
  expect(approval.urlSha256).toBe(sha(url));
  await approvals.deny('default', approval.id, admin);
  await answer.catch(() => {});
  const path = await ask({ url: `https://slack.example.com/${'p'.repeat(5000)}?a=1` });
  expect(path.approval.url).toMatch(/^https:\/\/slack\.example\.com\/p+…$/);
  expect(path.approval.url.length).toBeLessThan(2048);
  await approvals.deny('default', path.approval.id, admin);
  await path.answer.catch(() => {});
});

test('old ones are swept, waiting and young ones stay', async () => {
  const { approvals, ask, clock, store } = await setUp({ waitMs: 10 * LONG });
  await store.transaction((tx) => tx.put(['tenant', 'default'], {}));
  const old = await ask();
  await approvals.approve('default', old.approval.id, admin);
  clock.advance(LONG);
  const young = await ask();
  await approvals.approve('default', young.approval.id, admin);
  const waiting = await ask();
  await approvals.sweep(LONG - 1);
  const left = (await approvals.list('default', { limit: 10 })).items.map(({ id }) => id);
  expect(left.toSorted()).toEqual([young.approval.id, waiting.approval.id].toSorted());
  await approvals.forgetTenant('default');
  expect((await approvals.list('default', { limit: 10 })).items).toEqual([]);
  waiting.answer.catch(() => {});
});

test('a comment is bounded, well-formed text', async () => {
  const { approvals, ask } = await setUp();
  const { approval, answer } = await ask();
  for (const comment of ['x'.repeat(1001), '\ud800'])
    await expect(approvals.approve('default', approval.id, admin, comment)).rejects.toMatchObject({
      details: { errors: [{ field: 'comment' }] },
    });
  await approvals.approve('default', approval.id, admin, '');
  await answer;
});
