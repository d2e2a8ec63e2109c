import { statSync } from 'node:fs';
import { CordonError } from '../../errors.ts';
import { freeBytes } from '../../store/free-space.ts';

/** What one image may still take from the host's disk. */
export interface DiskShare {
  /** Errors: CordonError storage_full, when the disk could not hold it; then nothing changed. */
  promise(bytes: number): void;
  /** All that was written lies in the image now: only `bytes` are still to come. */
  flushed(bytes: number): void;
  /** Bytes promised and not yet in the image. */
  outstanding(): number;
  close(): void;
}

/**
 * Images are sparse: the disk must hold what all of them may still grow, or a write that a guest was promised fails
 * below its file system, which would then be damaged. What was promised counts until it lies in the image: the pages
 * that wait in memory are on no disk yet.
 */
export interface HostDisk {
  open(image: string): DiskShare;
}

const CHECK_EVERY_MS = 200;
const MARGIN = 64 * 1024 * 1024;

export function createHostDisk(root: string, minimumFreeBytes: number): HostDisk {
  const shares = new Set<DiskShare>();
  let checkedAtMs = Number.NEGATIVE_INFINITY;
  let left = 0;

  /** What nobody was promised. Asked anew (some µs per image in use) when the last answer is old or nearly used up. */
  function take(bytes: number): boolean {
    const now = performance.now();
    if (now - checkedAtMs > CHECK_EVERY_MS || left - bytes < MARGIN) {
      let promised = 0;
      for (const share of shares) promised += share.outstanding();
      left = freeBytes(root) - minimumFreeBytes - promised;
      checkedAtMs = now;
    }
    if (left < bytes) return false;
    left -= bytes;
    return true;
  }
  return {
    open(image) {
      const allocated = () => {
        const stat = statSync(image, { throwIfNoEntry: false });
        return stat === undefined ? 0 : stat.blocks * 512;
      };
      let base = allocated();
      let promised = 0;
      const share: DiskShare = {
        promise(bytes) {
          if (!take(bytes))
            throw new CordonError('storage_full', 'The disk is too full for what the workspaces in use may grow');
          promised += bytes;
        },
        flushed(bytes) {
          base = allocated();
          promised = bytes;
        },
        outstanding: () => Math.max(0, promised - Math.max(0, allocated() - base)),
        close: () => void shares.delete(share),
      };
      shares.add(share);
      return share;
    },
  };
}
