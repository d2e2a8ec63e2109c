/** Packages that the operator placed in CORDON_PYTHON_PACKAGES, handed to Python guests by import name. */
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Json } from '../json.ts';
import type { HostCall, HostReply } from '../sandbox/driver.ts';
import type { Log } from '../telemetry/log.ts';
import { ArgumentError, readArgs, requiredCountArg, textArg } from './guest-args.ts';
import {
  inLoadOrder,
  isPythonName,
  normalName,
  type PythonDistribution,
  parsePythonLock,
  pythonLockName,
} from './python-lock.ts';
import { createVerifiedFiles, FileMismatch } from './verified-files.ts';

export interface PythonPackages {
  /**
   * Answers `module.python` {name, have}: what must be unpacked before `import name` works, without bytes, and
   * `module.pythonFile` {fileName, offset, length}: a range of a listed file. Never throws.
   */
  call(call: HostCall): Promise<HostReply>;
}

/** One answer holds at most this much of a file. */
const MAX_RANGE_BYTES = 8 * 1024 * 1024;
const MAX_HAVE = 10_000;
/** Names in the text of an error; the rest is counted. */
const NAMED = 20;
/** By these codes the guest's side tells what to make of an error. */
const NOT_FOUND = 'ERR_MODULE_NOT_FOUND';
const UNUSABLE = 'ERR_PACKAGE';

interface Index {
  byName: Map<string, PythonDistribution>;
  byImport: Map<string, PythonDistribution[]>;
  byFile: Map<string, PythonDistribution>;
  /** Normal names of wheels that lie in the folder and are not listed. */
  unlisted: Set<string>;
  /** Why nothing is served. */
  problem?: string;
}

/** What the guest sees: an ImportError that names no path of this machine. */
class PackageError extends Error {}

/** `folder` holds wheels and `cordon-python.json`, written by `npm run python:add`; undefined: there are no packages. */
export function createPythonPackages(folder: string | undefined, log?: Pick<Log, 'error'>): PythonPackages {
  const files = createVerifiedFiles();
  let current: { stamp: string; index: Promise<Index> } | undefined;

  /** Read once, and again when the list or the folder has changed. */
  async function readIndex(from: string): Promise<Index> {
    const stamp = (await Promise.all([stampOf(from), stampOf(join(from, pythonLockName))])).join();
    if (current?.stamp !== stamp) current = { stamp, index: loadIndex(from, log) };
    return current.index;
  }

  async function find(raw: Json): Promise<HostReply> {
    const args = readArgs(raw, ['name', 'have']);
    const name = textArg(args, 'name');
    const have = namesArg(args.have);
    const index = folder === undefined ? emptyIndex() : await readIndex(folder);
    if (index.problem !== undefined) throw new PackageError(index.problem);
    const wanted = isPythonName(name) ? index.byImport.get(name.normalize('NFKC')) : undefined;
    if (folder === undefined || wanted === undefined) {
      const message = missing(name, index);
      return { ok: false, error: { name: 'ModuleNotFoundError', message, code: NOT_FOUND } };
    }
    const distributions: Json[] = [];
    for (const { name, version, fileName, imports, installDir } of needed(wanted, index)) {
      if (have.has(name)) continue;
      const found = await stat(join(folder, fileName)).catch(() => undefined);
      if (!found?.isFile()) throw new PackageError(`${fileName} is listed in ${pythonLockName} and is not there`);
      distributions.push({ name, version, fileName, bytes: found.size, imports, installDir });
    }
    return { ok: true, value: { distributions } };
  }

  async function read(raw: Json): Promise<HostReply> {
    const args = readArgs(raw, ['fileName', 'offset', 'length']);
    const fileName = textArg(args, 'fileName');
    const offset = requiredCountArg(args, 'offset');
    const length = requiredCountArg(args, 'length');
    if (length > MAX_RANGE_BYTES) throw new ArgumentError(`The "length" argument must be at most ${MAX_RANGE_BYTES}`);
    const listed = folder === undefined ? undefined : (await readIndex(folder)).byFile.get(fileName);
    if (folder === undefined || listed === undefined) throw new PackageError('no such file is listed');
    try {
      return { ok: true, value: {}, bytes: await files.read(join(folder, fileName), listed.sha256, offset, length) };
    } catch (error) {
      const mismatch = error instanceof FileMismatch;
      if (!mismatch || error.first) log?.error({ file: fileName, error }, 'a Python package is not served');
      throw new PackageError(
        mismatch
          ? `${fileName} is not the file that was added: its SHA-256 differs from the one in ${pythonLockName}. The operator must add it again with npm run python:add`
          : `${fileName} cannot be read`,
      );
    }
  }

  const answers: Record<string, (args: Json) => Promise<HostReply>> = {
    'module.python': find,
    'module.pythonFile': read,
  };

  return {
    async call({ op, args }) {
      try {
        const answer = Object.hasOwn(answers, op) ? answers[op] : undefined;
        if (answer === undefined) throw new ArgumentError('no such operation of packages');
        return await answer(args);
      } catch (error) {
        const { message } = error as Error;
        if (error instanceof ArgumentError)
          return { ok: false, error: { name: 'TypeError', message, code: 'ERR_INVALID_ARG_TYPE' } };
        if (error instanceof PackageError)
          return { ok: false, error: { name: 'ImportError', message, code: UNUSABLE } };
        log?.error({ error }, 'Python packages cannot be read');
        return {
          ok: false,
          error: { name: 'ImportError', message: "the operator's packages cannot be read", code: UNUSABLE },
        };
      }
    },
  };
}

