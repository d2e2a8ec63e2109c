import { randomBytes } from 'node:crypto';
import {
  closeSync,
  constants,
  fstatSync,
  openSync,
  read as readCallback,
  renameSync,
  unlinkSync,
  write as writeCallback,
} from 'node:fs';
import { promisify } from 'node:util';
import { CordonError } from '../errors.ts';
import { type FileStat, fileStat } from './file-stat.ts';
import { flushDirectories, fsync } from './flush.ts';
import { kindOf, refuseForeign } from './gate.ts';
import { type GuestPath, parseGuestPath } from './guest-path.ts';
import { enterOrMake, type Made, probe, startMaking } from './make-directories.ts';
import { openFile } from './read-file.ts';
import { assertOpen, BLOCK, type Charged, charge, type Tree, translatedAsync, within } from './tree.ts';
import { translated, WorkspaceError } from './workspace-error.ts';

const readAt = promisify(readCallback);
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
  const held = charge(tree, options);
  let temporary: Temporary | undefined;
  let written = 0;
  /** What the containers' room was spared, and what of it is on disk in the end. */
  let lent = 0;
  let stored = 0;
  const lend = (bytes: number, files: number) => {
    if (tree.sized === undefined) return;
    tree.sized.lend(bytes, files);
    lent += bytes;
  };
  try {
    const before = await within(tree, () => {
      const found = checkTarget(tree, target, options);
      held.reach(source instanceof Uint8Array ? Math.max(0, source.length - found.bytes) : 0, found.missing);
      lend((found.missing + 1) * BLOCK, Math.max(1, found.missing));
      temporary = translated('open', target.text, () => openTemporary(tree));
      return found;
    });
    // Outside of the turnstile: a slow upload must not keep anything waiting.
    for await (const chunk of chunks) {
      if (written + chunk.length > maxBytes) throw tooLarge(target, maxBytes);
      held.reach(Math.max(0, written + chunk.length - before.bytes), before.missing);
      lend(chunk.length, 0);
      written += chunk.length;
      const { fd } = temporary as unknown as Temporary;
      await translatedAsync('write', target.text, () => writeFully(fd, chunk, null));
    }
    return await within(tree, async () => {
      const before = temporary as Temporary;
      if (before.folder !== tree.incomingPath) lend(written + BLOCK, 1);
      temporary = await followMove(tree, before, target, written);
      const { fd } = temporary;
      tree.stamp(fd);
      if (durable) await translatedAsync('fsync', target.text, () => fsync(fd));
      const made = startMaking(tree, 'open', target.text);
      try {
        const created = commit(tree, target, temporary, written, options, held, made);
        const stat = fstatSync(fd, { bigint: true });
        stored = Number(stat.blocks) * 512 + made.count * BLOCK;
        if (durable) await flushDirectories(made.opened, 'open', target.text);
        return { stat: fileStat(stat), created };
      } finally {
        for (const directory of made.opened) tree.gate.close(directory);
      }
    });
  } finally {
    held.release();
    if (temporary !== undefined) dropTemporary(temporary);
    tree.sized?.lend(stored - lent, 0);
  }
}

/** The agent's files moved during the upload: what has arrived is copied after them. */
async function followMove(tree: Tree, old: Temporary, target: GuestPath, bytes: number): Promise<Temporary> {
  if (old.folder === tree.incomingPath) return old;
  const moved = translated('open', target.text, () => openTemporary(tree));
  try {
    const piece = Buffer.allocUnsafeSlow(1024 * 1024);
    for (let done = 0; done < bytes; ) {
      const { bytesRead } = await readAt(old.fd, piece, 0, piece.length, done);
      if (bytesRead === 0) throw new WorkspaceError('ENOENT', 'open', target.text);
      await translatedAsync('write', target.text, () => writeFully(moved.fd, piece.subarray(0, bytesRead), null));
      done += bytesRead;
    }
  } catch (error) {
    dropTemporary(moved);
    throw error;
  }
  dropTemporary(old);
  return moved;
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
    if (old !== undefined) tree.sized?.lend(-Number(old.blocks) * 512, 0);
    held.settle(bytes - (old === undefined ? 0 : tree.writers.removed(old)), made.count + (old === undefined ? 1 : 0));
    return old === undefined;
  } catch (error) {
    held.settle(0, made.count);
    throw error;
  }
}

interface Temporary {
  fd: number;
  path: string;
  /** Where it was made. */
  folder: string;
}

function openTemporary(tree: Tree): Temporary {
  assertOpen(tree, 'open', '/workspace');
  const folder = tree.incomingPath;
  const path = `${folder}/${randomBytes(12).toString('hex')}`;
  const { O_RDWR, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
  const fd = openSync(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
  tree.sized?.own(fd);
  return { fd, path, folder };
}

function dropTemporary({ fd, path }: Temporary): void {
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
  const file = await within(tree, () => openFile(tree, from));
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
