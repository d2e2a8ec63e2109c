/** The data directory: `store/` (LMDB), `workspaces/`, `admin-key`, `format`, and the lock. */
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, mkdir, readdir, readFile, realpath, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { holderFile, lockDirectory, lockFile } from './directory-lock.ts';
import { syncDirectory } from './durable-file.ts';
import { FormatError, formatFile, type Migration, migrate, migrations, readFormat } from './format.ts';
import { DATA_FILE } from './lmdb-store.ts';

export const storeFolder = 'store';
export const workspacesFolder = 'workspaces';
export const adminKeyFile = 'admin-key';
export const masterKeyFile = 'master-key';
export const containersFolder = 'containers';
const installationFile = 'installation';
/** There while a restore copies, and after one that was cut off: what is in the directory is not whole. */
export const restoringFile = 'restoring';

export interface DataDir {
  /** Absolute, without symbolic links. */
  readonly path: string;
  readonly storeDir: string;
  readonly workspacesDir: string;
  /** Holds the first operator key, mode 0600: see agent/keys.ts. */
  readonly adminKeyFile: string;
  /** Sockets and mounts of containers: nothing in it is kept. */
  readonly containersDir: string;
  /** Names this directory among those of one machine or engine; made at first start. */
  readonly installation: string;
  /** Gives the lock back: after everything in it is closed. */
  close(): Promise<void>;
}

/** What may lie in a directory whose first start was cut off before the format was written. */
const ours = new Set([
  storeFolder,
  workspacesFolder,
  adminKeyFile,
  masterKeyFile,
  containersFolder,
  installationFile,
  lockFile,
  `${lockFile}-journal`,
  holderFile,
]);
const harmless = (name: string) => ours.has(name) || name === 'lost+found' || name.startsWith(formatFile);

/** What is wrong, and what to do. */
export const halfRestored = (dir: string) =>
  `${dir} holds a restore that was cut off, or is still under way: empty it, or name an empty directory, and restore again.`;

/**
 * Opens the data directory for this process alone, makes what is missing (mode 0700) and migrates an older format.
 * Errors: LockedError with the holder's pid; FormatError for a newer format, half a restore, or a folder that
 * holds other things.
 */
export async function openDataDir(dir: string, steps: readonly Migration[] = migrations): Promise<DataDir> {
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const path = await realpath(dir);
  const names = await readdir(path);
  if (names.includes(restoringFile)) throw new FormatError(halfRestored(path));
  if (!names.includes(formatFile)) {
    const foreign = names.find((name) => !harmless(name));
    if (foreign !== undefined)
      throw new FormatError(`${path} is no data directory of Cordon (it holds ${foreign}): name an empty one.`);
  }
  await chmod(path, 0o700);
  const unlock = lockDirectory(path);
  try {
    // At a first start the format is there before the store is. Under the lock: another start may be at it.
    if ((await readFormat(path)) === undefined && existsSync(join(path, storeFolder, DATA_FILE)))
      throw new FormatError(
        `${path} holds a store and no file "${formatFile}", as after a copy or restore that was cut off: restore again, into an empty directory.`,
      );
    const dataDir: DataDir = {
      path,
      storeDir: join(path, storeFolder),
      workspacesDir: join(path, workspacesFolder),
      adminKeyFile: join(path, adminKeyFile),
      containersDir: join(path, containersFolder),
      installation: await ensureInstallation(join(path, installationFile)),
      async close() {
        unlock();
      },
    };
    for (const folder of [dataDir.storeDir, dataDir.workspacesDir])
      await mkdir(folder, { recursive: true, mode: 0o700 });
    await syncDirectory(path);
    await migrate(path, dataDir.storeDir, steps);
    return dataDir;
  } catch (error) {
    unlock();
    throw error;
  }
}

/** A crash while it is written leaves a torn one, which is replaced: nothing but running containers depends on it. */
async function ensureInstallation(file: string): Promise<string> {
  const known = await readFile(file, 'utf8').catch(() => '');
  if (/^[0-9a-f]{16}$/.test(known)) return known;
  const made = randomBytes(8).toString('hex');
  await writeFile(file, made, { mode: 0o600 });
  return made;
}
