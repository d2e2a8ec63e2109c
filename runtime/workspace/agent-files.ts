import { CordonError } from '../errors.ts';
import type { Amount } from './allowance.ts';
import { type RemoveOptions, type RenameOptions, remove, rename } from './change-tree.ts';
import type { FileStat } from './file-stat.ts';
import { syncPaths } from './flush.ts';
import { type Listed, list, walk } from './list-tree.ts';
import { type MkdirOptions, mkdir } from './make-directories.ts';
import { type OpenedFile, openFile, statEntry } from './read-file.ts';
import type { Volume } from './sized/volume.ts';
import { type Tree, within } from './tree.ts';
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

/** `checkSpace` throws when nothing may grow: removals and renames go on. */
export function workspaceOf(entry: { tree: Tree; volume: Volume | undefined }, checkSpace: () => void): Workspace {
  const { tree } = entry;
  const here = <T>(body: () => Promise<T> | T): Promise<T> => within(tree, body);
  const growing = async <T>(quota: Amount, work: () => Promise<T>): Promise<T> => {
    checkSpace();
    const { volume } = entry;
    if (volume === undefined) return work();
    await volume.prepare(quota);
    try {
      return await work();
    } catch (error) {
      if (isOutOfRoom(error)) throw volume.full(quota);
      throw error;
    }
  };
  return {
    stat: (path) => here(() => statEntry(tree, path)),
    list: (path) => list(tree, path),
    walk: (path) => walk(tree, path),
    open: (path) => here(() => openFile(tree, path)),
    write: (path, source, options) => growing(options.quota, () => replaceFile(tree, path, source, options)),
    append: (path, bytes, options) => growing(options.quota, () => here(() => append(tree, path, bytes, options))),
    writeRange: (path, offset, bytes, options) =>
      growing(options.quota, () => here(() => writeRange(tree, path, offset, bytes, options))),
    truncate: (path, size, options) => here(() => truncate(tree, path, size, options)),
    mkdir: (path, options) => growing(options.quota, () => here(() => mkdir(tree, path, options))),
    remove: (path, options) => here(() => remove(tree, path, options)),
    rename: (from, to, options) => here(() => rename(tree, from, to, options)),
    copy: (from, to, options) => growing(options.quota, () => copyFile(tree, from, to, options)),
    sync: (paths) => here(() => syncPaths(tree, paths)),
    usage: () => ({ ...tree.used }),
  };
}

/** The sized file system is full, which no disk of the host is. */
const isOutOfRoom = (error: unknown): boolean =>
  error instanceof CordonError && (error.details.cause as NodeJS.ErrnoException | undefined)?.code === 'ENOSPC';
