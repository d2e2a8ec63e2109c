// printf-like formatting, as util.format and console.log do it.
import { inspect } from './inspect.js';

function plain(value, options) {
  return typeof value === 'string' ? value : inspect(value, options);
}

/** Arguments of console.log as one text. */
export function formatAll(args) {
  return formatWithOptions({}, args);
}

/** The same with options for `inspect`. */
export function formatWithOptions(options, args) {
  let text = '';
  let next = 0;
  if (typeof args[0] === 'string' && args.length > 1) {
    next = 1;
    const [pattern] = args;
    let from = 0;
    for (let at = pattern.indexOf('%'); at >= 0 && at < pattern.length - 1; at = pattern.indexOf('%', at)) {
      const replacement = substitute(pattern[at + 1], () => args[next++], next < args.length, options);
      if (replacement === undefined) {
        at += 1;
        continue;
      }
      text += pattern.slice(from, at) + replacement;
      at += 2;
      from = at;
    }
    text += pattern.slice(from);
  }
  for (; next < args.length; next++) text += (next > 0 ? ' ' : '') + plain(args[next], options);
  return text;
}

function substitute(letter, take, has, options) {
  if (letter === '%') return '%';
  if (!has) return undefined;
  const number = (read) => {
    const value = take();
    if (typeof value === 'bigint') return `${value}n`;
    return typeof value === 'symbol' || (typeof value === 'object' && letter !== 'f')
      ? 'NaN'
      : negativeZero(read(value));
  };
  switch (letter) {
    case 's': {
      const value = take();
      if (typeof value === 'bigint') return `${value}n`;
      if (typeof value === 'number') return negativeZero(value);
      return typeof value === 'object' && value !== null
        ? inspect(value, { ...options, depth: 0, compact: 3 })
        : String(value);
    }
    case 'd':
      return number(Number);
    case 'i':
      return number((value) => Number.parseInt(value, 10));
    case 'f':
      return number(Number.parseFloat);
    case 'j':
      try {
        return `${JSON.stringify(take())}`;
      } catch {
        return '[Circular]';
      }
    case 'o':
      return inspect(take(), { ...options, showHidden: true, depth: 4 });
    case 'O':
      return inspect(take(), options);
    case 'c':
      take();
      return '';
    default:
      return undefined;
  }
}

function negativeZero(value) {
  return Object.is(value, -0) ? '-0' : `${value}`;
}
