/** Tenants: who owns agents. Nothing crosses one. */
import { type Clock, isoTime } from '../clock.ts';
import { CordonError, notFound } from '../errors.ts';
import { type Page, type PageRequest, readPage } from '../store/page.ts';
import type { Store } from '../store/store.ts';
import { deleteAgentsOf, putDefaultAgent } from './agents.ts';
import { checkName, checkSlug } from './checks.ts';
import { deleteKeysOf } from './key-records.ts';
import { createLeaving, type Leaving } from './leaving.ts';
import { defaultTenant } from './roles.ts';
import { type TenantRecord, tenantKey } from './tenant-record.ts';

export interface Tenant {
  id: string;
  name: string;
  createdAt: string;
}

export interface Tenants {
  /** With its agent `default`. Errors: CordonError `validation_failed`, `already_exists`, `conflict` while a former one of that id is being deleted. */
  create(input: { id: unknown; name?: unknown }): Promise<Tenant>;
  /** Errors: `not_found`. */
  get(id: string): Promise<Tenant>;
  list(page: PageRequest): Promise<Page<Tenant>>;
  /**
   * The beginning of its deletion, also of one that was begun before: from then on no key of it is valid and none can be
   * made, not after a restart either. Errors: `not_found`, `conflict` for `default`.
   */
  leave(id: string): Promise<void>;
  /** Those whose deletion was begun. */
  leaving(): Promise<string[]>;
  /**
   * Removes the record, its keys and its agents' records at once.
   * Runs, files and memory are the caller's to end first. Errors: `not_found`, `conflict` for `default`.
   */
  delete(id: string): Promise<void>;
  /** Makes the tenant `default` when it is not there: at the first start. */
  ensureDefault(): Promise<void>;
}

const ageKey = (id: string, createdMs: number) => ['tenant-age', createdMs, id];

export interface TenantsDeps {
  store: Store;
  clock: Clock;
  leaving?: Leaving;
}

export function createTenants({ store, clock, leaving = createLeaving() }: TenantsDeps): Tenants {
  const create = (id: string, name: string | null) => {
    const record: TenantRecord = { name, createdMs: clock.now() };
    return store.transaction((tx) => {
      if (tx.get(tenantKey(id))) throw new CordonError('already_exists', `Tenant ${id} exists already`);
      tx.put(tenantKey(id), record);
      tx.put(ageKey(id, record.createdMs), 0);
      putDefaultAgent(tx, id, record.createdMs);
      return toTenant(id, record);
    });
  };

  return {
    async create({ id, name }) {
      const tenant = checkSlug(id, 'id');
      // The record goes before the last of what was the former one's.
      leaving.refuse({ tenant });
      return create(tenant, name === undefined ? null : checkName(name));
    },

    async get(id) {
      const found = await store.get<TenantRecord>(tenantKey(id));
      if (!found) throw notFound(`Tenant ${id}`);
      return toTenant(id, found.value);
    },

    async list(page) {
      const { entries, ...rest } = await readPage(store, ['tenant-age'], ['number', 'string'], page);
      const items: Tenant[] = [];
      for (const { key } of entries) {
        const id = key[2] as string;
        const found = await store.get<TenantRecord>(tenantKey(id));
        if (found) items.push(toTenant(id, found.value));
      }
      return { items, ...rest };
    },

    async leave(id) {
      refuseDefault(id);
      await store.transaction(
        (tx) => {
          const found = tx.get<TenantRecord>(tenantKey(id));
          if (!found) throw notFound(`Tenant ${id}`);
          if (!found.value.leaving) tx.put(tenantKey(id), { ...found.value, leaving: true } satisfies TenantRecord);
          deleteKeysOf(tx, id);
        },
        { reserve: true },
      );
    },

    async leaving() {
      const all = await store.range<TenantRecord>({ prefix: ['tenant'] });
      return all.filter(({ value }) => value.leaving).map(({ key }) => String(key[1]));
    },

    async delete(id) {
      refuseDefault(id);
      await store.transaction((tx) => {
        const found = tx.get<TenantRecord>(tenantKey(id));
        if (!found) throw notFound(`Tenant ${id}`);
        tx.delete(tenantKey(id));
        tx.delete(ageKey(id, found.value.createdMs));
        deleteKeysOf(tx, id);
        deleteAgentsOf(tx, id);
      });
    },

    async ensureDefault() {
      if (!(await store.get(tenantKey(defaultTenant)))) await create(defaultTenant, null);
    },
  };
}

function refuseDefault(id: string): void {
  if (id === defaultTenant) throw new CordonError('conflict', 'The tenant default cannot be deleted');
}

const toTenant = (id: string, { name, createdMs }: TenantRecord): Tenant => ({
  id,
  name: name ?? id,
  createdAt: isoTime(createdMs),
});
