// Event, EventTarget, AbortController, AbortSignal, DOMException: https://dom.spec.whatwg.org, without a tree of nodes.
const codes = {
  IndexSizeError: 1,
  NotFoundError: 8,
  NotSupportedError: 9,
  InvalidStateError: 11,
  SyntaxError: 12,
  InvalidAccessError: 15,
  InvalidCharacterError: 5,
  TimeoutError: 23,
  AbortError: 20,
  DataCloneError: 25,
  QuotaExceededError: 22,
};

export class DOMException extends Error {
  #name;

  constructor(message = '', options = 'Error') {
    super(message);
    this.#name = typeof options === 'object' ? (options.name ?? 'Error') : `${options}`;
    if (typeof options === 'object' && 'cause' in options) this.cause = options.cause;
  }

  get name() {
    return this.#name;
  }

  get code() {
    return codes[this.#name] ?? 0;
  }
}

const setTarget = Symbol('target');
const stopped = Symbol('stopped');

export class Event {
  #type;
  #options;
  #prevented = false;
  #target = null;
  #time = Date.now();

  constructor(type, options = {}) {
    this.#type = `${type}`;
    this.#options = options ?? {};
    Object.defineProperty(this, stopped, { value: false, writable: true });
  }

  get type() {
    return this.#type;
  }

  get target() {
    return this.#target;
  }

  get currentTarget() {
    return this.#target;
  }

  get bubbles() {
    return Boolean(this.#options.bubbles);
  }

  get cancelable() {
    return Boolean(this.#options.cancelable);
  }

  get composed() {
    return Boolean(this.#options.composed);
  }

  get defaultPrevented() {
    return this.#prevented;
  }

  get timeStamp() {
    return this.#time;
  }

  get isTrusted() {
    return false;
  }

  preventDefault() {
    if (this.cancelable) this.#prevented = true;
  }

  stopPropagation() {}

  stopImmediatePropagation() {
    this[stopped] = true;
  }

  composedPath() {
    return this.#target ? [this.#target] : [];
  }

  [setTarget](target) {
    this.#target = target;
  }
}

export class CustomEvent extends Event {
  #detail;

  constructor(type, options = {}) {
    super(type, options);
    this.#detail = options?.detail ?? null;
  }

  get detail() {
    return this.#detail;
  }
}

export class EventTarget {
  #listeners = new Map();

  addEventListener(type, callback, options = {}) {
    if (callback === null || callback === undefined) return;
    const { once = false, signal } = typeof options === 'object' && options !== null ? options : {};
    if (signal?.aborted) return;
    const list = this.#listeners.get(`${type}`) ?? [];
    if (list.some((listener) => listener.callback === callback)) return;
    this.#listeners.set(`${type}`, [...list, { callback, once }]);
    signal?.addEventListener('abort', () => this.removeEventListener(type, callback), { once: true });
  }

  removeEventListener(type, callback) {
    const list = this.#listeners.get(`${type}`);
    if (list)
      this.#listeners.set(
        `${type}`,
        list.filter((listener) => listener.callback !== callback),
      );
  }

  dispatchEvent(event) {
    if (!(event instanceof Event)) throw new TypeError('dispatchEvent needs an Event');
    event[setTarget](this);
    for (const listener of this.#listeners.get(event.type) ?? []) {
      if (listener.once) this.removeEventListener(event.type, listener.callback);
      try {
        if (typeof listener.callback === 'function') listener.callback.call(this, event);
        else listener.callback.handleEvent(event);
      } catch (error) {
        cordon.microtask(() => {
          throw error;
        }, []);
      }
      if (event[stopped]) break;
    }
    return !event.defaultPrevented;
  }
}

const key = Symbol('abort');

export class AbortSignal extends EventTarget {
  #aborted = false;
  #reason = undefined;
  onabort = null;

  constructor(guard) {
    if (guard !== key)
      throw new TypeError('Illegal constructor: use AbortController, AbortSignal.timeout or AbortSignal.any');
    super();
  }

  get aborted() {
    return this.#aborted;
  }

  get reason() {
    return this.#reason;
  }

  throwIfAborted() {
    if (this.#aborted) throw this.#reason;
  }

  [key](reason = new DOMException('This operation was aborted', 'AbortError')) {
    if (this.#aborted) return;
    this.#aborted = true;
    this.#reason = reason;
    const event = new Event('abort');
    if (typeof this.onabort === 'function') this.onabort.call(this, event);
    this.dispatchEvent(event);
  }

  static abort(reason) {
    const signal = new AbortSignal(key);
    signal[key](reason);
    return signal;
  }

  /** As in Node.js, its timer does not keep the run alive. */
  static timeout(ms) {
    const signal = new AbortSignal(key);
    setTimeout(
      () => signal[key](new DOMException('The operation was aborted due to timeout', 'TimeoutError')),
      ms,
    ).unref();
    return signal;
  }

  static any(signals) {
    const any = new AbortSignal(key);
    for (const signal of signals) {
      if (signal.aborted) {
        any[key](signal.reason);
        break;
      }
      signal.addEventListener('abort', () => any[key](signal.reason), { once: true });
    }
    return any;
  }
}

export class AbortController {
  #signal = new AbortSignal(key);

  get signal() {
    return this.#signal;
  }

  abort(reason) {
    this.#signal[key](reason);
  }
}

for (const [made, name] of [
  [Event, 'Event'],
  [EventTarget, 'EventTarget'],
  [AbortSignal, 'AbortSignal'],
  [AbortController, 'AbortController'],
  [CustomEvent, 'CustomEvent'],
  [DOMException, 'DOMException'],
]) {
  Object.defineProperty(made.prototype, Symbol.toStringTag, { value: name, configurable: true });
}
