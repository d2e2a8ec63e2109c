// node:util, what programs use of it.

import { types } from '../node-util/brands.js';
import { isDeepStrictEqual } from '../node-util/equal.js';
import { parseArgs } from '../node-util/parse-args.js';

const { lazy } = cordon;
const { inspect, formatAll, formatWithOptions } = lazy('inspect');
const promisified = Symbol.for('nodejs.util.promisify.custom');

function promisify(original) {
  if (typeof original !== 'function') throw new TypeError('promisify needs a function');
  if (original[promisified]) return original[promisified];
  if (original === globalThis.setTimeout) return lazy('small').timersPromises.setTimeout;
  if (original === globalThis.setImmediate) return lazy('small').timersPromises.setImmediate;
  const promise = function (...args) {
    return new Promise((resolve, reject) => {
      original.call(this, ...args, (error, value) => (error ? reject(error) : resolve(value)));
    });
  };
  return Object.defineProperties(promise, Object.getOwnPropertyDescriptors(original));
}
promisify.custom = promisified;

export const util = {
  promisify,
  callbackify(original) {
    return function (...args) {
      const callback = args.pop();
      original.apply(this, args).then(
        (value) => queueMicrotask(() => callback(null, value)),
        (error) => queueMicrotask(() => callback(error ?? new Error('Promise was rejected with a falsy value'))),
      );
    };
  },
  inspect,
  format: (...args) => formatAll(args),
  formatWithOptions: (options, ...args) => formatWithOptions(options, args),
  types,
  isDeepStrictEqual,
  parseArgs,
  deprecate: (fn) => fn,
  inherits(made, parent) {
    Object.defineProperty(made, 'super_', { value: parent, writable: true, configurable: true });
    Object.setPrototypeOf(made.prototype, parent.prototype);
  },
  isArray: Array.isArray,
  stripVTControlCharacters: (text) =>
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for.
    text.replace(/[\u001b\u009b][[()#;?]*(?:\d{1,4}(?:;\d{0,4})*)?[\dA-PR-TZcf-nq-uy=><~]/g, ''),
  styleText: (_format, text) => text,
  toUSVString: (text) => `${text}`.toWellFormed(),
  debuglog: () => Object.assign(() => {}, { enabled: false }),
  aborted: (signal) =>
    new Promise((resolve) => {
      if (signal.aborted) resolve();
      else signal.addEventListener('abort', () => resolve(), { once: true });
    }),
  get TextEncoder() {
    return globalThis.TextEncoder;
  },
  get TextDecoder() {
    return globalThis.TextDecoder;
  },
};
