import { closeSync, constants, fstatSync, ftruncate as ftruncateCallback, openSync } from 'node:fs';
import { promisify } from 'node:util';
import { type FileStat, fileStat } from './file-stat.ts';
import { flushDirectories, fsync } from './flush.ts';
import { parseGuestPath } from './guest-path.ts';
import { BLOCK, type Charged, charge, inParent, openDirectory, type Tree, translatedAsync } from './tree.ts';
import { WorkspaceError } from './workspace-error.ts';
import { writeFully } from './write-file.ts';

const ftruncate = promisify(ftruncateCallback);
const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK } = constants;

export interface InPlaceOptions extends Charged {
  /** Flushed before it resolves. Default true. */
  durable?: boolean | undefined;
}

export interface AppendOptions extends InPlaceOptions {
  /** `ax`: must not exist (EEXIST). Default `a`, which makes a missing file. */
  flag?: 'a' | 'ax' | undefined;
}

export interface Changed extends FileStat {
  /** The etag of what the change found. */
  etagBefore: string;
}

/** Appends; several appends of one file come one after the other, each in one piece. Errors: as `replaceFile`. */
export async function append(tree: Tree, path: string, bytes: Uint8Array, options: AppendOptions): Promise<Changed> {
  const created = createEmpty(tree, path, bytes.length, options);
  return change(tree, path, 'open', { ...options, created }, (counted) => ({
    size: counted + bytes.length,
    apply: (fd) => writeFully(fd, bytes, counted),
  }));
}

/** Writes at an offset of an existing file; a gap before it becomes a hole of zeros that counts as bytes. */
export function writeRange(
  tree: Tree,
  path: string,
  offset: number,
  bytes: Uint8Array,
  options: InPlaceOptions,
): Promise<Changed> {
  return change(tree, path, 'write', options, (counted) => ({
    size: bytes.length === 0 ? counted : Math.max(counted, offset + bytes.length),
    apply: (fd) => writeFully(fd, bytes, offset),
  }));
}

/** Cuts an existing file, or extends it with zeros that count as bytes. */
export function truncate(tree: Tree, path: string, size: number, options: InPlaceOptions): Promise<Changed> {
  return change(tree, path, 'ftruncate', options, () => ({ size, apply: (fd) => ftruncate(fd, size) }));
}

/** Makes the file when it is missing, and only when the whole append fits. Answers whether it did. */
function createEmpty(tree: Tree, path: string, bytes: number, options: AppendOptions): boolean {
  const { parts, text, directory } = parseGuestPath(path, 'open');
  if (parts.length === 0 || directory) throw new WorkspaceError('EISDIR', 'open', text);
  return inParent(tree, parts, 'open', text, (parent, name) => {
    if (tree.gate.look(parent, name) !== undefined) {
      if (options.flag === 'ax') throw new WorkspaceError('EEXIST', 'open', text);
      return false;
    }
    const held = charge(tree, options);
    held.reach(bytes, 1);
    try {
      tree.sized?.lend(0, 1);
      const flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_NONBLOCK;
      const fd = openSync(tree.gate.at(parent, name), flags, 0o600);
      tree.sized?.own(fd);
      closeSync(fd);
      held.settle(0, 1);
      return true;
    } finally {
      held.release();
    }
  });
}

async function change(
  tree: Tree,
  path: string,
  syscall: string,
  options: InPlaceOptions & { created?: boolean },
  plan: (counted: number) => { size: number; apply: (fd: number) => Promise<void> },
): Promise<Changed> {
  const { parts, text, directory } = parseGuestPath(path, syscall);
  if (parts.length === 0 || directory) throw new WorkspaceError('EISDIR', syscall, text);
  const { fd, stat } = inParent(tree, parts, syscall, text, (parent, name) => {
    const fd = tree.gate.openFile(parent, name, O_WRONLY, syscall, text);
    return { fd, stat: fstatSync(fd, { bigint: true }) };
  });
  try {
    return await tree.writers.alone(stat, async (entry) => {
      const { size, apply } = plan(entry.counted);
      const before = fstatSync(fd, { bigint: true });
      const { etag: etagBefore } = fileStat(before);
      let lent = 0;
      const held = charge(tree, options);
      held.reach(Math.max(0, size - entry.counted), 0);
      try {
        lent = Math.max(0, size - entry.counted) + BLOCK;
        tree.sized?.lend(lent, 0);
        await translatedAsync(syscall, text, () => apply(fd));
        tree.stamp(fd);
        if (options.durable !== false) await translatedAsync('fsync', text, () => fsync(fd));
      } finally {
        // Also after a failure in the middle: what is on disk is what counts.
        const after = fstatSync(fd, { bigint: true });
        const now = Number(after.size);
        tree.sized?.lend(Number(after.blocks - before.blocks) * 512 - lent, 0);
        held.settle(entry.gone ? 0 : now - entry.counted, 0);
        entry.counted = now;
      }
      if (options.created && options.durable !== false) await flushParent(tree, parts, text);
      return { ...fileStat(fstatSync(fd, { bigint: true })), etagBefore };
    });
  } finally {
    closeSync(fd);
  }
}

async function flushParent(tree: Tree, parts: readonly string[], guest: string): Promise<void> {
  const parent = openDirectory(tree, parts.slice(0, -1), 'fsync', guest);
  try {
    await flushDirectories([parent], 'fsync', guest);
  } finally {
    tree.gate.close(parent);
  }
}
