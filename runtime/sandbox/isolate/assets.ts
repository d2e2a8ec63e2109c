/** Bundles the JavaScript that runs inside isolates, once, when the service starts. The one file that imports esbuild. */
import { readdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { type BuildOptions, build } from 'esbuild';

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const guest = here('./guest');
const source = here('./source');

const common: BuildOptions = {
  bundle: true,
  write: false,
  minify: true,
  target: 'es2024',
  charset: 'utf8',
  legalComments: 'none',
  logLevel: 'silent',
  mainFields: ['module', 'main'],
  conditions: ['import', 'default'],
};

/** A lazy bundle is an expression: a function of the prelude's internals that answers its exports. */
const lazyWrapper = {
  banner: { js: '(function(cordon){"use strict";var module={exports:{}},exports=module.exports;' },
};

/**
 * Texts by name: `prelude.js` (value: {start, deliver}), `transformer.js` (defines `transform`), `typescript.js` (defines
 * `amaro`), `lazy/<name>.js`. The same sources always give the same texts. Takes about 0.3 s.
 */
export async function buildAssets(): Promise<Map<string, string>> {
  const names = (await readdir(`${guest}/lazy`)).filter((name) => name.endsWith('.js')).sort();
  const text = async (options: BuildOptions) => {
    const result = await build({ ...common, ...options });
    const [file] = result.outputFiles ?? [];
    if (file === undefined) throw new Error('esbuild wrote nothing');
    return file.text.trimEnd();
  };
  const prelude = text({
    entryPoints: [`${guest}/prelude/main.js`],
    platform: 'neutral',
    format: 'cjs',
    banner: { js: '(function(){"use strict";var module={exports:{}},exports=module.exports;' },
    footer: { js: 'return{start:module.exports.start,deliver:module.exports.deliver}})()' },
  });
  const transformer = text({ entryPoints: [`${source}/transformer.js`], platform: 'neutral', format: 'iife' });
  const typescript = text({
    entryPoints: [`${source}/typescript.js`],
    platform: 'neutral',
    format: 'iife',
    alias: { util: `${source}/typescript-shims.js`, 'node:buffer': `${source}/typescript-shims.js` },
  });
  const lazy = names.map(async (name): Promise<[string, string]> => {
    const body = await text({
      entryPoints: [`${guest}/lazy/${name}`],
      platform: 'neutral',
      format: 'cjs',
      inject: [],
      alias: { buffer: `${guest}/packages/buffer.js` },
      ...lazyWrapper,
      footer: { js: `return module.exports})\n//# sourceURL=cordon:${name}` },
    });
    return [`lazy/${name}`, body];
  });
  return new Map([
    ['prelude.js', await prelude],
    ['transformer.js', await transformer],
    ['typescript.js', await typescript],
    ...(await Promise.all(lazy)),
  ]);
}
