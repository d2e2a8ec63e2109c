import { type BigIntStats, renameSync, rmdirSync, unlinkSync } from 'node:fs';
import { type FileStat, fileStat } from './file-stat.ts';
import { flushDirectories } from './flush.ts';
import { type Directory, kindOf, type Name, refuseForeign } from './gate.ts';
import { parseGuestPath, pathLimits } from './guest-path.ts';
import { freshName, removeTree } from './remove-tree.ts';
import { type Charged, charge, openDirectory, type Tree, translatedAsync } from './tree.ts';
import { translated, WorkspaceError } from './workspace-error.ts';

export interface RemoveOptions extends Charged {
  /** Sees what is removed, at the moment of removal, and throws to refuse: for `If-Match`. */
  condition?: ((now: FileStat) => void) | undefined;
  /** Removes what a directory holds, too; without, ENOTEMPTY. Default false. */
  recursive?: boolean | undefined;
  /** Flushed before it resolves. Default true. */
  durable?: boolean | undefined;
}

/**
 * Removes a file or directory; a directory vanishes at once, whatever it holds. Links and special files that something
 * else left go too: removing follows nothing. Errors: WorkspaceError ENOENT, ENOTEMPTY, EACCES (/workspace itself).
 */
export async function remove(tree: Tree, path: string, options: RemoveOptions): Promise<void> {
  const { parts, text, directory } = parseGuestPath(path, 'rm');
  const name = parts.at(-1);
  if (name === undefined) throw new WorkspaceError('EACCES', 'rm', text);
  const { recursive = false, durable = true } = options;
  const { gate } = tree;
  const parent = openDirectory(tree, parts.slice(0, -1), 'rm', text);
  try {
    const rubbish = translated('rm', text, () => {
      const stat = gate.look(parent, name);
      if (stat === undefined) throw new WorkspaceError('ENOENT', 'rm', text);
      options.condition?.(fileStat(stat));
      if (stat.isDirectory() && recursive) {
        const moved = freshName();
        renameSync(gate.at(parent, name), `${tree.incomingPath}/${moved}`);
        return moved;
      }
      if (directory && !stat.isDirectory()) throw new WorkspaceError('ENOTDIR', 'rm', text);
      if (stat.isDirectory()) rmdirSync(gate.at(parent, name));
      else unlinkSync(gate.at(parent, name));
      uncount(tree, options, stat);
      return undefined;
    });
    if (rubbish !== undefined) {
      await translatedAsync('rm', text, () =>
        removeTree(tree.incoming, rubbish, (stat) => uncount(tree, options, stat)),
      );
    }
    if (durable) await flushDirectories([parent], 'rm', text);
  } finally {
    gate.close(parent);
  }
}

/** A file counts once, whatever number of links programs in containers made. */
function uncount(tree: Tree, options: Charged, stat: BigIntStats): void {
  const isLast = stat.isDirectory() || stat.nlink <= 1n;
  charge(tree, options).settle(-tree.writers.removed(stat), isLast ? -1 : 0);
  if (isLast) tree.sized?.lend(-Number(stat.blocks) * 512, 0);
}

export interface RenameOptions extends Charged {
  /** Flushed before it resolves. Default true. */
  durable?: boolean | undefined;
}

/** Renames as POSIX does: a file replaces a file, a directory an empty one. Errors: WorkspaceError. */
export async function rename(tree: Tree, from: string, to: string, options: RenameOptions): Promise<void> {
  const source = parseGuestPath(from, 'rename');
  const target = parseGuestPath(to, 'rename');
  const both = `${source.text}' -> '${target.text}`;
  const [oldName, newName] = [source.parts.at(-1), target.parts.at(-1)];
  if (oldName === undefined || newName === undefined) throw new WorkspaceError('EACCES', 'rename', both);
  const { gate } = tree;
  const move = async () => {
    const opened: Directory[] = [];
    try {
      const fromParent = openDirectory(tree, source.parts.slice(0, -1), 'rename', both);
      opened.push(fromParent);
      const toParent = openDirectory(tree, target.parts.slice(0, -1), 'rename', both);
      opened.push(toParent);
      translated('rename', both, () => {
        const stat = gate.look(fromParent, oldName);
        if (stat === undefined) throw new WorkspaceError('ENOENT', 'rename', both);
        refuseForeign(kindOf(stat), 'rename', both);
        if (!stat.isDirectory() && (source.directory || target.directory)) {
          throw new WorkspaceError('ENOTDIR', 'rename', both);
        }
        const old = gate.look(toParent, newName);
        if (old !== undefined) refuseForeign(kindOf(old), 'rename', both);
        if (old !== undefined && old.ino === stat.ino) return;
        renameSync(gate.at(fromParent, oldName), gate.at(toParent, newName));
        if (stat.isDirectory()) tree.sized?.movedDirectory();
        if (old !== undefined) charge(tree, options).settle(-tree.writers.removed(old), -1);
      });
      if (options.durable !== false) await flushDirectories(opened, 'rename', both);
    } finally {
      for (const directory of opened) gate.close(directory);
    }
  };
  if (!isDirectory(tree, source.parts, both)) return move();
  // Paths below a moved directory grow with it: deeper than the gate goes, nobody could reach them any more.
  const inTurn = tree.directoryRenames.then(async () => {
    if ((await height(tree, source.parts, both)) + target.parts.length > pathLimits.depth) {
      throw new WorkspaceError('ENAMETOOLONG', 'rename', both);
    }
    await move();
  });
  tree.directoryRenames = inTurn.catch(() => {});
  return inTurn;
}

function isDirectory(tree: Tree, parts: readonly string[], guest: string): boolean {
  const parent = openDirectory(tree, parts.slice(0, -1), 'rename', guest);
  try {
    const name = parts.at(-1) as string;
    return translated('rename', guest, () => tree.gate.look(parent, name)?.isDirectory() === true);
  } finally {
    tree.gate.close(parent);
  }
}

/** Levels of directories below one. */
async function height(tree: Tree, parts: readonly string[], guest: string): Promise<number> {
  let level: Name[][] = [[...parts]];
  for (let levels = 0; ; levels++) {
    const next: Name[][] = [];
    for (const path of level) {
      const directory = openDirectory(tree, path, 'rename', guest);
      try {
        for (const name of await tree.gate.names(directory)) {
          if (tree.gate.look(directory, name)?.isDirectory()) next.push([...path, name]);
        }
      } finally {
        tree.gate.close(directory);
      }
    }
    if (next.length === 0 || levels > pathLimits.depth) return levels;
    level = next;
  }
}
