// What most runs never touch is text in the worker until it is touched: a bundle is evaluated at most once.
import { hostAsset } from './bridge.js';
import { apply, defineProperty, indirectEval } from './primordials.js';

const loaded = { __proto__: null };

/** What bundles may use of the prelude, as the free variable `cordon`. Filled by main.js. */
export const internals = { __proto__: null, lazy };

/** The exports of lazy/<name>.js. */
export function lazy(name) {
  loaded[name] ??= apply(indirectEval(hostAsset(name)), undefined, [internals]);
  return loaded[name];
}

/** A global that loads its bundle at the first read and is an ordinary property from then on. */
export function lazyGlobal(name, read) {
  const settle = (value) =>
    defineProperty(globalThis, name, { __proto__: null, value, writable: true, configurable: true, enumerable: false });
  defineProperty(globalThis, name, {
    __proto__: null,
    get: () => {
      const value = read();
      settle(value);
      return value;
    },
    set: settle,
    configurable: true,
    enumerable: false,
  });
}
