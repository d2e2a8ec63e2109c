// What the isolate's guest code knows as `cordon` and as its prelude's lazy.js, here over real Node.js, so that both kinds
// of sandbox use one encoder of results, one description of errors, one module `cordon`. parts.mjs fills it.
import * as primordials from '../../../runtime/sandbox/isolate/guest/prelude/primordials.js';

export const parts = { __proto__: null };

/** The exports of a part: in an isolate a bundle that is loaded when it is first touched. */
export function lazy(name) {
  return parts[name];
}

export const internals = {
  __proto__: null,
  lazy,
  primordials,
  /** Asks Cordon; answers a promise of {value}. */
  call: (op, args) => parts.door.call(op, args),
  /** Sends one message, JSON text. */
  post: (json) => parts.post(json),
};
export { internals as cordon };
