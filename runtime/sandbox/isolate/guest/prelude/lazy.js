// What most runs never touch is text in the worker until it is touched: a bundle is evaluated at most once.
import { hostAsset } from './bridge.js';
import { apply, indirectEval } from './primordials.js';

const loaded = { __proto__: null };

/** What bundles may use of the prelude, as the free variable `cordon`. Filled by main.js. */
export const internals = { __proto__: null, lazy };

/** The exports of lazy/<name>.js. */
export function lazy(name) {
  loaded[name] ??= apply(indirectEval(hostAsset(name)), undefined, [internals]);
  return loaded[name];
}
