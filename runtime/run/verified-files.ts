/** Files that are handed out only while their whole content has a known SHA-256. */
import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';

export interface VerifiedFiles {
  /**
   * Bytes from `offset`, fewer at the end of the file. The file is hashed once and again after any change of it.
   * Errors: FileMismatch; those of the file system.
   */
  read(path: string, sha256: string, offset: number, length: number): Promise<Uint8Array>;
}

/** The content is not the expected one, or changed while it was read. */
export class FileMismatch extends Error {
  /** False when the same content was refused before: the log has it already. */
  readonly first: boolean;
  constructor(first: boolean) {
    super('the SHA-256 differs');
    this.first = first;
  }
}

const CHUNK_BYTES = 1024 * 1024;

export function createVerifiedFiles(): VerifiedFiles {
  /** By path, the last state that was hashed. Paths are those of a list, so this does not grow with what guests ask. */
  const checked = new Map<string, { state: string; right: Promise<boolean> }>();

  return {
    async read(path, sha256, offset, length) {
      // Not blocking: a named pipe in the place of the file would keep a thread of the pool for ever.
      const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
      try {
        const state = `${sha256}:${await stateOf(file)}`;
        let known = checked.get(path);
        const first = known?.state !== state;
        if (known === undefined || first) {
          known = { state, right: hash(file).then((found) => found === sha256) };
          checked.set(path, known);
          // A file that could not be read is not a wrong one: the next call tries again.
          known.right.catch(() => checked.delete(path));
        }
        if (!(await known.right)) throw new FileMismatch(first);
        const bytes = await readRange(file, offset, length);
        if (`${sha256}:${await stateOf(file)}` !== state) throw new FileMismatch(true);
        return bytes;
      } finally {
        await file.close();
      }
    },
  };
}

/** Differs after every write: the kernel sets ctime, and no program can set it back. */
async function stateOf(file: FileHandle): Promise<string> {
  const found = await file.stat({ bigint: true });
  if (!found.isFile()) throw new Error('not a file');
  return `${found.dev}:${found.ino}:${found.size}:${found.mtimeNs}:${found.ctimeNs}`;
}

async function hash(file: FileHandle): Promise<string> {
  const sum = createHash('sha256');
  const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
  for (let at = 0; ; ) {
    const { bytesRead } = await file.read(chunk, 0, CHUNK_BYTES, at);
    if (bytesRead === 0) return sum.digest('hex');
    sum.update(chunk.subarray(0, bytesRead));
    at += bytesRead;
  }
}

async function readRange(file: FileHandle, offset: number, length: number): Promise<Uint8Array> {
  const { size } = await file.stat();
  const bytes = Buffer.alloc(Math.max(0, Math.min(length, size - offset)));
  let filled = 0;
  while (filled < bytes.length) {
    const { bytesRead } = await file.read(bytes, filled, bytes.length - filled, offset + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return bytes.subarray(0, filled);
}
