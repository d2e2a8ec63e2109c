// What the module hooks and the harness know together: the main program, and the guest's files that were loaded.
import { pathToFileURL } from 'node:url';
import { sources } from '../../../runtime/sandbox/isolate/guest/prelude/stack.js';
import { transform } from './transform.mjs';

/** The program as a module: set by the harness, served by the hooks. */
export const main = { __proto__: null, url: undefined, code: undefined };
/** Paths of files that Node.js reads as they are, to find the one that is wrong. */
export const plainFiles = new Set();

/** Tells stacks that `path` is a file of the guest. `map`: where its columns and lines were. */
export function knowFile(path, map = true) {
  sources.set(path, map);
}

/** Sets the main program: as a module at `path`. */
export function serveMain(path, code) {
  main.url = pathToFileURL(path).href;
  main.code = named(code, path);
}

/** Code that stacks name by its path, not by its URL. */
export function named(code, path) {
  return `${code}\n//# sourceURL=${path}`;
}

/** Transforms a file; what cannot be read is thrown as the SyntaxError it has. */
export function transformed(path, source) {
  const answer = transform(path, source, 'module');
  knowFile(path, answer.map);
  if (answer.ok) return answer;
  throw positioned(new SyntaxError(answer.error.message), answer.error);
}

/** `error` with the stack of a transformer's error. */
export function positioned(error, { stack }) {
  if (stack !== undefined)
    Object.defineProperty(error, 'stack', {
      value: `${error}\n${stack}`,
      writable: true,
      configurable: true,
      enumerable: false,
    });
  return error;
}
