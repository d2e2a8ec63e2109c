import { statfsSync } from 'node:fs';

const CHECK_EVERY_MS = 1000;

/** Tells whether the file system of `dir` still has `minimumFreeBytes`. Asks it at most once a second (about 5 µs). */
export function createFreeSpace(dir: string, minimumFreeBytes: number): { enough(): boolean } {
  let checkedAt = Number.NEGATIVE_INFINITY;
  let enough = true;
  return {
    enough() {
      const now = performance.now();
      if (now - checkedAt < CHECK_EVERY_MS) return enough;
      checkedAt = now;
      enough = freeBytes(dir) >= minimumFreeBytes;
      return enough;
    },
  };
}

/** Bytes that this process may still write to the file system of `dir`. */
export function freeBytes(dir: string): number {
  const { bavail, bsize } = statfsSync(dir);
  return bavail * bsize;
}
