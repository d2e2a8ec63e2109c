// The texts of an object's parts: properties, items of arrays, maps and sets.
import { keyText } from './text.js';

const getter = (prototype, name) => Object.getOwnPropertyDescriptor(prototype, name).get;
const mapSize = getter(Map.prototype, 'size');

export function isIndex(key) {
  return /^(0|[1-9]\d{0,9})$/.test(key);
}

function indented(ctx, by, body) {
  ctx.indentation += by;
  try {
    return body();
  } finally {
    ctx.indentation -= by;
  }
}

export function property(ctx, value, key, depth) {
  const descriptor = Object.getOwnPropertyDescriptor(value, key) ?? { value: value[key], enumerable: true };
  let name = keyText(key);
  if (!descriptor.enumerable) name = `[${typeof key === 'symbol' ? Symbol.prototype.toString.call(key) : key}]`;
  if (descriptor.get !== undefined && isNamespace(value))
    return `${name}: ${indented(ctx, 2, () => readQuietly(ctx, value, key, depth))}`;
  if (descriptor.get !== undefined) {
    if (ctx.getters) {
      try {
        return `${name}: [${descriptor.set ? 'Getter/Setter' : 'Getter'}] ${indented(ctx, 2, () => ctx.format(value[key], depth))}`;
      } catch (error) {
        return `${name}: [Getter: <Inspection threw (${error?.message})>]`;
      }
    }
    return `${name}: [${descriptor.set === undefined ? 'Getter' : 'Getter/Setter'}]`;
  }
  if (descriptor.set !== undefined) return `${name}: [Setter]`;
  return `${name}: ${indented(ctx, 2, () => ctx.format(descriptor.value, depth))}`;
}

/** Namespaces of modules: their getters are the module system's own. */
function isNamespace(value) {
  return (
    Object.getPrototypeOf(value) === null &&
    Object.getOwnPropertyDescriptor(value, Symbol.toStringTag)?.value === 'Module'
  );
}

function readQuietly(ctx, value, key, depth) {
  try {
    return ctx.format(value[key], depth);
  } catch {
    return '<uninitialized>';
  }
}

function more(left) {
  return `... ${left} more item${left > 1 ? 's' : ''}`;
}

export function* arrayItems(ctx, value, depth) {
  const most = Math.min(Math.max(0, ctx.maxArrayLength), value.length);
  let shown = 0;
  let n = 0;
  for (; n < value.length && shown < most; n++, shown++) {
    if (Object.hasOwn(value, n)) {
      const item = Object.getOwnPropertyDescriptor(value, n);
      yield item.get ? '[Getter]' : indented(ctx, 2, () => ctx.format(value[n], depth));
      continue;
    }
    const next = nextIndex(value, n);
    const holes = next - n;
    yield `<${holes} empty item${holes > 1 ? 's' : ''}>`;
    n = next - 1;
  }
  if (n < value.length) yield more(value.length - n);
}

/** The first index at or after `from` that exists; the length when none does. Quick for huge sparse arrays. */
function nextIndex(value, from) {
  if (value.length - from < 10_000) {
    for (let n = from; n < value.length; n++) if (Object.hasOwn(value, n)) return n;
    return value.length;
  }
  const next = Object.keys(value).find((key) => isIndex(key) && +key >= from);
  return next === undefined ? value.length : +next;
}

export function* numbers(ctx, value) {
  const most = Math.min(ctx.maxArrayLength, value.length);
  for (let n = 0; n < most; n++) yield ctx.format(value[n], 0);
  if (value.length > most) yield more(value.length - most);
}

export function* mapItems(ctx, value, depth) {
  let n = 0;
  for (const [key, item] of Map.prototype.entries.call(value)) {
    if (n++ >= ctx.maxArrayLength) {
      yield more(mapSize.call(value) - ctx.maxArrayLength);
      return;
    }
    yield indented(ctx, 2, () => `${ctx.format(key, depth)} => ${ctx.format(item, depth)}`);
  }
}

export function* setItems(ctx, value, depth) {
  let n = 0;
  for (const item of Set.prototype.values.call(value)) {
    if (n++ >= ctx.maxArrayLength) {
      yield more(setSize.call(value) - ctx.maxArrayLength);
      return;
    }
    yield indented(ctx, 2, () => ctx.format(item, depth));
  }
}
