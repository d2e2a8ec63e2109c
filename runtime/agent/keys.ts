/** API keys: who may call, and as what. */
import { type Clock, isoTime } from '../clock.ts';
import { CordonError, fieldError, notFound } from '../errors.ts';
import { newId } from '../ids.ts';
import { type Page, type PageRequest, readPage } from '../store/page.ts';
import type { Store } from '../store/store.ts';
import { checkName, checkSlug, isSlug } from './checks.ts';
import { ensureFirstKey, type FirstKeyOptions } from './first-key.ts';
import {
  deleteKey,
  hashSecret,
  keysOfTenant,
  newSecret,
  operatorCount,
  putKey,
  readKey,
  type StoredKey,
} from './key-records.ts';
import { defaultTenant, type Principal, type Role, roles, roleTable } from './roles.ts';
import { requireTenantIn } from './tenant-record.ts';

export type { Principal, Role } from './roles.ts';

/** A key as lists show it. */
export interface KeyRecord {
  id: string;
  name: string;
  role: Role;
  /** Absent for an operator's key. */
  tenant?: string;
  createdAt: string;
}

/** Unchecked, as callers send it. */
export interface KeyInput {
  name: unknown;
  role: unknown;
  /** Default: the maker's tenant. An operator's key has none. */
  tenant?: unknown;
}

export interface Keys {
  /**
   * The secret is given here once, and kept only as its hash.
   * Errors: CordonError `validation_failed`, `forbidden` (a role that the maker's may not give), `not_found` (the tenant),
   * `conflict` while the tenant is being deleted.
   */
  create(input: KeyInput, by: Principal): Promise<{ record: KeyRecord; secret: string }>;
  /** All keys for an operator, those of the tenant for an admin. Errors: `forbidden` for other roles. */
  list(by: Principal, page: PageRequest): Promise<Page<KeyRecord>>;
  /** From when it resolves the key is refused. Errors: `not_found`, `forbidden`, `conflict` for the last operator key. */
  delete(id: string, by: Principal): Promise<void>;
  /** Undefined for an unknown secret. A few microseconds: on the path of every request. */
  authenticate(secret: string): Promise<Principal | undefined>;
  /** Makes sure that there is an operator's key: call it at start. See first-key.ts. */
  ensureFirst(options: FirstKeyOptions): Promise<void>;
}

const CACHED = 10_000;

export function createKeys({ store, clock }: { store: Store; clock: Clock }): Keys {
  // By hash: a lookup tells a listener nothing of the secret but whether its whole hash is known.
  const cache = new Map<string, Principal>();
  let changes = 0;
  store.watch(['key-hash'], (key) => {
    changes++;
    cache.delete(key[1] as string);
  });

  const mayManage = (by: Principal) => {
    if (roleTable[by.role].makesKeysOf.length === 0)
      throw new CordonError('forbidden', `A key with the role ${by.role} may not manage keys`);
  };

  return {
    async create(input, by) {
      mayManage(by);
      const name = checkName(input.name);
      const role = checkRole(input.role);
      if (!roleTable[by.role].makesKeysOf.includes(role))
        throw new CordonError('forbidden', `A key with the role ${by.role} may not make one with the role ${role}`);
      const tenant = checkTenant(input.tenant, role, by);
      const secret = newSecret();
      const now = clock.now();
      const id = newId('key', now);
      const stored: StoredKey = { name, role, tenant, hash: hashSecret(secret), createdMs: now };
      await store.transaction((tx) => {
        // The maker may have been deleted since it was authenticated.
        if (!readKey(tx, by.keyId)) throw new CordonError('unauthenticated', 'The key does not exist any more');
        if (tenant !== null) requireTenantIn(tx, tenant);
        putKey(tx, id, stored);
      });
      return { record: toRecord(id, stored), secret };
    },

    async list(by, page) {
      mayManage(by);
      const prefix = roleTable[by.role].spansTenants ? ['key'] : keysOfTenant(by.tenant ?? defaultTenant);
      const { entries, ...rest } = await readPage(store, prefix, ['string'], page);
      const items: KeyRecord[] = [];
      for (const { key } of entries) {
        const id = key.at(-1) as string;
        const found = await store.get<StoredKey>(['key', id]);
        if (found) items.push(toRecord(id, found.value));
      }
      return { items, ...rest };
    },

    async delete(id, by) {
      mayManage(by);
      if (!isSlug(id)) throw notFound('This key');
      await store.transaction((tx) => {
        const found = readKey(tx, id);
        const foreign = !roleTable[by.role].spansTenants && found?.value.tenant !== by.tenant;
        if (!found || foreign) throw notFound(`Key ${id}`);
        if (found.value.role === 'operator' && operatorCount(tx, 2) < 2)
          throw new CordonError('conflict', 'The last operator key cannot be deleted');
        deleteKey(tx, id, found.value);
      });
    },

    async authenticate(secret) {
      const digest = hashSecret(secret);
      const cached = cache.get(digest);
      if (cached) return cached;
      const before = changes;
      const id = (await store.get<string>(['key-hash', digest]))?.value;
      const found = id === undefined ? undefined : await store.get<StoredKey>(['key', id]);
      if (id === undefined || !found) return undefined;
      const { role, tenant } = found.value;
      const principal: Principal = Object.freeze({ keyId: id, role, tenant: tenant ?? undefined });
      if (cache.size >= CACHED) cache.clear();
      // A key deleted while this read was on its way must not come back through the cache.
      if (before === changes) cache.set(digest, principal);
      return principal;
    },

    ensureFirst: (options) => ensureFirstKey(store, clock, options),
  };
}

function checkRole(role: unknown): Role {
  if (!roles.includes(role as Role)) throw fieldError('role', `must be one of ${roles.join(', ')}`);
  return role as Role;
}

/** The tenant of a new key. A foreign tenant and an unknown one answer alike. */
function checkTenant(value: unknown, role: Role, by: Principal): string | null {
  if (roleTable[role].spansTenants) {
    if (value !== undefined) throw fieldError('tenant', `a key with the role ${role} belongs to no tenant`);
    return null;
  }
  const own = by.tenant ?? defaultTenant;
  const tenant = value === undefined ? own : checkSlug(value, 'tenant');
  if (!roleTable[by.role].spansTenants && tenant !== own) throw notFound(`Tenant ${tenant}`);
  return tenant;
}

const toRecord = (id: string, { name, role, tenant, createdMs }: StoredKey): KeyRecord => ({
  id,
  name,
  role,
  ...(tenant === null ? {} : { tenant }),
  createdAt: isoTime(createdMs),
});
