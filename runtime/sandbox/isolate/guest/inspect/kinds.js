// What a value is, and the texts of its parts. Brands are asked of the built-in methods, so nothing can pretend.
import { errorText } from './errors.js';
import { arrayItems, isIndex, mapItems, numbers, property, setItems } from './items.js';
import { quote } from './text.js';

const getter = (prototype, name) => Object.getOwnPropertyDescriptor(prototype, name).get;
const mapSize = getter(Map.prototype, 'size');
const setSize = getter(Set.prototype, 'size');
const bufferLength = getter(ArrayBuffer.prototype, 'byteLength');
const viewTag = getter(Object.getPrototypeOf(Uint8Array.prototype), Symbol.toStringTag);
const dateTime = Date.prototype.getTime;
const regexpText = RegExp.prototype.toString;
const regexpSource = getter(RegExp.prototype, 'source');
const promiseBrand = Promise.prototype.then;
const functionText = Function.prototype.toString;

function is(method, value, ...args) {
  try {
    method.call(value, ...args);
    return true;
  } catch {
    return false;
  }
}

/** The parts of an object: {base, braces, items(depth), isList, collapsed}, or {text} when it has none. */
export function describe(ctx, value) {
  let name;
  let tag;
  let keys;
  try {
    name = className(value);
    tag = value[Symbol.toStringTag];
    if (
      typeof tag !== 'string' ||
      tag === '' ||
      (ctx.showHidden ? Object.hasOwn : ownEnumerable)(value, Symbol.toStringTag)
    )
      tag = '';
    keys = ownKeys(ctx, value);
  } catch {
    return revoked(value);
  }
  const prefix = (fallback, size = '') => {
    const shown = name === null ? `[${fallback}${size}: null prototype] ` : `${name}${size} `;
    return tag !== '' && tag !== name ? `${shown}[${tag}] ` : shown;
  };
  const parts = (start, base, own, isList = false) => ({
    base,
    braces: isList ? [`${start}[`, ']'] : [`${start}{`, '}'],
    isList,
    isEmpty: isList ? value.length === 0 : own === undefined && keys.length === 0,
    collapsed: collapsed(value, name, tag, isList),
    items: function* (depth) {
      if (own) yield* own(depth);
      for (const key of keys) yield property(ctx, value, key, depth);
    },
  });
  if (Array.isArray(value)) {
    keys = keys.filter((key) => typeof key === 'symbol' || !isIndex(key));
    const plain = name === 'Array' && tag === '';
    return parts(plain ? '' : prefix('Array', `(${value.length})`), '', (depth) => arrayItems(ctx, value, depth), true);
  }
  const view = viewTag.call(value);
  if (view !== undefined) {
    keys = keys.filter((key) => typeof key === 'symbol' || !isIndex(key));
    return parts(`${prefix(view, `(${value.length})`)}`, '', () => numbers(ctx, value), true);
  }
  if (is(mapSize, value))
    return parts(prefix('Map', `(${mapSize.call(value)})`), '', (depth) => mapItems(ctx, value, depth));
  if (is(setSize, value))
    return parts(prefix('Set', `(${setSize.call(value)})`), '', (depth) => setItems(ctx, value, depth));
  if (typeof value === 'function') {
    const base = functionBase(value, name, tag);
    return keys.length === 0 ? { text: base } : parts('', base);
  }
  if (is(regexpSource, value) && value !== RegExp.prototype) {
    const base = regexpText.call(value);
    return keys.length === 0 ? { text: base } : parts('', base);
  }
  if (is(dateTime, value)) {
    const base = Number.isNaN(dateTime.call(value)) ? 'Invalid Date' : Date.prototype.toISOString.call(value);
    return keys.length === 0 ? { text: name === 'Date' ? base : `${prefix('Date')}${base}` } : parts('', base);
  }
  if (value instanceof Error) {
    keys = keys.filter((key) => !(['name', 'message', 'stack'].includes(key) && `${value.stack}`.includes(value[key])));
    if (Object.hasOwn(value, 'cause') && !keys.includes('cause')) keys.push('cause');
    if (Object.hasOwn(value, 'errors') && Array.isArray(value.errors) && !keys.includes('errors')) keys.push('errors');
    const base = errorText(value, name).replaceAll('\n', `\n${' '.repeat(ctx.indentation)}`);
    return keys.length === 0 ? { text: base } : parts('', base);
  }
  if (is(bufferLength, value)) {
    return parts(prefix('ArrayBuffer'), '', function* () {
      const bytes = new Uint8Array(value);
      const shown = Array.from(bytes.subarray(0, 50), (byte) => byte.toString(16).padStart(2, '0')).join(' ');
      const more = bytes.length - 50;
      yield `[Uint8Contents]: <${shown}${more > 0 ? ` ... ${more} more byte${more > 1 ? 's' : ''}` : ''}>`;
      yield `byteLength: ${bytes.length}`;
    });
  }
  if (isPromise(value))
    return parts(prefix('Promise'), '', function* () {
      yield '<state unknown>';
    });
  if (is(WeakMap.prototype.has, value, {}))
    return parts(prefix('WeakMap'), '', function* () {
      yield '<items unknown>';
    });
  if (is(WeakSet.prototype.has, value, {}))
    return parts(prefix('WeakSet'), '', function* () {
      yield '<items unknown>';
    });
  const boxed = boxedText(value);
  if (boxed !== undefined) {
    if (boxed.isString) keys = keys.filter((key) => typeof key === 'symbol' || !isIndex(key));
    return keys.length === 0 ? { text: boxed.text } : parts('', boxed.text);
  }
  if (name === null && tag === 'Module') return parts('[Module: null prototype] ', '');
  const plain = name === 'Object' && tag === '';
  if (Object.prototype.toString.call(value) === '[object Arguments]') {
    keys = keys.filter((key) => typeof key === 'symbol' || !isIndex(key));
    return parts('[Arguments] ', '', (depth) => arrayItems(ctx, value, depth), true);
  }
  return parts(plain ? '' : prefix('Object'), '');
}

