/** How API keys lie in the store: by id, by the hash of the secret, and by tenant. The secret itself is nowhere. */
import { hash, randomBytes } from 'node:crypto';
import type { Entry, Transaction } from '../store/store.ts';
import type { Role } from './roles.ts';

export interface StoredKey {
  name: string;
  role: Role;
  tenant: string | null;
  /** SHA-256 of the secret, base64url. A secret of 256 bits needs no slow hash. */
  hash: string;
  createdMs: number;
}

const byId = (id: string) => ['key', id];
const byHash = (digest: string) => ['key-hash', digest];
/** Operators belong to no tenant; the empty text is no tenant's id. */
const byTenant = (tenant: string | null, id: string) => ['key-tenant', tenant ?? '', id];

export const keysOfTenant = (tenant: string | null) => ['key-tenant', tenant ?? ''];

export const hashSecret = (secret: string): string => hash('sha256', secret, 'base64url');

const BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** 43 characters of base62 carry 32 random bytes. */
const SECRET_LENGTH = 43;

/** `crd_` and 256 bits in base62, each character equally likely. */
export function newSecret(): string {
  let secret = '';
  while (secret.length < SECRET_LENGTH)
    for (const byte of randomBytes(64)) if (byte < 248 && secret.length < SECRET_LENGTH) secret += BASE62[byte % 62];
  return `crd_${secret}`;
}

export const readKey = (tx: Transaction, id: string): Entry<StoredKey> | undefined => tx.get<StoredKey>(byId(id));

export const idOfHash = (tx: Transaction, digest: string): string | undefined => tx.get<string>(byHash(digest))?.value;

export function putKey(tx: Transaction, id: string, key: StoredKey): void {
  tx.put(byId(id), key);
  tx.put(byHash(key.hash), id);
  tx.put(byTenant(key.tenant, id), 0);
}

export function deleteKey(tx: Transaction, id: string, key: StoredKey): void {
  tx.delete(byId(id));
  tx.delete(byHash(key.hash));
  tx.delete(byTenant(key.tenant, id));
}

/** Removes all keys of a tenant; null: of the operators. */
export function deleteKeysOf(tx: Transaction, tenant: string): void {
  for (const entry of tx.range({ prefix: keysOfTenant(tenant) })) {
    const id = entry.key[2] as string;
    const found = readKey(tx, id);
    if (found) deleteKey(tx, id, found.value);
  }
}

export const operatorCount = (tx: Transaction, atMost: number): number =>
  tx.range({ prefix: keysOfTenant(null), limit: atMost }).length;
