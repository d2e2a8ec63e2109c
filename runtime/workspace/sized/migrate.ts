import { mkdirSync, renameSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { createGate } from '../gate.ts';
import { type RunCommand, runCommand, SLOW_MS } from './command.ts';
import { copyFiles } from './copy-files.ts';
import { cleanHome, flushFolder, furnish, type Home } from './home.ts';
import { makeImage } from './image.ts';
import { mountImage } from './mounts.ts';

export interface MigrateOptions {
  guest: { uid: number; gid: number };
  bytes: number;
  inodes: number;
  /** Called between the steps; a test ends here what a crash would. */
  step?: ((name: string) => void) | undefined;
}

/**
 * Makes the sized file system of a plain workspace, with all its files, and leaves it mounted. Nothing may change the
 * plain one meanwhile. The image gets its name when it is whole and flushed: until then a crash leaves the old files as
 * they were, from then on the new ones. The old folders are still there afterwards. Answers the loop device.
 */
export async function migrate(home: Home, options: MigrateOptions): Promise<string> {
  const { guest, bytes, inodes, step = () => {} } = options;
  await cleanHome(home);
  step('made');
  await makeImage(home.unfinished, bytes, inodes);
  mkdirSync(home.mountPoint, { recursive: true, mode: 0o700 });
  const device = await mountImage(home.unfinished, home.mountPoint);
  furnish(home, guest);
  step('mounted');
  await copyFiles(createGate(home.plain.files, true), home.sized.files, { owner: guest });
  step('copied');
  await flushVolume(home.mountPoint);
  const image = await open(home.unfinished, 'r');
  await image.sync();
  await image.close();
  step('flushed');
  renameSync(home.unfinished, home.image);
  await flushFolder(home.path);
  step('named');
  return device;
}

/** Flushes one mounted file system, down to the disk that holds its image. */
export async function flushVolume(mountPoint: string, run: RunCommand = runCommand): Promise<void> {
  await run('sync', ['-f', mountPoint], SLOW_MS);
}
