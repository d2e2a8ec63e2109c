/**
 * The one gate to an agent's files. Every directory is opened by its name inside an already open directory, without
 * following links, so that nothing that is swapped meanwhile leads elsewhere.
 */
import {
  type BigIntStats,
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  opendirSync,
  openSync,
  readdirSync,
  realpathSync,
} from 'node:fs';
import { readdir } from 'node:fs/promises';
import { translated, WorkspaceError } from './workspace-error.ts';

const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK, O_NOCTTY } = constants;

/** Size of a directory on disk: some 300,000 names of usual length. */
const MOST_NAMES_BYTES = 16 * 1024 * 1024;

/** An open directory of the workspace. Whoever opened it closes it. */
export interface Directory {
  readonly fd: number;
  /** Host path, which only machines without /proc use. */
  readonly path: string;
  readonly device: bigint;
}

export type Kind = 'file' | 'directory' | 'link' | 'shared' | 'special';

/** What an entry is to a guest. Only `file` and `directory` exist for it: `shared` has a second hard link somewhere. */
export function kindOf(stat: BigIntStats): Kind {
  if (stat.isDirectory()) return 'directory';
  if (stat.isSymbolicLink()) return 'link';
  if (!stat.isFile()) return 'special';
  return stat.nlink > 1n ? 'shared' : 'file';
}

/** One component, as text or as the bytes on disk. */
export type Name = string | Buffer;

export interface Gate {
  /** The host's path of one name inside an open directory; `name` must be one component. Bytes: a name that no text can say. */
  at<N extends Name>(directory: Directory, name: N): N;
  /** Opens a directory by the names below the root. Errors: WorkspaceError ENOENT, ENOTDIR, EACCES. */
  open(parts: readonly Name[], syscall: string, guest: string): Directory;
  /** Opens a directory inside an open one. */
  enter(directory: Directory, name: Name): Directory;
  /** The entry as it stands, links not followed; undefined when there is none. */
  look(directory: Directory, name: Name): BigIntStats | undefined;
  /**
   * Names in an open directory, as bytes: not all are text. Errors: WorkspaceError EACCES for a directory whose names
   * would fill our memory: programs in a container can make millions of links to one file.
   */
  names(directory: Directory): Promise<Buffer[]>;
  /** The same, one at a time, for any number of them. What is removed meanwhile may or may not come. */
  eachName(directory: Directory): Generator<Buffer, void>;
  /** Opens a regular file with one link. Errors: WorkspaceError ENOENT, EISDIR, ELOOP, EACCES. */
  openFile(directory: Directory, name: string, flags: number, syscall: string, guest: string): number;
  close(directory: Directory): void;
}

/** Refuses whatever is no plain file or directory. */
export function refuseForeign(kind: Kind, syscall: string, guest: string): void {
  if (kind === 'link') throw new WorkspaceError('ELOOP', syscall, guest);
  if (kind === 'shared')
    throw new WorkspaceError('EACCES', syscall, guest, 'files with several hard links are refused');
  if (kind === 'special') throw new WorkspaceError('EACCES', syscall, guest, 'not a regular file');
}

/**
 * `root` is the host directory of one agent's files. With `descriptors` (Linux), names are resolved by the kernel
 * inside the open directory through /proc/self/fd; without, by path, and each opening is checked afterwards.
 */
export function createGate(root: string, descriptors: boolean): Gate {
  function at<N extends Name>(directory: Directory, name: N): N {
    const folder = descriptors ? `/proc/self/fd/${directory.fd}/` : `${directory.path}/`;
    return (typeof name === 'string' ? folder + name : Buffer.concat([Buffer.from(folder), name])) as N;
  }

  function openDirectory(hostPath: Name, path: string, device: bigint | undefined): Directory {
    const fd = openSync(hostPath, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK);
    try {
      const stat = fstatSync(fd, { bigint: true });
      const directory = { fd, path, device: stat.dev };
      // Another file system inside the workspace is a mount that nobody asked for.
      if (device !== undefined && stat.dev !== device) throw Object.assign(new Error('mount'), { code: 'EACCES' });
      if (!descriptors) confirm(directory);
      return directory;
    } catch (error) {
      closeSync(fd);
      throw error;
    }
  }

  /** By path alone a swap goes unseen: the path must still lead, without links, to what was opened. */
  function confirm(directory: Directory): void {
    const stat = fstatSync(directory.fd, { bigint: true });
    const now = lstatSync(directory.path, { bigint: true });
    if (now.ino !== stat.ino || now.dev !== stat.dev || realpathSync(directory.path) !== directory.path) {
      throw Object.assign(new Error('swapped'), { code: 'ENOTDIR' });
    }
  }

  const gate: Gate = {
    at,
    open(parts, syscall, guest) {
      return translated(syscall, guest, () => {
        let directory = openDirectory(root, root, undefined);
        for (const name of parts) {
          try {
            const next = gate.enter(directory, name);
            closeSync(directory.fd);
            directory = next;
          } catch (error) {
            closeSync(directory.fd);
            throw error;
          }
        }
        return directory;
      });
    },
    enter: (directory, name) => openDirectory(at(directory, name), `${directory.path}/${name}`, directory.device),
    look(directory, name) {
      const stat = lstatSync(at(directory, name), { bigint: true, throwIfNoEntry: false });
      if (!descriptors) confirm(directory);
      return stat;
    },
    *eachName(directory) {
      const entries = opendirSync(at(directory, '.'), { encoding: 'buffer' as BufferEncoding, bufferSize: 256 });
      try {
        // With encoding `buffer` the name is one; the types do not know.
        for (let entry = entries.readSync(); entry !== null; entry = entries.readSync())
          yield entry.name as unknown as Buffer;
      } finally {
        entries.closeSync();
      }
    },
    async names(directory) {
      if (fstatSync(directory.fd).size > MOST_NAMES_BYTES)
        throw new WorkspaceError('EACCES', 'scandir', '/workspace', 'the directory has too many names');
      if (descriptors) return readdir(at(directory, '.'), { encoding: 'buffer' });
      const names = readdirSync(directory.path, { encoding: 'buffer' });
      confirm(directory);
      return names;
    },
    openFile(directory, name, flags, syscall, guest) {
      return translated(syscall, guest, () => {
        // Looked at first: opening a device can have effects, and a FIFO would wait for a peer.
        const before = gate.look(directory, name);
        if (before === undefined) throw new WorkspaceError('ENOENT', syscall, guest);
        if (before.isDirectory()) throw new WorkspaceError('EISDIR', syscall, guest);
        refuseForeign(kindOf(before), syscall, guest);
        const fd = openSync(at(directory, name), flags | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
        try {
          const stat = fstatSync(fd, { bigint: true });
          if (stat.ino !== before.ino || stat.dev !== directory.device)
            throw new WorkspaceError('EACCES', syscall, guest);
          refuseForeign(kindOf(stat), syscall, guest);
          if (!descriptors) confirm(directory);
          return fd;
        } catch (error) {
          closeSync(fd);
          throw error;
        }
      });
    },
    close: (directory) => closeSync(directory.fd),
  };
  return gate;
}
