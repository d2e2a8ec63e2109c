/** Packs a build's folder as a tar stream (POSIX.1-1988 ustar): owned by root, dated 1970, so that nothing of this machine is in it. */
import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';

export interface PackedFile {
  /** With slashes, at most 100 bytes. */
  path: string;
  executable: boolean;
  /** The bytes, or a file on this machine with its size. */
  content: Uint8Array | { source: string; size: number };
}

const BLOCK = 512;

export function packTar(files: readonly PackedFile[]): Readable {
  return Readable.from(blocks(files));
}

async function* blocks(files: readonly PackedFile[]): AsyncGenerator<Uint8Array> {
  for (const { path, executable, content } of files) {
    const size = content instanceof Uint8Array ? content.byteLength : content.size;
    yield header(path, size, executable);
    if (content instanceof Uint8Array) yield content;
    else yield* exactly(content.source, size);
    yield new Uint8Array((BLOCK - (size % BLOCK)) % BLOCK);
  }
  yield new Uint8Array(2 * BLOCK);
}

async function* exactly(source: string, size: number): AsyncGenerator<Uint8Array> {
  let seen = 0;
  for await (const chunk of createReadStream(source)) {
    seen += chunk.byteLength;
    yield chunk;
  }
  if (seen !== size) throw new Error(`${source} changed while it was read`);
}

function header(path: string, size: number, executable: boolean): Uint8Array {
  if (Buffer.byteLength(path) > 100) throw new Error(`${path} is longer than a tar header holds`);
  const block = Buffer.alloc(BLOCK);
  const octal = (value: number, at: number, length: number) =>
    block.write(`${value.toString(8).padStart(length - 1, '0')}\0`, at, 'latin1');
  block.write(path, 0, 'utf8');
  octal(executable ? 0o755 : 0o644, 100, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  octal(size, 124, 12);
  octal(0, 136, 12);
  block.write('        0', 148, 'latin1');
  block.write('ustar\x0000', 257, 'latin1');
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}
