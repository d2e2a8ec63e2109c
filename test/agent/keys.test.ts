import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createKeys, type Principal } from '../../runtime/agent/keys.ts';
import { type Role, roles } from '../../runtime/agent/roles.ts';
import { createTenants } from '../../runtime/agent/tenants.ts';
import { manualClock, scratchDir, scratchStore } from '../store/scratch.ts';

async function setUp() {
  const store = await scratchStore();
  const clock = manualClock();
  const tenants = createTenants({ store, clock });
  const keys = createKeys({ store, clock });
  await tenants.ensureDefault();
  await tenants.create({ id: 't1' });
  const file = join(scratchDir(), 'admin-key');
  await keys.ensureFirst({ adminKey: undefined, file });
  const first = readFileSync(file, 'utf8').trim();
  const operator = (await keys.authenticate(first))!;
  const make = async (role: Role, tenant?: string) => {
    const { secret } = await keys.create({ name: role, role, ...(tenant ? { tenant } : {}) }, operator);
    return (await keys.authenticate(secret))!;
  };
  return { store, clock, tenants, keys, file, first, operator, make };
}

const code = (name: string) => ({ code: name });

test('the first key is an operator’s, made once, readable by its owner only', async () => {
  const { keys, file, first, operator } = await setUp();
  expect(first).toMatch(/^crd_[0-9A-Za-z]{43}$/);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(operator).toMatchObject({ role: 'operator', tenant: undefined });
  await keys.ensureFirst({ adminKey: undefined, file });
  expect(readFileSync(file, 'utf8').trim()).toBe(first);
  expect((await keys.list(operator, { limit: 10 })).items.length).toBe(1);
});

test('a changed CORDON_ADMIN_KEY takes effect, and the former one stops working', async () => {
  const { keys, file, first, operator } = await setUp();
  const other = (await keys.create({ name: 'other', role: 'operator' }, operator)).secret;
  for (const adminKey of ['first-secret-of-mine', 'second-secret-of-mine', 'second-secret-of-mine']) {
    await keys.ensureFirst({ adminKey, file });
    expect((await keys.authenticate(adminKey))?.role).toBe('operator');
    expect(readFileSync(file, 'utf8').trim()).toBe(adminKey);
  }
  for (const old of [first, 'first-secret-of-mine']) expect(await keys.authenticate(old)).toBeUndefined();
  expect((await keys.authenticate(other))?.role).toBe('operator');
  // Unset again: the last one goes on.
  await keys.ensureFirst({ adminKey: undefined, file });
  expect((await keys.authenticate('second-secret-of-mine'))?.role).toBe('operator');
  for (const adminKey of ['short', 'with spaces in it', 'ümlaut-ümlaut'])
    await expect(keys.ensureFirst({ adminKey, file })).rejects.toThrow('CORDON_ADMIN_KEY');
});

test('a key in the file from before a crash is taken, not replaced', async () => {
  const store = await scratchStore();
  const keys = createKeys({ store, clock: manualClock() });
  const file = join(scratchDir(), 'admin-key');
  writeFileSync(file, 'crd_fromBeforeTheCrash\n');
  await keys.ensureFirst({ adminKey: undefined, file });
  expect((await keys.authenticate('crd_fromBeforeTheCrash'))?.role).toBe('operator');
  expect(existsSync(file)).toBe(true);
});

test('a secret is given once and is nowhere in the store', async () => {
  const { keys, operator, store, first } = await setUp();
  const { record, secret } = await keys.create({ name: 'app', role: 'developer', tenant: 't1' }, operator);
  expect(record).toEqual({
    id: record.id,
    name: 'app',
    role: 'developer',
    tenant: 't1',
    createdAt: '2026-01-01T00:00:00.000Z',
  });
  const everything = JSON.stringify(await store.range({ prefix: [] }));
  for (const text of [secret, secret.slice(4), first]) expect(everything).not.toContain(text);
  expect(await keys.authenticate(secret)).toEqual({ keyId: record.id, role: 'developer', tenant: 't1' });
  for (const other of ['', 'crd_', secret.slice(0, -1), `${secret}x`, secret.toUpperCase(), 'é'.repeat(10_000)])
    expect(await keys.authenticate(other)).toBeUndefined();
});

/** Role of the maker, and the roles it may give. */
const mayMake: [Role, Role[]][] = [
  ['operator', ['operator', 'admin', 'developer', 'viewer']],
  ['admin', ['admin', 'developer', 'viewer']],
  ['developer', []],
  ['viewer', []],
];

