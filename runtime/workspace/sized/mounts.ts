import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { type RunCommand, runCommand, SLOW_MS } from './command.ts';
import { VolumeError } from './volume-error.ts';

export interface Mount {
  point: string;
  /** Such as `/dev/loop3`. */
  source: string;
  type: string;
  /** The file system itself: ext4 turns so by itself when it finds an error. */
  readOnly: boolean;
}

/** All mounts of this process's namespace, in the order they were made. proc(5), "mountinfo". */
export function readMounts(): Mount[] {
  const plain = (field: string) =>
    field.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
  const lines = readFileSync('/proc/self/mountinfo', 'latin1').split('\n');
  return lines.flatMap((line) => {
    const [before, after] = line.split(' - ');
    const point = before?.split(' ')[4];
    const [type, source, options] = after?.split(' ') ?? [];
    if (point === undefined || type === undefined || source === undefined) return [];
    const readOnly = options?.split(',')[0] === 'ro';
    return [{ point: Buffer.from(plain(point), 'latin1').toString(), source: plain(source), type, readOnly }];
  });
}

/** What is mounted at this very path (absolute, without links); the topmost. */
export const mountedAt = (path: string): Mount | undefined => readMounts().findLast(({ point }) => point === path);

/** The file behind a loop device, as the kernel names it now; undefined when it is none. */
export function backingFile(source: string): string | undefined {
  try {
    return readFileSync(`/sys/block/${source.replace('/dev/', '')}/loop/backing_file`, 'utf8').trimEnd();
  } catch {
    return undefined;
  }
}

/** Whether any mount, also a hidden one, still works on this image: then nothing else may write to it. */
export function isImageInUse(image: string): boolean {
  const devices = readdirSync('/sys/block').filter((name) => name.startsWith('loop'));
  return devices.some((device) => backingFile(device) === image);
}

/**
 * Mounts an ext4 image and answers its loop device, such as `loop3`. An image that a loop device still holds (a lazy
 * unmount with files open) gets that same device: two devices would be two file systems writing to one image.
 * `discard`: what guests delete is given back to the host's disk.
 */
export async function mountImage(image: string, folder: string): Promise<string> {
  const options = 'loop,nodev,nosuid,noatime,discard,errors=remount-ro,noinit_itable';
  await runCommand('flock', ['-w', '30', image, 'mount', '-t', 'ext4', '-o', options, image, folder]);
  const device = mountedAt(folder)?.source.replace('/dev/', '');
  if (device === undefined || !/^loop\d+$/.test(device))
    throw new VolumeError(`${folder} is mounted, but not from a loop device`);
  return device;
}

export async function bindMount(from: string, to: string, run: RunCommand = runCommand): Promise<void> {
  await run('mount', ['--bind', from, to]);
}

const BUSY_RETRIES_MS = [10, 30, 100, 300];

/** Whether the file system is gone at once: not when something holds files of it open. */
export async function tryUnmount(path: string, run: RunCommand = runCommand): Promise<boolean> {
  try {
    await run('umount', [path], SLOW_MS);
    return true;
  } catch (error) {
    if (mountedAt(path) === undefined) return true;
    if (error instanceof VolumeError && /busy/.test(error.message)) return false;
    throw error;
  }
}

/** Unmounts all that lies at this path. Who holds files open gets a moment; then nobody new enters, and the kernel ends it with the last one. */
export async function unmount(path: string, run: RunCommand = runCommand): Promise<void> {
  while (mountedAt(path) !== undefined) {
    let gone = await tryUnmount(path, run);
    for (const ms of BUSY_RETRIES_MS) {
      if (gone) break;
      await sleep(ms);
      gone = await tryUnmount(path, run);
    }
    if (!gone) await run('umount', ['-l', path]);
  }
}
