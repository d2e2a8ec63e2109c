// How a run ends: the first cause wins, and the end is one JSON text.
import { pending, post, postEnd } from './bridge.js';
import { internals } from './lazy.js';
import { hide, indexOf, SafePromise, stringify } from './primordials.js';
import { describeError } from './report.js';

let settleEnd;
/** Settles with the JSON text of the end. Its own `constructor` keeps a patched Promise out of the worker's `then`. */
export const end = new SafePromise((resolve) => {
  settleEnd = resolve;
});
hide(end, 'constructor', undefined);

/** What ended the run, for a worker that asks in another way than through the promise. */
export let endText;

/** Ends the run with this JSON text, unless it has ended. */
export function finish(text) {
  if (pending.ended) return;
  pending.ended = true;
  endText = text;
  settleEnd(text);
}

/** An unhandled rejection becomes known after its task, when the run may already have seemed to succeed: it wins. */
export function overrule(text) {
  if (endText === undefined || indexOf(endText, '{"status":"succeeded"') === 0) endText = text;
  pending.ended = true;
  settleEnd(endText);
}

/** Ends the run with the guest's own error. */
export function fail(thrown) {
  if (!pending.ended) finish(failure(describeError(thrown)));
}

/** The JSON text for an error as report.js describes it: a limit of the host decides the status. */
export function failure(error) {
  return `{"status":"${error.limit === undefined ? 'failed' : 'limit_exceeded'}","error":${stringify(error)}}`;
}

/** process.exit: ends at once; nothing after it runs. */
export function exit(code) {
  if (pending.ended) return;
  const text =
    code === 0
      ? '{"status":"succeeded","exitCode":0}'
      : `{"status":"failed","exitCode":${code},"error":${stringify({ __proto__: null, name: 'ExitCode', message: `The program ended with exit code ${code}` })}}`;
  endText = text;
  settleEnd(text);
  postEnd(text);
}
internals.exit = exit;
internals.post = post;
