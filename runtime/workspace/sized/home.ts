/** Where the parts of one agent's workspace lie, below `<workspaces>/<tenant>/<agent>`. */
import { chownSync, closeSync, constants, existsSync, mkdirSync, openSync, renameSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { createGate } from '../gate.ts';
import { emptyFolder, freshName } from '../remove-tree.ts';
import { readMounts, unmount } from './mounts.ts';

export interface Home {
  readonly path: string;
  /** A plain workspace: its files and what is still being written. */
  readonly plain: { files: string; incoming: string };
  /** A sized one: an ext4 image, and where it is mounted. */
  readonly image: string;
  readonly mountPoint: string;
  readonly sized: { files: string; incoming: string; ballast: string; mark: string };
  /** An image whose migration is not over: it counts for nothing. */
  readonly unfinished: string;
  /** What waits to be removed. */
  readonly rubbish: string;
}

export const imageName = 'volume.ext4';

export function homeAt(path: string): Home {
  const mountPoint = `${path}/volume`;
  return {
    path,
    plain: { files: `${path}/files`, incoming: `${path}/incoming` },
    image: `${path}/${imageName}`,
    mountPoint,
    sized: {
      files: `${mountPoint}/files`,
      incoming: `${mountPoint}/incoming`,
      ballast: `${mountPoint}/ballast`,
      mark: `${mountPoint}/mark`,
    },
    unfinished: `${path}/${imageName}.unfinished`,
    rubbish: `${path}/rubbish`,
  };
}

/** The image got its name when it held everything: from then on it alone is the workspace. */
export const isSized = (home: Home) => existsSync(home.image);

/** Makes the folders of an empty, mounted file system. */
export function furnish(home: Home, guest: { uid: number; gid: number }): void {
  for (const folder of [home.sized.files, home.sized.incoming, home.sized.ballast])
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  // Here, so that no run pays for it.
  closeSync(openSync(home.sized.mark, constants.O_WRONLY | constants.O_CREAT | constants.O_NOFOLLOW, 0o600));
  chownSync(home.sized.files, guest.uid, guest.gid);
}

/** Removes what a crash in the middle of a migration left: the half image, or the plain folders that it replaced. */
export async function cleanHome(home: Home): Promise<void> {
  if (existsSync(home.unfinished)) {
    if (readMounts().some(({ point }) => point === home.mountPoint)) await unmount(home.mountPoint);
    rmSync(home.unfinished, { force: true });
  }
  if (isSized(home)) await dropPlain(home);
}

/** Removes the plain folders. Call it only when the image has its name. */
export async function dropPlain(home: Home): Promise<void> {
  const { files, incoming } = home.plain;
  const left = [files, incoming].filter((folder) => existsSync(folder));
  if (left.length === 0 && !existsSync(home.rubbish)) return;
  mkdirSync(home.rubbish, { recursive: true, mode: 0o700 });
  for (const folder of left) renameSync(folder, `${home.rubbish}/${freshName()}`);
  await emptyFolder(createGate(home.rubbish, true), home.rubbish);
  rmSync(home.rubbish, { recursive: true, force: true });
}

/** Makes names in a folder durable. */
export async function flushFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
