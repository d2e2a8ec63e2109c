/** How a tenant lies in the store. */
import { CordonError, notFound } from '../errors.ts';
import type { Transaction } from '../store/store.ts';
import { isSlug } from './checks.ts';

export interface TenantRecord {
  name: string | null;
  createdMs: number;
  /** It is being deleted, its keys are gone: a deletion that a crash cut off goes on at the next start. */
  leaving?: true;
}

/** Errors: `not_found` for an id that none can have. */
export function tenantKey(id: string): string[] {
  if (!isSlug(id)) throw notFound('This tenant');
  return ['tenant', id];
}

/** For what belongs to a tenant and is about to be made. Errors: `not_found`, `conflict` while it is being deleted. */
export function requireTenantIn(tx: Transaction, id: string): void {
  const found = tx.get<TenantRecord>(tenantKey(id));
  if (!found) throw notFound(`Tenant ${id}`);
  if (found.value.leaving) throw new CordonError('conflict', `Tenant ${id} is being deleted`);
}
