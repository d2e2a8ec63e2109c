// How stacks look to the guest and in reports: its own files, its own lines and columns, nothing else.
// In the prelude, not lazy: isolated-vm reads `stack` of an unhandled rejection when no bundle can be loaded.
import {
  charCodeAt,
  indexOf,
  lastIndexOf,
  mapGet,
  own,
  SafeError,
  SafeMap,
  slice,
  string,
  uncurry,
} from './primordials.js';

const errorToString = uncurry(SafeError.prototype.toString);

/** Every file of the guest that runs, with the map of its columns and lines. */
export const sources = new SafeMap();

/** The text of `error.stack`: the header and the frames that lie in files of the guest. */
export function format(error, sites) {
  let text = header(error);
  for (let n = 0; n < sites.length; n++) {
    const line = frame(sites[n]);
    if (line !== undefined) text += `\n${line}`;
  }
  return text;
}

function header(error) {
  try {
    const text = errorToString(error);
    return typeof text === 'string' ? text : 'Error';
  } catch {
    return 'Error';
  }
}

function frame(site) {
  try {
    const path = site.getScriptNameOrSourceURL();
    if (typeof path !== 'string') return undefined;
    const map = mapGet(sources, path);
    if (map === undefined) return undefined;
    const at = original(map, site.getLineNumber(), site.getColumnNumber());
    const place = `${path}:${at.line}:${at.column}`;
    const label = labelOf(`    at ${string(site)}`);
    if (label === '') return site.isAsync() ? `    at async ${place}` : `    at ${place}`;
    return `    at ${label} (${place})`;
  } catch {
    return undefined;
  }
}

function labelOf(line) {
  const paren = lastIndexOf(line, ' (');
  if (paren < 0) return '';
  const label = slice(line, 7, paren);
  if (label === 'eval' || label === 'async eval' || indexOf(label, '$iiii') >= 0) return '';
  return label;
}

/** A line of a stack that something else wrote, if it names a file of the guest; positions stay as they are. */
export function cleanLine(line) {
  const open = lastIndexOf(line, '(');
  const place = open < 0 ? slice(line, 7) : slice(line, open + 1, line.length - 1);
  const bare = indexOf(place, 'async ') === 0 ? slice(place, 6) : place;
  const path = slice(bare, 0, lastIndexOf(bare, ':', lastIndexOf(bare, ':') - 1));
  if (mapGet(sources, path) === undefined) return undefined;
  const label = labelOf(line);
  return label === '' ? `    at ${place}` : line;
}

/** Where a position of the code that runs was in the guest's own source. */
export function original(map, line, column) {
  if (map === true) return { line, column };
  const shifts = own(map, 'shifts');
  const moved = shifts === undefined ? undefined : own(shifts, string(line));
  let delta = 0;
  if (moved !== undefined) for (let n = 0; n < moved.length; n++) if (moved[n][0] <= column) delta = moved[n][1];
  const inSource = { line, column: column - delta > 0 ? column - delta : 1 };
  const mappings = own(map, 'mappings');
  if (mappings === undefined) return inSource;
  return decode(mappings, inSource);
}

const digits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/** Source map, version 3: base64 VLQ segments; the last segment at or before the position answers. */
function decode(mappings, wanted) {
  let line = 1;
  let column = 0;
  let sourceLine = 0;
  let sourceColumn = 0;
  let found;
  let at = 0;
  const next = () => {
    let value = 0;
    let shift = 0;
    for (;;) {
      const digit = indexOf(digits, mappings[at++]);
      value += (digit & 31) << shift;
      if (digit < 32) break;
      shift += 5;
    }
    return value & 1 ? -(value >> 1) : value >> 1;
  };
  while (at < mappings.length && line <= wanted.line) {
    const code = charCodeAt(mappings, at);
    if (code === 59) {
      line++;
      column = 0;
      at++;
      continue;
    }
    if (code === 44) {
      at++;
      continue;
    }
    column += next();
    if (at < mappings.length && !ends(charCodeAt(mappings, at))) {
      next();
      sourceLine += next();
      sourceColumn += next();
      if (at < mappings.length && !ends(charCodeAt(mappings, at))) next();
    }
    if (line === wanted.line && column <= wanted.column - 1) {
      found = { line: sourceLine + 1, column: sourceColumn + 1 + (wanted.column - 1 - column) };
    } else if (line === wanted.line && found === undefined) {
      found = { line: sourceLine + 1, column: sourceColumn + 1 };
    }
  }
  return found ?? wanted;
}

function ends(code) {
  return code === 44 || code === 59;
}
