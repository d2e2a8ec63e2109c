// Deep strict equality, as node:util and node:assert decide it.
import { types } from './brands.js';

/** Whether both have the same structure, prototypes and values (-0 differs from 0, NaN equals NaN). */
export function isDeepStrictEqual(left, right) {
  return equal(left, right, new Map());
}

function equal(left, right, seen) {
  if (Object.is(left, right)) return true;
  if (typeof left !== 'object' || typeof right !== 'object' || left === null || right === null) return false;
  if (Object.getPrototypeOf(left) !== Object.getPrototypeOf(right)) return false;
  if (Object.prototype.toString.call(left) !== Object.prototype.toString.call(right)) return false;
  if (seen.get(left) === right) return true;
  seen.set(left, right);
  if (types.isDate(left) && left.getTime() !== right.getTime()) return false;
  if (types.isRegExp(left) && `${left}` !== `${right}`) return false;
  if (types.isBoxedPrimitive(left) && !Object.is(left.valueOf(), right.valueOf())) return false;
  if (
    left instanceof Error &&
    (left.message !== right.message || left.name !== right.name || !equal(left.cause, right.cause, seen))
  )
    return false;
  if (types.isMap(left) && !equalMaps(left, right, seen)) return false;
  if (types.isSet(left) && !equalSets(left, right, seen)) return false;
  if (types.isArrayBuffer(left) && !equal(new Uint8Array(left), new Uint8Array(right), seen)) return false;
  if (Array.isArray(left) && left.length !== right.length) return false;
  const keys = keysOf(left);
  if (keys.length !== keysOf(right).length) return false;
  return keys.every(
    (key) => Object.prototype.propertyIsEnumerable.call(right, key) && equal(left[key], right[key], seen),
  );
}

function keysOf(value) {
  return Reflect.ownKeys(value).filter((key) => Object.prototype.propertyIsEnumerable.call(value, key));
}

function equalMaps(left, right, seen) {
  if (left.size !== right.size) return false;
  for (const [key, value] of left) {
    if (right.has(key)) {
      if (!equal(value, right.get(key), seen)) return false;
    } else if (![...right].some(([other, item]) => equal(key, other, seen) && equal(value, item, seen))) return false;
  }
  return true;
}

function equalSets(left, right, seen) {
  if (left.size !== right.size) return false;
  for (const item of left) if (!right.has(item) && ![...right].some((other) => equal(item, other, seen))) return false;
  return true;
}
