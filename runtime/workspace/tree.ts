import { type BigIntStats, futimesSync } from 'node:fs';
import { type Allowance, type Amount, type Charge, openCharge, quotaAllowance } from './allowance.ts';
import type { Directory, Gate, Name } from './gate.ts';
import type { Turnstile } from './turnstile.ts';
import { fromHost, translated, WorkspaceError } from './workspace-error.ts';

/** Whose bounds a change counts against. */
export interface Charged {
  /** The agent's quota; both numbers as of now, so that a changed quota holds at once. */
  quota: Amount;
  /** A further bound, such as the growth that one run may cause. */
  growth?: Allowance;
}

/** What a directory, or the last part of a file, takes on disk. */
export const BLOCK = 4096;

/** What operations owe to a sized file system that containers write, too. */
export interface SizedHome {
  /** Runs `body` while the file system is mounted. */
  use<T>(body: () => Promise<T> | T): Promise<T>;
  /**
   * Before this much of disk is used: it is no growth of the containers that run, so their room does not pay for it.
   * Negative: it was not used, or freed again. Errors: CordonError storage_full.
   */
  lend(bytes: number, files: number): void;
  /** What Cordon makes belongs to the guest, so that every program in a container can use it. */
  own(fd: number): void;
  /** A directory was made by Cordon at this path. */
  madeDirectory(fd: number, path: string): void;
  /** A directory was moved by Cordon. */
  movedDirectory(): void;
}

/** One agent's files, as all operations on them share it. */
export interface Tree {
  /** The gates lead elsewhere when the files moved into a file system of their own: ask anew in each operation. */
  gate: Gate;
  /** The folder for temporary files: same file system, outside of what any guest path names. */
  incoming: Gate;
  incomingPath: string;
  /** Undefined: a plain folder. */
  sized: SizedHome | undefined;
  /** Passed by every operation; alone by what moves or counts the files. */
  readonly turnstile: Turnstile;
  readonly used: Amount;
  /** The part of `used` that is reserved by writes under way. */
  readonly held: Amount;
  readonly writers: InPlaceWriters;
  /** Renames of directories, one after the other: their depth is checked before they move. */
  directoryRenames: Promise<unknown>;
  /** Gives an open file a modification time (microseconds) that no other change of this process has. */
  stamp(fd: number): void;
  /** The agent was removed: nothing is opened any more, also not by operations under way. */
  closed: boolean;
}

/** Opens the charge of one change. */
export function charge(tree: Tree, { quota, growth }: Charged): Charge {
  const allowances = [quotaAllowance(tree.used, quota)];
  if (growth !== undefined) allowances.push(growth);
  const charge = openCharge(allowances);
  const mine: Amount = { bytes: 0, files: 0 };
  const hold = (bytes: number, files: number) => {
    tree.held.bytes += bytes - mine.bytes;
    tree.held.files += files - mine.files;
    Object.assign(mine, { bytes, files });
  };
  return {
    reach(bytes, files) {
      charge.reach(bytes, files);
      hold(bytes, files);
    },
    settle(bytes, files) {
      charge.settle(bytes, files);
      hold(0, 0);
    },
    release() {
      charge.release();
      hold(0, 0);
    },
  };
}

/** Runs an operation, or a part of one that must see one and the same place of the files. Not inside another. */
export function within<T>(tree: Tree, body: () => Promise<T> | T): Promise<T> {
  return tree.turnstile.together(() => (tree.sized === undefined ? body() : tree.sized.use(body)));
}

/** Operations under way after the agent's removal must not touch a new agent's files of the same name. */
export function assertOpen(tree: Tree, syscall: string, guest: string): void {
  if (tree.closed) throw new WorkspaceError('ENOENT', syscall, guest);
}

/** Opens a directory of the tree. Whoever calls closes it. */
export function openDirectory(tree: Tree, parts: readonly Name[], syscall: string, guest: string): Directory {
  assertOpen(tree, syscall, guest);
  return tree.gate.open(parts, syscall, guest);
}

/** Runs synchronous work inside the directory that holds the last name. */
export function inParent<R>(
  tree: Tree,
  parts: readonly string[],
  syscall: string,
  guest: string,
  body: (parent: Directory, name: string) => R,
): R {
  const name = parts.at(-1);
  // The root itself is neither removed, renamed nor replaced.
  if (name === undefined) throw new WorkspaceError('EACCES', syscall, guest);
  const parent = openDirectory(tree, parts.slice(0, -1), syscall, guest);
  try {
    return translated(syscall, guest, () => body(parent, name));
  } finally {
    tree.gate.close(parent);
  }
}

/** The asynchronous form of `translated`. */
export async function translatedAsync<T>(syscall: string, guest: string, body: () => Promise<T>): Promise<T> {
  try {
    return await body();
  } catch (error) {
    throw fromHost(error, syscall, guest);
  }
}

/**
 * Files that are being written in place. Their size on disk runs ahead of what is counted, and they may be removed
 * meanwhile: whoever removes one must give back what is counted, not what is there.
 */
export interface InPlaceWriters {
  /** Waits for earlier writers of this file, then runs `body` alone; `counted` is the size that is counted now. */
  alone<R>(stat: BigIntStats, body: (entry: InPlaceEntry) => Promise<R>): Promise<R>;
  /** Size that is counted for this file. */
  counted(stat: BigIntStats): number;
  /** The file lost its name: answers what was counted for it. */
  removed(stat: BigIntStats): number;
}

export interface InPlaceEntry {
  counted: number;
  /** It has no name any more, so nothing of it is counted. */
  gone: boolean;
}

export function createInPlaceWriters(): InPlaceWriters {
  const entries = new Map<bigint, InPlaceEntry & { tail: Promise<unknown>; holders: number }>();
  return {
    async alone(stat, body) {
      const entry = entries.get(stat.ino) ?? {
        counted: Number(stat.size),
        gone: false,
        tail: Promise.resolve(),
        holders: 0,
      };
      entries.set(stat.ino, entry);
      entry.holders++;
      const turn = entry.tail.then(() => body(entry));
      entry.tail = turn.catch(() => {});
      try {
        return await turn;
      } finally {
        if (--entry.holders === 0) entries.delete(stat.ino);
      }
    },
    counted: (stat) => (stat.isDirectory() ? 0 : (entries.get(stat.ino)?.counted ?? Number(stat.size))),
    removed(stat) {
      // Only files count, and with another link the content is still there.
      if (!stat.isFile() || stat.nlink > 1n) return 0;
      const entry = entries.get(stat.ino);
      if (entry === undefined) return Number(stat.size);
      entry.gone = true;
      return entry.counted;
    },
  };
}

/** A clock for modification times: strictly rising, in microseconds, so that no two changes of a file look alike. */
export function createStamp(nowMs: () => number): (fd: number) => void {
  let last = 0;
  return (fd) => {
    last = Math.max(last + 1, Math.floor(nowMs() * 1000));
    // Half a microsecond keeps the double's error from reaching the next lower one.
    const seconds = (last + 0.5) / 1e6;
    futimesSync(fd, seconds, seconds);
  };
}
