import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, realpathSync, renameSync, rmdirSync } from 'node:fs';
import { CordonError } from '../errors.ts';
import type { Owner } from '../sandbox/driver.ts';
import { createFreeSpace } from '../store/free-space.ts';
import type { Amount } from './allowance.ts';
import { type RemoveOptions, type RenameOptions, remove, rename } from './change-tree.ts';
import { countUsage } from './count-usage.ts';
import type { FileStat } from './file-stat.ts';
import { syncPaths } from './flush.ts';
import { createGate } from './gate.ts';
import { type Listed, list, walk } from './list-tree.ts';
import { type MkdirOptions, mkdir } from './make-directories.ts';
import { type OpenedFile, openFile, statEntry } from './read-file.ts';
import { emptyFolder, freshName } from './remove-tree.ts';
import { createInPlaceWriters, createStamp, type Tree } from './tree.ts';
import { type CopyOptions, copyFile, replaceFile, type Source, type WriteOptions, type Written } from './write-file.ts';
import {
  type AppendOptions,
  append,
  type Changed,
  type InPlaceOptions,
  truncate,
  writeRange,
} from './write-in-place.ts';

/**
 * An agent's files. All paths are guest paths: relative to /workspace, or absolute below it. Errors are
 * `WorkspaceError` with Node's codes, and `CordonError` quota_exceeded, too_large, storage_full.
 * Changes are durable when they resolve, unless `durable: false` leaves that to `sync`.
 */
export interface Workspace {
  stat(path: string): Promise<FileStat>;
  list(path: string): Promise<Listed[]>;
  /** Everything below, lazily, each directory before what it holds. */
  walk(path: string): AsyncIterable<Listed>;
  /** Holds a file open: its stat, ranges and streams are of one and the same content when it was written whole. */
  open(path: string): Promise<OpenedFile>;
  write(path: string, source: Source, options: WriteOptions): Promise<Written>;
  append(path: string, bytes: Uint8Array, options: AppendOptions): Promise<Changed>;
  writeRange(path: string, offset: number, bytes: Uint8Array, options: InPlaceOptions): Promise<Changed>;
  truncate(path: string, size: number, options: InPlaceOptions): Promise<Changed>;
  mkdir(path: string, options: MkdirOptions): Promise<void>;
  remove(path: string, options: RemoveOptions): Promise<void>;
  rename(from: string, to: string, options: RenameOptions): Promise<void>;
  copy(from: string, to: string, options: CopyOptions): Promise<Written>;
  /** Makes earlier changes at these paths durable, removals too. */
  sync(paths: Iterable<string>): Promise<void>;
  /** What is stored, reservations of writes under way included. */
  usage(): Amount;
}

export interface Workspaces {
  /** Counts the usage at the first call for an owner and removes what a crash left half-written. */
  open(owner: Owner): Promise<Workspace>;
  /** Removes all files of an owner: gone at once for every caller, freed when it resolves. */
  forget(owner: Owner): Promise<void>;
}

/** Folder for removed agents. No tenant can have this name. */
const RUBBISH = '.removed';
const slug = /^[a-z0-9][a-z0-9_-]{0,62}$/;

export interface WorkspacesOptions {
  root: string;
  /** Below this much free space, what would grow is refused with storage_full. Default 0. */
  minimumFreeBytes?: number;
  nowMs?: () => number;
  descriptors?: boolean;
}

/**
 * One folder per tenant and agent below `root` (a host path, made when missing). One process per root: usage is counted
 * in memory. `descriptors: false` walks by path, as on machines without /proc; it is for tests.
 */
