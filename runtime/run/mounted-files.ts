/** The files of a run whose sandbox writes the agent's sized file system itself, mounted at its workspace. */
import { createHash } from 'node:crypto';
import type { Owner } from '../sandbox/driver.ts';
import type { Limits } from '../sandbox/limits.ts';
import type { Amount } from '../workspace/allowance.ts';
import type { Workspace, Workspaces } from '../workspace/workspace.ts';
import { WorkspaceError } from '../workspace/workspace-error.ts';
import type { GuestFiles } from './guest-files.ts';
import type { ChangedFile } from './record.ts';

export interface MountFilesOptions {
  workspaces: Workspaces;
  workspace: Workspace;
  owner: Owner;
  /** What this run may add; held by the file system, in whole blocks. */
  limits: Pick<Limits, 'workspaceBytes' | 'files'>;
  /** The agent's quota, workspaceBytes and workspaceFiles. */
  quota: Amount;
  /** The folder of the sandbox's slot that appears in it as its workspace. */
  target: string;
  /** What the guest did that `changed` cannot show whole. */
  onLeftOut?: (message: string) => void;
  /** An error of ours. */
  onFault?: (error: unknown) => void;
}

const PIECE = 1024 * 1024;
const TRIES = 3;

/**
 * Binds the files before the sandbox starts. `flush` must be called when it is gone, whatever happened meanwhile.
 * Errors: CordonError storage_full; VolumeError when this machine cannot mount.
 */
export async function mountFiles(options: MountFilesOptions): Promise<GuestFiles> {
  const { workspaces, workspace, owner, limits, quota, target, onLeftOut, onFault } = options;
  const growth = { bytes: limits.workspaceBytes, files: limits.files };
  const attachment = await workspaces.attach(owner, target, { growth, quota });
  let paths: readonly string[] = [];
  let triesLeft = TRIES;

  async function detach(): Promise<void> {
    try {
      const { changed, cut } = await attachment.detach();
      paths = changed;
      if (cut) onLeftOut?.('the workspace has too many names: not all changed files are listed');
    } catch (error) {
      // A file system that is damaged stays so: the run must end all the same.
      if (--triesLeft > 0) throw error;
      onFault?.(error);
    }
  }

  try {
    await attachment.mark();
  } catch (error) {
    await detach();
    throw error;
  }

  return {
    async place(files) {
      for (const { path, content } of files)
        await workspace.write(path, content, { quota, parents: true, durable: false });
      await attachment.mark();
    },
    async call() {
      const message = 'files are reached through the file system here';
      return { ok: false, error: { name: 'TypeError', message, code: 'ERR_INVALID_ARG_TYPE' } };
    },
    flush: detach,
    async changed() {
      const files: ChangedFile[] = [];
      // A file of holes may be far larger than all that an agent may store: reading is bounded by that.
      let bytesLeft = quota.bytes;
      let leftOut = 0;
      for (const path of paths) {
        const file = await hashFile(workspace, path, bytesLeft);
        if (file === 'too large') leftOut++;
        else if (file !== undefined) {
          bytesLeft -= file.bytes;
          files.push(file);
        }
      }
      if (leftOut > 0) onLeftOut?.(`${leftOut} changed files are too large to be listed with their hash`);
      return files;
    },
  };
}

/** Undefined when nothing stands there that the files API shows. */
async function hashFile(
  workspace: Workspace,
  path: string,
  most: number,
): Promise<ChangedFile | undefined | 'too large'> {
  try {
    const file = await workspace.open(`/workspace/${path}`);
    try {
      if (file.stat.bytes > most) return 'too large';
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
  } catch (error) {
    if (error instanceof WorkspaceError) return undefined;
    throw error;
  }
}
