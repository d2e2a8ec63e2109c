// node:util's types: asked of the built-in methods, as far as JavaScript can know (not: isProxy, isExternal).
const getter = (prototype, name) => Object.getOwnPropertyDescriptor(prototype, name).get;
const tag = getter(Object.getPrototypeOf(Uint8Array.prototype), Symbol.toStringTag);

const by =
  (method, ...args) =>
  (value) => {
    try {
      method.call(value, ...args);
      return true;
    } catch {
      return false;
    }
  };
const byTag = (name) => (value) => ArrayBuffer.isView(value) && tag.call(value) === name;
const byText = (name) => (value) => Object.prototype.toString.call(value) === `[object ${name}]`;
const onlyObjects = (test) => (value) => typeof value === 'object' && value !== null && test(value);

export const types = {
  isMap: by(getter(Map.prototype, 'size')),
  isSet: by(getter(Set.prototype, 'size')),
  isWeakMap: by(WeakMap.prototype.has, {}),
  isWeakSet: by(WeakSet.prototype.has, {}),
  isDate: by(Date.prototype.getTime),
  isRegExp: (value) => value !== RegExp.prototype && by(getter(RegExp.prototype, 'source'))(value),
  isNativeError: (value) => value instanceof Error,
  isPromise: (value) => value instanceof Promise,
  isArrayBuffer: by(getter(ArrayBuffer.prototype, 'byteLength')),
  isAnyArrayBuffer: by(getter(ArrayBuffer.prototype, 'byteLength')),
  isSharedArrayBuffer: () => false,
  isArrayBufferView: ArrayBuffer.isView,
  isTypedArray: (value) => ArrayBuffer.isView(value) && tag.call(value) !== undefined,
  isDataView: (value) => ArrayBuffer.isView(value) && tag.call(value) === undefined,
  isAsyncFunction: byText('AsyncFunction'),
  isGeneratorFunction: (value) => byText('GeneratorFunction')(value) || byText('AsyncGeneratorFunction')(value),
  isGeneratorObject: byText('Generator'),
  isNumberObject: onlyObjects(by(Number.prototype.valueOf)),
  isStringObject: onlyObjects(by(String.prototype.valueOf)),
  isBooleanObject: onlyObjects(by(Boolean.prototype.valueOf)),
  isBigIntObject: onlyObjects(by(BigInt.prototype.valueOf)),
  isSymbolObject: onlyObjects(by(Symbol.prototype.valueOf)),
  isBoxedPrimitive: (value) =>
    ['isNumberObject', 'isStringObject', 'isBooleanObject', 'isBigIntObject', 'isSymbolObject'].some((name) =>
      types[name](value),
    ),
  isMapIterator: byText('Map Iterator'),
  isSetIterator: byText('Set Iterator'),
  isModuleNamespaceObject: byText('Module'),
};
for (const name of [
  'Int8',
  'Uint8',
  'Uint8Clamped',
  'Int16',
  'Uint16',
  'Int32',
  'Uint32',
  'Float32',
  'Float64',
  'BigInt64',
  'BigUint64',
]) {
  types[`is${name}Array`] = byTag(`${name}Array`);
}
