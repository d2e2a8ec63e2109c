/** Re-keying: every data key is wrapped with a new master key. The secrets themselves stay as they lie. */
import { join } from 'node:path';
import { openDataDir } from '../store/data-dir.ts';
import { writeDurably } from '../store/durable-file.ts';
import { readFormat } from '../store/format.ts';
import { openStore } from '../store/lmdb-store.ts';
import type { Store } from '../store/store.ts';
import { rewrapSecret, type SealedSecret } from './envelope.ts';
import {
  type MasterKey,
  MasterKeyError,
  masterKeyEntry,
  newMasterKeyText,
  nextFile,
  openMasterKey,
  readMasterKey,
  takeNext,
} from './master-key.ts';

export interface RekeyOptions {
  dataDir: string;
  /** CORDON_MASTER_KEY: the key as it is; undefined: it is in `master-key` of the data directory. */
  masterKey: string | undefined;
  /** Base64 of 32 bytes; undefined: one is made, which only works when the key is in the file. */
  newKey: string | undefined;
}

export interface RekeyReport {
  secrets: number;
  /** The file that holds the new key; undefined: CORDON_MASTER_KEY has to be set to it. */
  file: string | undefined;
}

/**
 * Re-keys a data directory that no service uses. All secrets move in one transaction: a crash leaves all under the
 * former key or all under the new one, and the next start finds out which. Errors: MasterKeyError, LockedError,
 * FormatError; then nothing was changed.
 */
export async function rekeyDataDir({ dataDir: dir, masterKey, newKey }: RekeyOptions): Promise<RekeyReport> {
  if ((await readFormat(dir)) === undefined) throw new MasterKeyError(`${dir} is no data directory of Cordon`);
  if (masterKey !== undefined && newKey === undefined)
    throw new MasterKeyError('The key is in CORDON_MASTER_KEY: name the file that holds the new one');
  const dataDir = await openDataDir(dir);
  try {
    const store = await openStore({ dir: dataDir.storeDir, durability: 'disk', minimumFreeBytes: 0 });
    try {
      const file = join(dataDir.path, 'master-key');
      const from = await openMasterKey(store, { key: masterKey, file });
      const text = newKey?.trim() ?? newMasterKeyText();
      const to = readMasterKey(text, 'The new key');
      if (to.id === from.id) throw new MasterKeyError('The new key is the one that is in use');
      // The new key is safe on disk before anything depends on it; left there by a failure it does no harm.
      if (masterKey === undefined) await writeDurably(nextFile(file), `${text}\n`);
      const secrets = await rewrapAll(store, from, to);
      if (masterKey === undefined) await takeNext(file);
      return { secrets, file: masterKey === undefined ? file : undefined };
    } finally {
      await store.close();
    }
  } finally {
    await dataDir.close();
  }
}

/** How many there were. Errors: UnsealError for one that is damaged. */
export function rewrapAll(store: Store, from: MasterKey, to: MasterKey): Promise<number> {
  return store.transaction((tx) => {
    const entries = tx.range<SealedSecret>({ prefix: ['credential-secret'] });
    for (const { key, value } of entries) {
      const [, tenant, credential, version] = key as [string, string, string, number];
      tx.put(key, rewrapSecret(from, to, { tenant, credential, version }, value));
    }
    tx.put(masterKeyEntry, to.id);
    return entries.length;
  });
}
