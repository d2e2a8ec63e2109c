import { readdirSync, readFileSync, statfsSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Amount } from '../allowance.ts';
import { BLOCK } from '../tree.ts';

/**
 * The bound that every writer of a mounted file system meets at once, the kernel's root included.
 * Blocks: ext4 lets nobody allocate the last `reserved_clusters`. Inodes: it has no such knob, so what shall not be
 * used is used already, by a ballast of short links outside of what guests see (25 µs to make one, 12 to remove).
 */
export interface Room {
  /** What may still be allocated: whole blocks in bytes, and inodes. */
  free(): Amount;
  /** Blocks and inodes that exist and hold no file of an agent, allowed or not. */
  unused(): { blocks: number; inodes: number };
  /** Inodes that hold something, ballast not counted. */
  inodesUsed(): number;
  inodes(): number;
  /** From now on this many blocks stay free. */
  reserve(blocks: number): void;
  /** Makes this many inodes free, or as many as there are. Batches, between which others run. */
  allowInodes(count: number): Promise<void>;
  /** Frees some inodes at once. */
  dropBallast(count: number): void;
}

const BATCH = 200;

/** `device`: such as `loop3`. `folder`: the mount point, with the folder `ballast` in it. */
export function openRoom(device: string, folder: string): Room {
  const knob = `/sys/fs/ext4/${device}/reserved_clusters`;
  const ballast = `${folder}/ballast`;
  // The names are 0, 1, 2, ... : a pile, of which the last goes first. A crash leaves no hole in it.
  let pile = readdirSync(ballast).length;
  let reserved = Number(readFileSync(knob, 'utf8'));

  const room: Room = {
    free() {
      const { bfree, ffree } = statfsSync(folder);
      return { bytes: Math.max(0, bfree - reserved) * BLOCK, files: ffree };
    },
    unused() {
      const { bfree, ffree } = statfsSync(folder);
      return { blocks: bfree, inodes: ffree + pile };
    },
    inodesUsed() {
      const { files, ffree } = statfsSync(folder);
      return files - ffree - pile;
    },
    inodes: () => statfsSync(folder).files,
    reserve(blocks) {
      const wanted = Math.max(0, Math.min(Math.floor(blocks), statfsSync(folder).blocks - 1));
      if (wanted === reserved) return;
      writeFileSync(knob, `${wanted}`);
      reserved = wanted;
    },
    async allowInodes(count) {
      for (let free = statfsSync(folder).ffree; free !== count; free = statfsSync(folder).ffree) {
        if (free < count) {
          if (pile === 0) return;
          room.dropBallast(Math.min(BATCH, count - free));
        } else {
          for (let more = Math.min(BATCH, free - count); more > 0; more--) {
            if (!add()) return;
          }
        }
        await nextTurn();
      }
    },
    dropBallast(count) {
      for (let left = Math.min(count, pile); left > 0; left--) unlinkSync(`${ballast}/${--pile}`);
    },
  };

  function add(): boolean {
    try {
      symlinkSync('-', `${ballast}/${pile}`);
      pile++;
      return true;
    } catch (error) {
      // Whoever runs took the last one meanwhile.
      if ((error as NodeJS.ErrnoException).code === 'ENOSPC') return false;
      throw error;
    }
  }

  return room;
}
