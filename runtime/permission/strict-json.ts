/** JSON that every reader reads alike, and what stands in it under a name. */
import { isUtf8 } from 'node:buffer';
import { endOfText, type Json, parseJson } from '../json.ts';
import { shownName, spelling } from './spelling.ts';

const MAXIMUM_DEPTH = 64;
/** Values of one parameter; more are not judged. */
export const maximumValues = 1000;

export type StrictJson = { value: Json } | { unreadable: string };

/**
 * `unreadable`: not UTF-8, a byte order mark, not JSON, nested over 64 levels, a key given twice in any object (readers
 * differ in which one counts), `__proto__`.
 */
export function readStrictJson(bytes: Uint8Array): StrictJson {
  if (!isUtf8(bytes)) return { unreadable: 'the body is not UTF-8' };
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
  if (text.charCodeAt(0) === 0xfeff) return { unreadable: 'the body begins with a byte order mark' };
  const { depth, members } = measure(text);
  if (depth > MAXIMUM_DEPTH) return { unreadable: `the body is nested over ${MAXIMUM_DEPTH} levels` };
  let value: Json;
  try {
    value = parseJson(text);
  } catch {
    return { unreadable: 'the body is not valid JSON' };
  }
  const kept = countMembers(value);
  if (kept === undefined) return { unreadable: 'the body has a key __proto__' };
  // The parser keeps the last of equal keys: the text then has more members than the value.
  if (kept !== members) return { unreadable: 'the body has a key twice in one object' };
  return { value };
}

/** Nesting, and members of objects: each has one colon outside of text. */
function measure(text: string): { depth: number; members: number } {
  let level = 0;
  let depth = 0;
  let members = 0;
  for (let at = 0; at < text.length; at++) {
    const char = text.charCodeAt(at);
    if (char === 0x22) at = endOfText(text, at);
    else if (char === 0x3a) members++;
    else if (char === 0x7b || char === 0x5b) depth = Math.max(depth, ++level);
    else if (char === 0x7d || char === 0x5d) level--;
  }
  return { depth, members };
}

/** Undefined when an object has a key `__proto__`. */
function countMembers(value: Json): number | undefined {
  if (typeof value !== 'object' || value === null) return 0;
  let count = 0;
  if (Array.isArray(value)) {
    for (const item of value) {
      if (typeof item !== 'object' || item === null) continue;
      const inner = countMembers(item);
      if (inner === undefined) return undefined;
      count += inner;
    }
    return count;
  }
  for (const key of Object.keys(value)) {
    if (key === '__proto__') return undefined;
    const item = value[key]!;
    count++;
    if (typeof item !== 'object' || item === null) continue;
    const inner = countMembers(item);
    if (inner === undefined) return undefined;
    count += inner;
  }
  return count;
}

/**
 * Every value under a name with dots for what lies deeper, through all items of lists. `unreadable`: a key that readers
 * may take for it, a list in which some items have it and some do not, too many values.
 */
export function findInJson(value: Json, name: string): { found: Json[]; unreadable?: string } {
  const parts = name.split('.');
  // A key may hold dots itself: `a.b` is looked for as "a" then "b", and as "a.b".
  const wanted = parts.map((_, from) =>
    parts.slice(from).map((_, length) => {
      const key = parts.slice(from, from + length + 1).join('.');
      return { key, spelling: spelling(key), next: from + length + 1 };
    }),
  );
  const found: Json[] = [];
  let unreadable: string | undefined;

  const visit = (node: Json, at: number): void => {
    if (unreadable !== undefined) return;
    if (at === parts.length) return take(node);
    if (typeof node !== 'object' || node === null) return;
    if (Array.isArray(node)) {
      for (const item of node) {
        const before = found.length;
        visit(item, at);
        if (found.length === before) unreadable ??= 'not every item of a list has it';
      }
      return;
    }
    for (const key of Object.keys(node))
      for (const one of wanted[at]!) {
        if (key === one.key) visit(node[key]!, one.next);
        else if (spelling(key) === one.spelling) unreadable ??= `the body also spells it ${shownName(key)}`;
      }
  };

  const take = (node: Json): void => {
    if (Array.isArray(node) && node.length > 0) for (const item of node) take(item);
    else if (found.length < maximumValues) found.push(node);
    else unreadable ??= `it has over ${maximumValues} values`;
  };

  visit(value, 0);
  return unreadable === undefined ? { found } : { found, unreadable };
}