export function createWorkspaces(options: WorkspacesOptions): Workspaces {
  mkdirSync(options.root, { recursive: true, mode: 0o700 });
  const root = realpathSync(options.root);
  const descriptors = options.descriptors ?? existsSync('/proc/self/fd');
  const stamp = createStamp(options.nowMs ?? Date.now);
  const freeSpace = createFreeSpace(root, options.minimumFreeBytes ?? 0);
  const opened = new Map<string, { tree: Tree; workspace: Promise<Workspace> }>();

  let removals: Promise<unknown> = Promise.resolve();

  function place({ tenant, agent }: Owner): { key: string; tenantPath: string; path: string } {
    // Ids are checked at the API; a path is made of them here, so they are checked here.
    if (!slug.test(tenant) || !slug.test(agent)) throw new Error('not the id of a tenant and an agent');
    return { key: `${tenant}/${agent}`, tenantPath: `${root}/${tenant}`, path: `${root}/${tenant}/${agent}` };
  }

  function makeTree(path: string): Tree {
    const files = `${path}/files`;
    const incomingPath = `${path}/incoming`;
    const made = [files, incomingPath].map((folder) => mkdirSync(folder, { recursive: true, mode: 0o700 }));
    if (made.some((folder) => folder !== undefined)) flushFolders([path, `${path}/..`, root]);
    return {
      gate: createGate(files, descriptors),
      incoming: createGate(incomingPath, descriptors),
      incomingPath,
      used: { bytes: 0, files: 0 },
      writers: createInPlaceWriters(),
      directoryRenames: Promise.resolve(),
      stamp,
      closed: false,
    };
  }

  async function prepare(tree: Tree): Promise<Workspace> {
    await emptyFolder(tree.incoming, tree.incomingPath);
    Object.assign(tree.used, await countUsage(tree.gate));
    return workspaceOf(tree, () => {
      if (!freeSpace.enough()) throw new CordonError('storage_full', 'The disk is nearly full: files cannot grow');
    });
  }

  return {
    async open(owner) {
      const { key, path } = place(owner);
      let entry = opened.get(key);
      if (entry === undefined) {
        const tree = makeTree(path);
        entry = { tree, workspace: prepare(tree) };
        opened.set(key, entry);
        // A failed scan must not fail for ever.
        const failed = entry;
        entry.workspace.catch(() => {
          if (opened.get(key) === failed) opened.delete(key);
        });
      }
      return entry.workspace;
    },

    async forget(owner) {
      const { key, path, tenantPath } = place(owner);
      const entry = opened.get(key);
      if (entry !== undefined) entry.tree.closed = true;
      opened.delete(key);
      const rubbishPath = `${root}/${RUBBISH}`;
      mkdirSync(rubbishPath, { recursive: true, mode: 0o700 });
      if (existsSync(path)) {
        renameSync(path, `${rubbishPath}/${freshName()}`);
        flushFolders([tenantPath, rubbishPath]);
        try {
          rmdirSync(tenantPath);
        } catch {
          // Other agents of the tenant have files.
        }
      }
      // Also what an earlier removal left when Cordon ended in the middle of it. One after the other: they share the folder.
      const emptied = removals.then(() => emptyFolder(createGate(rubbishPath, descriptors), rubbishPath));
      removals = emptied.catch(() => {});
      await emptied;
    },
  };
}

/** Flushes the names of new folders. Synchronous: once per agent, and nothing may come between making and using them. */
function flushFolders(paths: string[]): void {
  for (const path of paths) {
    const fd = openSync(path, 'r');
    try {
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
  }
}

/** `checkSpace` throws when nothing may grow: removals and renames go on. */
function workspaceOf(tree: Tree, checkSpace: () => void): Workspace {
  const growing = async <T>(work: () => Promise<T>): Promise<T> => {
    checkSpace();
    return work();
  };
  return {
    stat: async (path) => statEntry(tree, path),
    list: (path) => list(tree, path),
    walk: (path) => walk(tree, path),
    open: async (path) => openFile(tree, path),
    write: (path, source, options) => growing(() => replaceFile(tree, path, source, options)),
    append: (path, bytes, options) => growing(() => append(tree, path, bytes, options)),
    writeRange: (path, offset, bytes, options) => growing(() => writeRange(tree, path, offset, bytes, options)),
    truncate: (path, size, options) => truncate(tree, path, size, options),
    mkdir: (path, options) => growing(() => mkdir(tree, path, options)),
    remove: (path, options) => remove(tree, path, options),
    rename: (from, to, options) => rename(tree, from, to, options),
    copy: (from, to, options) => growing(() => copyFile(tree, from, to, options)),
    sync: (paths) => syncPaths(tree, paths),
    usage: () => ({ ...tree.used }),
  };
}
