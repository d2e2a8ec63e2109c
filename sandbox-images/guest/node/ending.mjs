// How a run ends: as a Node.js program does, when its event loop is empty, at process.exit() or at the first error that
// nobody handles. Cordon knows the end before the process is gone.
import { inspect } from 'node:util';
import { describeError } from '../../../runtime/sandbox/isolate/guest/prelude/report.js';
import { toResult } from '../../../runtime/sandbox/isolate/guest/prelude/result.js';
import { exchange, settleOutput, stringify } from './cordon.mjs';
import { withPlace } from './syntax.mjs';

/** Watches the process. Answers `settle(value)` for the program's value and `fail(thrown)` for what it threw. */
export function watchEnd({ resultBytes }) {
  const state = {
    isSettled: false,
    value: undefined,
    rejected: undefined,
    failure: undefined,
    hasExited: false,
    isTold: false,
  };
  const { abort, emit, exit, reallyExit } = process;
  const { setInterval } = globalThis;

  function fail(thrown, origin) {
    const isWrapped = origin === 'unhandledRejection' && propertyOf(thrown, 'code') === 'ERR_UNHANDLED_REJECTION';
    state.failure ??= failureOf(isWrapped ? rejectedWith(state.rejected) : described(thrown));
    process.exit(1);
  }

  const replace = (name, value) =>
    Object.defineProperty(process, name, { value, writable: true, configurable: true, enumerable: false });

  replace('emit', function (name, ...args) {
    if (name === 'exit') return atExit(() => emit.call(this, name, ...args), args[0]);
    const isHandled = emit.call(this, name, ...args);
    if (name === 'unhandledRejection' && !isHandled) [state.rejected] = args;
    if (name === 'uncaughtException' && !isHandled) fail(...args);
    // A promise that never settles runs to wallMs.
    if (name === 'beforeExit' && !state.isSettled) setInterval(() => {}, 2 ** 31 - 1);
    return isHandled;
  });
  replace('exit', (...code) => {
    state.hasExited = true;
    exit.apply(process, code);
  });
  replace('reallyExit', (code) => {
    state.hasExited = true;
    tell(code);
    reallyExit.call(process, code);
  });

  // An abort of which nothing was told is V8's: its heap is full.
  replace('abort', () => {
    state.failure ??= failureOf({ __proto__: null, name: 'Aborted', message: 'The program called process.abort()' });
    tell(134);
    abort();
  });

  /** After the guest's own listeners, which may still print, change the exit code or throw. */
  function atExit(emitted, code) {
    try {
      emitted();
    } catch (error) {
      state.failure ??= failureOf(described(error));
      process.exitCode = 1;
    }
    tell(process.exitCode ?? code);
    return true;
  }

  function tell(code) {
    if (state.isTold) return;
    const end = endOf(state, Number(code ?? 0) & 255, resultBytes);
    state.isTold = true;
    settleOutput();
    try {
      exchange(`{"t":"end","end":${stringify(end)}}`);
    } catch {
      // Cordon is gone, and with it everybody who wants to know.
    }
  }

  return {
    fail,
    settle(value) {
      state.isSettled = true;
      state.value = value;
    },
  };
}

/** The end as JSON text: the first cause wins. */
function endOf(state, code, resultBytes) {
  if (state.failure !== undefined) return state.failure;
  if (code !== 0) {
    const error = { __proto__: null, name: 'ExitCode', message: `The program ended with exit code ${code}` };
    return `{"status":"failed","exitCode":${code},"error":${stringify(error)}}`;
  }
  if (state.hasExited) return '{"status":"succeeded","exitCode":0}';
  try {
    const { text, type, limit } = toResult(state.value, resultBytes);
    if (limit) {
      const message = `The result is larger than resultBytes (${resultBytes})`;
      return failureOf({ __proto__: null, name: 'LimitExceeded', message, limit: 'resultBytes' });
    }
    const result = text === undefined ? '' : `,"result":${text}`;
    return `{"status":"succeeded"${result}${type === undefined ? '' : `,"resultType":${stringify(type)}`}}`;
  } catch (error) {
    return failureOf(described(error));
  }
}

function failureOf(error) {
  return `{"status":"${error.limit === undefined ? 'failed' : 'limit_exceeded'}","error":${stringify(error)}}`;
}

function described(thrown) {
  const error = describeError(withPlace(thrown));
  // A write that the file system refuses: what is full, the supervisor sees.
  if (
    error.limit === undefined &&
    propertyOf(thrown, 'code') === 'ENOSPC' &&
    typeof propertyOf(thrown, 'syscall') === 'string'
  )
    error.limit = 'workspaceBytes';
  return error;
}

/** A property of whatever was thrown. */
function propertyOf(thrown, name) {
  try {
    return thrown?.[name];
  } catch {
    return undefined;
  }
}

/** Node.js wraps what is no Error in one of its own. */
function rejectedWith(reason) {
  let shown = 'a value';
  try {
    shown = inspect(reason, { depth: 1 }).slice(0, 1000);
  } catch {
    // It does not let itself be shown.
  }
  const message = `A promise was rejected with ${shown}, which is not an Error, and nothing handled it`;
  return { __proto__: null, name: 'UnhandledRejection', message };
}