function revoked(value) {
  return {
    text:
      typeof value === 'function'
        ? '[Function]'
        : isArrayQuietly(value)
          ? '[Array]'
          : '<Proxy that refuses to be read>',
  };
}

function isArrayQuietly(value) {
  try {
    return Array.isArray(value);
  } catch {
    return false;
  }
}

function isPromise(value) {
  return (
    Object.prototype.toString.call(value) === '[object Promise]' &&
    value instanceof Promise &&
    promiseBrand !== undefined
  );
}

function boxedText(value) {
  for (const [type, brand] of [
    ['Number', Number.prototype.valueOf],
    ['String', String.prototype.valueOf],
    ['Boolean', Boolean.prototype.valueOf],
    ['BigInt', BigInt.prototype.valueOf],
    ['Symbol', Symbol.prototype.valueOf],
  ]) {
    if (!is(brand, value)) continue;
    const inner = brand.call(value);
    const text =
      typeof inner === 'string'
        ? quote(inner)
        : typeof inner === 'bigint'
          ? `${inner}n`
          : Object.is(inner, -0)
            ? '-0'
            : String(inner);
    return { text: `[${type}: ${text}]`, isString: type === 'String' };
  }
  return undefined;
}

/** The name of the nearest constructor; null when there is no prototype. */
function className(value) {
  for (let proto = value, n = 0; proto !== null && n < 100; n++, proto = Object.getPrototypeOf(proto)) {
    const descriptor = Object.getOwnPropertyDescriptor(proto, 'constructor');
    if (descriptor !== undefined && typeof descriptor.value === 'function' && descriptor.value.name !== '') {
      if (proto === value && !is(() => Object.getPrototypeOf(value), value)) continue;
      if (value instanceof descriptor.value || proto !== value) return `${descriptor.value.name}`;
    }
  }
  return null;
}

function collapsed(value, name, tag, isList) {
  if (isList && name === 'Array') return '[Array]';
  const shown = name === null ? '[Object: null prototype]' : tag !== '' && tag !== name ? `${name} [${tag}]` : name;
  return `[${shown}]`;
}

function functionBase(value, name, tag) {
  const text = functionText.call(value);
  const own = Object.getOwnPropertyDescriptor(value, 'name')?.value;
  const named = typeof own === 'string' && own !== '';
  if (/^class\b/.test(text)) {
    const parent = Object.getPrototypeOf(value);
    const extending =
      typeof parent === 'function' && parent.name ? ` extends ${parent.name}` : parent === null ? ' extends null' : '';
    return `[class ${named ? own : '(anonymous)'}${extending}]`;
  }
  const kind =
    {
      AsyncFunction: 'AsyncFunction',
      GeneratorFunction: 'GeneratorFunction',
      AsyncGeneratorFunction: 'AsyncGeneratorFunction',
    }[name] ?? 'Function';
  const base = `[${kind}${name === null ? ' (null prototype)' : ''}${named ? `: ${own}` : ' (anonymous)'}]`;
  return tag !== '' && tag !== name && tag !== kind ? `${base} [${tag}]` : base;
}

function ownEnumerable(value, key) {
  return Object.prototype.propertyIsEnumerable.call(value, key);
}

function ownKeys(ctx, value) {
  if (ctx.showHidden) return Reflect.ownKeys(value);
  const keys = Object.keys(value);
  for (const symbol of Object.getOwnPropertySymbols(value)) if (ownEnumerable(value, symbol)) keys.push(symbol);
  return keys;
}
