import { closeSync, constants, createReadStream, fstatSync, read as readCallback } from 'node:fs';
import { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { type FileStat, fileStat } from './file-stat.ts';
import { kindOf, refuseForeign } from './gate.ts';
import { parseGuestPath } from './guest-path.ts';
import { inParent, openDirectory, type Tree, translatedAsync } from './tree.ts';
import { translated, WorkspaceError } from './workspace-error.ts';

const readAt = promisify(readCallback);

/** Bytes from `offset`, `length` of them or up to the end. Beyond the end there are none. */
export interface ByteRange {
  offset?: number | undefined;
  length?: number | undefined;
}

/** A file held open: what is read is one and the same file, also when its name is given to another meanwhile. */
export interface OpenedFile {
  readonly stat: FileStat;
  read(range?: ByteRange): Promise<Uint8Array>;
  /** Streams a range; closes the file at the end, on error and on destroy. Call at most one of `stream` and `close`. */
  stream(range?: ByteRange): Readable;
  close(): void;
}

/** The entry a path names. Errors: WorkspaceError ENOENT, ENOTDIR, ELOOP, EACCES. */
export function statEntry(tree: Tree, path: string): FileStat {
  const { parts, text, directory } = parseGuestPath(path, 'stat');
  if (parts.length === 0) {
    const root = openDirectory(tree, parts, 'stat', text);
    try {
      return fileStat(fstatSync(root.fd, { bigint: true }));
    } finally {
      tree.gate.close(root);
    }
  }
  return inParent(tree, parts, 'stat', text, (parent, name) => {
    const stat = tree.gate.look(parent, name);
    if (stat === undefined) throw new WorkspaceError('ENOENT', 'stat', text);
    refuseForeign(kindOf(stat), 'stat', text);
    if (directory && !stat.isDirectory()) throw new WorkspaceError('ENOTDIR', 'stat', text);
    return fileStat(stat);
  });
}

/** Opens a regular file for reading. Errors: WorkspaceError ENOENT, EISDIR, ENOTDIR, ELOOP, EACCES. */
export function openFile(tree: Tree, path: string): OpenedFile {
  const { parts, text, directory } = parseGuestPath(path, 'open');
  if (parts.length === 0) throw new WorkspaceError('EISDIR', 'open', text);
  const fd = inParent(tree, parts, 'open', text, (parent, name) =>
    tree.gate.openFile(parent, name, constants.O_RDONLY, 'open', text),
  );
  let open = true;
  const close = () => {
    if (open) closeSync(fd);
    open = false;
  };
  const stat = translated('open', text, () => fileStat(fstatSync(fd, { bigint: true })));
  if (directory) {
    close();
    throw new WorkspaceError('ENOTDIR', 'open', text);
  }
  return {
    stat,
    close,
    read: ({ offset = 0, length = Number.POSITIVE_INFINITY } = {}) =>
      translatedAsync('read', text, async () => {
        const bytes = Buffer.allocUnsafeSlow(Math.max(0, Math.min(length, stat.bytes - offset)));
        let done = 0;
        while (done < bytes.length) {
          const { bytesRead } = await readAt(fd, bytes, done, bytes.length - done, offset + done);
          if (bytesRead === 0) break;
          done += bytesRead;
        }
        return bytes.subarray(0, done);
      }),
    stream({ offset = 0, length } = {}) {
      // createReadStream cannot say "nothing".
      if (length === 0) {
        close();
        return Readable.from([]);
      }
      open = false;
      const range = length === undefined ? {} : { end: offset + length - 1 };
      return createReadStream('', { fd, start: offset, highWaterMark: 256 * 1024, ...range });
    },
  };
}
