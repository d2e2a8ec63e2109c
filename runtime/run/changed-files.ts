import { createHash } from 'node:crypto';
import type { OpenedFile } from '../workspace/read-file.ts';
import type { Workspace } from '../workspace/workspace.ts';
import { WorkspaceError } from '../workspace/workspace-error.ts';
import type { ChangedFile } from './record.ts';

/**
 * Where one run changed something. Paths are relative to the workspace, and only these are kept: what stands there is
 * looked at in the end, so a file that was made and removed again is not in the answer.
 */
export interface ChangedPaths {
  /** `file`: its content. `tree`: everything below came from elsewhere. `entry`: only names in this directory. */
  mark(path: string, kind: 'file' | 'tree' | 'entry'): void;
  /** Nothing stands here any more. */
  unmark(path: string): void;
  /** Bounds the marks by what exists, whatever a guest makes and removes. Cheap until there are many. */
  prune(): Promise<void>;
  /** Every path to flush. */
  paths(): Promise<string[]>;
  /** Size and SHA-256 of each changed file that exists, sorted by path. Reads each once, a piece at a time. */
  files(): Promise<ChangedFile[]>;
}

const PIECE = 1024 * 1024;
const PARALLEL = 2;

/** The directory that holds a path. */
export const parentOf = (path: string): string => path.slice(0, Math.max(0, path.lastIndexOf('/')));

export function createChangedPaths(workspace: Workspace, pruneAbove = 20_000): ChangedPaths {
  const marks = new Map<string, { kind: 'file' | 'tree' | 'entry' }>();
  let threshold = pruneAbove;

  const exists = (path: string) =>
    unlessGone(async () => {
      await workspace.stat(`/workspace/${path}`);
      return true;
    });

  async function below(path: string): Promise<string[]> {
    const found: string[] = [];
    const all = unlessGone(async () => {
      for await (const entry of workspace.walk(`/workspace/${path}`)) {
        if (entry.type === 'file') found.push(`${path}/${entry.path}`);
      }
      return true;
    });
    return (await all) === undefined && found.length === 0 ? [path] : found;
  }

  async function fileNames(): Promise<Set<string>> {
    const names = new Set<string>();
    for (const [path, { kind }] of [...marks]) {
      if (kind === 'file') names.add(path);
      if (kind === 'tree') for (const name of await below(path)) names.add(name);
    }
    return names;
  }

  return {
    mark(path, kind) {
      const before = marks.get(path)?.kind;
      if (kind === 'entry' && before !== undefined) return;
      marks.set(path, { kind: before === 'tree' ? 'tree' : kind });
    },
    unmark: (path) => void marks.delete(path),
    async prune() {
      if (marks.size <= threshold) return;
      // Set at once: calls that come meanwhile must not start it again.
      threshold = Number.POSITIVE_INFINITY;
      for (const [path, mark] of [...marks]) {
        if ((await exists(path)) || marks.get(path) !== mark) continue;
        marks.delete(path);
        let above = parentOf(path);
        while (above !== '' && !(await exists(above))) above = parentOf(above);
        if (!marks.has(above)) marks.set(above, { kind: 'entry' });
      }
      threshold = Math.max(pruneAbove, marks.size * 2);
    },
    async paths() {
      return [...new Set([...marks.keys(), ...(await fileNames())])].map((path) => `/workspace/${path}`);
    },
    async files() {
      const names = [...(await fileNames())].sort();
      const files: ChangedFile[] = [];
      let next = 0;
      const lane = async () => {
        for (let path = names[next++]; path !== undefined; path = names[next++]) {
          const file = await unlessGone(() => hashFile(workspace, path as string));
          if (file !== undefined) files.push(file);
        }
      };
      await Promise.all(Array.from({ length: PARALLEL }, lane));
      return files.sort((a, b) => (a.path < b.path ? -1 : 1));
    },
  };
}

async function hashFile(workspace: Workspace, path: string): Promise<ChangedFile> {
  const file: OpenedFile = await workspace.open(`/workspace/${path}`);
  try {
    const hash = createHash('sha256');
    let bytes = 0;
    while (bytes < file.stat.bytes) {
      const piece = await file.read({ offset: bytes, length: PIECE });
      if (piece.length === 0) break;
      hash.update(piece);
      bytes += piece.length;
    }
    return { path, bytes, sha256: hash.digest('hex') };
  } finally {
    file.close();
  }
}

/** Undefined when the path names nothing that a guest could read. */
async function unlessGone<T>(body: () => Promise<T>): Promise<T | undefined> {
  try {
    return await body();
  } catch (error) {
    if (error instanceof WorkspaceError) return undefined;
    throw error;
  }
}
