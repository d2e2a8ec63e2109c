/** The operator's folder of packages: files arrive whole or not at all, and the list is written after them. */
import { createHash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type PythonDistribution,
  type PythonLock,
  parsePythonLock,
  pythonLockName,
} from '../../runtime/run/python-lock.ts';
import { syncDirectory } from '../../runtime/store/durable-file.ts';

export const MAX_FILE_BYTES = 512 * 1024 * 1024;

/** Where files wait until all of them are there and right. */
export const stagingFolder = (folder: string) => join(folder, `.python-add-${process.pid}`);

/** Writes a stream to a new file, flushed. Answers the SHA-256. Errors: those of the stream and of the disk. */
export async function writeStaged(
  path: string,
  chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
): Promise<string> {
  const sum = createHash('sha256');
  const file = await open(path, 'wx', 0o644);
  let bytes = 0;
  try {
    for await (const chunk of chunks) {
      bytes += chunk.length;
      if (bytes > MAX_FILE_BYTES) throw new Error(`it is larger than ${MAX_FILE_BYTES} bytes`);
      sum.update(chunk);
      await file.writeFile(chunk);
    }
    await file.sync();
  } finally {
    await file.close();
  }
  return sum.digest('hex');
}

/** Undefined: there is no such file. */
export async function hashOf(path: string): Promise<string | undefined> {
  if (!existsSync(path)) return undefined;
  const sum = createHash('sha256');
  for await (const chunk of createReadStream(path)) sum.update(chunk);
  return sum.digest('hex');
}

/** Moves the staged files in and lists `added`. A crash between the two leaves files that are not served. */
export async function publish(folder: string, added: readonly PythonDistribution[]): Promise<void> {
  const staging = stagingFolder(folder);
  const staged = await readdir(staging);
  for (const name of staged) await rename(join(staging, name), join(folder, name));
  await rm(staging, { recursive: true });
  await syncDirectory(folder);
  await writeList(folder, added);
}

/** The temporary file is also the lock: two commands that add at once would lose each other's entries. */
async function writeList(folder: string, added: readonly PythonDistribution[]): Promise<void> {
  const path = join(folder, pythonLockName);
  const temporary = `${path}.new`;
  const file = await openExclusively(temporary);
  try {
    const distributions = new Map((await readList(folder)).distributions.map((entry) => [entry.name, entry]));
    for (const distribution of added) distributions.set(distribution.name, distribution);
    const sorted = [...distributions.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
    const text = `${JSON.stringify({ format: 1, distributions: sorted } satisfies PythonLock, undefined, 2)}\n`;
    // What the service would refuse is not written.
    parsePythonLock(text);
    await file.writeFile(text);
    await file.sync();
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  } finally {
    await file.close();
  }
  await syncDirectory(folder);
}

async function openExclusively(path: string) {
  for (let tries = 0; ; tries++) {
    try {
      return await open(path, 'wx', 0o644);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      if (tries === 50) throw new Error(`${path} is there: another command writes the list, or one died: remove it`);
    }
    await sleep(100);
  }
}

/** Errors: Error when the list is there and broken. */
export async function readList(folder: string): Promise<PythonLock> {
  const path = join(folder, pythonLockName);
  if (!existsSync(path)) return { format: 1, distributions: [] };
  try {
    return parsePythonLock(await readFile(path, 'utf8'));
  } catch (error) {
    throw new Error(`${path} is broken: ${(error as Error).message}`);
  }
}

export async function makeStaging(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  // One of the same process id was left by a command that was killed.
  await rm(stagingFolder(folder), { recursive: true, force: true });
  await mkdir(stagingFolder(folder));
}

/** One line for each package, and what is wrong with it. */
export async function describeFolder(folder: string): Promise<string[]> {
  const { distributions } = await readList(folder);
  const lines: string[] = [];
  for (const { name, version, fileName, sha256 } of distributions) {
    const path = join(folder, fileName);
    const found = await hashOf(path);
    const state =
      found === undefined ? 'MISSING' : found === sha256 ? `${(await stat(path)).size} bytes` : 'CHANGED, not served';
    lines.push(`${name} ${version}  ${fileName}  ${state}`);
  }
  const listed = new Set(distributions.map(({ fileName }) => fileName));
  for (const name of existsSync(folder) ? await readdir(folder) : [])
    if (name.endsWith('.whl') && !listed.has(name)) lines.push(`${name}  NOT LISTED, not served: add it as a file`);
  return lines;
}
