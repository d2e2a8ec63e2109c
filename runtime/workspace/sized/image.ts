import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import type { Amount } from '../allowance.ts';
import { BLOCK } from '../tree.ts';
import { runCommand, SLOW_MS } from './command.ts';
import { VolumeError } from './volume-error.ts';

const MiB = 1024 * 1024;
/** Of one block group, with blocks of 4 KiB. */
const GROUP = 128 * MiB;
const JOURNAL_MIB = 8;
/** Inodes that hold no file of the guest: the file system's own and our folders. */
export const OWN_INODES = 32;
/** An agent that may store more starts with this and grows when it comes near. */
const LARGEST_START = 32 * 1024 * MiB;

/**
 * Bytes of an image for an agent that may store this much. Twice the bytes, since a file is replaced by a whole new
 * one; a block per file, since sizes are counted exactly and stored in blocks. It is sparse: this costs nothing.
 */
export function imageBytes(quota: Amount, used: Amount): number {
  const bytes = Math.min(quota.bytes, Math.max(LARGEST_START, 2 * used.bytes));
  const files = Math.min(quota.files, Math.max(1_000_000, 2 * used.files));
  return Math.ceil((2 * bytes + files * BLOCK + 64 * MiB) / GROUP) * GROUP;
}

/** Makes an ext4 file system in a new sparse file, with at least this many free inodes. About 7 ms. */
export async function makeImage(path: string, bytes: number, inodes: number): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    await file.truncate(bytes);
  } finally {
    await file.close();
  }
  const extended = 'lazy_itable_init=1,lazy_journal_init=1,nodiscard,root_owner=0:0';
  const format = ['-q', '-F', '-m', '0', '-b', `${BLOCK}`, '-I', '256', '-J', `size=${JOURNAL_MIB}`, '-E', extended];
  await runCommand('mkfs.ext4', [...format, '-N', `${inodes + OWN_INODES}`, path]);
}

/** Enlarges an image that is not mounted, and whose file system is clean. */
export async function enlargeImage(path: string, bytes: number): Promise<void> {
  await extendFile(path, bytes);
  // Forced: it was unmounted cleanly a moment ago, which resize2fs cannot tell from "not checked for long".
  // Under the lock that a backup mounts under; resize2fs looks itself whether it is mounted.
  await runCommand('flock', ['-w', '30', path, 'resize2fs', '-f', path], SLOW_MS);
}

/** Enlarges a mounted image. Needs CAP_SYS_RESOURCE, which not every root has. */
export async function enlargeMounted(path: string, device: string, bytes: number): Promise<void> {
  await extendFile(path, bytes);
  await runCommand('losetup', ['-c', `/dev/${device}`]);
  await runCommand('resize2fs', [`/dev/${device}`]);
}

async function extendFile(path: string, bytes: number): Promise<void> {
  if (statSync(path).size >= bytes) return;
  const file = await open(path, 'r+');
  try {
    await file.truncate(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Image size at which the file system has this many more inodes than now: each further group brings as many. */
export function bytesForInodes(imageSize: number, inodesNow: number, more: number): number {
  const groups = Math.ceil(imageSize / GROUP);
  const perGroup = Math.max(1, Math.floor(inodesNow / groups));
  return (groups + Math.ceil(more / perGroup)) * GROUP;
}

const SUPERBLOCK = 1024;
const [MAGIC_AT, STATE_AT, INCOMPAT_AT] = [0x38, 0x3a, 0x60];
const NEEDS_RECOVERY = 0x4;

/** Whether the file system was unmounted properly and knows of no error. Reads its superblock (ext4's disk layout). */
export function isClean(path: string): boolean {
  const bytes = Buffer.alloc(256);
  const fd = openSync(path, 'r');
  try {
    readSync(fd, bytes, 0, bytes.length, SUPERBLOCK);
  } finally {
    closeSync(fd);
  }
  if (bytes.readUInt16LE(MAGIC_AT) !== 0xef53) return false;
  return bytes.readUInt16LE(STATE_AT) === 1 && (bytes.readUInt32LE(INCOMPAT_AT) & NEEDS_RECOVERY) === 0;
}

/** Replays the journal and repairs what can be without losing anything. Errors: VolumeError when that is not enough. */
export async function repairImage(path: string): Promise<void> {
  try {
    await runCommand('flock', ['-w', '30', path, 'e2fsck', '-p', path], SLOW_MS);
  } catch (error) {
    // 1: errors corrected; 2: so were those of a root file system. e2fsck(8).
    if (error instanceof VolumeError && (error.exitCode === 1 || error.exitCode === 2)) return;
    throw new VolumeError(`The workspace ${path} is damaged beyond automatic repair: run e2fsck on it`, {
      cause: error,
    });
  }
}
