// Thrown values become plain strings of bounded length: name, message and a stack of guest frames only.
import { internals, lazy } from './lazy.js';
import {
  getPrototypeOf,
  hasOwn,
  hide,
  indexOf,
  isArray,
  limitOfError,
  SafeError,
  slice,
  stackOfError,
  startsWith,
  string,
} from './primordials.js';
import { cleanLine, format, sources } from './stack.js';

internals.sources = sources;

/** The error whose stack was written last: isolated-vm reads the stack of an unhandled rejection to report it. */
export const lastFormatted = { __proto__: null, error: undefined };

const longest = { __proto__: null, name: 128, message: 8192, stack: 16384 };

// `error.stack` as the guest reads it. Written lazily by V8, at the first read.
hide(SafeError, 'prepareStackTrace', function prepareStackTrace(error, sites) {
  lastFormatted.error = error;
  const text = format(error, sites);
  if (typeof error === 'object' && error !== null) stackOfError.set(error, text);
  return text;
});

/** Of causes of causes, and of the errors of one AggregateError. */
const MAX_BEHIND = 8;

/** {name, message, stack?, limit?} of anything thrown. Runs guest getters; never throws. */
export function describeError(thrown) {
  return describe(thrown, 0);
}

function describe(thrown, depth) {
  const described = { __proto__: null, name: 'Error', message: '' };
  if ((typeof thrown !== 'object' && typeof thrown !== 'function') || thrown === null) {
    described.name = 'UncaughtValue';
    described.message = cut(`The program threw ${primitive(thrown)}, which is not an Error`, longest.message);
    return described;
  }
  const name = text(thrown, 'name');
  const message = text(thrown, 'message');
  if (message === undefined && !isErrorLike(thrown)) {
    described.name = 'UncaughtValue';
    described.message = cut(`The program threw ${inspected(thrown)}, which is not an Error`, longest.message);
    return described;
  }
  described.name = cut(name || 'Error', longest.name);
  described.message = cut(message ?? '', longest.message);
  const stack = frames(text(thrown, 'stack'), stackOfError.get(thrown));
  const whole = stack + behind(thrown, depth);
  if (whole !== '') described.stack = cut(startsWith(whole, '\n') ? slice(whole, 1) : whole, longest.stack);
  const limit = limitOf(thrown, described);
  if (limit !== undefined) described.limit = limit;
  return described;
}
internals.describeError = describeError;

/** Below the frames: the cause, and the errors of an AggregateError, each with its own frames. */
function behind(thrown, depth) {
  if (depth >= MAX_BEHIND) return '';
  let kept = '';
  try {
    if (hasOwn(thrown, 'cause')) kept += `\n[cause]: ${told(thrown.cause, depth + 1)}`;
    const { errors } = thrown;
    if (isArray(errors) && hasOwn(thrown, 'errors'))
      for (let n = 0; n < errors.length && n < MAX_BEHIND && kept.length < longest.stack; n++)
        kept += `\n[errors.${n}]: ${told(errors[n], depth + 1)}`;
  } catch {}
  return kept;
}

function told(value, depth) {
  if (!isErrorLike(value)) return cut(typeof value === 'object' ? inspected(value) : primitive(value), 1000);
  const { name, message, stack } = describe(value, depth);
  const head = cut(message === '' ? name : `${name}: ${message}`, 1000);
  return stack === undefined ? head : `${head}\n${stack}`;
}

/** An allocation that the isolate refused is the limit's doing, not the program's. */
function limitOf(thrown, described) {
  const known = limitOfError.get(thrown);
  if (known !== undefined) return known;
  if (described.name !== 'RangeError') return undefined;
  const { message } = described;
  return indexOf(message, 'Array buffer allocation failed') >= 0 ||
    indexOf(message, 'could not allocate memory') >= 0 ||
    indexOf(message, 'Unable to grow instance memory') >= 0
    ? 'ramBytes'
    : undefined;
}

function isErrorLike(thrown) {
  try {
    for (let proto = thrown, n = 0; proto !== null && n < 100; n++) {
      if (proto === SafeError.prototype) return true;
      proto = getPrototypeOf(proto);
    }
  } catch {}
  return false;
}

/** A property as text, when it is text or can cheaply be. */
function text(object, name) {
  try {
    const value = object[name];
    if (typeof value === 'string') return value;
    return typeof value === 'number' || typeof value === 'boolean' ? string(value) : undefined;
  } catch {
    return undefined;
  }
}

function primitive(value) {
  return typeof value === 'string'
    ? `'${cut(value, 1000)}'`
    : typeof value === 'bigint'
      ? `${string(value)}n`
      : string(value);
}

function inspected(value) {
  try {
    return lazy('inspect').inspect(value, { __proto__: null, depth: 1 });
  } catch {
    return 'an object';
  }
}

/** Lines of `stack` that lie in the guest's files. A stack that the guest wrote itself is filtered like any other. */
export function frames(stack, written) {
  if (typeof stack !== 'string') return '';
  const ours = stack === written;
  let kept = '';
  let at = 0;
  for (let n = 0; n < 200 && at >= 0 && at < stack.length && kept.length < longest.stack; n++) {
    let stop = indexOf(stack, '\n', at);
    if (stop < 0) stop = stack.length;
    const line = slice(stack, at, stop < at + 1000 ? stop : at + 1000);
    at = stop + 1;
    if (!startsWith(line, '    at ')) continue;
    const clean = ours ? line : cleanLine(line);
    if (clean !== undefined) kept += (kept === '' ? '' : '\n') + clean;
  }
  return kept;
}

function cut(value, length) {
  return value.length <= length ? value : `${slice(value, 0, length - 1)}…`;
}
