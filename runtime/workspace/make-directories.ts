import { type BigIntStats, mkdirSync } from 'node:fs';
import { flushDirectories } from './flush.ts';
import { type Directory, kindOf, refuseForeign } from './gate.ts';
import { parseGuestPath } from './guest-path.ts';
import { BLOCK, type Charged, charge, openDirectory, type Tree } from './tree.ts';
import { translated, WorkspaceError } from './workspace-error.ts';

/** Modes keep other users of the machine out; a sandbox that needs more is given it where the workspace is lent. */
const DIRECTORY_MODE = 0o700;

/** What stands at a path, and how many of its components do not exist. Synchronous. */
export function probe(
  tree: Tree,
  parts: readonly string[],
  syscall: string,
  guest: string,
): { stat: BigIntStats | undefined; missing: number } {
  let directory = openDirectory(tree, [], syscall, guest);
  try {
    return translated(syscall, guest, () => {
      for (const [index, name] of parts.entries()) {
        const stat = tree.gate.look(directory, name);
        if (stat === undefined) return { stat, missing: parts.length - index };
        if (index === parts.length - 1) return { stat, missing: 0 };
        const next = tree.gate.enter(directory, name);
        tree.gate.close(directory);
        directory = next;
      }
      return { stat: undefined, missing: 0 };
    });
  } finally {
    tree.gate.close(directory);
  }
}

/** Directories that one change opened, to be flushed and closed by it. */
export interface Made {
  /** The last one; also in `opened`. */
  directory: Directory;
  opened: Directory[];
  /** Directories that did not exist before. */
  count: number;
}

/**
 * Opens a directory and makes what is missing on the way. Synchronous. Only the last `allowed` may be made: what
 * was found missing and charged, should something else remove directories meanwhile. On an error `made` says what exists already;
 * whoever calls counts `count` and closes `opened` in any case.
 */
export function enterOrMake(
  tree: Tree,
  parts: readonly string[],
  allowed: number,
  syscall: string,
  guest: string,
  made: Made,
): void {
  translated(syscall, guest, () => {
    for (const [index, name] of parts.entries()) {
      const parent = made.directory;
      let isNew = false;
      if (tree.gate.look(parent, name) === undefined) {
        if (index < parts.length - allowed) throw new WorkspaceError('ENOENT', syscall, guest);
        mkdirSync(tree.gate.at(parent, name), DIRECTORY_MODE);
        made.count++;
        isNew = true;
      }
      made.directory = tree.gate.enter(parent, name);
      made.opened.push(made.directory);
      if (isNew && tree.sized !== undefined) {
        tree.sized.own(made.directory.fd);
        tree.sized.madeDirectory(made.directory.fd, parts.slice(0, index + 1).join('/'));
      }
    }
  });
}

export function startMaking(tree: Tree, syscall: string, guest: string): Made {
  const directory = openDirectory(tree, [], syscall, guest);
  return { directory, opened: [directory], count: 0 };
}

export interface MkdirOptions extends Charged {
  /** Makes parents too, and is content when it exists. Default false. */
  recursive?: boolean | undefined;
  /** Flushed before it resolves. Default true. */
  durable?: boolean | undefined;
}

/** Makes a directory. Errors: WorkspaceError EEXIST, ENOENT, ENOTDIR; CordonError quota_exceeded, storage_full. */
export async function mkdir(tree: Tree, path: string, options: MkdirOptions): Promise<void> {
  const { parts, text } = parseGuestPath(path, 'mkdir');
  const { recursive = false, durable = true } = options;
  const { stat, missing } = probe(tree, parts, 'mkdir', text);
  if (stat !== undefined || parts.length === 0) {
    if (!recursive) throw new WorkspaceError('EEXIST', 'mkdir', text);
    if (stat !== undefined) refuseForeign(kindOf(stat), 'mkdir', text);
    if (stat?.isDirectory() === false) throw new WorkspaceError('EEXIST', 'mkdir', text);
    return;
  }
  if (missing > 1 && !recursive) throw new WorkspaceError('ENOENT', 'mkdir', text);
  const held = charge(tree, options);
  tree.sized?.lend(missing * BLOCK, missing);
  held.reach(0, missing);
  const made = startMaking(tree, 'mkdir', text);
  try {
    try {
      enterOrMake(tree, parts, missing, 'mkdir', text, made);
    } finally {
      held.settle(0, made.count);
      tree.sized?.lend((made.count - missing) * BLOCK, 0);
    }
    if (durable) await flushDirectories(made.opened, 'mkdir', text);
  } finally {
    for (const directory of made.opened) tree.gate.close(directory);
  }
}
