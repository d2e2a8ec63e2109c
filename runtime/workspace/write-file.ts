import { randomBytes } from 'node:crypto';
import { closeSync, constants, fstatSync, openSync, renameSync, unlinkSync, write as writeCallback } from 'node:fs';
import { promisify } from 'node:util';
import { CordonError } from '../errors.ts';
import { type FileStat, fileStat } from './file-stat.ts';
import { flushDirectories, fsync } from './flush.ts';
import { kindOf, refuseForeign } from './gate.ts';
import { type GuestPath, parseGuestPath } from './guest-path.ts';
import { enterOrMake, type Made, probe, startMaking } from './make-directories.ts';
import { openFile } from './read-file.ts';
import { assertOpen, type Charged, charge, type Tree, translatedAsync } from './tree.ts';
import { translated, WorkspaceError } from './workspace-error.ts';

const writeAt = promisify(writeCallback);

/** Bytes, or a stream of them. */
export type Source = Uint8Array | AsyncIterable<Uint8Array>;

export interface WriteOptions extends Charged {
  /** `wx`: must not exist (EEXIST). Default `w`. */
  flag?: 'w' | 'wx' | undefined;
  /** Makes missing directories. Default false. */
  parents?: boolean | undefined;
  /** Flushed to disk, name included, before it resolves. Default true; without, call `sync` later. */
  durable?: boolean | undefined;
  /**
   * Sees what stands there (undefined: nothing) before the upload and at the very moment of replacement, and throws to
   * refuse: for `If-Match`.
   */
  condition?: ((now: FileStat | undefined) => void) | undefined;
  /** Most bytes of a stream; more is CordonError too_large. */
  maxBytes?: number | undefined;
}

export interface Written {
  stat: FileStat;
  /** The path named nothing before. */
  created: boolean;
}

/** Writes all of it at a position; `null` is the file's own position (or its end, when opened to append). */
export async function writeFully(fd: number, bytes: Uint8Array, position: number | null): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const at = position === null ? null : position + done;
    done += (await writeAt(fd, bytes, done, bytes.length - done, at)).bytesWritten;
  }
}

/**
 * Writes a whole file: readers see the old or the new content, never a part; after a crash too. Concurrent writers of
 * one path: the last to finish wins. Errors: WorkspaceError; CordonError quota_exceeded, too_large, storage_full;
 * an error of the stream is passed on, and nothing changed.
 */
export async function replaceFile(tree: Tree, path: string, source: Source, options: WriteOptions): Promise<Written> {
  const target = parseGuestPath(path, 'open');
  const { durable = true, maxBytes = Number.POSITIVE_INFINITY } = options;
  const chunks = source instanceof Uint8Array ? [source] : source;
  if (source instanceof Uint8Array && source.length > maxBytes) throw tooLarge(target, maxBytes);
  const before = checkTarget(tree, target, options);
  const held = charge(tree, options);
  let temporary: { fd: number; path: string } | undefined;
  try {
    held.reach(source instanceof Uint8Array ? Math.max(0, source.length - before.bytes) : 0, before.missing);
    temporary = translated('open', target.text, () => openTemporary(tree));
    let written = 0;
    for await (const chunk of chunks) {
      written += chunk.length;
      if (written > maxBytes) throw tooLarge(target, maxBytes);
      held.reach(Math.max(0, written - before.bytes), before.missing);
      const { fd } = temporary;
      await translatedAsync('write', target.text, () => writeFully(fd, chunk, null));
    }
    tree.stamp(temporary.fd);
    const { fd } = temporary;
    if (durable) await translatedAsync('fsync', target.text, () => fsync(fd));
    const made = startMaking(tree, 'open', target.text);
    try {
      const created = commit(tree, target, temporary, written, options, held, made);
      const stat = fileStat(fstatSync(fd, { bigint: true }));
      if (durable) await flushDirectories(made.opened, 'open', target.text);
      return { stat, created };
    } finally {
      for (const directory of made.opened) tree.gate.close(directory);
    }
  } finally {
    held.release();
    if (temporary !== undefined) dropTemporary(temporary);
  }
}

/** Whether it may be written, as things stand now: what is refused is refused before the upload. */
function checkTarget(
  tree: Tree,
  target: GuestPath,
  { flag, parents, condition }: WriteOptions,
): { bytes: number; missing: number } {
  if (target.parts.length === 0 || target.directory) throw new WorkspaceError('EISDIR', 'open', target.text);
  const { stat, missing } = probe(tree, target.parts, 'open', target.text);
  condition?.(stat && fileStat(stat));
  if (missing > 1 && parents !== true) throw new WorkspaceError('ENOENT', 'open', target.text);
  if (stat === undefined) return { bytes: 0, missing };
  if (flag === 'wx') throw new WorkspaceError('EEXIST', 'open', target.text);
  if (stat.isDirectory()) throw new WorkspaceError('EISDIR', 'open', target.text);
  refuseForeign(kindOf(stat), 'open', target.text);
  return { bytes: tree.writers.counted(stat), missing };
}

/** Gives the temporary file its name. Synchronous: what is checked and counted here is what happens. */
function commit(
  tree: Tree,
  target: GuestPath,
  temporary: { path: string },
  bytes: number,
  options: WriteOptions,
  held: ReturnType<typeof charge>,
  made: Made,
): boolean {
  const now = checkTarget(tree, target, options);
  held.reach(Math.max(0, bytes - now.bytes), now.missing);
  const { parts, text } = target;
  const name = parts.at(-1) as string;
  try {
    enterOrMake(tree, parts.slice(0, -1), Math.max(0, now.missing - 1), 'open', text, made);
    const old = tree.gate.look(made.directory, name);
    translated('open', text, () => renameSync(temporary.path, tree.gate.at(made.directory, name)));
    held.settle(bytes - (old === undefined ? 0 : tree.writers.removed(old)), made.count + (old === undefined ? 1 : 0));
    return old === undefined;
  } catch (error) {
    held.settle(0, made.count);
    throw error;
  }
}

function openTemporary(tree: Tree): { fd: number; path: string } {
  assertOpen(tree, 'open', '/workspace');
  const path = `${tree.incomingPath}/${randomBytes(12).toString('hex')}`;
  const { O_RDWR, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
  return { fd: openSync(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600), path };
}

function dropTemporary({ fd, path }: { fd: number; path: string }): void {
  closeSync(fd);
  try {
    unlinkSync(path);
  } catch {
    // It has its final name, or the agent was removed.
  }
}

function tooLarge(target: GuestPath, maxBytes: number): CordonError {
  return new CordonError('too_large', `'${target.text}' may have at most ${maxBytes} bytes`, {
    errors: [{ field: 'body', message: `must have at most ${maxBytes} bytes` }],
  });
}

export interface CopyOptions extends Charged {
  /** The target must not exist (EEXIST). Default false. */
  exclusive?: boolean | undefined;
  durable?: boolean | undefined;
}

/** Copies one file; atomic as a write. Errors: as for reading the one and writing the other. */
export async function copyFile(tree: Tree, from: string, to: string, options: CopyOptions): Promise<Written> {
  const file = openFile(tree, from);
  async function* chunks() {
    const step = 1024 * 1024;
    for (let offset = 0; offset < file.stat.bytes; offset += step) yield await file.read({ offset, length: step });
  }
  try {
    const { exclusive = false, ...rest } = options;
    return await replaceFile(tree, to, chunks(), { ...rest, flag: exclusive ? 'wx' : 'w' });
  } finally {
    file.close();
  }
}
