/** The packages that Pyodide builds, as the lock file of its npm package lists them. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { z } from 'zod';
import { inLoadOrder, isPythonName, normalName, type PythonDistribution } from '../../runtime/run/python-lock.ts';
import type { Interpreter } from './wheel.ts';

export interface PyodideIndex {
  interpreter: Interpreter;
  packages: ReadonlyMap<string, PythonDistribution>;
}

const pyodideLock = z.object({
  info: z.object({ abi_version: z.string(), platform: z.string(), python: z.string() }),
  packages: z.record(
    z.string(),
    z.object({
      name: z.string(),
      version: z.string(),
      file_name: z.string(),
      sha256: z.string(),
      imports: z.array(z.string()),
      depends: z.array(z.string()),
      install_dir: z.enum(['site', 'dynlib']),
    }),
  ),
});

const require = createRequire(import.meta.url);

/** `path` is a `pyodide-lock.json`; without it, that of the installed Pyodide. */
export function readPyodideIndex(path = require.resolve('pyodide/pyodide-lock.json')): PyodideIndex {
  const { info, packages } = pyodideLock.parse(JSON.parse(readFileSync(path, 'utf8')));
  const distributions = Object.values(packages).map((entry) => ({
    name: normalName(entry.name),
    version: entry.version,
    fileName: entry.file_name,
    sha256: entry.sha256,
    // A few are written as names of distributions: matplotlib-inline.
    imports: entry.imports.map((name) => name.split('.')[0]?.replaceAll('-', '_') ?? '').filter(isPythonName),
    depends: entry.depends.map(normalName),
    installDir: entry.install_dir,
  }));
  return {
    interpreter: { abi: info.abi_version, platform: info.platform, python: info.python },
    packages: new Map(distributions.map((distribution) => [distribution.name, distribution])),
  };
}

/** The packages and all they depend on. Errors: Error that names the ones that do not exist. */
export function resolvePackages({ packages }: PyodideIndex, names: readonly string[]): PythonDistribution[] {
  const unknown = names.filter((name) => !packages.has(normalName(name)));
  if (unknown.length > 0) {
    throw new Error(
      `Pyodide has no package ${unknown.join(', ')}. Pure Python wheels of other packages (NAME-VERSION-py3-none-any.whl, for example from PyPI) can be added as files: npm run python:add -- PATH/TO/FILE.whl`,
    );
  }
  return inLoadOrder(
    names.map((name) => packages.get(normalName(name)) as PythonDistribution),
    packages,
  );
}

/** Where the files of the installed Pyodide are published. */
export function publishedAt(): string {
  const { version } = JSON.parse(readFileSync(require.resolve('pyodide/package.json'), 'utf8'));
  return `https://cdn.jsdelivr.net/pyodide/v${version}/full/`;
}
