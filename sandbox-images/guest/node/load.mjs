// Reads what a guest imports or requires: TypeScript without its types, everything under the name that stacks show.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { knowFile, main, named, plainFiles, transformed } from './loaded.mjs';

/** A hook of node:module's registerHooks. */
export function load(url, context, next) {
  if (url === main.url) return { format: 'module', source: main.code, shortCircuit: true };
  if (!url.startsWith('file:')) return next(url, context);
  const path = fileURLToPath(url);
  if (path.startsWith(`${import.meta.dirname}/`)) return next(url, context);
  const isOfPackage = path.includes('/node_modules/');
  if (/\.[mc]?ts$/.test(path) && !isOfPackage) return typescript(path);
  knowFile(path);
  if (!isOfPackage) plainFiles.add(path);
  const loaded = next(url, context);
  if (loaded.format !== 'module') return loaded;
  const source = typeof loaded.source === 'string' ? loaded.source : Buffer.from(loaded.source).toString('utf8');
  return { ...loaded, source: named(source, path) };
}

function typescript(path) {
  const { kind, code } = transformed(path, readFileSync(path, 'utf8'));
  return { format: kind === 'esm' ? 'module' : 'commonjs', source: named(code, path), shortCircuit: true };
}