test.each(mayMake)('a key of an %s makes none stronger than itself', async (role, allowed) => {
  const { keys, make, operator } = await setUp();
  const by = role === 'operator' ? operator : await make(role, 't1');
  for (const wanted of roles) {
    const made = keys.create({ name: 'x', role: wanted }, by);
    if (!allowed.includes(wanted)) await expect(made).rejects.toMatchObject(code('forbidden'));
    else
      expect((await made).record.tenant).toBe(
        wanted === 'operator' ? undefined : role === 'operator' ? 'default' : 't1',
      );
  }
  if (allowed.length === 0) {
    await expect(keys.list(by, { limit: 5 })).rejects.toMatchObject(code('forbidden'));
    await expect(keys.delete(by.keyId, by)).rejects.toMatchObject(code('forbidden'));
  }
});

test('an admin sees, makes and deletes keys of its tenant only; foreign and unknown answer alike', async () => {
  const { keys, make, operator } = await setUp();
  const admin = await make('admin', 't1');
  const viewer = await make('viewer', 't1');
  const foreign = await make('viewer', 'default');
  expect((await keys.list(admin, { limit: 10 })).items.map(({ id }) => id).sort()).toEqual(
    [admin.keyId, viewer.keyId].sort(),
  );
  const refusal = (id: string) => keys.delete(id, admin).catch((error) => error.message.replaceAll(id, 'ID'));
  expect(await refusal(foreign.keyId)).toBe(await refusal('key_unknown'));
  expect(await refusal(operator.keyId)).toBe(await refusal('key_unknown'));
  for (const tenant of ['default', 'unknown'])
    await expect(keys.create({ name: 'x', role: 'viewer', tenant }, admin)).rejects.toMatchObject(code('not_found'));
  await expect(keys.create({ name: 'x', role: 'viewer', tenant: 'unknown' }, operator)).rejects.toMatchObject(
    code('not_found'),
  );
  await expect(keys.create({ name: 'x', role: 'operator', tenant: 't1' }, operator)).rejects.toMatchObject({
    details: { errors: [{ field: 'tenant' }] },
  });
  for (const input of [
    { name: '', role: 'viewer' },
    { name: 'x', role: 'root' },
    { name: 7, role: 'viewer' },
  ])
    await expect(keys.create(input, operator)).rejects.toMatchObject(code('validation_failed'));
  for (const id of ['', 'x'.repeat(5000), '\ud800'])
    await expect(keys.delete(id, operator)).rejects.toMatchObject(code('not_found'));
  await keys.delete(viewer.keyId, admin);
  expect((await keys.list(operator, { limit: 10 })).items.length).toBe(3);
});

test('a deleted key is refused from the moment that the delete resolves', async () => {
  const { keys, operator } = await setUp();
  for (let i = 0; i < 20; i++) {
    const { record, secret } = await keys.create({ name: 'x', role: 'viewer' }, operator);
    const uses = [keys.authenticate(secret), keys.authenticate(secret)];
    const gone = keys.delete(record.id, operator);
    uses.push(keys.authenticate(secret));
    await gone;
    expect(await keys.authenticate(secret)).toBeUndefined();
    await Promise.all(uses);
    expect(await keys.authenticate(secret)).toBeUndefined();
  }
});

test('the last operator key cannot be deleted, not even by two at once; a deleted key makes none', async () => {
  const { keys, operator } = await setUp();
  await expect(keys.delete(operator.keyId, operator)).rejects.toMatchObject(code('conflict'));
  const { record } = await keys.create({ name: 'second', role: 'operator' }, operator);
  const results = await Promise.allSettled([keys.delete(operator.keyId, operator), keys.delete(record.id, operator)]);
  expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
  await expect(keys.create({ name: 'x', role: 'operator' }, operator)).rejects.toMatchObject(code('unauthenticated'));
});

test('a deleted tenant’s keys are refused', async () => {
  const { keys, operator, tenants } = await setUp();
  const { secret } = await keys.create({ name: 'x', role: 'admin', tenant: 't1' }, operator);
  expect(await keys.authenticate(secret)).toBeDefined();
  await tenants.delete('t1');
  expect(await keys.authenticate(secret)).toBeUndefined();
});

test('authenticating takes less than 20 microseconds', async () => {
  const { keys, first } = await setUp();
  let last: Principal | undefined;
  for (let i = 0; i < 2000; i++) last = await keys.authenticate(first);
  const before = process.threadCpuUsage();
  for (let i = 0; i < 5000; i++) last = await keys.authenticate(first);
  const { user, system } = process.threadCpuUsage(before);
  expect(last?.role).toBe('operator');
  expect((user + system) / 5000).toBeLessThan(20);
});
