/** The version of the data directory's layout: the keys of the store, and the names of files and folders. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeDurably } from './durable-file.ts';
import { openStore } from './lmdb-store.ts';
import type { Store } from './store.ts';

export const formatFile = 'format';

/** One step from the version before. It may be cut off and run again: it must bear both. */
export interface Migration {
  to: number;
  what: string;
  run(context: { store: Store; dir: string }): Promise<void>;
}

/** In order, without gaps, from 2 on. Never edited once released. Version 1 is the first. */
export const migrations: readonly Migration[] = [
  {
    to: 2,
    what: 'An agent that used a container has its files in an ext4 image, where format 1 would see none.',
    // Each workspace moves by itself, when it is first lent to a container.
    run: async () => {},
  },
  {
    to: 3,
    what: 'The files of a run that has not ended have keys of their own, beside its source, where format 2 would see none.',
    async run({ store }) {
      for (const { key } of await store.range({ prefix: ['run-unfinished'], keysOnly: true })) {
        const id = String(key[1]);
        await store.transaction((tx) => {
          const source = tx.get<{ files?: unknown[] }>(['run-source', id])?.value;
          if (source?.files === undefined) return;
          const { files, ...rest } = source;
          tx.put(['run-source', id], rest);
          for (const [n, file] of files.entries()) tx.put(['run-file', id, n], file);
        });
      }
    },
  },
];

/** The version that this Cordon writes. */
export const currentFormat = (steps: readonly Migration[] = migrations) => steps.at(-1)?.to ?? 1;

export class FormatError extends Error {
  override readonly name = 'FormatError';
}

/** The version of `dir`, or undefined when it has none yet. Errors: FormatError when the file is not a version. */
export async function readFormat(dir: string): Promise<number | undefined> {
  let text: string;
  try {
    text = await readFile(join(dir, formatFile), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  if (!/^[1-9]\d{0,8}\n?$/.test(text)) throw new FormatError(`${join(dir, formatFile)} holds no format version`);
  return Number(text);
}

/** Errors: FormatError when `format` is newer than this Cordon knows. */
export function refuseNewer(format: number, what: string, steps: readonly Migration[] = migrations): void {
  const current = currentFormat(steps);
  if (format > current)
    throw new FormatError(
      `${what} has format ${format}; this Cordon knows formats up to ${current}. Use a newer Cordon.`,
    );
}

/**
 * Brings `dir` to the current format, one step at a time; call it under the lock. Each step is recorded when it is
 * durable, so a crash repeats at most one. Errors: FormatError for a newer format.
 */
export async function migrate(dir: string, storeDir: string, steps: readonly Migration[] = migrations): Promise<void> {
  const found = await readFormat(dir);
  if (found === undefined) return writeFormat(dir, currentFormat(steps));
  refuseNewer(found, `The data directory ${dir}`, steps);
  const due = steps.filter((step) => step.to > found);
  if (due.length === 0) return;
  const store = await openStore({ dir: storeDir, durability: 'disk', minimumFreeBytes: 0 });
  try {
    for (const step of due) {
      await step.run({ store, dir });
      await writeFormat(dir, step.to);
    }
  } finally {
    await store.close();
  }
}

const writeFormat = (dir: string, version: number) => writeDurably(join(dir, formatFile), `${version}\n`);
