// structuredClone: https://html.spec.whatwg.org/multipage/structured-data.html, for what a guest can hold.
const { bytesOf } = cordon.lazy('result');
const errors = { Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError };
const brands = [
  [Date.prototype.getTime, (value) => new Date(Date.prototype.getTime.call(value))],
  [Object.getOwnPropertyDescriptor(RegExp.prototype, 'source').get, (value) => new RegExp(value.source, value.flags)],
  [Number.prototype.valueOf, (value) => Object(Number.prototype.valueOf.call(value))],
  [String.prototype.valueOf, (value) => Object(String.prototype.valueOf.call(value))],
  [Boolean.prototype.valueOf, (value) => Object(Boolean.prototype.valueOf.call(value))],
  [BigInt.prototype.valueOf, (value) => Object(BigInt.prototype.valueOf.call(value))],
];
const mapSize = Object.getOwnPropertyDescriptor(Map.prototype, 'size').get;
const setSize = Object.getOwnPropertyDescriptor(Set.prototype, 'size').get;

function is(brand, value) {
  try {
    brand.call(value);
    return true;
  } catch {
    return false;
  }
}

function refuse(value) {
  const shown =
    typeof value === 'symbol'
      ? String(value)
      : typeof value === 'function'
        ? `${value}`.slice(0, 100)
        : `#<${value?.constructor?.name ?? 'Object'}>`;
  throw new globalThis.DOMException(`${shown} could not be cloned.`, 'DataCloneError');
}

export function structuredClone(value, options) {
  if (arguments.length === 0) throw new TypeError("The 'value' argument must be given");
  const seen = new Map();
  for (const item of options?.transfer ?? []) {
    if (bytesOf(item) === undefined || ArrayBuffer.isView(item)) refuse(item);
    seen.set(item, item.transfer());
  }
  return clone(value, seen);
}

function clone(value, seen) {
  if (typeof value === 'symbol' || typeof value === 'function') refuse(value);
  if (typeof value !== 'object' || value === null) return value;
  if (seen.has(value)) return seen.get(value);
  const keep = (copy) => {
    seen.set(value, copy);
    return copy;
  };
  if (ArrayBuffer.isView(value)) {
    const buffer = clone(value.buffer, seen);
    const kind = value instanceof DataView ? DataView : globalThis[value[Symbol.toStringTag]];
    return keep(new kind(buffer, value.byteOffset, value instanceof DataView ? value.byteLength : value.length));
  }
  if (bytesOf(value) !== undefined) return keep(value.slice(0));
  for (const [brand, copy] of brands) if (is(brand, value)) return keep(copy(value));
  if (is(mapSize, value)) {
    const copy = keep(new Map());
    for (const [key, item] of [...Map.prototype.entries.call(value)]) copy.set(clone(key, seen), clone(item, seen));
    return copy;
  }
  if (is(setSize, value)) {
    const copy = keep(new Set());
    for (const item of [...Set.prototype.values.call(value)]) copy.add(clone(item, seen));
    return copy;
  }
  if (value instanceof Error) {
    const copy = keep(new (errors[value.name] ?? Error)(value.message));
    Object.defineProperty(copy, 'stack', { value: value.stack, writable: true, configurable: true });
    if (Object.hasOwn(value, 'cause'))
      Object.defineProperty(copy, 'cause', { value: clone(value.cause, seen), writable: true, configurable: true });
    return copy;
  }
  if (value instanceof Promise || value instanceof WeakMap || value instanceof WeakSet || value instanceof WeakRef)
    refuse(value);
  const copy = keep(Array.isArray(value) ? new Array(value.length) : {});
  for (const key of Object.keys(value)) {
    Object.defineProperty(copy, key, {
      value: clone(value[key], seen),
      writable: true,
      enumerable: true,
      configurable: true,
    });
  }
  return copy;
}
