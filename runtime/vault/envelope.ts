/**
 * A secret at rest: each version has a data key of its own, which encrypts its fields and is itself wrapped by the
 * master key. What is sealed is bound to its place, so that an entry copied to another one does not open there.
 */
import { createSecretKey, type KeyObject, randomBytes } from 'node:crypto';
import { open, seal } from './aes-gcm.ts';
import type { Secret } from './credential.ts';
import type { MasterKey } from './master-key.ts';
import { protectSecret } from './secret.ts';

/** Where a secret lies. */
export interface SecretPlace {
  tenant: string;
  credential: string;
  version: number;
}

/** All values base64. */
export interface SealedSecret {
  /** Id of the master key. */
  masterKey: string;
  /** The data key, wrapped. */
  dataKey: string;
  fields: Record<string, string>;
}

const DATA_KEY_BYTES = 32;

/** JSON, so that no two places are one text. */
const about = ({ tenant, credential, version }: SecretPlace, what: string) =>
  JSON.stringify(['cordon credential', tenant, credential, version, what]);
const aboutField = (place: SecretPlace, field: string) => about(place, `field ${field}`);

export function sealSecret(masterKey: MasterKey, place: SecretPlace, secret: Secret): SealedSecret {
  const bytes = randomBytes(DATA_KEY_BYTES);
  const key = createSecretKey(bytes);
  const fields: [string, string][] = [];
  for (const [field, value] of Object.entries(secret)) {
    const plain = Buffer.from(value, 'utf8');
    fields.push([field, seal(key, plain, aboutField(place, field)).toString('base64')]);
    plain.fill(0);
  }
  return wrap(masterKey, place, bytes, Object.fromEntries(fields));
}

/** Errors: UnsealError when it was sealed under another key, for another place, or was changed. */
export function openSecret(masterKey: MasterKey, place: SecretPlace, sealed: SealedSecret): Secret {
  const key = unwrap(masterKey, place, sealed, (bytes): KeyObject => createSecretKey(bytes));
  const fields: [string, string][] = [];
  for (const [field, value] of Object.entries(sealed.fields)) {
    const plain = open(key, Buffer.from(value, 'base64'), aboutField(place, field));
    fields.push([field, plain.toString('utf8')]);
    plain.fill(0);
  }
  return protectSecret(Object.fromEntries(fields));
}

/** The same secret under another master key: only the data key is wrapped anew. Errors: as `openSecret`. */
export function rewrapSecret(from: MasterKey, to: MasterKey, place: SecretPlace, sealed: SealedSecret): SealedSecret {
  return unwrap(from, place, sealed, (bytes) => wrap(to, place, bytes, sealed.fields));
}

function wrap(masterKey: MasterKey, place: SecretPlace, bytes: Buffer, fields: Record<string, string>): SealedSecret {
  const dataKey = masterKey.seal(bytes, about(place, 'data key')).toString('base64');
  bytes.fill(0);
  return { masterKey: masterKey.id, dataKey, fields };
}

function unwrap<T>(masterKey: MasterKey, place: SecretPlace, sealed: SealedSecret, use: (bytes: Buffer) => T): T {
  const bytes = masterKey.open(Buffer.from(sealed.dataKey, 'base64'), about(place, 'data key'));
  try {
    return use(bytes);
  } finally {
    bytes.fill(0);
  }
}
