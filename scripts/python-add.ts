/**
 * `npm run python:add -- NAME... | FILE.whl...`: puts Python packages, and what they need, into CORDON_PYTHON_PACKAGES
 * and lists them there with their hashes: the service hands out nothing else.
 */
import { rmSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { readConfig } from '../runtime/config.ts';
import type { PythonDistribution } from '../runtime/run/python-lock.ts';
import {
  describeFolder,
  hashOf,
  MAX_FILE_BYTES,
  makeStaging,
  publish,
  readList,
  stagingFolder,
  writeStaged,
} from './python-packages/folder.ts';
import { publishedAt, readPyodideIndex, resolvePackages } from './python-packages/pyodide-index.ts';
import { openSource, reasonOf, type Source } from './python-packages/source.ts';
import { type Interpreter, readWheel } from './python-packages/wheel.ts';

const usage = `usage: npm run python:add -- NAME... | FILE.whl... [--folder F] [--from URL|FOLDER] [--lock FILE]
       npm run python:add -- --list [--folder F]

  NAME          a package that Pyodide builds (numpy, pandas, pyyaml...): it comes with all that it needs
  FILE.whl      a wheel of pure Python, or one made for Pyodide's ABI
  --folder F    where they are put; without it, CORDON_PYTHON_PACKAGES
  --from        another place than Pyodide's index: a web address, or a folder with the files
  --lock FILE   another pyodide-lock.json than that of the installed Pyodide`;

function readCommand() {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: {
        folder: { type: 'string' },
        from: { type: 'string' },
        lock: { type: 'string' },
        list: { type: 'boolean', default: false },
      },
    });
    if (values.list === positionals.length > 0) throw new Error('give names or files, or --list');
    const folder = values.folder ?? readConfig(process.env).pythonPackages;
    if (folder === undefined) throw new Error('set CORDON_PYTHON_PACKAGES, or give a folder by --folder');
    return { ...values, folder: resolve(folder), wanted: positionals };
  } catch (error) {
    console.error(`${(error as Error).message}\n${usage}`);
    process.exit(2);
  }
}

/** Takes a wheel from this machine: what its bytes say is what is listed. */
async function addFile(path: string, folder: string, interpreter: Interpreter): Promise<PythonDistribution> {
  const fileName = basename(path);
  try {
    if ((await stat(path)).size > MAX_FILE_BYTES) throw new Error(`it is larger than ${MAX_FILE_BYTES} bytes`);
    const bytes = await readFile(path);
    const wheel = readWheel(fileName, bytes, interpreter);
    const sha256 = await writeStaged(join(stagingFolder(folder), fileName), [bytes]);
    console.log(`${wheel.name} ${wheel.version}: ${fileName}, imported as ${wheel.imports.join(', ') || 'nothing'}`);
    return { ...wheel, sha256 };
  } catch (error) {
    throw new Error(`${path} cannot be added: ${(error as Error).message}`);
  }
}

async function fetchFile({ name, version, fileName, sha256 }: PythonDistribution, folder: string, source: Source) {
  if ((await hashOf(join(folder, fileName))) === sha256) return console.log(`${name} ${version}: already there`);
  const staged = join(stagingFolder(folder), fileName);
  let found: string;
  try {
    found = await writeStaged(staged, await source.open(fileName));
  } catch (error) {
    throw new Error(`${source.where(fileName)} cannot be read: ${reasonOf(error)}`, { cause: 'unreachable' });
  }
  if (found !== sha256)
    throw new Error(`${source.where(fileName)} is not the right file: its SHA-256 is ${found}, not ${sha256}`);
  console.log(`${name} ${version}: ${source.where(fileName)}, ${(await stat(staged)).size} bytes`);
}

/** Requirements that are nowhere in the folder: the package is listed all the same, since many are never imported. */
async function sayMissing(added: readonly PythonDistribution[], folder: string, known: ReadonlyMap<string, unknown>) {
  const present = new Set((await readList(folder)).distributions.map(({ name }) => name));
  for (const { name, depends } of added) {
    for (const dependency of depends.filter((dependency) => !present.has(dependency))) {
      const how = known.has(dependency) ? dependency : 'FILE.whl, with a wheel of it';
      console.log(`note: ${name} needs ${dependency}, which is not in the folder: npm run python:add ${how}`);
    }
  }
}

const { folder, from, lock, list, wanted } = readCommand();
process.once('exit', () => rmSync(stagingFolder(folder), { recursive: true, force: true }));
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(130));

let fetched: PythonDistribution[] = [];
try {
  if (list) {
    for (const line of await describeFolder(folder)) console.log(line);
    process.exit(0);
  }
  const index = readPyodideIndex(lock);
  const files = wanted.filter((name) => name.endsWith('.whl'));
  fetched = resolvePackages(
    index,
    wanted.filter((name) => !name.endsWith('.whl')),
  );
  // Broken, it must not be found out after a hundred megabytes.
  await readList(folder);
  await makeStaging(folder);
  const source = openSource(from ?? publishedAt());
  for (const distribution of fetched) await fetchFile(distribution, folder, source);
  const added = [...fetched];
  for (const path of files) added.push(await addFile(resolve(path), folder, index.interpreter));
  await publish(folder, added);
  await sayMissing(added, folder, index.packages);
  console.log(`${folder}: ${added.length} added. A running service sees them at the next import.`);
} catch (error) {
  const { message, cause } = error as Error;
  console.error(`${message}\nNothing was added.`);
  if (cause === 'unreachable') {
    console.error(
      `Where this machine cannot reach the index, copy these files to a folder and give it by --from FOLDER:\n${fetched.map(({ fileName }) => `  ${fileName}`).join('\n')}`,
    );
  }
  process.exit(1);
}
