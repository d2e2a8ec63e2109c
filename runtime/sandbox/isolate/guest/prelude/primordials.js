// Everything that the bridge needs of the language, taken before guest code can patch it. Afterwards the bridge uses no
// method of a prototype, no iterator (spread calls, for-of, array destructuring) and no lookup on objects with one.
export const { apply, ownKeys, getPrototypeOf } = Reflect;
export const { defineProperty, getOwnPropertyDescriptor, hasOwn } = Object;
export const { isArray } = Array;
export const isFiniteNumber = Number.isFinite;
export const { parse, stringify } = JSON;
export const { floor } = Math;
export const dateNow = Date.now;
// biome-ignore lint/security/noGlobalEval: this is how a guest's code is compiled, inside its isolate.
export const indirectEval = globalThis.eval;
export const SafePromise = Promise;
export const SafeMap = Map;
export const SafeError = Error;
export const SafeTypeError = TypeError;
export const SafeRangeError = RangeError;
export const SafeUint8Array = Uint8Array;
export const isView = ArrayBuffer.isView;
export const string = String;
export const objectPrototype = Object.prototype;
export const arrayPrototype = Array.prototype;

/** `uncurry(method)(self, ...args)`: calls `method` without looking anything up. */
export const uncurry = Function.prototype.bind.bind(Function.prototype.call);

export const then = uncurry(Promise.prototype.then);
export const mapGet = uncurry(Map.prototype.get);
export const mapSet = uncurry(Map.prototype.set);
export const endsWith = uncurry(String.prototype.endsWith);
export const mapHas = uncurry(Map.prototype.has);
export const mapDelete = uncurry(Map.prototype.delete);
export const mapForEach = uncurry(Map.prototype.forEach);
const weakMaps = [new WeakMap(), new WeakMap()];
const weakGet = uncurry(WeakMap.prototype.get);
const weakSet = uncurry(WeakMap.prototype.set);
const side = (map) => ({
  __proto__: null,
  get: (key) => weakGet(map, key),
  set: (key, value) => weakSet(map, key, value),
});
/** Facts about error objects that the guest cannot forge. */
export const limitOfError = side(weakMaps[0]);
export const stackOfError = side(weakMaps[1]);
export const indexOf = uncurry(String.prototype.indexOf);
export const lastIndexOf = uncurry(String.prototype.lastIndexOf);
export const slice = uncurry(String.prototype.slice);
export const startsWith = uncurry(String.prototype.startsWith);
export const charCodeAt = uncurry(String.prototype.charCodeAt);
export const functionToString = uncurry(Function.prototype.toString);
export const viewBuffer = uncurry(getter(getPrototypeOf(Uint8Array.prototype), 'buffer'));
export const viewOffset = uncurry(getter(getPrototypeOf(Uint8Array.prototype), 'byteOffset'));
export const viewLength = uncurry(getter(getPrototypeOf(Uint8Array.prototype), 'byteLength'));
export const dataViewBuffer = uncurry(getter(DataView.prototype, 'buffer'));
export const dataViewOffset = uncurry(getter(DataView.prototype, 'byteOffset'));
export const dataViewLength = uncurry(getter(DataView.prototype, 'byteLength'));
export const typedArrayTag = uncurry(getter(getPrototypeOf(Uint8Array.prototype), Symbol.toStringTag));
export const bufferSlice = uncurry(ArrayBuffer.prototype.slice);
export const bufferLength = uncurry(getter(ArrayBuffer.prototype, 'byteLength'));

function getter(prototype, name) {
  return getOwnPropertyDescriptor(prototype, name).get;
}

/** A property that nobody sees in a listing. */
export function hide(object, name, value) {
  return defineProperty(object, name, {
    __proto__: null,
    value,
    writable: true,
    configurable: true,
    enumerable: false,
  });
}

/** Reads an own property; a polluted prototype answers nothing. */
export function own(object, name) {
  return hasOwn(object, name) ? object[name] : undefined;
}

/** What bundles get. An object of its own: a namespace costs a blank isolate a function and an accessor per name. */
export const forBundles = {
  __proto__: null,
  SafeMap,
  SafeUint8Array,
  apply,
  bufferLength,
  bufferSlice,
  charCodeAt,
  dataViewBuffer,
  dataViewLength,
  dataViewOffset,
  functionToString,
  getOwnPropertyDescriptor,
  getPrototypeOf,
  hide,
  isView,
  limitOfError,
  mapForEach,
  mapGet,
  mapHas,
  mapSet,
  own,
  parse,
  slice,
  string,
  stringify,
  then,
  typedArrayTag,
  uncurry,
  viewBuffer,
  viewLength,
  viewOffset,
};
