import { randomInt } from 'node:crypto';
import { accessSync, readFileSync } from 'node:fs';

export interface UnprivilegedUsers {
  /** Undefined when this service has no privilege to drop. */
  next(): number | undefined;
  /**
   * Command that drops to `uid` (undefined: keeps the user), asks for death with its parent, and executes what follows.
   * Undefined where setpriv (util-linux) is missing.
   */
  command(uid: number | undefined): string[] | undefined;
}

/**
 * One uid per worker, from a range where nobody lives: bubblewrap's `--uid` alone leaves root outside root
 * (uid_map "65534 0 1"), and such a worker can read every 0600 file that is bound.
 */
export function unprivilegedUsers(): UnprivilegedUsers {
  const range = process.getuid?.() === 0 ? freeRange() : undefined;
  const setpriv = process.platform === 'linux' ? findCommand('setpriv') : undefined;
  let offset = randomInt(range?.count ?? 1);
  return {
    next: () => (range === undefined ? undefined : range.first + (offset++ % range.count)),
    command(uid) {
      if (setpriv === undefined) return undefined;
      const drop =
        uid === undefined
          ? []
          : [`--reuid=${uid}`, `--regid=${uid}`, '--clear-groups', '--bounding-set=-all', '--inh-caps=-all'];
      return [setpriv, ...drop, '--pdeathsig=KILL', '--'];
    },
  };
}

/** In a container with mapped users only the low ids exist: there the end of the 16-bit range is taken. */
function freeRange(): { first: number; count: number } {
  const wide = { first: 2_000_000_000, count: 100_000_000 };
  const narrow = { first: 62_000, count: 3_000 };
  try {
    const maps = readFileSync('/proc/self/uid_map', 'latin1')
      .trim()
      .split('\n')
      .map((line) => line.trim().split(/\s+/).map(Number));
    const covers = maps.some(
      ([inside = 0, , length = 0]) => inside <= wide.first && inside + length >= wide.first + wide.count,
    );
    return covers ? wide : narrow;
  } catch {
    return narrow;
  }
}

/** Absolute path of a system command. The caller's PATH is not asked: it decides what runs as root. */
export function findCommand(name: string): string | undefined {
  for (const folder of ['/usr/bin', '/bin', '/usr/sbin', '/sbin', '/usr/local/bin', '/run/current-system/sw/bin']) {
    try {
      accessSync(`${folder}/${name}`, 1);
      return `${folder}/${name}`;
    } catch {
      // Next folder.
    }
  }
  return undefined;
}
