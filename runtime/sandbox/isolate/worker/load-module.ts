/** Finds and transforms what guest code imports: relative files of the workspace, and the operator's packages. */
import { posix } from 'node:path';
import type { Json } from '../../../json.ts';
import type { HostReply } from '../../driver.ts';
import type { LimitName } from '../../limits.ts';
import type { SourceFile, Transformed } from './transformer.ts';

interface Reading {
  reply: HostReply;
  bytes: Buffer | undefined;
}

interface Deps {
  read(path: string): Promise<Reading>;
  stat(path: string): Promise<Reading>;
  package(request: { specifier: string; referrer: string }): Promise<Reading>;
  transform(file: SourceFile): Promise<Transformed | undefined>;
}

/** What the prelude gets: the module's transformed code, or an error to throw at the importing line. */
export type LoadedModule =
  | { ok: true; value: { path: string } & Omit<Extract<Transformed, { ok: true }>, 'ok'> }
  | { ok: false; error: { name: string; message: string; stack?: string; code?: string; limit?: LimitName } };

const endings = ['', '.ts', '.mts', '.js', '.mjs', '.cjs', '.json', '/index.ts', '/index.js'];
const absent = new Set(['ENOENT', 'ENOTDIR', 'EINVAL', 'EACCES', 'ENAMETOOLONG']);
const known = /\.([mc]?[jt]s|json)$/;

/** `args` is the guest's `{specifier, referrer}`, unchecked. */
export async function loadModule(args: Json, deps: Deps): Promise<LoadedModule> {
  const { specifier, referrer } = (typeof args === 'object' && args !== null ? args : {}) as Record<string, unknown>;
  if (typeof specifier !== 'string' || typeof referrer !== 'string') return missing('a module needs a name');
  if (/^(\.\.?\/|\/|file:)/.test(specifier) || specifier === '.' || specifier === '..')
    return loadFile(specifier, referrer, deps);
  const { reply, bytes } = await deps.package({ specifier, referrer });
  if (!reply.ok) return { ok: false, error: reply.error };
  return transformed(
    { path: String((reply.value as { path?: string }).path), source: bytes?.toString('utf8') ?? '', role: 'module' },
    deps,
  );
}

async function loadFile(specifier: string, referrer: string, deps: Deps): Promise<LoadedModule> {
  const base = posix.resolve(posix.dirname(referrer), specifier.replace(/^file:\/\//, ''));
  if (base.startsWith('/packages/')) return loadPackageFile(base, referrer, deps);
  for (const ending of endings) {
    const path = base + ending;
    const { reply } = await deps.stat(path);
    // Anything but "not there" is the run's to know: a limit, above all.
    if (!reply.ok && !absent.has(reply.error.code ?? '')) return { ok: false, error: reply.error };
    if (!reply.ok || (reply.value as { type?: string })?.type !== 'file') continue;
    if (!known.test(path))
      return missing(`Cannot import '${specifier}': only .js, .ts and .json files can be imported`);
    const file = await deps.read(path);
    if (!file.reply.ok) return { ok: false, error: file.reply.error };
    return transformed({ path, source: file.bytes?.toString('utf8') ?? '', role: 'module' }, deps);
  }
  // A `.js` specifier may mean the `.ts` beside it, as TypeScript writes it.
  if (base.endsWith('.js') && (await deps.stat(`${base.slice(0, -3)}.ts`)).reply.ok)
    return loadFile(`${base.slice(0, -3)}.ts`, referrer, deps);
  return missing(`Cannot find module '${specifier}' imported from ${referrer}`);
}

async function loadPackageFile(path: string, referrer: string, deps: Deps): Promise<LoadedModule> {
  const { reply, bytes } = await deps.package({ specifier: path, referrer });
  if (!reply.ok) return { ok: false, error: reply.error };
  return transformed(
    { path: String((reply.value as { path?: string }).path), source: bytes?.toString('utf8') ?? '', role: 'module' },
    deps,
  );
}

async function transformed(file: SourceFile, deps: Deps): Promise<LoadedModule> {
  const module = await deps.transform(file);
  if (!module) return missing('the run ended');
  if (!module.ok) return { ok: false, error: module.error };
  const { ok: _, ...value } = module;
  return { ok: true, value: { path: file.path, ...value } };
}

function missing(message: string): LoadedModule {
  return { ok: false, error: { name: 'Error', message, code: 'ERR_MODULE_NOT_FOUND' } };
}
