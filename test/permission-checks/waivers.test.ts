import { describe, expect, test } from 'vitest';
import { createAudit } from '../../runtime/audit/audit.ts';
import { blocking } from '../../runtime/permission/preflight/judge.ts';
import { applyWaivers, coverOf, createWaivers } from '../../runtime/permission/waivers.ts';
import { manualClock, scratchStore } from '../store/scratch.ts';
import { connector, credential, daysFromNow, found, grant, operation, slack } from './policy-facts.ts';

const owner = { tenant: 'default', agent: 'reporter' };
const by = { key: 'key_admin' };

async function setUp() {
  const store = await scratchStore();
  const clock = manualClock();
  const audit = createAudit({ store, clock });
  return { store, clock, audit, waivers: createWaivers({ store, clock, audit }) };
}

const wild = [grant('g', ['files.*'])];
const wildFindings = found({ grants: wild });

test('a waiver is kept with who, when, why and what it covers, and both ends are audited', async () => {
  const { waivers, audit, clock } = await setUp();
  const made = await waivers.create(owner, { check: 'wildcard', reason: 'the intern cleans up' }, wildFindings, by);
  expect(made).toMatchObject({
    agent: 'reporter',
    check: 'wildcard',
    reason: 'the intern cleans up',
    by: 'key_admin',
    createdAt: '2026-01-01T00:00:00.000Z',
    covers: [{ severity: 'error', grant: 'g', connector: 'slack', operation: 'files.delete' }],
  });
  expect(made.id).toMatch(/^wvr_/);
  clock.advance(1);
  const later = await waivers.create(owner, { check: 'wildcard', grant: 'g', reason: 'again' }, wildFindings, by);
  expect(await waivers.list(owner)).toEqual([made, later]);
  await waivers.delete(owner, made.id, { key: 'key_other' });
  expect(await waivers.list(owner)).toEqual([later]);
  const { items } = await audit.list('default', { limit: 10, kind: 'waiver', agent: 'reporter' });
  expect(items.map(({ key, detail }) => [key, detail.action, detail.waiver])).toEqual([
    ['key_other', 'delete', made.id],
    ['key_admin', 'create', later.id],
    ['key_admin', 'create', made.id],
  ]);
});

test('waivers are of one agent; what is unknown or foreign is not found', async () => {
  const { waivers } = await setUp();
  const made = await waivers.create(owner, { check: 'wildcard', reason: 'x' }, wildFindings, by);
  for (const other of [
    { tenant: 'default', agent: 'other' },
    { tenant: 'other', agent: 'reporter' },
  ]) {
    expect(await waivers.list(other)).toEqual([]);
    await expect(waivers.delete(other, made.id, by)).rejects.toMatchObject({ code: 'not_found' });
  }
  for (const id of ['', 'wvr_', 'wvr_zzz', `wvr_${'0'.repeat(9999)}`, '\0'])
    await expect(waivers.delete(owner, id, by)).rejects.toMatchObject({ code: 'not_found' });
  await waivers.forget(owner);
  expect(await waivers.list(owner)).toEqual([]);
});

test('a reason is demanded, and 200 waivers are enough', async () => {
  const { waivers } = await setUp();
  const make = (reason: string) => waivers.create(owner, { check: 'wildcard', reason }, [], by);
  for (const reason of ['', 'x'.repeat(201), 'a\nb'])
    await expect(make(reason)).rejects.toMatchObject({ details: { errors: [{ field: 'reason' }] } });
  for (let made = 0; made < 200; made++) await make('ok');
  await expect(make('one more')).rejects.toMatchObject({ code: 'quota_exceeded' });
  await waivers.forgetTenant('default');
  await make('ok');
});

describe('what a waiver covers', () => {
  const waived = (before: typeof wildFindings, after: typeof wildFindings, check: string) => {
    const covers = before.filter((finding) => finding.check === check).map(coverOf);
    return applyWaivers(after, [{ id: 'wvr_1', check, covers }]).filter((finding) => finding.check === check);
  };

  test('is marked and blocks no more', () => {
    const [finding, ...rest] = waived(wildFindings, wildFindings, 'wildcard');
    expect(rest).toEqual([]);
    expect(finding).toMatchObject({ severity: 'error', waived: true, waiver: 'wvr_1' });
    expect(blocking([finding!])).toEqual([]);
    expect(blocking(wildFindings).length).toBe(1);
  });

  test('is that check alone', () => {
    const grants = [grant('g', ['files.*'], { constraints: {} })];
    const findings = found({ grants });
    const covers = findings.map(coverOf);
    const after = applyWaivers(findings, [{ id: 'wvr_1', check: 'wildcard', covers }]);
    expect(blocking(after).map(({ check }) => check)).toEqual(['unconstrained']);
  });

  test('is not another grant', () => {
    const both = found({ grants: [...wild, grant('h', ['files.*'])] });
    expect(waived(wildFindings, both, 'wildcard').map((finding) => [finding.grant, finding.waived])).toEqual([
      ['g', true],
      ['h', undefined],
    ]);
  });

  test('is not what the connector learned since', () => {
    const grown = connector('slack', [...slack.operations, operation('files.purge', 'delete', ['channel'])]);
    const [finding] = waived(wildFindings, found({ grants: wild, connectors: [grown] }), 'wildcard');
    expect(finding).toMatchObject({ severity: 'error', operations: ['files.delete', 'files.purge'] });
    expect(finding?.waived).toBeUndefined();
  });

  test('but still holds for less', () => {
    const before = found({ grants: [grant('g', ['*'])] });
    const fewer = connector('slack', slack.operations.slice(0, 4));
    expect(waived(before, found({ grants: [grant('g', ['*'])], connectors: [fewer] }), 'wildcard')).toMatchObject([
      { waived: true, operations: ['conversations.rename', 'chat.postMessage'] },
    ]);
  });

  test('a warning that became an error is not covered', () => {
    const grants = [grant('g', ['chat.postMessage'])];
    const aged = (days: number) =>
      found({
        grants,
        credentials: [credential('slack', { rotatedAt: daysFromNow(-days) })],
        settings: { secretRefuseAfterMs: 90 * 24 * 3_600_000 },
      });
    expect(waived(aged(40), aged(50), 'secret_old')).toMatchObject([{ severity: 'warning', waived: true }]);
    const [worse] = waived(aged(40), aged(100), 'secret_old');
    expect(worse?.severity).toBe('error');
    expect(worse?.waived).toBeUndefined();
  });
});
