import { randomBytes } from 'node:crypto';
import { type BigIntStats, renameSync, rmdirSync, unlinkSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Gate } from './gate.ts';

/** How often directories are found filled again before they are left for the next start. */
const PATIENCE = 100;

/** A name that nothing has. */
export const freshName = (): string => randomBytes(12).toString('hex');

/**
 * Removes one entry of a folder for rubbish, with all below it. Directories inside are first moved up into the folder,
 * so that any depth costs one open directory, and no link is followed. `gone` hears of each entry as it goes.
 */
export async function removeTree(rubbish: Gate, name: string, gone: (stat: BigIntStats) => void): Promise<void> {
  const top = rubbish.open([], 'rm', '/workspace');
  try {
    const stat = rubbish.look(top, name);
    if (stat === undefined) return;
    if (!stat.isDirectory()) {
      unlinkSync(rubbish.at(top, name));
      gone(stat);
      return;
    }
    const directories = [name];
    let patience = PATIENCE;
    for (let next = directories.pop(); next !== undefined; next = directories.pop()) {
      const directory = rubbish.enter(top, next);
      try {
        let count = 0;
        for (const child of rubbish.eachName(directory)) {
          if (++count % 500 === 0) await nextTurn();
          const below = rubbish.look(directory, child);
          if (below === undefined) continue;
          if (below.isDirectory()) {
            const moved = freshName();
            renameSync(rubbish.at(directory, child), rubbish.at(top, moved));
            directories.push(moved);
          } else {
            unlinkSync(rubbish.at(directory, child));
            gone(below);
          }
        }
      } finally {
        rubbish.close(directory);
      }
      const emptied = rubbish.look(top, next);
      if (!removeEmptied(rubbish.at(top, next))) {
        if (--patience > 0) directories.push(next);
        continue;
      }
      if (emptied !== undefined) gone(emptied);
    }
  } finally {
    rubbish.close(top);
  }
}

/** False: something was put into it, by a program in a container that had it open before it was moved away. */
function removeEmptied(path: string): boolean {
  try {
    rmdirSync(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOTEMPTY') return false;
    throw error;
  }
}

/** Removes all that a folder for rubbish holds. */
export async function emptyFolder(rubbish: Gate, hostPath: string): Promise<void> {
  for (const name of await readdir(hostPath)) await removeTree(rubbish, name, () => {});
}
