// Finds what a guest imports or requires.
import { readdirSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { packages, workspace } from './cordon.mjs';
import { main } from './loaded.mjs';
import { beforeModule } from './proxy.mjs';

const cordon = pathToFileURL(`${import.meta.dirname}/cordon/index.cjs`).href;
const endings = ['.ts', '.mts', '.js', '.mjs', '.cjs', '.json', '/index.ts', '/index.js'];
const missing = new Set(['ERR_MODULE_NOT_FOUND', 'MODULE_NOT_FOUND', 'ERR_UNSUPPORTED_DIR_IMPORT']);

/** A hook of node:module's registerHooks. */
export function resolve(specifier, context, next) {
  if (specifier === 'cordon') return { url: cordon, format: 'commonjs', shortCircuit: true };
  if (specifier === main.url) return { url: main.url, format: 'module', shortCircuit: true };
  beforeModule(specifier);
  let found;
  try {
    found = next(specifier, context);
  } catch (error) {
    if (!missing.has(error?.code) || isOfPackage(context.parentURL)) throw error;
    found = elsewhere(specifier, context, next);
    if (found === undefined) throw explained(error, specifier);
  }
  const { importAttributes = {} } = context;
  // An import of JSON needs no attribute here; require has its own way.
  if (found.url.endsWith('.json') && importAttributes.type === undefined && !context.conditions.includes('require'))
    return { ...found, importAttributes: { ...importAttributes, type: 'json' } };
  return found;
}

const isOfPackage = (url) => url?.includes('/node_modules/') ?? false;
const isPath = (specifier) => /^(\.{0,2}\/|\.{1,2}$|file:)/.test(specifier);

function elsewhere(specifier, context, next) {
  if (!isPath(specifier)) return packageOfImage(specifier, context, next);
  const url = fileLike(specifier, context.parentURL);
  return url === undefined ? undefined : { url, shortCircuit: true };
}

/** A file whose ending the specifier leaves out, or the `.ts` that `.js` means, as TypeScript writes it. */
function fileLike(specifier, parentURL) {
  let path;
  try {
    path = fileURLToPath(new URL(specifier, parentURL ?? pathToFileURL(`${workspace}/`)));
  } catch {
    return undefined;
  }
  if (path === fileURLToPathOf(main.url)) return main.url;
  const candidates = endings.map((ending) => path + ending);
  if (path.endsWith('.js')) candidates.push(`${path.slice(0, -3)}.ts`);
  const found = candidates.find((candidate) => statSync(candidate, { throwIfNoEntry: false })?.isFile());
  return found === undefined ? undefined : pathToFileURL(found).href;
}

const fileURLToPathOf = (url) => (url === undefined ? undefined : fileURLToPath(url));

/** A package that the image brings, for a file that has none of that name above it. */
function packageOfImage(specifier, context, next) {
  try {
    if (!context.conditions.includes('require'))
      return next(specifier, { ...context, parentURL: pathToFileURL(`${packages}/`).href });
    return { url: pathToFileURL(createRequire(`${packages}/`).resolve(specifier)).href, shortCircuit: true };
  } catch (error) {
    if (!missing.has(error?.code)) throw error;
    return undefined;
  }
}

function explained(error, specifier) {
  if (isPath(specifier) || specifier.startsWith('#')) return error;
  const names = [];
  try {
    for (const name of readdirSync(packages)) if (!name.startsWith('.')) names.push(name);
  } catch {
    // The image brings none.
  }
  const there = ['cordon', 'the modules of Node.js', ...names, 'packages in /workspace/node_modules', 'relative files'];
  const [line] = error.message.split('\n');
  error.message = `${line}. There are: ${there.join(', ')}.`;
  return error;
}
