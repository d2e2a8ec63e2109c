// Doors that V8 leaves open and that are shut before the guest starts: memory shared between threads, which would give a
// clock and outlive the isolate's own count, and asynchronous compilation, which sometimes never settles.
import {
  apply,
  bufferLength,
  defineProperty,
  getOwnPropertyDescriptor,
  hide,
  SafePromise,
  SafeTypeError,
} from './primordials.js';

delete globalThis.SharedArrayBuffer;
const { WebAssembly } = globalThis;
const memory = WebAssembly.Memory.prototype;

function refuseShared(read) {
  return function () {
    const buffer = apply(read, this, []);
    try {
      bufferLength(buffer);
    } catch {
      throw new SafeTypeError('Shared memory is not available here');
    }
    return buffer;
  };
}

const { get } = getOwnPropertyDescriptor(memory, 'buffer');
defineProperty(memory, 'buffer', {
  __proto__: null,
  get: refuseShared(get),
  set: undefined,
  enumerable: true,
  configurable: true,
});
for (const name of ['toFixedLengthBuffer', 'toResizableBuffer']) {
  if (memory[name]) hide(memory, name, refuseShared(memory[name]));
}

const { Module, Instance } = WebAssembly;
const settled = (body) =>
  new SafePromise((resolve, reject) => {
    try {
      resolve(body());
    } catch (error) {
      reject(error);
    }
  });
hide(WebAssembly, 'compile', function compile(bytes) {
  return settled(() => new Module(bytes));
});
hide(WebAssembly, 'instantiate', function instantiate(source, imports) {
  return settled(() => {
    if (source instanceof Module) return new Instance(source, imports);
    const module = new Module(source);
    return { module, instance: new Instance(module, imports) };
  });
});
for (const name of ['compileStreaming', 'instantiateStreaming']) delete WebAssembly[name];
