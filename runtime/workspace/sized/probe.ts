import { existsSync, mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BLOCK } from '../tree.ts';
import { homeAt } from './home.ts';
import { makeImage } from './image.ts';
import { bindMount, mountImage, readMounts, unmount } from './mounts.ts';
import { openRoom } from './room.ts';
import { openSlots, type Slots } from './slots.ts';

const PREFIX = '.probe-';

/**
 * Proves that workspaces below `root` can be sized file systems on this machine, by making, filling and removing a
 * small one, bound late into a slot. Undefined, or why not. About 60 ms.
 */
export async function probeMounting(root: string): Promise<string | undefined> {
  if (process.platform !== 'linux') return 'sized workspaces need Linux';
  if (process.getuid?.() !== 0) return 'sized workspaces need root, to mount';
  if (!existsSync('/proc/self/fd')) return '/proc is not mounted';
  await removeProbes(root);
  const home = homeAt(realpathSync(mkdtempSync(join(root, PREFIX))));
  let slots: Slots | undefined;
  try {
    await makeImage(home.image, 64 * 1024 * 1024, 64);
    mkdirSync(home.mountPoint);
    const device = await mountImage(home.image, home.mountPoint);
    for (const folder of [home.sized.files, home.sized.ballast]) mkdirSync(folder);
    const room = openRoom(device, home.mountPoint);
    await room.allowInodes(1);
    room.reserve(room.unused().blocks - 4);
    if (takes(home.sized.files, 5 * BLOCK)) return 'the kernel does not hold reserved_clusters of ext4 for root';
    slots = await openSlots(`${home.path}/slots`);
    mkdirSync(`${slots.path}/a`);
    await bindMount(home.sized.files, `${slots.path}/a`);
    return takes(`${slots.path}/a`, BLOCK) ? undefined : 'a bound file system takes no files';
  } catch (error) {
    return (error as Error).message;
  } finally {
    await slots?.close().catch(() => {});
    await unmount(home.mountPoint).catch(() => {});
    rmSync(home.path, { recursive: true, force: true });
  }
}

/** What a crash in the middle of a probe left. */
async function removeProbes(root: string): Promise<void> {
  for (const name of readdirSync(root).filter((name) => name.startsWith(PREFIX))) {
    const path = realpathSync(join(root, name));
    for (const { point } of readMounts().reverse()) if (point.startsWith(`${path}/`)) await unmount(point);
    rmSync(path, { recursive: true, force: true });
  }
}

function takes(folder: string, bytes: number): boolean {
  try {
    writeFileSync(`${folder}/f`, Buffer.alloc(bytes));
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOSPC') return false;
    throw error;
  } finally {
    rmSync(`${folder}/f`, { force: true });
  }
}
