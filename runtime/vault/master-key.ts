/** The master key: what every data key of the vault is wrapped with. Its bytes are in a key object, out of reach of logs. */
import { createHmac, createSecretKey, type KeyObject, randomBytes } from 'node:crypto';
import { readFile, rename, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { syncDirectory, writeDurably } from '../store/durable-file.ts';
import type { Store } from '../store/store.ts';
import { open, seal } from './aes-gcm.ts';

export interface MasterKey {
  /** Names the key without telling anything of it: 16 hexadecimal digits of an HMAC under it. */
  readonly id: string;
  /** AES-256-GCM. `about` is bound to the answer: it must be given again to open it. */
  seal(plain: Uint8Array, about: string): Buffer;
  /** Errors: UnsealError when it was sealed under another key, about something else, or changed. */
  open(sealed: Uint8Array, about: string): Buffer;
}

export class MasterKeyError extends Error {
  override readonly name = 'MasterKeyError';
}

export interface MasterKeyOptions {
  /** CORDON_MASTER_KEY: 32 bytes in base64. */
  key: string | undefined;
  /** Where the key is when it is not given; made at first start, mode 0600. */
  file: string;
}

const KEY_BYTES = 32;
/** Bits of a file's mode that let others than its owner in. */
const OTHERS = 0o077;

/** Id of the key that the secrets in the store are under. */
export const masterKeyEntry = ['master-key'];
/** A new key in a file, before the store is under it. */
export const nextFile = (file: string): string => `${file}.next`;

export const newMasterKeyText = (): string => randomBytes(KEY_BYTES).toString('base64');

/** Errors: MasterKeyError, naming `what`, unless the text is 32 bytes in base64 (or base64url). */
export function readMasterKey(text: string, what: string): MasterKey {
  const trimmed = text.trim();
  const bytes = /^[\w+/-]+={0,2}$/.test(trimmed) ? Buffer.from(trimmed, 'base64') : Buffer.alloc(0);
  if (bytes.length !== KEY_BYTES)
    throw new MasterKeyError(`${what} must hold ${KEY_BYTES} bytes in base64: \`openssl rand -base64 ${KEY_BYTES}\``);
  const key = createSecretKey(bytes);
  bytes.fill(0);
  return toMasterKey(key);
}

function toMasterKey(key: KeyObject): MasterKey {
  return Object.freeze({
    id: createHmac('sha256', key).update('cordon master key').digest('hex').slice(0, 16),
    seal: (plain: Uint8Array, about: string) => seal(key, plain, about),
    open: (sealed: Uint8Array, about: string) => open(key, sealed, about),
  });
}

/**
 * The key of this data directory: the one that is given, else that in the file, which is made at first start.
 * Errors: MasterKeyError when it is malformed, readable by others, or not the one that the stored secrets are under:
 * a key is never replaced silently while there is a secret.
 */
export async function openMasterKey(store: Store, { key, file }: MasterKeyOptions): Promise<MasterKey> {
  const inUse = await store.transaction((tx) => {
    const hasSecrets = tx.range({ prefix: ['credential-secret'], limit: 1 }).length > 0;
    return hasSecrets ? tx.get<string>(masterKeyEntry)?.value : undefined;
  });
  const masterKey = key === undefined ? await fromFile(file, inUse) : readMasterKey(key, 'CORDON_MASTER_KEY');
  if (inUse !== undefined && masterKey.id !== inUse)
    throw new MasterKeyError(
      key === undefined
        ? `${file} is not the key that the stored credentials are encrypted with. Put that one back, or set CORDON_MASTER_KEY to it.`
        : 'CORDON_MASTER_KEY is not the key that the stored credentials are encrypted with. Set that one; `npm run rekey` changes it.',
    );
  await store.transaction((tx) => {
    if (tx.get<string>(masterKeyEntry)?.value !== masterKey.id) tx.put(masterKeyEntry, masterKey.id);
  });
  return masterKey;
}

async function fromFile(file: string, inUse: string | undefined): Promise<MasterKey> {
  const kept = await readKept(file);
  if (kept !== undefined && (inUse === undefined || kept.id === inUse)) return kept;
  // A re-keying that was cut off after the store and before the file.
  const next = inUse === undefined ? undefined : await readKept(nextFile(file));
  if (next !== undefined && next.id === inUse) {
    await takeNext(file);
    return next;
  }
  if (kept !== undefined) return kept;
  if (inUse !== undefined)
    throw new MasterKeyError(
      `${file} is missing, and the stored credentials are encrypted with the key in it. Put it back, or set CORDON_MASTER_KEY.`,
    );
  const text = newMasterKeyText();
  await writeDurably(file, `${text}\n`);
  return readMasterKey(text, file);
}

/** The new key's file takes the place of the former one's. */
export async function takeNext(file: string): Promise<void> {
  await rename(nextFile(file), file);
  await syncDirectory(dirname(file));
}

async function readKept(file: string): Promise<MasterKey | undefined> {
  try {
    const { mode } = await stat(file);
    if (mode & OTHERS) throw new MasterKeyError(`${file} must be its owner’s alone (mode 0600), and others may use it`);
    return readMasterKey(await readFile(file, 'utf8'), file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
