// Timers are made by the worker; here is only what to call when one comes back.
import { pending, post } from './bridge.js';
import { fail } from './end.js';
import { internals } from './lazy.js';
import {
  apply,
  hide,
  mapDelete,
  mapGet,
  mapSet,
  SafeMap,
  SafePromise,
  SafeRangeError,
  SafeTypeError,
  then,
} from './primordials.js';

const timers = new SafeMap();
const maximum = 100_000;
let count = 0;
let nextTimer = 1;

function arm(timer) {
  post(`{"t":"timer","id":${timer.id},"ms":${timer.ms}}`);
}

function add(callback, ms, args, repeats) {
  if (typeof callback !== 'function') throw new SafeTypeError('The callback must be a function');
  if (count >= maximum) throw new SafeRangeError(`A run may have ${maximum} timers at once`);
  const timer = { __proto__: null, id: nextTimer++, ms, callback, args, repeats, keepsAlive: true, handle: undefined };
  mapSet(timers, timer.id, timer);
  count++;
  pending.timers++;
  arm(timer);
  timer.handle = new Timeout(timer);
  return timer.handle;
}

function remove(timer) {
  if (!mapDelete(timers, timer.id)) return false;
  count--;
  if (timer.keepsAlive) pending.timers--;
  return true;
}

function duration(ms) {
  const number = +ms;
  return number >= 1 && number <= 2 ** 31 - 1 ? number : 1;
}

/** What setTimeout answers, as in Node.js. */
class Timeout {
  #timer;

  constructor(timer) {
    this.#timer = timer;
  }

  static of(value) {
    if (typeof value === 'object' && value !== null && #timer in value) return value.#timer;
    return typeof value === 'number' || typeof value === 'string' ? mapGet(timers, +value) : undefined;
  }

  #keep(keepsAlive) {
    const timer = this.#timer;
    if (mapGet(timers, timer.id) === timer && timer.keepsAlive !== keepsAlive) {
      timer.keepsAlive = keepsAlive;
      pending.timers += keepsAlive ? 1 : -1;
      if (!keepsAlive) pending.onIdle();
    }
    return this;
  }

  ref() {
    return this.#keep(true);
  }

  unref() {
    return this.#keep(false);
  }

  hasRef() {
    return this.#timer.keepsAlive;
  }

  refresh() {
    const timer = this.#timer;
    if (mapGet(timers, timer.id) === timer) {
      post(`{"t":"clear","id":${timer.id}}`);
      arm(timer);
    }
    return this;
  }

  close() {
    clear(this);
    return this;
  }

  [Symbol.toPrimitive]() {
    return this.#timer.id;
  }

  [Symbol.dispose]() {
    clear(this);
  }
}

function clear(value) {
  const timer = Timeout.of(value);
  if (timer !== undefined && remove(timer)) {
    post(`{"t":"clear","id":${timer.id}}`);
    pending.onIdle();
  }
}

/** The worker says that a timer is due. */
export function fire(id) {
  const timer = mapGet(timers, id);
  if (timer === undefined) return;
  if (!timer.repeats) remove(timer);
  try {
    apply(timer.callback, timer.handle, timer.args);
  } catch (error) {
    fail(error);
    return;
  }
  if (timer.repeats && mapGet(timers, id) === timer) arm(timer);
}

/** Calls back when every microtask of this task has run. */
export function afterTask(callback) {
  const id = nextTimer++;
  mapSet(timers, id, { __proto__: null, id, ms: 0, callback, args: [], repeats: false, keepsAlive: false });
  count++;
  post(`{"t":"timer","id":${id},"ms":0}`);
}

const resolved = new SafePromise((resolve) => resolve());
hide(resolved, 'constructor', undefined);

function microtask(callback, args) {
  if (typeof callback !== 'function') throw new SafeTypeError('The callback must be a function');
  then(resolved, () => {
    try {
      apply(callback, undefined, args);
    } catch (error) {
      fail(error);
    }
  });
}
internals.microtask = microtask;

const global = (name, value) => hide(globalThis, name, value);
global('setTimeout', function setTimeout(callback, ms, ...args) {
  return add(callback, duration(ms), args, false);
});
global('setInterval', function setInterval(callback, ms, ...args) {
  return add(callback, duration(ms), args, true);
});
global('setImmediate', function setImmediate(callback, ...args) {
  return add(callback, 0, args, false);
});
global('clearTimeout', function clearTimeout(timer) {
  clear(timer);
});
global('clearInterval', function clearInterval(timer) {
  clear(timer);
});
global('clearImmediate', function clearImmediate(timer) {
  clear(timer);
});
global('queueMicrotask', function queueMicrotask(callback) {
  microtask(callback, []);
});
