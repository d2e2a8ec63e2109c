import { WorkspaceError } from './workspace-error.ts';

/** A path that passed the gate's grammar: `parts` are names, each safe to give to the host as ONE path component. */
export interface GuestPath {
  parts: string[];
  /** The absolute form, for messages: `/workspace/a/b`. */
  text: string;
  /** It ended in `/`, so that it can only mean a directory. */
  directory: boolean;
}

export const guestRoot = '/workspace';
/** Bytes of one name and of a whole path, as on Linux; directories inside one another. */
export const pathLimits = { nameBytes: 255, pathBytes: 4096, depth: 256 } as const;

// Controls, line separators and bidirectional overrides forge log lines and listings; `\` is a separator elsewhere.
// biome-ignore lint/suspicious/noControlCharactersInRegex: it exists to refuse them
const forbidden = /[\u0000-\u001f\u007f-\u009f\\\u2028\u2029\u202a-\u202e\u2066-\u2069]/;

/** Whether the host may see this as one component. A name that any normalisation turns into a separator or dots may not. */
export function isSafeName(name: string): boolean {
  if (name === '' || !name.isWellFormed() || forbidden.test(name)) return false;
  const folded = name.normalize('NFKC');
  return !/[/\\\0]/.test(folded) && !/^[. ]+$/.test(folded);
}

/** A guest path for a message: bounded, and without characters that could forge a line. */
function shown(path: string): string {
  const start = path.length > 300 ? `${path.slice(0, 300)}...` : path;
  const absolute = start.startsWith('/') ? start : `${guestRoot}/${start}`;
  return absolute
    .toWellFormed()
    .replace(new RegExp(forbidden, 'g'), (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** Joins checked names into the absolute form. */
export const guestText = (parts: readonly string[]): string => [guestRoot, ...parts].join('/');

/**
 * Parses a guest path: relative to /workspace, or absolute below it. `.` and `..` are resolved in the text (there are
 * no symbolic links to make that differ); above /workspace is EACCES. Names are kept as given: two Unicode spellings
 * of one character are two names, as on Linux. Errors: WorkspaceError ENOENT (empty), EINVAL, EACCES, ENAMETOOLONG.
 */
export function parseGuestPath(path: string, syscall: string): GuestPath {
  if (path === '') throw new WorkspaceError('ENOENT', syscall, '');
  if (path.length > pathLimits.pathBytes || Buffer.byteLength(path) > pathLimits.pathBytes) {
    throw new WorkspaceError('ENAMETOOLONG', syscall, shown(path));
  }
  const names = path.split('/');
  if (names[0] === '') {
    if (`/${names[1]}` !== guestRoot) throw new WorkspaceError('EACCES', syscall, shown(path));
    names.splice(0, 2);
  }
  const parts: string[] = [];
  for (const name of names) {
    if (name === '' || name === '.') continue;
    if (name === '..') {
      if (parts.pop() === undefined) throw new WorkspaceError('EACCES', syscall, shown(path));
      continue;
    }
    if (!isSafeName(name)) throw new WorkspaceError('EINVAL', syscall, shown(path));
    if (Buffer.byteLength(name) > pathLimits.nameBytes) throw new WorkspaceError('ENAMETOOLONG', syscall, shown(path));
    parts.push(name);
  }
  if (parts.length > pathLimits.depth) throw new WorkspaceError('ENAMETOOLONG', syscall, shown(path));
  return { parts, text: guestText(parts), directory: /(^|\/)\.{0,2}$/.test(path) };
}
