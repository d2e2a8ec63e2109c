// The guest's globals beyond the language. Each loads its bundle when it is first read.
import { hostNow, hostRandom } from './bridge.js';
import { internals, lazy } from './lazy.js';
import { dateNow, defineProperties, floor, getOwnPropertyDescriptors, hide } from './primordials.js';

// A literal, not a loop: its accessors cost a blank isolate almost nothing.
const accessors = {
  __proto__: null,
  get URL() {
    return settle('URL', lazy('url').URL);
  },
  set URL(value) {
    settle('URL', value);
  },
  get URLSearchParams() {
    return settle('URLSearchParams', lazy('url').URLSearchParams);
  },
  set URLSearchParams(value) {
    settle('URLSearchParams', value);
  },
  get TextEncoder() {
    return settle('TextEncoder', lazy('text').TextEncoder);
  },
  set TextEncoder(value) {
    settle('TextEncoder', value);
  },
  get TextDecoder() {
    return settle('TextDecoder', lazy('text').TextDecoder);
  },
  set TextDecoder(value) {
    settle('TextDecoder', value);
  },
  get atob() {
    return settle('atob', lazy('text').atob);
  },
  set atob(value) {
    settle('atob', value);
  },
  get btoa() {
    return settle('btoa', lazy('text').btoa);
  },
  set btoa(value) {
    settle('btoa', value);
  },
  get structuredClone() {
    return settle('structuredClone', lazy('clone').structuredClone);
  },
  set structuredClone(value) {
    settle('structuredClone', value);
  },
  get crypto() {
    return settle('crypto', lazy('crypto').crypto);
  },
  set crypto(value) {
    settle('crypto', value);
  },
  get Crypto() {
    return settle('Crypto', lazy('crypto').Crypto);
  },
  set Crypto(value) {
    settle('Crypto', value);
  },
  get CryptoKey() {
    return settle('CryptoKey', lazy('crypto').CryptoKey);
  },
  set CryptoKey(value) {
    settle('CryptoKey', value);
  },
  get SubtleCrypto() {
    return settle('SubtleCrypto', lazy('crypto').SubtleCrypto);
  },
  set SubtleCrypto(value) {
    settle('SubtleCrypto', value);
  },
  get Event() {
    return settle('Event', lazy('events').Event);
  },
  set Event(value) {
    settle('Event', value);
  },
  get EventTarget() {
    return settle('EventTarget', lazy('events').EventTarget);
  },
  set EventTarget(value) {
    settle('EventTarget', value);
  },
  get CustomEvent() {
    return settle('CustomEvent', lazy('events').CustomEvent);
  },
  set CustomEvent(value) {
    settle('CustomEvent', value);
  },
  get AbortController() {
    return settle('AbortController', lazy('events').AbortController);
  },
  set AbortController(value) {
    settle('AbortController', value);
  },
  get AbortSignal() {
    return settle('AbortSignal', lazy('events').AbortSignal);
  },
  set AbortSignal(value) {
    settle('AbortSignal', value);
  },
  get DOMException() {
    return settle('DOMException', lazy('events').DOMException);
  },
  set DOMException(value) {
    settle('DOMException', value);
  },
  get Headers() {
    return settle('Headers', lazy('web').Headers);
  },
  set Headers(value) {
    settle('Headers', value);
  },
  get Request() {
    return settle('Request', lazy('web').Request);
  },
  set Request(value) {
    settle('Request', value);
  },
  get Response() {
    return settle('Response', lazy('web').Response);
  },
  set Response(value) {
    settle('Response', value);
  },
  get Blob() {
    return settle('Blob', lazy('web').Blob);
  },
  set Blob(value) {
    settle('Blob', value);
  },
  get File() {
    return settle('File', lazy('web').File);
  },
  set File(value) {
    settle('File', value);
  },
  get FormData() {
    return settle('FormData', lazy('web').FormData);
  },
  set FormData(value) {
    settle('FormData', value);
  },
  get fetch() {
    return settle('fetch', lazy('web').fetch);
  },
  set fetch(value) {
    settle('fetch', value);
  },
  get Buffer() {
    return settle('Buffer', lazy('buffer').Buffer);
  },
  set Buffer(value) {
    settle('Buffer', value);
  },
  get process() {
    return settle('process', lazy('process').process);
  },
  set process(value) {
    settle('process', value);
  },
  get require() {
    return settle('require', lazy('modules').mainRequire());
  },
  set require(value) {
    settle('require', value);
  },
  get performance() {
    performance.timeOrigin = dateNow() - performance.now();
    return settle('performance', performance);
  },
  set performance(value) {
    settle('performance', value);
  },
};
defineProperties(globalThis, getOwnPropertyDescriptors(accessors));

/** From the first read or write on, a global is an ordinary property. */
function settle(name, value) {
  hide(globalThis, name, value);
  return value;
}

hide(globalThis, 'global', globalThis);

const started = hostNow();
const performance = {
  now() {
    return floor((hostNow() - started) * 10) / 10;
  },
};

internals.now = hostNow;
internals.random = hostRandom;
