/** One program in the same Pyodide without Cordon: program on standard input, its output on standard output. */
import { readdirSync, readFileSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { loadPyodide } from 'pyodide';

const [library] = process.argv.slice(2);
const { code, input } = JSON.parse(await text(process.stdin)) as { code: string; input: unknown };
const pyodide = await loadPyodide({ env: { HOME: '/tmp', LANG: 'C.UTF-8', USER: 'agent' } });
const { FS } = pyodide as unknown as {
  FS: { mkdirTree(path: string): void; writeFile(path: string, data: Uint8Array): void };
};

function copy(from: string, to: string): void {
  FS.mkdirTree(to);
  for (const name of readdirSync(from)) {
    if (statSync(join(from, name)).isDirectory()) copy(join(from, name), `${to}/${name}`);
    else FS.writeFile(`${to}/${name}`, readFileSync(join(from, name)));
  }
}

FS.mkdirTree('/workspace');
if (library !== undefined) copy(join(library, 'test'), '/workspace/test');
pyodide.setStdout({ write: (bytes: Uint8Array) => writeSync(1, bytes) });
pyodide.setStderr({ write: (bytes: Uint8Array) => bytes.length });
pyodide.globals.set('given', JSON.stringify(input));
pyodide.runPython(`
import json, os, sys, types
sys.modules['cordon'] = types.ModuleType('cordon')
sys.modules['cordon'].input = json.loads(given)
os.chdir('/workspace')
sys.path.insert(0, '/workspace')
`);
pyodide.runPython(code, { globals: pyodide.runPython('import __main__; __main__.__dict__') });
process.exit(0);
