/** The operator key of the first start, in the file `admin-key` of the data directory. */
import { readFile } from 'node:fs/promises';
import type { Clock } from '../clock.ts';
import { newId } from '../ids.ts';
import { writeDurably } from '../store/durable-file.ts';
import type { Store } from '../store/store.ts';
import { deleteKey, hashSecret, idOfHash, newSecret, operatorCount, putKey, readKey } from './key-records.ts';

export interface FirstKeyOptions {
  /** CORDON_ADMIN_KEY. When it has changed since the last start, the former key stops working. */
  adminKey: string | undefined;
  /** Where the key is kept for people and their curl lines, mode 0600. */
  file: string;
}

const MINIMUM_LENGTH = 8;

/** Which key came from here: the one that a changed setting replaces. */
const firstKey = ['first-key'];

/**
 * Without the setting: adopts the key in the file, or makes one, when there is no operator key yet.
 * With it: that key is the first key, whatever was before.
 * Errors: Error when the setting is shorter than 8 characters, not printable ASCII (a header could not
 * carry it), or the secret of a key with another role.
 */
export async function ensureFirstKey(store: Store, clock: Clock, { adminKey, file }: FirstKeyOptions): Promise<void> {
  if (adminKey !== undefined && !isUsable(adminKey))
    throw new Error(`CORDON_ADMIN_KEY must be at least ${MINIMUM_LENGTH} printable ASCII characters without spaces`);
  const kept = await readKept(file);
  if (adminKey === undefined) {
    const hasOperator = await store.transaction((tx) => operatorCount(tx, 1) > 0);
    if (hasOperator) return;
  }
  const secret = adminKey ?? (kept !== undefined && isUsable(kept) ? kept : newSecret());
  // The file first: a crash between the two leaves a key that the next start adopts, not one that nobody knows.
  if (secret !== kept) await writeDurably(file, `${secret}\n`);
  const digest = hashSecret(secret);
  await store.transaction((tx) => {
    const former = tx.get<string>(firstKey)?.value;
    const existing = idOfHash(tx, digest);
    if (existing !== undefined && readKey(tx, existing)?.value.role !== 'operator')
      throw new Error('CORDON_ADMIN_KEY is the secret of a key that is not an operator’s');
    const id = existing ?? newId('key', clock.now());
    if (former !== undefined && former !== id) {
      const found = readKey(tx, former);
      if (found) deleteKey(tx, former, found.value);
    }
    if (existing === undefined)
      putKey(tx, id, { name: 'first key', role: 'operator', tenant: null, hash: digest, createdMs: clock.now() });
    if (former !== id) tx.put(firstKey, id);
  });
}

const isUsable = (secret: string) => secret.length >= MINIMUM_LENGTH && /^[\x21-\x7e]+$/.test(secret);

async function readKept(file: string): Promise<string | undefined> {
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
