/** Packages that the operator placed in CORDON_JS_PACKAGES, read for guests by name. Nothing outside that folder is reachable. */
import { readFile, realpath, stat } from 'node:fs/promises';
import { extname, join, posix, relative, sep } from 'node:path';
import type { HostReply } from '../sandbox/driver.ts';

export interface JsPackages {
  /** `args` is `{specifier, referrer}`, unchecked; the reply's bytes are the source, `value.path` its guest path below /packages. */
  load(args: unknown): Promise<HostReply>;
}

const MAX_FILE_BYTES = 8 * 1024 * 1024;
const NAME = /^(@[a-z0-9~-][\w.~-]*\/)?[a-z0-9~-][\w.~-]*$/i;
const endings = ['', '.js', '.mjs', '.cjs', '.ts', '.json', '/index.js', '/index.mjs', '/index.cjs', '/index.ts'];
/** As an `import` resolves; packages that only know `require` are tried with that. */
const importing = new Set(['import', 'module', 'default']);
const requiring = new Set(['require', 'default']);

/** `folder` holds packages directly or below `node_modules`; undefined: there are none. */
export function createJsPackages(folder: string | undefined): JsPackages {
  return {
    async load(args) {
      const { specifier } = (args ?? {}) as { specifier?: unknown };
      if (typeof specifier !== 'string') return notFound('a package needs a name');
      if (folder === undefined) return notFound(noPackages(specifier));
      try {
        const file = specifier.startsWith('/packages/')
          ? await findFile(join(folder, posix.normalize(specifier).slice('/packages/'.length)))
          : await findPackage(folder, specifier);
        const source = file && (await readInside(folder, file));
        if (!file || !source) return notFound(noPackages(specifier));
        const path = `/packages/${relative(await realpath(folder), await realpath(file))
          .split(sep)
          .join('/')}`;
        return { ok: true, value: { path }, bytes: source };
      } catch {
        return notFound(noPackages(specifier));
      }
    },
  };
}

async function findPackage(folder: string, specifier: string): Promise<string | undefined> {
  const parts = specifier.split('/');
  const name = parts.slice(0, specifier.startsWith('@') ? 2 : 1).join('/');
  const subpath = parts.slice(name.split('/').length).join('/');
  if (!NAME.test(name) || subpath.split('/').includes('..')) return undefined;
  for (const root of [join(folder, name), join(folder, 'node_modules', name)]) {
    const manifest = await readFile(join(root, 'package.json'), 'utf8').catch(() => undefined);
    if (manifest === undefined) continue;
    const { exports, module, main } = JSON.parse(manifest);
    if (exports !== undefined) {
      const path = subpath === '' ? '.' : `./${subpath}`;
      const file = exported(exports, path, importing) ?? exported(exports, path, requiring);
      return file === undefined ? undefined : findFile(join(root, file));
    }
    return findFile(join(root, subpath || module || main || 'index.js'));
  }
  return undefined;
}

/** Node.js, "Package entry points": subpaths, patterns and nested conditions. */
function exported(exports: unknown, subpath: string, conditions: Set<string>): string | undefined {
  const isMap =
    typeof exports === 'object' && exports !== null && Object.keys(exports).some((key) => key.startsWith('.'));
  if (!isMap) return subpath === '.' ? target(exports, '', conditions) : undefined;
  const map = exports as Record<string, unknown>;
  if (subpath in map) return target(map[subpath], '', conditions);
  // The longest prefix wins, and a null target ends the search: Node.js, "Subpath patterns".
  const patterns = Object.entries(map)
    .map(([pattern, value]) => ({ parts: pattern.split('*'), value }))
    .filter(({ parts }) => parts.length === 2)
    .sort((a, b) => (b.parts[0] as string).length - (a.parts[0] as string).length);
  for (const { parts, value } of patterns) {
    const [before, after] = parts as [string, string];
    if (subpath.startsWith(before) && subpath.endsWith(after) && subpath.length >= before.length + after.length)
      return target(value, subpath.slice(before.length, subpath.length - after.length), conditions);
  }
  return undefined;
}

function target(value: unknown, star: string, conditions: Set<string>): string | undefined {
  if (typeof value === 'string') return value.replaceAll('*', star);
  if (Array.isArray(value))
    return value.map((item) => target(item, star, conditions)).find((found) => found !== undefined);
  if (typeof value !== 'object' || value === null) return undefined;
  for (const [condition, inner] of Object.entries(value)) {
    const found = conditions.has(condition) ? target(inner, star, conditions) : undefined;
    if (found !== undefined) return found;
  }
  return undefined;
}

async function findFile(path: string): Promise<string | undefined> {
  for (const ending of endings) {
    const found = await stat(path + ending).catch(() => undefined);
    if (found?.isFile() && (ending !== '' || extname(path) !== '')) return path + ending;
  }
  return undefined;
}

async function readInside(folder: string, file: string): Promise<Uint8Array | undefined> {
  const root = (await realpath(folder)) + sep;
  const real = await realpath(file);
  if (!real.startsWith(root) || (await stat(real)).size > MAX_FILE_BYTES) return undefined;
  return readFile(real);
}

/** What there is instead, the guest's own side adds: it has the list. */
const noPackages = (specifier: string) => `Cannot find package '${specifier}'`;

const notFound = (message: string): HostReply => ({
  ok: false,
  error: { name: 'Error', message, code: 'ERR_MODULE_NOT_FOUND' },
});
