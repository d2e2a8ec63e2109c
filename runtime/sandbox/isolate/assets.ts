/** Bundles the JavaScript that runs inside isolates, once, when the service starts; and guest code for containers. The one file that imports esbuild. */
import { readdir } from 'node:fs/promises';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { BuildOptions } from 'esbuild';

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const guest = here('./guest');
const source = here('./source');

const common: BuildOptions = {
  bundle: true,
  write: false,
  platform: 'neutral',
  minify: true,
  target: 'es2024',
  charset: 'utf8',
  legalComments: 'none',
  logLevel: 'silent',
  mainFields: ['module', 'main'],
  conditions: ['import', 'default'],
};

/**
 * Texts by name: `prelude.js` (value: {start, deliver}), `python.js` (value: {boot, start, rewind, ...}), `transformer.js` (defines `transform`), `typescript.js` (defines
 * `amaro`), `lazy/<name>.js` (an expression: a function of the prelude's internals that answers its exports). The same
 * sources always give the same texts. Takes about 0.2 s.
 */
export async function buildAssets(): Promise<Map<string, string>> {
  // Loaded here: most starts find what an earlier one built (asset-cache.ts).
  const { build, stop } = await import('esbuild');
  const names = (await readdir(`${guest}/lazy`)).filter((name) => name.endsWith('.js')).sort();
  const texts = async (options: BuildOptions) => {
    const result = await build({ ...common, outdir: '/', ...options });
    return (result.outputFiles ?? []).map((file): [string, string] => [basename(file.path), file.text.trimEnd()]);
  };
  const [preludes, pythons, transformers, typescripts, lazies] = await Promise.all([
    texts({
      entryPoints: { prelude: `${guest}/prelude/main.js` },
      // Without exports it is plain statements: what esbuild adds for them costs each isolate.
      format: 'esm',
      banner: { js: '(function(){"use strict";var entries={};' },
      footer: { js: 'return entries})()' },
    }),
    texts({
      entryPoints: { python: `${guest}/python/main.js` },
      format: 'cjs',
      banner: { js: '(function(){"use strict";var module={exports:{}},exports=module.exports;' },
      footer: { js: 'return Object.assign({},module.exports)})()' },
    }),
    texts({ entryPoints: [`${source}/transformer.js`], format: 'iife' }),
    texts({
      entryPoints: [`${source}/typescript.js`],
      format: 'iife',
      minify: false,
      alias: { util: `${source}/typescript-shims.js`, 'node:buffer': `${source}/typescript-shims.js` },
    }),
    texts({
      entryPoints: names.map((name) => `${guest}/lazy/${name}`),
      format: 'cjs',
      inject: [`${guest}/packages/no-shared-memory.js`],
      alias: { '@exodus/bytes/encoding.js': `${guest}/packages/nothing.js` },
      banner: { js: '(function(cordon){"use strict";var module={exports:{}},exports=module.exports;' },
      footer: { js: 'return module.exports})' },
    }),
  ]);
  // esbuild's process would live as long as this one, for nothing.
  await stop();
  const named = lazies.map(([name, text]): [string, string] => [
    `lazy/${name}`,
    `${text}\n//# sourceURL=cordon:${name}`,
  ]);
  return new Map([...preludes, ...pythons, ...transformers, ...typescripts, ...named]);
}

/** Several bundles: files by their path below `outdir` (`/`). `options`: as for esbuild, over those of all guest code. */
export async function bundleFiles(...several: BuildOptions[]): Promise<[path: string, contents: Uint8Array][]> {
  const { build, stop } = await import('esbuild');
  const built = await Promise.all(several.map((options) => build({ ...common, outdir: '/', ...options })));
  await stop();
  return built.flatMap(({ outputFiles = [] }) =>
    outputFiles.map(({ path, contents }): [string, Uint8Array] => [path.slice(1), contents]),
  );
}

export type { BuildOptions, Plugin } from 'esbuild';
