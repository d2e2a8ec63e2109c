/** Copies of folders with a fingerprint: what backup and restore need of the file system. */
import { createHash, type Hash } from 'node:crypto';
import { constants, createReadStream } from 'node:fs';
import { chmod, lstat, mkdir, open, readdir, readlink, symlink, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { syncDirectory } from './durable-file.ts';

export interface Tree {
  files: number;
  bytes: number;
  /** SHA-256 over every path, kind, size and content, in order. */
  sha256: string;
}

/**
 * Asked before and after each folder below the first is copied, by its path in the tree. `copied`: it was done in
 * another way; `left out`: it shall not be in the copy. Undefined: it is a folder like others.
 */
export type Instead = (path: string) => Promise<'copied' | 'left out' | undefined>;

/**
 * Copies a folder, or only reads it when `to` is undefined. Files, folders and symbolic links (as links); nothing else.
 * Every file is flushed. What vanishes while it is read is left out: the source may be in use.
 */
export async function copyTree(
  from: string,
  to: string | undefined,
  instead: Instead = async () => undefined,
): Promise<Tree> {
  const hash = createHash('sha256');
  const count = { files: 0, bytes: 0 };
  let elsewhere = false;
  await copyFolder(from, to, '', hash, count, async (path) => {
    const how = await instead(path);
    elsewhere ||= how === 'copied';
    return how;
  });
  // What was copied in another way is read in the copy.
  if (elsewhere && to !== undefined) return copyTree(to, undefined);
  return { ...count, sha256: hash.digest('hex') };
}

async function copyFolder(
  from: string,
  to: string | undefined,
  path: string,
  hash: Hash,
  count: { files: number; bytes: number },
  instead: Instead,
): Promise<void> {
  const names = await unlessGone(readdir(join(from, path), { encoding: 'buffer' }));
  if (to !== undefined) await mkdir(join(to, path), { recursive: true, mode: 0o700 });
  // Names are bytes: latin1 keeps every one of them apart, in an order that does not depend on the locale.
  const sorted = (names ?? []).sort(Buffer.compare);
  for (const name of sorted) {
    const child = join(path, name.toString('utf8'));
    const source = join(from, child);
    const stat = await unlessGone(lstat(source));
    if (!stat) continue;
    if (stat.isDirectory()) {
      if ((await instead(child)) !== undefined) continue;
      hash.update(`d ${child}\0`);
      await copyFolder(from, to, child, hash, count, instead);
      if ((await instead(child)) !== undefined) continue;
    } else if (stat.isSymbolicLink()) {
      const target = await unlessGone(readlink(source));
      if (target === undefined) continue;
      hash.update(`l ${child}\0${target}\0`);
      if (to !== undefined) await symlink(target, join(to, child));
      count.files++;
    } else if (stat.isFile()) {
      const copied = await unlessGone(copyFile(source, to === undefined ? undefined : join(to, child)));
      if (!copied) continue;
      hash.update(`f ${child}\0${copied.bytes} ${copied.sha256}\0`);
      count.files++;
      count.bytes += copied.bytes;
    }
    if (to !== undefined && !stat.isSymbolicLink()) {
      await chmod(join(to, child), stat.mode & 0o777);
      await utimes(join(to, child), stat.atime, stat.mtime);
    }
  }
  if (to !== undefined) await syncDirectory(join(to, path));
}

/** Copies and flushes one file, or only reads it. `to` must not exist. Follows no symbolic link. */
export async function copyFile(from: string, to: string | undefined): Promise<{ bytes: number; sha256: string }> {
  const hash = createHash('sha256');
  let bytes = 0;
  const source = await open(from, constants.O_RDONLY | constants.O_NOFOLLOW);
  const target =
    to === undefined
      ? undefined
      : await open(to, 'wx', 0o600).catch(async (error) => {
          await source.close();
          throw error;
        });
  try {
    for await (const chunk of createReadStream('', { fd: source, autoClose: false, highWaterMark: 1024 * 1024 })) {
      hash.update(chunk);
      bytes += chunk.length;
      await target?.writeFile(chunk);
    }
    await target?.sync();
  } finally {
    await source.close();
    await target?.close();
  }
  return { bytes, sha256: hash.digest('hex') };
}

async function unlessGone<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
