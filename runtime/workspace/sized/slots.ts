import { mkdirSync, realpathSync, writeFileSync } from 'node:fs';
import { runCommand } from './command.ts';
import { readMounts, unmount } from './mounts.ts';

/** A small file system whose later mounts appear in containers that have a folder of it bound as `rslave`. */
export interface Slots {
  /** Host path, without links. */
  readonly path: string;
  /** Nothing stays mounted, in it or of it. */
  close(): Promise<void>;
}

/** Opens the folder for slots, made when missing. What a crash left mounted there is removed. Errors: VolumeError. */
export async function openSlots(folder: string): Promise<Slots> {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const path = realpathSync(folder);
  await clear(path);
  await runCommand('mount', ['-t', 'tmpfs', '-o', 'size=16m,mode=0700,nodev,nosuid,noexec', 'cordon-slots', path]);
  await runCommand('mount', ['--make-rshared', path]);
  return { path, close: () => clear(path) };
}

async function clear(path: string): Promise<void> {
  const below = readMounts().filter(({ point }) => point.startsWith(`${path}/`));
  for (const { point } of below.reverse()) await unmount(point);
  await unmount(path);
}

/** Mounts something that holds the file `cordon-probe` in a slot, to see whether a container sees it. Answers its end. */
export async function mountProbe(target: string): Promise<() => Promise<void>> {
  await runCommand('mount', ['-t', 'tmpfs', '-o', 'size=64k,mode=0755,nodev,nosuid,noexec', 'cordon-probe', target]);
  writeFileSync(`${target}/cordon-probe`, '', { mode: 0o644 });
  return () => unmount(target);
}
