import { closeSync, constants, fstatSync, fsync as fsyncCallback } from 'node:fs';
import { promisify } from 'node:util';
import { type Directory, kindOf } from './gate.ts';
import { guestText, parseGuestPath } from './guest-path.ts';
import { inParent, openDirectory, type Tree, translatedAsync } from './tree.ts';
import { WorkspaceError } from './workspace-error.ts';

export const fsync = promisify(fsyncCallback);

/** Flushes the entries of open directories: a name is only durable when its directory is. */
export function flushDirectories(directories: readonly Directory[], syscall: string, guest: string): Promise<void> {
  return translatedAsync(syscall, guest, async () => {
    await Promise.all(directories.map(({ fd }) => fsync(fd)));
  });
}

/** Flushes at once; more would only fill the thread pool that all file work shares. */
const PARALLEL = 3;

/**
 * Makes durable what was changed at these paths without `durable`: contents, names, and removals (a path that is gone
 * flushes the directories above it). Resolves when all of it survives a power loss. Errors: CordonError storage_full.
 */
export async function syncPaths(tree: Tree, paths: Iterable<string>): Promise<void> {
  const directories = new Map<string, readonly string[]>([['', []]]);
  const files: string[][] = [];
  for (const path of paths) {
    const { parts } = parseGuestPath(path, 'fsync');
    files.push(parts);
    for (let depth = parts.length - 1; depth > 0; depth--) {
      const above = parts.slice(0, depth);
      const key = above.join('/');
      if (directories.has(key)) break;
      directories.set(key, above);
    }
  }
  if (files.length === 0) return;
  await inParallel(files, async (parts) => {
    if (parts.length === 0) return;
    const key = parts.join('/');
    const fd = ifThere(() => openAny(tree, parts));
    if (fd === undefined) return;
    try {
      // A directory is flushed once, here.
      if (fstatSync(fd).isDirectory()) directories.delete(key);
      await translatedAsync('fsync', guestText(parts), () => fsync(fd));
    } finally {
      closeSync(fd);
    }
  });
  // Contents first, then the names that lead to them.
  await inParallel([...directories.values()], async (parts) => {
    const guest = guestText(parts);
    const directory = ifThere(() => openDirectory(tree, parts, 'fsync', guest));
    if (directory === undefined) return;
    try {
      await flushDirectories([directory], 'fsync', guest);
    } finally {
      tree.gate.close(directory);
    }
  });
}

function openAny(tree: Tree, parts: readonly string[]): number | undefined {
  const guest = guestText(parts);
  return inParent(tree, parts, 'fsync', guest, (parent, name) => {
    const stat = tree.gate.look(parent, name);
    if (stat === undefined) return undefined;
    if (stat.isDirectory()) return tree.gate.enter(parent, name).fd;
    if (kindOf(stat) !== 'file') return undefined;
    return tree.gate.openFile(parent, name, constants.O_RDONLY, 'fsync', guest);
  });
}

/** What vanished or was replaced has nothing left to flush. */
function ifThere<T>(body: () => T): T | undefined {
  try {
    return body();
  } catch (error) {
    if (error instanceof WorkspaceError) return undefined;
    throw error;
  }
}

async function inParallel<T>(items: readonly T[], body: (item: T) => Promise<void>): Promise<void> {
  let next = 0;
  const lane = async () => {
    for (let item = items[next++]; item !== undefined; item = items[next++]) await body(item);
  };
  await Promise.all(Array.from({ length: PARALLEL }, lane));
}
