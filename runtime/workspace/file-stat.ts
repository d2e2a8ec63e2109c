import type { BigIntStats } from 'node:fs';

/** A file or directory of a workspace. */
export interface FileStat {
  type: 'file' | 'directory';
  /** Apparent size; 0 for directories. */
  bytes: number;
  modifiedAtMs: number;
  createdAtMs: number;
  /**
   * Strong validator, with its quotes. Two contents of one path that were written through Cordon never share it: each
   * whole write is a new inode with a modification time that no other write has. It may change without the content.
   */
  etag: string;
}

export function fileStat(stat: BigIntStats): FileStat {
  const isDirectory = stat.isDirectory();
  return {
    type: isDirectory ? 'directory' : 'file',
    bytes: isDirectory ? 0 : Number(stat.size),
    modifiedAtMs: Number(stat.mtimeNs / 1_000_000n),
    createdAtMs: Number(stat.birthtimeNs / 1_000_000n),
    etag: `"${stat.ino.toString(36)}-${stat.size.toString(36)}-${stat.mtimeNs.toString(36)}"`,
  };
}
