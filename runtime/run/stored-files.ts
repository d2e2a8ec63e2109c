/**
 * The files of a request, as they lie in the store until the run has ended: one that waits places them when it starts, after
 * a restart too. Each has a key of its own, beside the run's source: whoever ends a run need not read them.
 */
import type { Store, Transaction } from '../store/store.ts';
import type { RequestFile } from './record.ts';

/** Values in the store are JSON: bytes are base64. */
interface FileOnDisk {
  path: string;
  content: string | FormerBytes;
}

/** What earlier versions left there. */
interface FormerBytes {
  type: 'Buffer';
  data: number[];
}

const prefixOf = (id: string) => ['run-file', id] as const;

/** Part of a transaction. */
export function putFiles(tx: Transaction, id: string, files: readonly RequestFile[]): void {
  for (const [n, { path, content }] of files.entries())
    tx.put([...prefixOf(id), n], { path, content: base64(content) } satisfies FileOnDisk);
}

export async function readFiles(store: Store, id: string): Promise<RequestFile[]> {
  const entries = await store.range<FileOnDisk>({ prefix: prefixOf(id) });
  return entries.map(({ value: { path, content } }) => ({ path, content: bytes(content) }));
}

/** Part of a transaction. */
export function deleteFiles(tx: Transaction, id: string): void {
  for (const { key } of tx.range({ prefix: prefixOf(id), keysOnly: true })) tx.delete(key);
}

const base64 = (content: Uint8Array) =>
  Buffer.from(content.buffer, content.byteOffset, content.byteLength).toString('base64');

const bytes = (content: string | FormerBytes) =>
  typeof content === 'string' ? Buffer.from(content, 'base64') : Buffer.from(content.data);
