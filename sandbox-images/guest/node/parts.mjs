// Fills internals.mjs with the parts of the isolate's guest code that the module `cordon` needs.
import { inspect } from 'node:util';
import * as display from '../../../runtime/sandbox/isolate/guest/lazy/display.js';
import * as result from '../../../runtime/sandbox/isolate/guest/lazy/result.js';
import * as door from './door.mjs';
import { exchange } from './frames.mjs';
import { internals, parts } from './internals.mjs';
import { settleOutput } from './output.mjs';

Object.assign(parts, { display, result, inspect: { inspect }, door, post });

/** Shows a display before the guest goes on, after all output before it. */
function post(json) {
  settleOutput();
  const reply = exchange(json);
  const { own } = internals.primordials;
  if (!own(reply, 'ok')) throw door.hostError(own(reply, 'error'));
}
