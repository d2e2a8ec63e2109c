/** Bundles what JavaScript and TypeScript programs find at /opt/cordon/node in the image `node`. */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { type BuildOptions, bundleFiles, type Plugin } from '../../runtime/sandbox/isolate/assets.ts';

const guest = resolve(import.meta.dirname, '../guest/node');
const source = resolve(import.meta.dirname, '../../runtime/sandbox/isolate/source');
const verbatim = ['run.cjs', 'bake.cjs', 'cordon/index.cjs', 'cordon/package.json'];

/**
 * Files by their path below /opt/cordon/node; `node bake.cjs` there, with the Node.js of the image, makes starts faster.
 * The same sources and packages always give the same bytes. Takes about 0.2 s.
 */
export async function buildNodeGuest(): Promise<Map<string, Uint8Array>> {
  const parser = await separated(join(dirname(createRequire(import.meta.url).resolve('amaro')), 'internal.js'));
  const bundled = await bundleFiles(
    commonJs('cordon', `${guest}/cordon.mjs`, {
      inject: [`${guest}/internals.mjs`],
      plugins: [replacing('guest/', { './lazy.js': `${guest}/internals.mjs` })],
    }),
    commonJs('guest', `${guest}/guest.mjs`, {
      external: ['./cordon.cjs'],
      // One instance of them in a process: what an error's limit is, they know.
      plugins: [
        replacing('guest/', {
          './lazy.js': './cordon.cjs',
          './primordials.js': './cordon.cjs',
          './cordon.mjs': './cordon.cjs',
        }),
      ],
    }),
    commonJs('transformer', `${source}/transformer.js`, {
      ...asExports,
      plugins: [
        replacing('source/transformer.js', {
          './esm.js': `${guest}/write-module.mjs`,
          './cjs.js': `${guest}/write-script.mjs`,
        }),
        replacing('source/esm.js', { 'eslint-scope': `${guest}/nothing.mjs` }),
      ],
    }),
    commonJs('typescript', `${source}/typescript.js`, { ...asExports, plugins: [parser.plugin] }),
  );
  const files = new Map(bundled);
  for (const path of verbatim) files.set(path, await readFile(join(guest, path)));
  files.set('typescript.wasm', parser.wasm);
  return new Map([...files].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function commonJs(name: string, entry: string, options: BuildOptions): BuildOptions {
  return {
    entryPoints: { [name]: entry },
    format: 'cjs',
    platform: 'node',
    target: 'node26',
    charset: 'ascii',
    outExtension: { '.js': '.cjs' },
    define: { 'import.meta.dirname': '__dirname', 'import.meta.filename': '__filename' },
    ...options,
  };
}

/** What the isolate's sources set on `globalThis` becomes exports. */
const asExports: BuildOptions = {
  banner: { js: '"use strict";((globalThis)=>{' },
  footer: { js: '})(module.exports);' },
};

/** Other files in the place of what files whose path contains `importer` import. */
function replacing(importer: string, files: Record<string, string>): Plugin {
  return {
    name: 'replacing',
    setup(build) {
      build.onResolve({ filter: /^/ }, (found) => {
        const path = found.importer.includes(importer) ? files[found.path] : undefined;
        return path === undefined ? undefined : { path, external: path.startsWith('./') };
      });
    },
  };
}

/** amaro with its WebAssembly in a file: as text in the source it would be parsed and decoded at every start. */
async function separated(path: string): Promise<{ wasm: Uint8Array; plugin: Plugin }> {
  const text = await readFile(path, 'utf8');
  const [statement, , base64] = /var bytes = (\w+)\.from\("([A-Za-z0-9+/=]+)", "base64"\);/.exec(text) ?? [];
  const compiled = 'var wasmModule = new WebAssembly.Module(bytes);';
  if (statement === undefined || base64 === undefined || !text.includes(compiled))
    throw new Error('amaro holds its WebAssembly in another way than before');
  const contents = text
    .replace(statement, 'var bytes = require("node:fs").readFileSync(__dirname + "/typescript.wasm");')
    // Most of the parser is never called: what is, V8 validates then.
    .replace(
      compiled,
      'var v8 = require("node:v8"); v8.setFlagsFromString("--wasm-lazy-validation");' +
        `${compiled} v8.setFlagsFromString("--no-wasm-lazy-validation");`,
    );
  return {
    wasm: Buffer.from(base64, 'base64'),
    plugin: {
      name: 'separated',
      setup(build) {
        build.onLoad({ filter: /amaro\/dist\/internal\.js$/ }, () => ({ contents, loader: 'js' }));
      },
    },
  };
}
