/** What the Python engine needs in the jail folder: Pyodide's files, our Python modules, the snapshot. */
import { createHash, type Hash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { JailFile } from '../walls/walls.ts';
import { pythonGlue } from './glue.ts';

const require = createRequire(import.meta.url);
const folder = () => dirname(require.resolve('pyodide/package.json'));
const library = join(import.meta.dirname, '../guest/python/lib');
const maker = join(import.meta.dirname, '../worker/python-snapshot.ts');

export interface PythonFiles {
  files: Map<string, JailFile>;
  /** Of everything that a snapshot depends on. */
  fingerprint: string;
}

/** For people: `CPython 3.14.2 (Pyodide 314.0.7)`. Errors: Pyodide is not installed. */
export function pythonVersion(): string {
  const read = (name: string) => JSON.parse(readFileSync(join(folder(), name), 'utf8'));
  const { info } = read('pyodide-lock.json') as { info: { python: string } };
  return `CPython ${info.python} (Pyodide ${read('package.json').version})`;
}

/** `engine` is the script of guest/python. Errors: Pyodide is not installed, or is another version than the glue's edits know. */
export function pythonFiles(engine: string): PythonFiles {
  const pyodide = folder();
  const glue = pythonGlue(readFileSync(join(pyodide, 'pyodide.asm.mjs'), 'utf8'));
  const files = new Map<string, JailFile>([
    ['python/glue.js', glue],
    ['python/python.wasm', { from: join(pyodide, 'pyodide.asm.wasm') }],
    ['python/stdlib.zip', { from: join(pyodide, 'python_stdlib.zip') }],
  ]);
  const hash = createHash('sha256').update(process.versions.v8).update(glue).update(engine);
  for (const name of readdirSync(library, { recursive: true, encoding: 'utf8' }).sort())
    if (name.endsWith('.py')) addModule(name, readFileSync(join(library, name), 'utf8'), files, hash);
  hash.update(pythonVersion()).update(readFileSync(maker));
  return { files, fingerprint: hash.digest('hex').slice(0, 32) };
}

function addModule(name: string, text: string, files: Map<string, JailFile>, hash: Hash): void {
  files.set(`python/lib/${name}`, text);
  hash.update(`${name}\0`).update(text);
}
