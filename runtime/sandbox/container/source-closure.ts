/** What a bundle is made of, without bundling it: files that import each other, and the packages behind them. */
import { readFile } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';

interface LockedPackage {
  version: string;
  dependencies?: Record<string, string>;
}

/**
 * Files that the given ones import, directly or not, and `name@version` of the packages, theirs included; sorted. `locked`:
 * the packages of package-lock.json.
 */
export async function sourceClosure(root: string, entries: readonly string[], locked: Record<string, LockedPackage>) {
  const files = new Map<string, string>();
  const names = new Set<string>();
  const waiting = entries.map((path) => resolve(root, path));
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    if (files.has(path)) continue;
    const text = await readFile(path, 'utf8').catch(unlessMissing);
    if (text === undefined) continue;
    files.set(path, text);
    for (const target of importsOf(text)) {
      if (target.startsWith('.')) waiting.push(resolve(dirname(path), target));
      else if (!target.startsWith('node:')) names.add(packageName(target));
    }
  }
  return {
    files: [...files.keys()].map((path) => relative(root, path)).sort(),
    packages: packageClosure([...names], locked),
  };
}

/** Some names are those of other bundles: there once they are built. */
function unlessMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
}

/** Types are no part of what is built. */
function importsOf(text: string): string[] {
  const found = text.matchAll(
    /^\s*(?:import|export)\s(?!type\s)[^'"`;]*?from\s*['"]([^'"\n]+)['"]|^\s*import\s*['"]([^'"\n]+)['"]|\b(?:import|require)\(\s*['"]([^'"\n]+)['"]/gm,
  );
  return [...found].map(([, from, bare, called]) => (from ?? bare ?? called) as string);
}

const packageName = (target: string) =>
  target
    .split('/')
    .slice(0, target.startsWith('@') ? 2 : 1)
    .join('/');

/** A name that the lock file does not know is Node's own module. */
function packageClosure(names: string[], locked: Record<string, LockedPackage>): string[] {
  const found = new Set<string>();
  for (let name = names.pop(); name !== undefined; name = names.pop()) {
    const entry = locked[join('node_modules', name)];
    const label = `${name}@${entry?.version}`;
    if (entry === undefined || found.has(label)) continue;
    found.add(label);
    names.push(...Object.keys(entry.dependencies ?? {}));
  }
  return [...found].sort();
}
