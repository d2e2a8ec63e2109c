// One run: start evaluates the program, deliver brings what the worker has to say meanwhile.
import { clock, hostErrors, pending, settleCall } from './bridge.js';
import { output } from './console.js';
import { end, endText, fail, failure, finish, overrule } from './end.js';
import { lazy } from './lazy.js';
import {
  apply,
  endsWith,
  hide,
  indirectEval,
  mapGet,
  mapSet,
  own,
  parse,
  SafePromise,
  startsWith,
  stringify,
  then,
} from './primordials.js';
import { describeError, frames, lastFormatted } from './report.js';
import { toResult } from './result.js';
import { sources } from './stack.js';
import { afterTask, fire } from './timers.js';

const run = { __proto__: null, done: false, value: undefined, resultBytes: 1 << 20, checking: false };

/** Runs the program that `json` describes. Answers a promise of the end, as JSON text; never throws. */
export function start(json) {
  const program = parse(json);
  const limits = own(program, 'limits');
  run.resultBytes = own(limits, 'resultBytes') ?? run.resultBytes;
  output.room = own(limits, 'outputBytes') ?? output.room;
  const inputText = own(program, 'input');
  hide(globalThis, 'input', inputText === undefined ? undefined : parse(inputText));
  pending.onIdle = check;
  clock.startedAt = own(program, 'startedAt') ?? 0;
  try {
    const value = evaluate(program);
    if ((typeof value !== 'object' || value === null) && typeof value !== 'function') {
      run.done = true;
      run.value = value;
      // The transformer says that no promise can be waiting: the last statement was the end.
      if (idle() && endsWith(program.code, '//still')) conclude();
      else check();
    } else {
      watch(value);
    }
  } catch (error) {
    fail(error);
  }
  return end;
}

/** The value of the program: what it exports by default, called with the input if that is a function, or its last expression. */
function evaluate(program) {
  mapSource(program);
  // The transformer leaves the parameter out where a program links to nothing.
  if (startsWith(program.code, '(function(){') || startsWith(program.code, '(async function(){')) {
    return apply(compile(program.code, program.path), undefined, []);
  }
  return lazy('modules').runMain(program);
}

/** The function that a module's text describes, under the module's own name. */
export function compile(code, path) {
  return indirectEval(`${code}\n//# sourceURL=${path}`);
}

export function mapSource(program) {
  mapSet(sources, program.path, own(program, 'map') ?? true);
}

function idle() {
  return pending.calls === 0 && pending.timers === 0;
}

/** Waits for a value that may be a promise or any object with `then`. */
function watch(value) {
  const promise = new SafePromise((resolve) => resolve(value));
  hide(promise, 'constructor', undefined);
  then(
    promise,
    (settled) => {
      run.done = true;
      run.value = settled;
      check();
    },
    fail,
  );
}

/** Ends the run when nothing is left: once this task's microtasks have run, and still nothing is left. */
function check() {
  if (!run.done || run.checking || !idle()) return;
  run.checking = true;
  afterTask(() => {
    run.checking = false;
    if (run.done && idle()) conclude();
  });
}

function conclude() {
  try {
    const result = toResult(run.value, run.resultBytes);
    if (result.limit) {
      const message = `The result is larger than resultBytes (${run.resultBytes})`;
      finish(failure({ __proto__: null, name: 'LimitExceeded', message, limit: 'resultBytes' }));
      return;
    }
    let text = '{"status":"succeeded"';
    if (result.text !== undefined) text += `,"result":${result.text}`;
    if (result.type !== undefined) text += `,"resultType":${stringify(result.type)}`;
    finish(`${text}}`);
  } catch (error) {
    fail(error);
  }
}

/**
 * A message of the worker: {id, ok, value?, error?} for a call, {timer: id}, or {unhandled: {name, message, stack?}} when
 * a task was rejected. Answers the end's JSON text once the run has ended, else undefined. Never throws.
 */
export function deliver(json, bytes) {
  const message = parse(json);
  const timer = own(message, 'timer');
  const unhandled = own(message, 'unhandled');
  if (timer !== undefined) fire(timer);
  else if (unhandled !== undefined) failUnhandled(unhandled);
  else settleCall(message, bytes);
  check();
  return endText;
}

function failUnhandled(unhandled) {
  const known = [lastFormatted.error, mapGet(hostErrors, unhandled.message)];
  for (let n = 0; n < known.length; n++) {
    const described = known[n] === undefined ? undefined : describeError(known[n]);
    if (described !== undefined && described.message === unhandled.message) {
      overrule(failure(described));
      return;
    }
  }
  const notAnError = startsWith(unhandled.message, 'An object was thrown from supplied code within isolated-vm');
  const described = {
    __proto__: null,
    name: notAnError ? 'UnhandledRejection' : unhandled.name,
    message: notAnError
      ? 'A promise was rejected with a value that is not an Error, and nothing handled it'
      : unhandled.message,
  };
  const stack = frames(unhandled.stack, undefined);
  if (!notAnError && stack !== '') described.stack = stack;
  overrule(failure(described));
}
