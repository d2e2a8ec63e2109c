// The guest's globals beyond the language. Each loads its bundle when it is first read.
import { clock, hostNow, hostRandom } from './bridge.js';
import { internals, lazy } from './lazy.js';
import { dateNow, defineProperty, floor, hide } from './primordials.js';

// A name and its bundle, in turn: two functions and an accessor for each cost a blank isolate less in a loop than as a
// literal with that many getters.
const bundles = [
  'URL',
  'url',
  'URLSearchParams',
  'url',
  'TextEncoder',
  'text',
  'TextDecoder',
  'text',
  'atob',
  'text',
  'btoa',
  'text',
  'structuredClone',
  'clone',
  'crypto',
  'crypto',
  'Crypto',
  'crypto',
  'CryptoKey',
  'crypto',
  'SubtleCrypto',
  'crypto',
  'Event',
  'events',
  'EventTarget',
  'events',
  'CustomEvent',
  'events',
  'AbortController',
  'events',
  'AbortSignal',
  'events',
  'DOMException',
  'events',
  'Headers',
  'web',
  'Request',
  'web',
  'Response',
  'web',
  'Blob',
  'web',
  'File',
  'web',
  'FormData',
  'web',
  'fetch',
  'web',
  'ReadableStream',
  'streams',
  'WritableStream',
  'streams',
  'TransformStream',
  'streams',
  'ByteLengthQueuingStrategy',
  'streams',
  'CountQueuingStrategy',
  'streams',
  'TextDecoderStream',
  'streams',
  'TextEncoderStream',
  'streams',
  'Buffer',
  'buffer',
  'process',
  'process',
];
const accessor = { __proto__: null, get: undefined, set: undefined, enumerable: false, configurable: true };
function define(name, read) {
  accessor.get = read;
  accessor.set = (value) => {
    settle(name, value);
  };
  defineProperty(globalThis, name, accessor);
}
for (let n = 0; n < bundles.length; n += 2) {
  const name = bundles[n];
  const bundle = bundles[n + 1];
  define(name, () => load(name, bundle));
}
define('require', () => settle('require', lazy('modules').mainRequire()));
define('performance', () => {
  performance.timeOrigin = dateNow() - performance.now();
  return settle('performance', performance);
});

/** From the first read or write on, a global is an ordinary property. */
function settle(name, value) {
  hide(globalThis, name, value);
  return value;
}

function load(name, bundle) {
  return settle(name, lazy(bundle)[name]);
}

hide(globalThis, 'global', globalThis);

const performance = {
  now() {
    return floor((hostNow() - clock.startedAt) * 10) / 10;
  },
};

internals.now = hostNow;
internals.random = hostRandom;