/**
 * In load order. Packages that share a top-level module come together: Python finds a namespace package with some of
 * its parts and asks for no more.
 */
function needed(wanted: readonly PythonDistribution[], { byName, byImport }: Index): PythonDistribution[] {
  let order = inLoadOrder(wanted, byName);
  for (;;) {
    const sharing = order.flatMap(({ imports }) => imports.flatMap((name) => byImport.get(name) ?? []));
    const present = new Set(order);
    const further = sharing.filter((distribution) => !present.has(distribution));
    if (further.length === 0) return order;
    order = inLoadOrder([...order, ...further], byName);
  }
}

function namesArg(value: Json | undefined): Set<string> {
  const names = value ?? [];
  if (!Array.isArray(names) || names.length > MAX_HAVE || !names.every((name) => typeof name === 'string'))
    throw new ArgumentError(`The "have" argument must be an array of at most ${MAX_HAVE} strings`);
  return new Set(names as string[]);
}

async function stampOf(path: string): Promise<string> {
  const found = await stat(path, { bigint: true }).catch(() => undefined);
  return found === undefined ? '' : `${found.ino}:${found.size}:${found.mtimeNs}:${found.ctimeNs}`;
}

const emptyIndex = (): Index => ({
  byName: new Map(),
  byImport: new Map(),
  byFile: new Map(),
  unlisted: new Set(),
});

/** Never rejects: what is wrong with the list is said to each guest that asks, and logged once. */
async function loadIndex(folder: string, log?: Pick<Log, 'error'>): Promise<Index> {
  const index = emptyIndex();
  try {
    const text = await readFile(join(folder, pythonLockName), 'utf8').catch((error) => {
      if (error.code === 'ENOENT') return '{"format":1,"distributions":[]}';
      throw error;
    });
    for (const distribution of parsePythonLock(text).distributions) {
      index.byName.set(distribution.name, distribution);
      index.byFile.set(distribution.fileName, distribution);
      for (const name of distribution.imports) {
        const others = index.byImport.get(name);
        if (others === undefined) index.byImport.set(name, [distribution]);
        else others.push(distribution);
      }
    }
    for (const file of await readdir(folder).catch(() => []))
      if (file.endsWith('.whl') && !index.byFile.has(file)) index.unlisted.add(normalName(file.split('-')[0] ?? ''));
    return index;
  } catch (error) {
    log?.error({ error }, `${pythonLockName} of CORDON_PYTHON_PACKAGES cannot be used`);
    return { ...emptyIndex(), problem: `${pythonLockName} of the operator's packages cannot be used` };
  }
}

function missing(given: string, { byName, unlisted }: Index): string {
  const name = given.slice(0, 100);
  const first = `No module named '${name}'.`;
  const sameName = byName.get(normalName(name));
  if (sameName !== undefined && sameName.imports.length > 0)
    return `${first} The package ${sameName.name} is here and is imported as ${sameName.imports.slice(0, NAMED).join(', ')}.`;
  if (unlisted.has(normalName(name)))
    return `${first} Its wheel is in the operator's CORDON_PYTHON_PACKAGES folder but not in ${pythonLockName}, so it is not served: the operator must run npm run python:add FILE.whl.`;
  const names = [...byName.values()].filter(({ imports }) => imports.length > 0).map(({ name }) => name);
  const more = names.length > NAMED ? ` and ${names.length - NAMED} more` : '';
  const present = names.length === 0 ? '' : ` and the packages ${names.slice(0, NAMED).join(', ')}${more}`;
  return `${first} There is Python's standard library${present}. numpy, pandas and other packages need the operator's CORDON_PYTHON_PACKAGES folder (npm run python:add numpy) or the driver "container".`;
}
