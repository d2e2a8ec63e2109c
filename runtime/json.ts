export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type JsonObject = { [key: string]: Json };

/** JSON nested more deeply than this is refused everywhere: recursive encoders would overflow the stack on it. */
export const maxJsonDepth = 1000;

/** How deeply arrays and objects of a JSON text are nested, found without parsing it. */
export function jsonDepth(text: string): number {
  let depth = 0;
  let deepest = 0;
  let inString = false;
  for (let at = 0; at < text.length; at++) {
    const char = text.charCodeAt(at);
    if (inString) {
      if (char === 0x5c) at++;
      else if (char === 0x22) inString = false;
    } else if (char === 0x22) inString = true;
    else if (char === 0x5b || char === 0x7b) deepest = Math.max(deepest, ++depth);
    else if (char === 0x5d || char === 0x7d) depth--;
  }
  return deepest;
}

/**
 * JSON.parse, without its fault: V8 takes a key that is written with an escape for another one when an object before had a
 * key that looks like the text of the escape (nodejs/node#63785). `{"\\u0063h": 0}` once, and `"\u0063hannel"` is read
 * as `\u0063h` by Cordon, and as `channel` by the service that gets the body. Errors: SyntaxError.
 */
export function parseJson(text: string): Json {
  const value: Json = JSON.parse(text);
  return hasEscapedKey(text) ? readValid(text) : value;
}

const quote = 0x22;
const comma = 0x2c;
const colon = 0x3a;
const [openList, closeList, openObject, closeObject] = [0x5b, 0x5d, 0x7b, 0x7d];
const isBlank = (char: number) => char === 0x20 || char === 0x0a || char === 0x0d || char === 0x09;

/** An escape stands in texts only: whether a colon follows one that has some. */
function hasEscapedKey(text: string): boolean {
  for (let at = text.indexOf('\\'); at >= 0; at = text.indexOf('\\', at)) {
    at = endOfText(text, at) + 1;
    while (isBlank(text.charCodeAt(at))) at++;
    if (text.charCodeAt(at) === colon) return true;
  }
  return false;
}

/** Place of the quote that ends the text which begins at `start`, or has its first escape there. */
export function endOfText(text: string, start: number): number {
  for (let at = start + 1; ; at++) {
    const end = text.indexOf('"', at);
    if (end === -1) return text.length;
    let slashes = end;
    while (text.charCodeAt(slashes - 1) === 0x5c) slashes--;
    if ((end - slashes) % 2 === 0) return end;
    at = end;
  }
}

/** Of a text that JSON.parse takes. Parses only texts, numbers and words with it: keys are what it gets wrong. */
function readValid(text: string): Json {
  const open: (Json[] | JsonObject)[] = [];
  let root: Json = null;
  let key: string | undefined;
  for (let at = 0; at < text.length; ) {
    const char = text.charCodeAt(at);
    if (isBlank(char) || char === comma || char === colon) {
      at++;
      continue;
    }
    if (char === closeList || char === closeObject) {
      open.pop();
      at++;
      continue;
    }
    const end =
      char === quote
        ? endOfText(text, at) + 1
        : char === openList || char === openObject
          ? at + 1
          : endOfWord(text, at);
    const inside = open.at(-1);
    const value: Json = char === openList ? [] : char === openObject ? {} : readPlain(text.slice(at, end));
    at = end;
    if (inside === undefined) root = value;
    else if (Array.isArray(inside)) inside.push(value);
    else if (key === undefined) {
      key = value as string;
      continue;
    } else {
      if (key === '__proto__')
        Object.defineProperty(inside, key, { value, writable: true, enumerable: true, configurable: true });
      else inside[key] = value;
      key = undefined;
    }
    if (char === openList || char === openObject) open.push(value as Json[] | JsonObject);
  }
  return root;
}

const readPlain = (word: string): Json =>
  word.charCodeAt(0) === quote && !word.includes('\\') ? word.slice(1, -1) : JSON.parse(word);

function endOfWord(text: string, start: number): number {
  for (let at = start + 1; ; at++) {
    const char = text.charCodeAt(at);
    if (!(char > 0x20) || char === comma || char === closeList || char === closeObject) return at;
  }
}
