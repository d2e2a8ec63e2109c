// console: lines of plain values are joined here; everything else is formatted by the lazy bundle `inspect`.
import { pending, post } from './bridge.js';
import { internals, lazy } from './lazy.js';
import { apply, hide, indexOf, slice, string, stringify } from './primordials.js';

/** `indent` belongs to console.group; `room` is how much output the run may still make, in characters. */
export const output = { __proto__: null, indent: '', room: Infinity };

/** Sends text. Beyond the limit nothing is sent: the worker has made its cut by then. */
export function write(stream, text) {
  if (output.room < 0 || text === '') return;
  // A byte too many tells the worker that output was lost; the rest of a huge text need not travel.
  const sent = text.length > output.room + 4 ? slice(text, 0, output.room + 4) : text;
  output.room -= text.length;
  post(`{"t":"out","stream":"${stream}","text":${stringify(sent)}}`);
}

function isPlain(value) {
  return typeof value !== 'object' ? typeof value !== 'function' && typeof value !== 'symbol' : value === null;
}

/** One line as console.log writes it. */
function format(args) {
  let text = '';
  for (let n = 0; n < args.length; n++) {
    const value = args[n];
    if (!isPlain(value) || (n === 0 && args.length > 1 && typeof value === 'string' && indexOf(value, '%') >= 0)) {
      return lazy('inspect').formatAll(args);
    }
    if (n > 0) text += ' ';
    if (typeof value === 'number' && value === 0 && 1 / value < 0) text += '-0';
    else text += typeof value === 'bigint' ? `${string(value)}n` : string(value);
  }
  return text;
}

/** Prints one line, indented as the groups say. */
export function print(stream, args) {
  if (pending.ended || output.room < 0) return;
  const text = format(args);
  write(stream, output.indent === '' ? `${text}\n` : lazy('console').indent(text, output.indent));
}

// A literal, not a loop: its methods cost a blank isolate almost nothing.
const console = {
  log(...args) {
    print('stdout', args);
  },
  info(...args) {
    print('stdout', args);
  },
  debug(...args) {
    print('stdout', args);
  },
  warn(...args) {
    print('stderr', args);
  },
  error(...args) {
    print('stderr', args);
  },
  trace(...args) {
    more('trace', args);
  },
  dir(...args) {
    more('dir', args);
  },
  dirxml(...args) {
    more('dirxml', args);
  },
  table(...args) {
    more('table', args);
  },
  group(...args) {
    more('group', args);
  },
  groupCollapsed(...args) {
    more('groupCollapsed', args);
  },
  groupEnd(...args) {
    more('groupEnd', args);
  },
  time(...args) {
    more('time', args);
  },
  timeLog(...args) {
    more('timeLog', args);
  },
  timeEnd(...args) {
    more('timeEnd', args);
  },
  count(...args) {
    more('count', args);
  },
  countReset(...args) {
    more('countReset', args);
  },
  assert(...args) {
    more('assert', args);
  },
  clear(...args) {
    more('clear', args);
  },
};
hide(globalThis, 'console', console);

function more(name, args) {
  apply(lazy('console').methods[name], undefined, args);
}

internals.print = print;
internals.write = write;
internals.output = output;
