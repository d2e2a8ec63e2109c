/** Where `npm run python:add NAME` takes files from: a web address or a local folder. */
import { open } from 'node:fs/promises';
import { join } from 'node:path';

export interface Source {
  /** The address or path of a file, for messages. */
  where(fileName: string): string;
  /** Errors: Error whose message says what went wrong. */
  open(fileName: string): Promise<AsyncIterable<Uint8Array>>;
}

/** The longest time for one file; the largest ones have 100 MB. */
const FILE_MS = 15 * 60_000;

export function openSource(from: string): Source {
  if (!/^https?:/.test(from)) {
    const where = (fileName: string) => join(from, fileName);
    return { where, open: async (fileName) => (await open(where(fileName))).createReadStream() };
  }
  const base = from.endsWith('/') ? from : `${from}/`;
  const where = (fileName: string) => new URL(fileName, base).href;
  return {
    where,
    async open(fileName) {
      const response = await fetch(where(fileName), { signal: AbortSignal.timeout(FILE_MS) });
      if (response.ok && response.body !== null) return response.body;
      await response.body?.cancel();
      throw new Error(`the server answered ${response.status} ${response.statusText}`.trimEnd());
    },
  };
}

/** What an error of `fetch` or of the disk really was: fetch hides the cause one or two levels below "fetch failed". */
export function reasonOf(error: unknown): string {
  for (let inner = error; inner instanceof Error; inner = inner.cause) {
    if (inner instanceof AggregateError && inner.errors.length > 0) return reasonOf(inner.errors[0]);
    if (!(inner.cause instanceof Error)) return inner.message;
  }
  return String(error);
}
