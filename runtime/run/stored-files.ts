/** What a run was asked to do, as it lies in the store: values there are JSON, so the bytes of files are base64. */
import type { RequestFile, RunSource } from './record.ts';

export interface StoredSource extends RunSource {
  /** Kept until the run has ended: one that waits places them when it starts, after a restart too. */
  files?: RequestFile[];
}

export interface SourceOnDisk extends RunSource {
  files?: { path: string; content: string | FormerBytes }[];
}

/** What earlier versions left there. */
interface FormerBytes {
  type: 'Buffer';
  data: number[];
}

export const toDisk = ({ files, ...source }: StoredSource): SourceOnDisk =>
  files === undefined
    ? source
    : { ...source, files: files.map(({ path, content }) => ({ path, content: base64(content) })) };

export const fromDisk = ({ files, ...source }: SourceOnDisk): StoredSource =>
  files === undefined
    ? source
    : { ...source, files: files.map(({ path, content }) => ({ path, content: bytes(content) })) };

const base64 = (content: Uint8Array) =>
  Buffer.from(content.buffer, content.byteOffset, content.byteLength).toString('base64');

const bytes = (content: string | FormerBytes) =>
  typeof content === 'string' ? Buffer.from(content, 'base64') : Buffer.from(content.data);
