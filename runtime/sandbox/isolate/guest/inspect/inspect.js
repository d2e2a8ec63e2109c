// util.inspect: which parts a value has (kinds.js) and how they are laid out (layout.js).
import { describe } from './kinds.js';
import { layOut } from './layout.js';
import { quote } from './text.js';

export const custom = Symbol.for('nodejs.util.inspect.custom');
const mostCharacters = 1 << 20;

const defaults = {
  depth: 2,
  maxArrayLength: 100,
  maxStringLength: 10_000,
  breakLength: 80,
  compact: 3,
  sorted: false,
  showHidden: false,
  getters: false,
  customInspect: true,
  colors: false,
  numericSeparator: false,
};

/** A text for people. `options` as Node.js has them (no colours); hostile values give a text too. */
export function inspect(value, options, ...legacy) {
  const given = typeof options === 'boolean' ? { showHidden: options, depth: legacy[0] ?? 2 } : options;
  const ctx = {
    ...defaults,
    ...given,
    seen: [],
    circular: new Map(),
    indentation: 0,
    level: 0,
    currentDepth: 0,
    budget: mostCharacters,
  };
  if (ctx.depth === null) ctx.depth = Infinity;
  if (ctx.maxArrayLength === null) ctx.maxArrayLength = Infinity;
  if (ctx.maxStringLength === null) ctx.maxStringLength = Infinity;
  if (ctx.breakLength === undefined) ctx.breakLength = 80;
  ctx.format = (inner, depth, typed) => format(ctx, inner, depth, typed);
  try {
    return format(ctx, value, 0, true);
  } catch (error) {
    if (error instanceof RangeError && ctx.level > 50) return '[Object: nested too deeply to show]';
    return typeof value === 'function' ? '[Function]' : '[Object: it cannot be inspected]';
  }
}
inspect.custom = custom;
inspect.defaultOptions = { ...defaults };

function format(ctx, value, depth, typed) {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return primitive(ctx, value, typed);
  if (ctx.customInspect) {
    const own = customText(ctx, value, depth);
    if (own !== undefined) return own;
  }
  if (ctx.seen.includes(value)) {
    if (!ctx.circular.has(value)) ctx.circular.set(value, ctx.circular.size + 1);
    return `[Circular *${ctx.circular.get(value)}]`;
  }
  return object(ctx, value, depth, typed);
}

function customText(ctx, value, depth) {
  let maybe;
  try {
    maybe = value[custom];
  } catch {
    return undefined;
  }
  if (typeof maybe !== 'function' || maybe === inspect) return undefined;
  const { seen, circular, indentation, level, budget, format: _, ...options } = ctx;
  const result = maybe.call(
    value,
    ctx.depth - depth,
    { ...options, depth: ctx.depth - depth, stylize: (text) => `${text}` },
    inspect,
  );
  if (result === value) return undefined;
  return typeof result === 'object' && result !== null
    ? format(ctx, result, depth)
    : `${result}`.replaceAll('\n', `\n${' '.repeat(ctx.indentation)}`);
}

function primitive(ctx, value, typed) {
  switch (typeof value) {
    case 'string': {
      let text = value;
      let rest = '';
      if (text.length > ctx.maxStringLength) {
        const more = text.length - ctx.maxStringLength;
        text = text.slice(0, ctx.maxStringLength);
        rest = `... ${more} more character${more > 1 ? 's' : ''}`;
      }
      if (
        typed !== true &&
        ctx.compact !== true &&
        text.length > 16 &&
        text.length > ctx.breakLength - ctx.indentation - 4
      ) {
        return (
          text
            .split(/(?<=\n)/)
            .map(quote)
            .join(` +\n${' '.repeat(ctx.indentation + 2)}`) + rest
        );
      }
      return quote(text) + rest;
    }
    case 'number':
      return Object.is(value, -0) ? '-0' : `${value}`;
    case 'bigint':
      return `${value}n`;
    case 'symbol':
      return Symbol.prototype.toString.call(value);
    default:
      return `${value}`;
  }
}

function object(ctx, value, depth) {
  const parts = describe(ctx, value);
  if (parts.text !== undefined) return parts.text;
  if (depth > ctx.depth) return parts.isEmpty ? parts.braces.join('') : parts.collapsed;
  ctx.seen.push(value);
  ctx.level++;
  ctx.currentDepth = depth;
  const output = [];
  try {
    for (const item of parts.items(depth + 1)) {
      output.push(item);
      ctx.budget -= item.length;
      if (ctx.budget < 0) {
        output.push('... the rest is too long to show');
        break;
      }
    }
  } finally {
    ctx.seen.pop();
    ctx.level--;
  }
  let { base } = parts;
  if (ctx.circular.has(value)) {
    const reference = `<ref *${ctx.circular.get(value)}>`;
    if (ctx.compact !== true) base = base === '' ? reference : `${reference} ${base}`;
    else parts.braces[0] = `${reference} ${parts.braces[0]}`;
  }
  if (ctx.sorted && !parts.isList) output.sort(ctx.sorted === true ? undefined : ctx.sorted);
  return layOut(ctx, output, base, parts.braces, parts.isList, value, depth);
}
