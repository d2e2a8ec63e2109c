/** What it costs to read a JSON text, found without reading it. Used on both sides of the host-worker channel. */
import { maxJsonDepth } from '../json.ts';

/**
 * Marks of one message: a value of memory has 1 MiB, and each of its characters could be one. A mark costs the service some
 * 30 ns to 400 ns and 25 bytes when it is parsed, the character of a text next to nothing.
 */
export const maxMarks = 2 ** 20 + 2 ** 16;

const [quote, backslash] = [0x22, 0x5c];
/** Up to here the next quote is looked for by hand: a search of Buffer costs as much as that. */
const SHORT = 64;

/**
 * `marks`: brackets and commas outside of texts, and three for a key, which costs more and has as many characters; `depth`:
 * how deeply arrays and objects are nested. `isTooMuch` for what is not to be parsed: it is not counted to its end.
 */
export function jsonWeight(json: Buffer, mostMarks = maxMarks): { marks: number; depth: number; isTooMuch: boolean } {
  let marks = 0;
  let depth = 0;
  let deepest = 0;
  for (let at = 0; at < json.length; at++) {
    const byte = json[at] as number;
    if (byte === quote) at = endOfText(json, at);
    else if (byte === 0x5b || byte === 0x7b) {
      marks++;
      if (++depth > deepest) deepest = depth;
    } else if (byte === 0x5d || byte === 0x7d) {
      marks++;
      depth--;
    } else if (byte === 0x2c) marks++;
    else if (byte === 0x3a) marks += 3;
    else continue;
    if (marks > mostMarks || deepest > maxJsonDepth) return { marks, depth: deepest, isTooMuch: true };
  }
  return { marks, depth: deepest, isTooMuch: false };
}

/** Place of the quote that ends the text which begins at `start`; past the end when there is none. */
function endOfText(json: Buffer, start: number): number {
  for (let at = start + 1; ; ) {
    const near = Math.min(at + SHORT, json.length);
    while (at < near && json[at] !== quote) at += json[at] === backslash ? 2 : 1;
    if (at < near) return at;
    if (at >= json.length) return json.length;
    // Escapes between here and there decide what the quote is.
    const end = json.indexOf(quote, at);
    if (end < 0) return json.length;
    let slashes = end;
    while (slashes > at && json[slashes - 1] === backslash) slashes--;
    if ((end - slashes) % 2 === 0) return end;
    at = end + 1;
  }
}
