// Runs the program of a run: /tmp/.cordon/main.js or main.ts as /workspace/main.js or main.ts.
import { existsSync, readFileSync } from 'node:fs';
import { Module } from 'node:module';
import { dirname, join } from 'node:path';
import { functionToString, hide, input, program, startsWith, takeOutput, workspace } from './cordon.mjs';
import { watchEnd } from './ending.mjs';
import { knowFile, main, serveMain } from './loaded.mjs';
import { transform } from './transform.mjs';

/** Runs it; the process is the program's from here on. */
export function run() {
  const name = existsSync(join(program, 'main.js')) ? 'main.js' : 'main.ts';
  const path = join(workspace, name);
  const limits = JSON.parse(readFileSync(join(program, 'limits.json'), 'utf8'));
  takeOutput();
  process.argv = [process.argv[0], path];
  hide(globalThis, 'input', input);
  const { settle, fail } = watchEnd(limits);
  evaluate(path, readFileSync(join(program, name), 'utf8')).then(settle, (thrown) => {
    // As in Node.js, a listener of the program may have the last word.
    if (process.listenerCount('uncaughtException') === 0) return fail(thrown);
    settle(undefined);
    process.emit('uncaughtException', thrown, 'uncaughtException');
  });
}

/** A promise of the program's value. */
async function evaluate(path, source) {
  const written = transform(path, source, 'main');
  knowFile(path, written.map);
  if (!written.ok) throw refused(written.error);
  return written.kind === 'cjs' ? runScript(path, written) : runModule(path, written);
}

async function runModule(path, { code, resultName }) {
  serveMain(path, code);
  offerRequire(path);
  const namespace = await import(main.url);
  if (!('default' in namespace)) return resultName === undefined ? undefined : namespace[resultName];
  const value = namespace.default;
  const isCalled = typeof value === 'function' && !startsWith(functionToString(value), 'class');
  return isCalled ? value(input) : value;
}

function runScript(path, { code }) {
  const module = new Module(path);
  module.filename = path;
  module.paths = Module._nodeModulePaths(dirname(path));
  process.mainModule = module;
  Module._cache[path] = module;
  return module._compile(code, path, 'commonjs');
}

/** `require` as a global, for modules that mix both ways; made when it is first read. */
function offerRequire(path) {
  Object.defineProperty(globalThis, 'require', {
    configurable: true,
    get() {
      const value = Module.createRequire(path);
      hide(globalThis, 'require', value);
      return value;
    },
    set(value) {
      hide(globalThis, 'require', value);
    },
  });
}

function refused({ message, stack }) {
  const error = new SyntaxError(message);
  hide(error, 'stack', `SyntaxError: ${message}\n${stack ?? ''}`);
  return error;
}
