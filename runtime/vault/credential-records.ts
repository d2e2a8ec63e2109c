/** How credentials lie in the store: by id, by connector and holder, by the time they are due; secrets beside them, sealed. */
import { hash } from 'node:crypto';
import { isoTime } from '../clock.ts';
import { newId } from '../ids.ts';
import type { Key, Transaction } from '../store/store.ts';
import type { Credential, Holder, Rotation, SecretSource } from './credential.ts';
import type { SealedSecret } from './envelope.ts';

export interface CredentialRecord {
  connector: string;
  holder: Holder;
  source: SecretSource;
  version: number;
  createdMs: number;
  rotatedMs: number;
  /** Who gets to see the secret: `secretAudience` of the connector when it was set. */
  audience: string[];
  /** What the source calls the secret that `version` stands for. */
  sourceVersion?: string;
  rotation?: Rotation;
  /** When `rotation` is looked at next. */
  dueMs?: number;
}

export const newCredentialId = (nowMs: number): string => newId('cred', nowMs);

export const recordKey = (tenant: string, id: string): Key => ['credential', tenant, id];
export const secretKey = (tenant: string, id: string, version: number): Key => [
  'credential-secret',
  tenant,
  id,
  version,
];
export const holderKey = (tenant: string, connector: string, holder: Holder): Key => [
  'credential-of',
  tenant,
  connector,
  holderText(holder),
];
const dueKey = (dueMs: number, tenant: string, id: string): Key => ['credential-due', dueMs, tenant, id];

/** Names of users are hashed: they may be longer than a key of the store, and `agent:` cannot be imitated. */
export function holderText(holder: Holder): string {
  if ('agent' in holder) return `agent:${holder.agent}`;
  const { issuer, subject } = holder.user;
  return `user:${hash('sha256', JSON.stringify([issuer, subject]), 'base64url')}`;
}

export const readRecord = (tx: Transaction, tenant: string, id: string): CredentialRecord | undefined =>
  tx.get<CredentialRecord>(recordKey(tenant, id))?.value;

/** Writes a record in the place of `former`, with what is found by it. */
export function putRecord(
  tx: Transaction,
  tenant: string,
  id: string,
  record: CredentialRecord,
  former?: CredentialRecord,
): void {
  tx.put(recordKey(tenant, id), record);
  if (former === undefined) tx.put(holderKey(tenant, record.connector, record.holder), id);
  if (former?.dueMs === record.dueMs) return;
  if (former?.dueMs !== undefined) tx.delete(dueKey(former.dueMs, tenant, id));
  if (record.dueMs !== undefined) tx.put(dueKey(record.dueMs, tenant, id), 0);
}

/** The secret of the record's version; those of former versions go. */
export function putSealed(tx: Transaction, tenant: string, id: string, version: number, sealed: SealedSecret): void {
  deleteSealed(tx, tenant, id);
  tx.put(secretKey(tenant, id, version), sealed);
}

export function deleteRecord(tx: Transaction, tenant: string, id: string, record: CredentialRecord): void {
  tx.delete(recordKey(tenant, id));
  tx.delete(holderKey(tenant, record.connector, record.holder));
  if (record.dueMs !== undefined) tx.delete(dueKey(record.dueMs, tenant, id));
  deleteSealed(tx, tenant, id);
}

function deleteSealed(tx: Transaction, tenant: string, id: string): void {
  for (const { key } of tx.range({ prefix: ['credential-secret', tenant, id] })) tx.delete(key);
}

export function toCredential(tenant: string, id: string, record: CredentialRecord, oldAfterMs: number): Credential {
  const { connector, holder, source, version, createdMs, rotatedMs, rotation } = record;
  return {
    id,
    tenant,
    connector,
    holder,
    source,
    version,
    createdAt: isoTime(createdMs),
    rotatedAt: isoTime(rotatedMs),
    isOld: rotatedMs < oldAfterMs,
    ...(rotation === undefined ? {} : { rotation }),
  };
}
