/** The memory of a booted interpreter with our modules imported: made once per version, in a walled worker, and kept. */
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { frameReader } from '../../frames.ts';
import type { Walls } from '../walls/walls.ts';

export interface Snapshot {
  /** File with the linear memory. */
  heap: string;
  /** File with V8's code for the glue. */
  code: string;
  /** Of the references between both worlds, as JSON text. */
  state: string;
}

/** Snapshots of other versions that stay. */
const KEPT = 2;
const MAX_FRAME_BYTES = 512 * 1024 * 1024;
const MAKER_RAM_BYTES = 2 * 1024 ** 3;

/**
 * The snapshot for `fingerprint` from the first of `folders` that has it; else a new one, kept in the first that can be
 * written. The files of python/files.ts must be in the jail folder. Errors: what the interpreter's boot failed with.
 */
export async function pythonSnapshot(
  walls: Pick<Walls, 'spawn'>,
  fingerprint: string,
  folders: readonly string[],
): Promise<Snapshot> {
  const name = `python-${fingerprint}`;
  for (const folder of folders) {
    try {
      const files = { heap: join(folder, `${name}.heap`), code: join(folder, `${name}.code`) };
      const { state, bytes } = JSON.parse(await readFile(join(folder, `${name}.json`), 'utf8'));
      if ((await stat(files.heap)).size + (await stat(files.code)).size === bytes) return { ...files, state };
    } catch {
      // Not here.
    }
  }
  const { heap, code, state } = await makeSnapshot(walls);
  for (const folder of folders) {
    try {
      await mkdir(folder, { recursive: true });
      await removeOlder(folder);
      const files = { heap: join(folder, `${name}.heap`), code: join(folder, `${name}.code`) };
      await replace(files.heap, heap);
      await replace(files.code, code);
      const bytes = heap.byteLength + code.byteLength;
      await replace(join(folder, `${name}.json`), JSON.stringify({ state, bytes }));
      return { ...files, state };
    } catch {
      // Not writable.
    }
  }
  throw new Error(`no folder to keep the Python snapshot in: ${folders.join(', ')}`);
}

/** Each takes 30 MB. Another version of Cordon that is still running has its own linked into its jail folder. */
async function removeOlder(folder: string): Promise<void> {
  const old = (await readdir(folder)).filter((entry) => /^python-[0-9a-f]+\.(heap|code|json)$/.test(entry));
  const times = await Promise.all(old.map(async (entry) => ({ entry, at: (await stat(join(folder, entry))).mtimeMs })));
  const newest = times.sort((a, b) => b.at - a.at).slice(3 * KEPT);
  await Promise.all(newest.map(({ entry }) => rm(join(folder, entry), { force: true })));
}

/** Readable by all: workers run as another user. What is in it is the same on every machine of this version. */
async function replace(path: string, content: string | Uint8Array): Promise<void> {
  const fresh = `${path}.${process.pid}`;
  await writeFile(fresh, content, { mode: 0o755 });
  await rename(fresh, path);
}

function makeSnapshot(walls: Pick<Walls, 'spawn'>): Promise<{ heap: Uint8Array; code: Uint8Array; state: string }> {
  return new Promise((resolve, reject) => {
    const maker = walls.spawn({
      ramBytes: MAKER_RAM_BYTES,
      name: 'python-snapshot',
      entry: 'runtime/sandbox/isolate/worker/python-snapshot.ts',
    });
    const feed = frameReader(MAX_FRAME_BYTES, (header, bytes) => {
      const { state, codeBytes } = header as { state?: unknown; codeBytes?: unknown };
      if (typeof state === 'string' && typeof codeBytes === 'number' && bytes)
        resolve({ code: bytes.subarray(0, codeBytes), heap: bytes.subarray(codeBytes), state });
      maker.kill();
    });
    maker.channel.on('data', (chunk: Buffer) => {
      try {
        feed(chunk);
      } catch (error) {
        reject(error);
      }
    });
    void maker.exited.then(({ code, signal }) =>
      reject(new Error(`Python could not be prepared (${code ?? signal}): ${maker.stderrTail().slice(-2000)}`)),
    );
  });
}
