// The guest's globals beyond the language. Each loads its bundle when it is first read.
import { hostNow, hostRandom } from './bridge.js';
import { internals, lazy } from './lazy.js';
import { dateNow, defineProperties, floor, getOwnPropertyDescriptors, hide } from './primordials.js';

// A literal, not a loop: its accessors cost a blank isolate almost nothing.
const accessors = {
  __proto__: null,
  get URL() {
    return load('URL', 'url');
  },
  set URL(value) {
    settle('URL', value);
  },
  get URLSearchParams() {
    return load('URLSearchParams', 'url');
  },
  set URLSearchParams(value) {
    settle('URLSearchParams', value);
  },
  get TextEncoder() {
    return load('TextEncoder', 'text');
  },
  set TextEncoder(value) {
    settle('TextEncoder', value);
  },
  get TextDecoder() {
    return load('TextDecoder', 'text');
  },
  set TextDecoder(value) {
    settle('TextDecoder', value);
  },
  get atob() {
    return load('atob', 'text');
  },
  set atob(value) {
    settle('atob', value);
  },
  get btoa() {
    return load('btoa', 'text');
  },
  set btoa(value) {
    settle('btoa', value);
  },
  get structuredClone() {
    return load('structuredClone', 'clone');
  },
  set structuredClone(value) {
    settle('structuredClone', value);
  },
  get crypto() {
    return load('crypto', 'crypto');
  },
  set crypto(value) {
    settle('crypto', value);
  },
  get Crypto() {
    return load('Crypto', 'crypto');
  },
  set Crypto(value) {
    settle('Crypto', value);
  },
  get CryptoKey() {
    return load('CryptoKey', 'crypto');
  },
  set CryptoKey(value) {
    settle('CryptoKey', value);
  },
  get SubtleCrypto() {
    return load('SubtleCrypto', 'crypto');
  },
  set SubtleCrypto(value) {
    settle('SubtleCrypto', value);
  },
  get Event() {
    return load('Event', 'events');
  },
  set Event(value) {
    settle('Event', value);
  },
  get EventTarget() {
    return load('EventTarget', 'events');
  },
  set EventTarget(value) {
    settle('EventTarget', value);
  },
  get CustomEvent() {
    return load('CustomEvent', 'events');
  },
  set CustomEvent(value) {
    settle('CustomEvent', value);
  },
  get AbortController() {
    return load('AbortController', 'events');
  },
  set AbortController(value) {
    settle('AbortController', value);
  },
  get AbortSignal() {
    return load('AbortSignal', 'events');
  },
  set AbortSignal(value) {
    settle('AbortSignal', value);
  },
  get DOMException() {
    return load('DOMException', 'events');
  },
  set DOMException(value) {
    settle('DOMException', value);
  },
  get Headers() {
    return load('Headers', 'web');
  },
  set Headers(value) {
    settle('Headers', value);
  },
  get Request() {
    return load('Request', 'web');
  },
  set Request(value) {
    settle('Request', value);
  },
  get Response() {
    return load('Response', 'web');
  },
  set Response(value) {
    settle('Response', value);
  },
  get Blob() {
    return load('Blob', 'web');
  },
  set Blob(value) {
    settle('Blob', value);
  },
  get File() {
    return load('File', 'web');
  },
  set File(value) {
    settle('File', value);
  },
  get FormData() {
    return load('FormData', 'web');
  },
  set FormData(value) {
    settle('FormData', value);
  },
  get fetch() {
    return load('fetch', 'web');
  },
  set fetch(value) {
    settle('fetch', value);
  },
  get ReadableStream() {
    return load('ReadableStream', 'streams');
  },
  set ReadableStream(value) {
    settle('ReadableStream', value);
  },
  get WritableStream() {
    return load('WritableStream', 'streams');
  },
  set WritableStream(value) {
    settle('WritableStream', value);
  },
  get TransformStream() {
    return load('TransformStream', 'streams');
  },
  set TransformStream(value) {
    settle('TransformStream', value);
  },
  get ByteLengthQueuingStrategy() {
    return load('ByteLengthQueuingStrategy', 'streams');
  },
  set ByteLengthQueuingStrategy(value) {
    settle('ByteLengthQueuingStrategy', value);
  },
  get CountQueuingStrategy() {
    return load('CountQueuingStrategy', 'streams');
  },
  set CountQueuingStrategy(value) {
    settle('CountQueuingStrategy', value);
  },
  get TextDecoderStream() {
    return load('TextDecoderStream', 'streams');
  },
  set TextDecoderStream(value) {
    settle('TextDecoderStream', value);
  },
  get TextEncoderStream() {
    return load('TextEncoderStream', 'streams');
  },
  set TextEncoderStream(value) {
    settle('TextEncoderStream', value);
  },
  get Buffer() {
    return load('Buffer', 'buffer');
  },
  set Buffer(value) {
    settle('Buffer', value);
  },
  get process() {
    return load('process', 'process');
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

function load(name, bundle) {
  return settle(name, lazy(bundle)[name]);
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
