// The result of a run as JSON text. Plain data is written here; every other kind by the lazy bundle `result`.
//
// Inside plain objects and arrays each value is written as it would be at the top (a nested Date is its ISO text, a nested
// Map its pairs, NaN is "NaN", a function its inspected text), and resultType is then "object" or "array": JSON is not
// exactly the value. A property that is undefined is left out and does not count; undefined and holes in an array are
// null and do. -0 is 0. toJSON is not called. Keys that are symbols are left out. A cycle anywhere, or nesting deeper
// than 400, makes the whole result inspected text. An instance of a class has the class's name as its resultType.
import { internals, lazy } from './lazy.js';
import {
  arrayPrototype,
  getOwnPropertyDescriptor,
  getPrototypeOf,
  isArray,
  isFiniteNumber,
  objectPrototype,
  ownKeys,
  stringify,
} from './primordials.js';

const deepest = 400;
const tooLarge = { __proto__: null };
const cyclic = { __proto__: null };
const tooDeep = { __proto__: null };

/**
 * {text, type?} of a value; `text` undefined: there is none. `limit`: {limit: true} when it is longer than `most` bytes.
 * Getters of the guest may run; what they throw is shown in the text.
 */
export function toResult(value, most) {
  const state = { __proto__: null, left: most, exact: true, open: [], depth: 0 };
  try {
    if (value === undefined) return { __proto__: null, text: undefined, type: undefined };
    const kind = plainKind(value);
    if (kind === undefined) return lazy('result').special(value, state);
    const text = kind === 0 ? leaf(value, state) : container(value, kind, state);
    if (bytesOver(text, most)) return { __proto__: null, limit: true };
    return { __proto__: null, text, type: state.exact ? undefined : kind === 2 ? 'array' : 'object' };
  } catch (error) {
    if (error === tooLarge) return { __proto__: null, limit: true };
    if (error === cyclic || error === tooDeep) {
      return lazy('result').inspected(value, error === cyclic ? 'cyclic' : isArray(value) ? 'array' : 'object', most);
    }
    throw error;
  }
}
internals.toResult = toResult;

/** 0: a JSON leaf, 1: a plain object, 2: an array; undefined: anything else. */
function plainKind(value) {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return 0;
    case 'number':
      return isFiniteNumber(value) ? 0 : undefined;
    case 'object': {
      if (value === null) return 0;
      try {
        const proto = getPrototypeOf(value);
        if (isArray(value)) return proto === arrayPrototype ? 2 : undefined;
        return proto === objectPrototype || proto === null ? 1 : undefined;
      } catch {
        return undefined;
      }
    }
    default:
      return undefined;
  }
}

function leaf(value, state) {
  const text = stringify(value);
  state.left -= text.length;
  if (state.left < 0) throw tooLarge;
  return text;
}

function container(value, kind, state) {
  if (state.depth >= deepest) throw isOpen(value, state) ? cyclic : tooDeep;
  if (isOpen(value, state)) throw cyclic;
  state.open = { __proto__: null, value, outer: state.open };
  state.depth++;
  const text = kind === 2 ? array(value, state) : object(value, state);
  state.open = state.open.outer;
  state.depth--;
  return text;
}

function isOpen(value, state) {
  for (let open = state.open; open?.value !== undefined; open = open.outer) if (open.value === value) return true;
  return false;
}

function array(value, state) {
  let text = '[';
  const { length } = value;
  for (let n = 0; n < length; n++) {
    if (n > 0) text += ',';
    if (--state.left < 0) throw tooLarge;
    text += nested(value, n, state) ?? 'null';
  }
  return `${text}]`;
}

function object(value, state) {
  let text = '{';
  const keys = ownKeys(value);
  for (let n = 0; n < keys.length; n++) {
    const key = keys[n];
    if (typeof key === 'symbol') continue;
    const descriptor = getOwnPropertyDescriptor(value, key);
    if (descriptor === undefined || !descriptor.enumerable) continue;
    const inner = nested(value, key, state, true);
    if (inner === undefined) continue;
    const name = stringify(key);
    state.left -= name.length + 2;
    if (state.left < 0) throw tooLarge;
    text += `${text === '{' ? '' : ','}${name}:${inner}`;
  }
  return `${text}}`;
}

/** A value inside a container: undefined for none, which an object leaves out and an array shows as null. */
function nested(holder, key, state, inObject = false) {
  let value;
  try {
    value = holder[key];
  } catch (error) {
    state.exact = false;
    return leaf(lazy('result').thrown(error), state);
  }
  if (value === undefined) {
    if (!inObject) state.exact = false;
    return undefined;
  }
  const kind = plainKind(value);
  if (kind === 0) return leaf(value, state);
  if (kind !== undefined) return container(value, kind, state);
  state.exact = false;
  if (isOpen(value, state)) throw cyclic;
  return lazy('result').nested(value, state, write);
}

/** Writes a value for the lazy bundle, which opens maps and sets. */
function write(value, state) {
  return nested({ __proto__: null, value }, 'value', state) ?? 'null';
}
internals.writeNested = (value, state) => write(value, state);
internals.open = (value, state, body) => {
  if (isOpen(value, state)) throw cyclic;
  if (state.depth >= deepest) throw tooDeep;
  state.open = { __proto__: null, value, outer: state.open };
  state.depth++;
  const text = body();
  state.open = state.open.outer;
  state.depth--;
  return text;
};
internals.leaf = leaf;

/** Whether the text is longer than `most` bytes in UTF-8; a character is at most three bytes per UTF-16 unit. */
export function bytesOver(text, most) {
  if (text.length > most) return true;
  if (text.length * 3 <= most) return false;
  return lazy('result').utf8Length(text) > most;
}
internals.bytesOver = bytesOver;
