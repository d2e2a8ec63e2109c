/**
 * Backup of a live data directory, from another process, and restore into an empty one.
 * LMDB takes readers from any process, so the copy of the store is one consistent snapshot of what was durable, while
 * writes go on. The files are copied after it, each whole: a file that the snapshot's records tell of is there, in that
 * or a newer state, unless it was deleted meanwhile; files of agents made after the snapshot may be there as well.
 * An agent's files in a file system of their own are copied out of it, to the plain folder that they once were: an
 * image that is mounted is not consistent on disk.
 */
import { existsSync } from 'node:fs';
import { mkdir, open, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import {
  adminKeyFile,
  halfRestored,
  masterKeyFile,
  openDataDir,
  restoringFile,
  storeFolder,
  workspacesFolder,
} from './data-dir.ts';
import { syncDirectory, writeDurably } from './durable-file.ts';
import { copyFile, copyTree, type Instead, type Tree } from './file-tree.ts';
import { formatFile, readFormat, refuseNewer } from './format.ts';
import { copyStore, DATA_FILE, verifyStore } from './lmdb-store.ts';

const manifestFile = 'backup.json';
/** In the root of a file system of its own; counts as nothing. */
const LOST_AND_FOUND = 'lost+found';

interface Manifest {
  format: number;
  createdAt: string;
  store: { bytes: number; sha256: string };
  adminKey: { bytes: number; sha256: string } | null;
  /** Absent in backups of versions without a vault. */
  masterKey?: { bytes: number; sha256: string } | null;
  workspaces: Tree;
}

export class BackupError extends Error {
  override readonly name = 'BackupError';
}

export interface BackupReport {
  storeBytes: number;
  files: number;
  fileBytes: number;
}

/** How workspaces that are no plain folders are copied: see runtime/workspace/sized/backup.ts. */
export interface SizedCopier {
  /** In the folder of an agent that has such a workspace. */
  readonly image: string;
  /** Copies the files of the agent's folder `from` into `to`, which it makes, as a plain workspace. */
  copy(from: string, to: string): Promise<void>;
}

/**
 * Copies the data directory `dir`, in use or not, to `target`, which must be empty or not exist.
 * The manifest is written last: without it a copy is not complete. Errors: BackupError.
 */
export async function backupDataDir(dir: string, target: string, sized?: SizedCopier): Promise<BackupReport> {
  const format = await readFormat(dir);
  if (format === undefined) throw new BackupError(`${dir} is no data directory of Cordon`);
  refuseNewer(format, `The data directory ${dir}`);
  await makeEmpty(target);
  await mkdir(join(target, storeFolder), { mode: 0o700 });
  await copyStore(join(dir, storeFolder), join(target, storeFolder));
  const store = await copyFile(join(target, storeFolder, DATA_FILE), undefined);
  const adminKey = await copyIfThere(join(dir, adminKeyFile), join(target, adminKeyFile));
  const masterKey = await copyIfThere(join(dir, masterKeyFile), join(target, masterKeyFile));
  const [from, to] = [join(dir, workspacesFolder), join(target, workspacesFolder)];
  const workspaces = await copyTree(from, to, sized && copySized(from, to, sized));
  // A migration meanwhile would have needed the service to stop and start in a newer version.
  if ((await readFormat(dir)) !== format) throw new BackupError('The format changed during the backup: run it again');
  const manifest: Manifest = { format, createdAt: new Date().toISOString(), store, adminKey, masterKey, workspaces };
  await writeDurably(join(target, manifestFile), `${JSON.stringify(manifest, null, 2)}\n`);
  return { storeBytes: store.bytes, files: workspaces.files, fileBytes: workspaces.bytes };
}

/**
 * Makes the data directory `dir`, which must be empty or not exist, from a backup. An older format is migrated at once.
 * One that is killed leaves the file `restoring`: such a directory is neither started nor restored into.
 * Errors: BackupError for an incomplete or damaged backup or a directory in use; FormatError for a newer format.
 */
export async function restoreDataDir(source: string, dir: string): Promise<BackupReport> {
  const manifest = await readManifest(source);
  refuseNewer(manifest.format, `The backup ${source}`);
  await makeEmpty(dir);
  await markRestoring(dir);
  let report: BackupReport;
  try {
    await mkdir(join(dir, storeFolder), { mode: 0o700 });
    const store = await copyFile(join(source, storeFolder, DATA_FILE), join(dir, storeFolder, DATA_FILE));
    same(store.sha256, manifest.store.sha256, 'store');
    for (const [file, expected] of [
      [adminKeyFile, manifest.adminKey],
      [masterKeyFile, manifest.masterKey ?? null],
    ] as const) {
      if (expected === null) continue;
      const copied = await copyFile(join(source, file), join(dir, file));
      same(copied.sha256, expected.sha256, file);
    }
    const workspaces = await copyTree(join(source, workspacesFolder), join(dir, workspacesFolder));
    same(workspaces.sha256, manifest.workspaces.sha256, workspacesFolder);
    await verifyStore(join(dir, storeFolder));
    await writeDurably(join(dir, formatFile), `${manifest.format}\n`);
    report = { storeBytes: store.bytes, files: workspaces.files, fileBytes: workspaces.bytes };
  } catch (error) {
    // Half a restore must not start as if it were whole. The directory was empty before.
    for (const name of await readdir(dir))
      if (name !== LOST_AND_FOUND && name !== restoringFile)
        await rm(join(dir, name), { recursive: true, force: true });
    await unmarkRestoring(dir);
    throw error;
  }
  // From here on it is whole, and a service may have it: whatever fails now, nothing is taken away.
  await unmarkRestoring(dir);
  await (await openDataDir(dir)).close();
  return report;
}

/** Before anything else is there: of two restores into one directory the second is refused. */
async function markRestoring(dir: string): Promise<void> {
  try {
    const file = await open(join(dir, restoringFile), 'wx', 0o600);
    await file.close();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') throw new BackupError(halfRestored(dir));
    throw error;
  }
  await syncDirectory(dir);
}

/** When all the rest is there, or gone, also after a power loss. */
async function unmarkRestoring(dir: string): Promise<void> {
  await syncDirectory(dir);
  await rm(join(dir, restoringFile), { force: true });
  await syncDirectory(dir);
}

function copySized(from: string, to: string, sized: SizedCopier): Instead {
  return async (path) => {
    // On their way out, or probes.
    if (path.startsWith('.')) return 'left out';
    // Also after it was copied as a plain folder: it may have moved meanwhile.
    if (path.split('/').length !== 2 || !existsSync(join(from, path, sized.image))) return undefined;
    await rm(join(to, path), { recursive: true, force: true });
    await sized.copy(join(from, path), join(to, path));
    return 'copied';
  };
}

async function readManifest(source: string): Promise<Manifest> {
  let text: string;
  try {
    text = await readFile(join(source, manifestFile), 'utf8');
  } catch {
    throw new BackupError(`${source} is no complete backup: it has no ${manifestFile}`);
  }
  try {
    const manifest = JSON.parse(text) as Manifest;
    const whole = Number.isInteger(manifest.format) && manifest.store.sha256 && manifest.workspaces.sha256;
    if (whole && manifest.adminKey !== undefined) return manifest;
  } catch {
    // Said below.
  }
  throw new BackupError(`${join(source, manifestFile)} is damaged`);
}

function same(found: string, expected: string, what: string): void {
  if (found !== expected) throw new BackupError(`The backup is damaged: its ${what} is not what was written`);
}

async function makeEmpty(dir: string): Promise<void> {
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const names = await readdir(dir);
  if (names.includes(restoringFile)) throw new BackupError(halfRestored(dir));
  if (names.some((name) => name !== LOST_AND_FOUND))
    throw new BackupError(`${dir} is not empty: nothing is overwritten`);
}

async function copyIfThere(from: string, to: string): Promise<{ bytes: number; sha256: string } | null> {
  try {
    return await copyFile(from, to);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}
