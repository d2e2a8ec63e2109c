import type { BigIntStats } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type FileStat, fileStat } from './file-stat.ts';
import { type Directory, kindOf } from './gate.ts';
import { guestText, isSafeName, parseGuestPath, pathLimits } from './guest-path.ts';
import { openDirectory, type Tree, translatedAsync, within } from './tree.ts';
import { WorkspaceError } from './workspace-error.ts';

/** A directory entry; `path` is relative to the directory that was asked for. */
export interface Listed extends FileStat {
  path: string;
}

/** Entries between two turns of the event loop. */
const BATCH = 500;

/** Files and directories of one directory, sorted by name. Links, sockets and other foreign entries are not there. */
async function listDirectory(tree: Tree, parts: readonly string[], guest: string): Promise<Listed[]> {
  const directory = openDirectory(tree, parts, 'scandir', guest);
  try {
    return await translatedAsync('scandir', guest, () => listOpen(tree, directory));
  } finally {
    tree.gate.close(directory);
  }
}

async function listOpen(tree: Tree, directory: Directory): Promise<Listed[]> {
  const names = (await tree.gate.names(directory)).map(String).sort();
  const items: Listed[] = [];
  for (const [index, name] of names.entries()) {
    if (index % BATCH === BATCH - 1) await nextTurn();
    // Written by something that does not go through the gate: no guest path can say it.
    if (!isSafeName(name)) continue;
    const stat: BigIntStats | undefined = tree.gate.look(directory, name);
    if (stat === undefined) continue;
    const kind = kindOf(stat);
    if (kind === 'file' || kind === 'directory') items.push({ path: name, ...fileStat(stat) });
  }
  return items;
}

/** Entries of a directory. Errors: WorkspaceError ENOENT, ENOTDIR, EACCES. */
export async function list(tree: Tree, path: string): Promise<Listed[]> {
  const { parts, text } = parseGuestPath(path, 'scandir');
  return within(tree, () => listDirectory(tree, parts, text));
}

/**
 * Everything below a directory, each directory before what it holds. Lazily: a consumer that stops early costs no more.
 * What vanishes or is swapped meanwhile is left out. Errors: as `list`, for the directory itself.
 */
export async function* walk(tree: Tree, path: string): AsyncGenerator<Listed> {
  const { parts, text } = parseGuestPath(path, 'scandir');
  const stack: string[][] = [[]];
  for (let below = stack.pop(); below !== undefined; below = stack.pop()) {
    let items: Listed[];
    const here = [...parts, ...below];
    try {
      items = await within(tree, () => listDirectory(tree, here, below.length === 0 ? text : guestText(here)));
    } catch (error) {
      if (below.length === 0 || !(error instanceof WorkspaceError)) throw error;
      continue;
    }
    const deeper: string[][] = [];
    for (const item of items) {
      if (item.type === 'directory' && here.length < pathLimits.depth) deeper.push([...below, item.path]);
      yield { ...item, path: [...below, item.path].join('/') };
    }
    stack.push(...deeper.reverse());
  }
}
