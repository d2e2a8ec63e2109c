// Small modules that mostly give again what the globals have.
const { lazy } = cordon;

export const timers = { setTimeout, setInterval, setImmediate, clearTimeout, clearInterval, clearImmediate };

const wait = (start, stop, value, { signal } = {}) =>
  new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const timer = start(() => resolve(value));
    signal?.addEventListener('abort', () => {
      stop(timer);
      reject(signal.reason);
    });
  });

export const timersPromises = {
  setTimeout: (ms, value, options) => wait((done) => setTimeout(done, ms), clearTimeout, value, options),
  setImmediate: (value, options) => wait((done) => setImmediate(done), clearImmediate, value, options),
  async *setInterval(ms, value, options) {
    for (;;) {
      await timersPromises.setTimeout(ms, undefined, options);
      yield value;
    }
  },
  scheduler: {
    wait: (ms, options) => timersPromises.setTimeout(ms, undefined, options),
    yield: () => timersPromises.setImmediate(),
  },
};

export const url = {
  get URL() {
    return globalThis.URL;
  },
  get URLSearchParams() {
    return globalThis.URLSearchParams;
  },
  fileURLToPath(value) {
    const parsed = new globalThis.URL(`${value}`);
    if (parsed.protocol !== 'file:') throw new TypeError('The URL must be of scheme file');
    return decodeURIComponent(parsed.pathname);
  },
  pathToFileURL: (path) =>
    new globalThis.URL(`file://${encodeURI(lazy('path').path.resolve(path)).replace(/[?#]/g, encodeURIComponent)}`),
};

export const crypto = {
  get webcrypto() {
    return globalThis.crypto;
  },
  get subtle() {
    return globalThis.crypto.subtle;
  },
  randomUUID: () => globalThis.crypto.randomUUID(),
  getRandomValues: (view) => globalThis.crypto.getRandomValues(view),
  randomBytes: (size) => globalThis.Buffer.from(new Uint8Array(cordon.random(size))),
  randomInt(least, most) {
    const [from, to] = most === undefined ? [0, least] : [least, most];
    const range = to - from;
    const limit = 2 ** 48 - (2 ** 48 % range);
    for (;;) {
      const number = globalThis.Buffer.from(new Uint8Array(cordon.random(6))).readUIntBE(0, 6);
      if (number < limit) return from + (number % range);
    }
  },
  createHash: (name) => lazy('crypto').createHash(name),
};

export const perfHooks = {
  get performance() {
    return globalThis.performance;
  },
};

export const moduleModule = {
  createRequire(from) {
    const path = `${from}`.startsWith('file:') ? url.fileURLToPath(from) : `${from}`;
    return lazy('modules').requireFor(path, undefined);
  },
  isBuiltin: (name) => /^(node:)?(fs|path|buffer|util|events)(\/.*)?$/.test(name),
};
