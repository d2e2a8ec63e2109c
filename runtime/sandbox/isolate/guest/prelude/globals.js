// The guest's globals beyond the language. Each loads its bundle when it is first read.
import { hostNow, hostRandom } from './bridge.js';
import { internals, lazy, lazyGlobal } from './lazy.js';
import { floor, hide } from './primordials.js';

const bundles = {
  __proto__: null,
  url: ['URL', 'URLSearchParams'],
  text: ['TextEncoder', 'TextDecoder', 'atob', 'btoa'],
  clone: ['structuredClone'],
  crypto: ['crypto', 'Crypto', 'CryptoKey', 'SubtleCrypto'],
  events: ['Event', 'EventTarget', 'CustomEvent', 'AbortController', 'AbortSignal', 'DOMException'],
  web: ['Headers', 'Request', 'Response', 'Blob', 'File', 'FormData', 'fetch'],
  buffer: ['Buffer'],
  process: ['process'],
};
for (const name in bundles) for (const global of bundles[name]) lazyGlobal(global, () => lazy(name)[global]);
lazyGlobal('require', () => lazy('modules').mainRequire());

hide(globalThis, 'global', globalThis);

const started = hostNow();
const performance = {};
hide(performance, 'now', function now() {
  return floor((hostNow() - started) * 10) / 10;
});
hide(performance, 'toJSON', function toJSON() {
  return {};
});
lazyGlobal('performance', () => {
  performance.timeOrigin = Date.now() - performance.now();
  return performance;
});

internals.now = hostNow;
internals.random = hostRandom;
