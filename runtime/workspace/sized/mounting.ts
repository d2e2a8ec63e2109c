import { mkdirSync, utimesSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { WorkspaceError } from '../workspace-error.ts';
import { furnish, type Home } from './home.ts';
import { enlargeImage, enlargeMounted, isClean, repairImage } from './image.ts';
import { createTurns } from './in-turn.ts';
import { backingFile, isImageInUse, mountedAt, mountImage, tryUnmount, unmount } from './mounts.ts';
import { openRoom, type Room } from './room.ts';
import { VolumeError } from './volume-error.ts';

/** When an agent's file system is mounted: from its first use until nobody has used it for a while. */
export interface Mounting {
  /** Runs `body` while it is mounted. Errors: VolumeError; WorkspaceError ENOENT after `close`. */
  use<T>(body: () => Promise<T> | T): Promise<T>;
  /** Undefined: it is not mounted. */
  room(): Room | undefined;
  /** Enlarges the image and its file system. False: not now. Not inside an operation. */
  enlarge(bytes: number): Promise<boolean>;
  /** Mounts it anew, repaired, when the kernel made it read-only and no container has it bound. Answers whether it did. */
  heal(): Promise<boolean>;
  /** Runs `first`, then unmounts for ever. */
  close(first: () => Promise<void>): Promise<void>;
}

export interface MountingOptions {
  home: Home;
  guest: { uid: number; gid: number };
  idleMs: number;
  /** Containers have it bound. */
  isBound(): boolean;
  /** Runs a body while no operation is under way. */
  alone<T>(body: () => Promise<T>): Promise<T>;
}

/** The shortest time between two looks whether it is idle. */
const LOOK_MS = 1000;

/** The kernel lets go of a loop device a moment after its last user; a container that just starts may be one. */
async function isReleased(image: string): Promise<boolean> {
  for (let tries = 0; tries < 10; tries++) {
    if (!isImageInUse(image)) return true;
    await sleep(20);
  }
  return false;
}

/** After an error of its disk. Asked by a write: kernels from 6.12 on do not say so of the mount. */
function isReadOnly(mountPoint: string): boolean {
  try {
    utimesSync(mountPoint, 0, 0);
    return false;
  } catch (error) {
    return ['EROFS', 'EIO'].includes((error as NodeJS.ErrnoException).code ?? '');
  }
}

export function createMounting({ home, guest, idleMs, isBound, alone }: MountingOptions): Mounting {
  const turns = createTurns();
  let room: Room | undefined;
  let device = '';
  let users = 0;
  let usedAtMs = 0;
  let idleTimer: NodeJS.Timeout | undefined;
  let ended = false;
  let growsMounted = true;

  async function mountNow(): Promise<void> {
    const there = mountedAt(home.mountPoint);
    const isOurs = there !== undefined && backingFile(there.source) === home.image;
    if (isOurs && !there.readOnly && !isReadOnly(home.mountPoint)) {
      // Of a service that was killed.
      device = there.source.replace('/dev/', '');
    } else {
      if (there !== undefined) await unmount(home.mountPoint);
      mkdirSync(home.mountPoint, { recursive: true, mode: 0o700 });
      if (!isClean(home.image) && !isImageInUse(home.image)) await repairImage(home.image);
      device = await mountImage(home.image, home.mountPoint);
    }
    furnish(home, guest);
    const opened = openRoom(device, home.mountPoint);
    opened.reserve(0);
    room = opened;
  }

  const restMs = () => usedAtMs + idleMs - performance.now();

  /** Looks again later, as long as it is mounted. */
  function watch(): void {
    if (ended || room === undefined) return;
    idleTimer ??= setTimeout(look, Math.max(restMs(), LOOK_MS)).unref();
  }

  function look(): void {
    idleTimer = undefined;
    if (users === 0 && !isBound() && restMs() <= 0) void turns(unmountIdle).then(watch, watch);
    else watch();
  }

  async function unmountIdle(): Promise<void> {
    if (users > 0 || isBound() || room === undefined) return;
    const before = room;
    // Who comes now waits for its turn to mount it again.
    room = undefined;
    // Held open by a download: it stays.
    if (!(await tryUnmount(home.mountPoint))) room = before;
  }

  return {
    room: () => room,
    async use(body) {
      users++;
      try {
        if (room === undefined)
          await turns(async () => {
            if (ended) throw new WorkspaceError('ENOENT', 'open', '/workspace');
            if (room === undefined) await mountNow();
          });
        return await body();
      } finally {
        users--;
        usedAtMs = performance.now();
        watch();
      }
    },
    async enlarge(bytes) {
      if (growsMounted) {
        try {
          await enlargeMounted(home.image, device, bytes);
          return true;
        } catch (error) {
          if (!(error instanceof VolumeError)) throw error;
          growsMounted = false;
        }
      }
      // Where root may not grow it mounted (CAP_SYS_RESOURCE) it is unmounted for a moment.
      if (isBound()) return false;
      return alone(() =>
        turns(async () => {
          room = undefined;
          const gone = await tryUnmount(home.mountPoint);
          try {
            if (!gone || !(await isReleased(home.image))) return false;
            await enlargeImage(home.image, bytes);
            return true;
          } finally {
            await mountNow();
          }
        }),
      );
    },
    async heal() {
      if (room === undefined || isBound() || !isReadOnly(home.mountPoint)) return false;
      return alone(() =>
        turns(async () => {
          if (room === undefined || isBound()) return false;
          room = undefined;
          await unmount(home.mountPoint);
          if (!(await isReleased(home.image)))
            throw new VolumeError(`${home.mountPoint} is read-only after an error, and files of it are held open`);
          await mountNow();
          return true;
        }),
      );
    },
    close(first) {
      ended = true;
      clearTimeout(idleTimer);
      return turns(async () => {
        await first();
        room = undefined;
        await unmount(home.mountPoint);
      });
    },
  };
}
