import { CordonError } from '../errors.ts';

const meanings = {
  ENOENT: 'no such file or directory',
  EEXIST: 'file already exists',
  EISDIR: 'illegal operation on a directory',
  ENOTDIR: 'not a directory',
  ENOTEMPTY: 'directory not empty',
  EINVAL: 'invalid argument',
  EACCES: 'permission denied',
  ENAMETOOLONG: 'name too long',
  ELOOP: 'symbolic links are not followed',
  ENOSPC: 'no space left on device',
} as const;

export type WorkspaceErrorCode = keyof typeof meanings;

/** A file operation that cannot be done, as Node.js would say it. Paths are the guest's: nothing of the host is in it. */
export class WorkspaceError extends Error {
  readonly code: WorkspaceErrorCode;

  /** `path` is a guest path; `reason` replaces the usual meaning of the code. */
  constructor(code: WorkspaceErrorCode, syscall: string, path: string, reason: string = meanings[code]) {
    super(`${code}: ${reason}, ${syscall} '${path}'`);
    this.name = 'WorkspaceError';
    this.code = code;
  }
}

/** Host codes that mean the same as one of ours to a guest. */
const sameAs: Record<string, WorkspaceErrorCode> = {
  EFBIG: 'EINVAL',
  EPERM: 'EACCES',
  EXDEV: 'EACCES',
  EBUSY: 'EACCES',
  ENXIO: 'EACCES',
  // A program in a container runs it, or holds a lease on it.
  ETXTBSY: 'EACCES',
  EAGAIN: 'EACCES',
};

/** Translates an error of a host call on a guest path: the host's message holds host paths and must not travel. */
export function fromHost(error: unknown, syscall: string, path: string): Error {
  if (error instanceof WorkspaceError || error instanceof CordonError) return error;
  const code = String((error as NodeJS.ErrnoException).code);
  if (code === 'ENOSPC' || code === 'EDQUOT' || code === 'EROFS') {
    return new CordonError('storage_full', 'The disk that holds the workspaces takes no more data', { cause: error });
  }
  const known = Object.hasOwn(meanings, code) ? (code as WorkspaceErrorCode) : sameAs[code];
  if (known !== undefined) return new WorkspaceError(known, syscall, path);
  // Thrown by a condition or an allowance of the caller, not by the host.
  if (error instanceof Error && !('syscall' in error)) return error;
  return new CordonError('internal', `The workspace failed: ${syscall} '${path}'`, { cause: error });
}

/** Runs host calls whose errors are translated for the guest path. */
export function translated<T>(syscall: string, path: string, body: () => T): T {
  try {
    return body();
  } catch (error) {
    throw fromHost(error, syscall, path);
  }
}
