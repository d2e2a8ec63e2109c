import {
  type BigIntStats,
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fsyncSync,
  ftruncateSync,
  futimesSync,
  lchownSync,
  lutimesSync,
  mkdirSync,
  openSync,
  readlinkSync,
  readSync,
  symlinkSync,
  writeSync,
} from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Amount } from '../allowance.ts';
import { createGate, type Directory, type Gate } from '../gate.ts';
import { isSafeName, pathLimits } from '../guest-path.ts';

export interface CopyOptions {
  /** Whose the copies are. Default: this process's user. */
  owner?: { uid: number; gid: number };
  /** Only names that text can say, and paths that a host path can hold. Default: every name. */
  sayable?: boolean;
  /** Most apparent bytes: what does not fit any more is left out. Default: no bound. */
  mostBytes?: number;
  /** Flushes each file and folder. Default: whoever calls flushes the file system. */
  durable?: boolean;
}

export interface Copied extends Amount {
  /** Entries that were left out: special files, and what the options exclude. */
  leftOut: number;
}

const { O_RDONLY, O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_NOCTTY } = constants;
const PIECE = 1024 * 1024;
const HOLE = 64 * 1024;
const zeros = Buffer.alloc(HOLE);
/** Bytes of a path below `to`, so that its host path is no longer than Linux allows. */
const SAYABLE_PATH = 3000;

/**
 * Copies what is behind a gate into an existing folder: files (holes stay holes), directories, symbolic links as links.
 * The source may be in use by hostile programs: it is walked by descriptor, and what vanishes meanwhile is left out.
 * Not deeper than guest paths go. Errors: those of the host, for the target.
 */
export async function copyFiles(from: Gate, to: string, options: CopyOptions = {}): Promise<Copied> {
  const { owner, sayable = false, durable = false, mostBytes = Number.POSITIVE_INFINITY } = options;
  const target = createGate(to, true);
  const copied: Copied = { bytes: 0, files: 0, leftOut: 0 };
  const piece = Buffer.allocUnsafeSlow(PIECE);
  let steps = 0;
  let bytesLeft = mostBytes;

  async function copyDirectory(source: Directory, into: Directory, depth: number, pathBytes: number): Promise<void> {
    for (const name of from.eachName(source)) {
      if (++steps % 50 === 0) await nextTurn();
      const stat = from.look(source, name);
      if (stat === undefined) continue;
      const text = name.toString();
      const length = pathBytes + 1 + name.length;
      const said = isSafeName(text) && Buffer.from(text).equals(name) && length <= SAYABLE_PATH;
      if ((sayable && !said) || depth >= pathLimits.depth) copied.leftOut++;
      else if (stat.isDirectory()) await copyChild(source, into, name, stat, depth, length);
      else if (stat.isSymbolicLink()) copyLink(source, into, name, stat);
      else if (stat.isFile() && Number(stat.size) <= bytesLeft) await copyFile(source, into, name, stat);
      else copied.leftOut++;
    }
    if (durable) fsyncSync(into.fd);
  }

  async function copyChild(
    source: Directory,
    into: Directory,
    name: Buffer,
    stat: BigIntStats,
    depth: number,
    length: number,
  ): Promise<void> {
    const child = unlessGone(() => from.enter(source, name));
    if (child === undefined) return;
    try {
      mkdirSync(target.at(into, name), 0o700);
      const made = target.enter(into, name);
      try {
        copied.files++;
        await copyDirectory(child, made, depth + 1, length);
        dress(made.fd, stat, 0o700);
      } finally {
        target.close(made);
      }
    } finally {
      from.close(child);
    }
  }

  function copyLink(source: Directory, into: Directory, name: Buffer, stat: BigIntStats): void {
    const leadsTo = unlessGone(() => readlinkSync(from.at(source, name), { encoding: 'buffer' }));
    if (leadsTo === undefined) return;
    const path = target.at(into, name);
    symlinkSync(leadsTo, path);
    if (owner !== undefined) lchownSync(path, owner.uid, owner.gid);
    lutimesSync(path, seconds(stat.atimeNs), seconds(stat.mtimeNs));
    copied.files++;
  }

  async function copyFile(source: Directory, into: Directory, name: Buffer, before: BigIntStats): Promise<void> {
    const flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
    const fd = unlessGone(() => openSync(from.at(source, name), flags));
    if (fd === undefined) return;
    try {
      const copy = openSync(target.at(into, name), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
      try {
        let size = 0;
        const most = Number(before.size);
        for (let read = -1; size < most && read !== 0; size += read) {
          read = readSync(fd, piece, 0, Math.min(PIECE, most - size), size);
          writeWithHoles(copy, piece.subarray(0, read), size);
          if (read === PIECE) await nextTurn();
        }
        ftruncateSync(copy, size);
        bytesLeft -= size;
        copied.bytes += size;
        copied.files++;
        dress(copy, before, 0o600);
        if (durable) fsyncSync(copy);
      } finally {
        closeSync(copy);
      }
    } finally {
      closeSync(fd);
    }
  }

  /** Owner, mode and times; `least`: its owner must be able to use it. */
  function dress(fd: number, stat: BigIntStats, least: number): void {
    if (owner !== undefined) fchownSync(fd, owner.uid, owner.gid);
    fchmodSync(fd, (Number(stat.mode) & 0o777) | least);
    futimesSync(fd, seconds(stat.atimeNs), seconds(stat.mtimeNs));
  }

  const source = from.open([], 'scandir', '/workspace');
  try {
    const into = target.open([], 'mkdir', '/workspace');
    try {
      await copyDirectory(source, into, 0, 0);
    } finally {
      target.close(into);
    }
  } finally {
    from.close(source);
  }
  return copied;
}

/** Half a microsecond keeps the double's error from reaching the next lower one. */
const seconds = (ns: bigint) => (Number(ns / 1000n) + 0.5) / 1e6;

/** Blocks of zeros are not written: they stay holes. */
function writeWithHoles(fd: number, bytes: Buffer, position: number): void {
  for (let at = 0; at < bytes.length; at += HOLE) {
    const part = bytes.subarray(at, at + HOLE);
    if (!part.equals(zeros.subarray(0, part.length))) writeAll(fd, part, position + at);
  }
}

function writeAll(fd: number, bytes: Buffer, position: number): void {
  for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done, bytes.length - done, position + done);
}

/** What guests replace meanwhile is not there any more; opening a special file that came instead fails. */
function unlessGone<T>(body: () => T): T | undefined {
  try {
    return body();
  } catch (error) {
    const code = String((error as NodeJS.ErrnoException).code);
    if (['ENOENT', 'ENOTDIR', 'ELOOP', 'EACCES', 'ENXIO', 'EINVAL', 'EAGAIN'].includes(code)) return undefined;
    throw error;
  }
}
