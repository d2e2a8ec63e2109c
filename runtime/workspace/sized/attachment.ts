import { chmodSync, closeSync, constants, fstatSync, futimesSync, openSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RunCommand } from './command.ts';
import type { Home } from './home.ts';
import { bindMount, unmount } from './mounts.ts';
import type { Directories, Since } from './survey.ts';

/** An agent's files, bound at the workspace of one container. */
export interface Attachment {
  /** Everything written from now on counts as the run's change. */
  mark(): Promise<void>;
  /**
   * The sandbox is gone: unbinds the files, makes them durable, counts them, gives back its share of the room.
   * `changed`: guest paths, relative and sorted, of the regular files that were made, written or moved since `mark`,
   * or whose mode changed; by whomever. `cut`: there is more than was looked at. A second call answers as the first,
   * or tries again what failed.
   */
  detach(): Promise<{ changed: string[]; cut: boolean }>;
}

export interface AttachmentOptions {
  run: RunCommand;
  target: string;
  home: Home;
  use<T>(body: () => Promise<T>): Promise<T>;
  /** Everywhere that it is bound. */
  targets: Set<string>;
  /** Cordon itself wrote something in the last tick of the file system's clock. */
  recentlyWritten(): boolean;
  directories(): Promise<Directories>;
  finish(since: Since | undefined): Promise<{ changed: string[]; cut: boolean }>;
  /** The agent was removed, or the service ends. */
  ended(): boolean;
  /** It could not be bound. */
  abandon(): Promise<void>;
}

export async function createAttachment(options: AttachmentOptions): Promise<Attachment> {
  const { target, home, use, targets } = options;
  targets.add(target);
  try {
    // A run may have shut out its successors from the folder itself, which nobody else could repair.
    chmodSync(home.sized.files, 0o700);
    await bindMount(home.sized.files, target, options.run);
  } catch (error) {
    targets.delete(target);
    await options.abandon();
    throw error;
  }
  let since: Since | undefined;
  let gone: Promise<{ changed: string[]; cut: boolean }> | undefined;
  async function end(): Promise<{ changed: string[]; cut: boolean }> {
    await unmount(target, options.run);
    targets.delete(target);
    if (options.ended()) return { changed: [], cut: false };
    const { changed, cut } = await use(() => options.finish(since));
    return { changed: changed.sort(), cut };
  }
  return {
    mark: () =>
      use(async () => {
        const directories = await options.directories();
        since = { ctimeNs: await markTime(home.sized.mark, options.recentlyWritten()), directories };
      }),
    detach() {
      gone ??= end().catch((error: unknown) => {
        gone = undefined;
        throw error;
      });
      return gone;
    },
  };
}

/**
 * A moment of the file system's own clock: what was written before has an earlier ctime, what is written from now on has
 * this one or a later. Kernels from 6.13 on give two looks two times; before, the clock ticks every 1 to 10 ms.
 */
async function markTime(path: string, recentlyWritten: boolean): Promise<bigint> {
  const fd = openSync(path, constants.O_WRONLY | constants.O_NOFOLLOW);
  try {
    const touch = () => {
      futimesSync(fd, 0, 0);
      return fstatSync(fd, { bigint: true }).ctimeNs;
    };
    const first = touch();
    let now = touch();
    for (let waited = 0; recentlyWritten && now === first && waited < 50; waited++) {
      await sleep(1);
      now = touch();
    }
    return now;
  } finally {
    closeSync(fd);
  }
}
