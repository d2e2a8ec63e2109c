/** A program with its client as one file, as a caller would hand it over with a run. */
import { join } from 'node:path';
import { build } from 'esbuild';

/** ES module for Node.js. What of it is CommonJS asks for Node's own modules by `require`. */
export async function bundle(service: string): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [join(import.meta.dirname, 'programs', `${service}.ts`)],
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node26',
    minify: true,
    // Classes of clients name their errors by themselves.
    keepNames: true,
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
    write: false,
    logLevel: 'silent',
  });
  return outputFiles[0]!.text;
}

/** Of a run that has the bundle as the file `program.mjs`. */
export const runsBundle = "(await import('./program.mjs')).default";
