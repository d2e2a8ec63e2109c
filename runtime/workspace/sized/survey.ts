import { fstatSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Amount } from '../allowance.ts';
import { type Directory, type Gate, kindOf } from '../gate.ts';
import { isSafeName, pathLimits } from '../guest-path.ts';

/** Directories by their inode, with the path that each had. */
export type Directories = ReadonlyMap<bigint, string>;

export interface Since {
  /** Of the file system's own clock. */
  ctimeNs: bigint;
  /** As they were then. */
  directories: Directories;
}

export interface Survey {
  used: Amount;
  directories: Map<bigint, string>;
  /** Guest paths of regular files that were made, written, moved or whose mode changed; not sorted. */
  changed: string[];
  /** Not all was seen: too many names, or something moved directories meanwhile. */
  cut: boolean;
}

const BATCH = 500;
/** Of all changed paths together, in UTF-16 units. */
const PATHS = 16 * 1024 * 1024;

interface Level {
  ino: bigint;
  /** Undefined: no guest path can say it. */
  path: string | undefined;
  depth: number;
  /** It, or one above it, was moved: all files below have new paths. */
  moved: boolean;
  pending: Buffer[];
}

/**
 * Looks at everything that guests left, whatever it is: any depth with one open directory (up again by `..`, which must
 * lead back), names in pieces, no link followed, nothing opened but directories. Hard links of one file count once.
 * `mostNames` bounds the work: links cost no inode, so an inode bound alone does not.
 */
export async function survey(gate: Gate, mostNames: number, since?: Since): Promise<Survey> {
  const result: Survey = { used: { bytes: 0, files: 0 }, directories: new Map(), changed: [], cut: false };
  const linked = new Set<bigint>();
  const stack: Level[] = [];
  let names = 0;
  let pathsLeft = PATHS;

  function lookAt(here: Directory, level: Level, name: Buffer): void {
    const stat = gate.look(here, name);
    if (stat === undefined) return;
    if (stat.isDirectory()) {
      level.pending.push(name);
      return;
    }
    if (stat.nlink > 1n) {
      if (linked.has(stat.ino)) return;
      linked.add(stat.ino);
    }
    result.used.files++;
    if (stat.isFile()) result.used.bytes += Number(stat.size);
    if (since === undefined || kindOf(stat) !== 'file') return;
    if (stat.ctimeNs < since.ctimeNs && !level.moved) return;
    const path = below(level, name);
    if (path === undefined) return;
    pathsLeft -= path.length;
    if (pathsLeft < 0) result.cut = true;
    else result.changed.push(path);
  }

  function levelOf(directory: Directory, above: Level | undefined, name: Buffer): Level {
    const { ino, ctimeNs } = fstatSync(directory.fd, { bigint: true });
    const path = above === undefined ? '' : below(above, name);
    if (above !== undefined) result.used.files++;
    if (path !== undefined) result.directories.set(ino, path);
    const movedNow = since !== undefined && ctimeNs >= since.ctimeNs && since.directories.get(ino) !== path;
    return {
      ino,
      path,
      depth: (above?.depth ?? -1) + 1,
      moved: above !== undefined && (above.moved || movedNow),
      pending: [],
    };
  }

  async function read(here: Directory, level: Level): Promise<void> {
    for (const name of gate.eachName(here)) {
      if (++names % BATCH === 0) await nextTurn();
      if (names > mostNames) {
        result.cut = true;
        return;
      }
      lookAt(here, level, name);
    }
  }

  let here = gate.open([], 'scandir', '/workspace');
  try {
    stack.push(levelOf(here, undefined, Buffer.alloc(0)));
    await read(here, stack[0] as Level);
    for (let level = stack.at(-1); level !== undefined; level = stack.at(-1)) {
      const name = result.cut ? undefined : level.pending.pop();
      if (name !== undefined) {
        if (++names % BATCH === 0) await nextTurn();
        const next = unlessSwapped(() => gate.enter(here, name));
        if (next === undefined) continue;
        gate.close(here);
        here = next;
        stack.push(levelOf(here, level, name));
        await read(here, stack.at(-1) as Level);
        continue;
      }
      stack.pop();
      const above = stack.at(-1);
      if (above === undefined || result.cut) break;
      const up = unlessSwapped(() => gate.enter(here, '..'));
      if (up === undefined || fstatSync(up.fd, { bigint: true }).ino !== above.ino) {
        if (up !== undefined) gate.close(up);
        result.cut = true;
        break;
      }
      gate.close(here);
      here = up;
    }
  } finally {
    gate.close(here);
  }
  return result;
}

/** The guest path of a name in a directory, when the files API could name it. */
function below(level: Level, name: Buffer): string | undefined {
  if (level.path === undefined || level.depth >= pathLimits.depth) return undefined;
  const text = name.toString();
  if (!isSafeName(text) || !Buffer.from(text).equals(name)) return undefined;
  const path = level.path === '' ? text : `${level.path}/${text}`;
  return Buffer.byteLength(path) > pathLimits.pathBytes ? undefined : path;
}

/** Something that runs meanwhile replaced it. */
function unlessSwapped<T>(body: () => T): T | undefined {
  try {
    return body();
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'ELOOP', 'EACCES'].includes(String((error as NodeJS.ErrnoException).code)))
      return undefined;
    throw error;
  }
}
