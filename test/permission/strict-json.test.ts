import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Json } from '../../runtime/json.ts';
import { findInJson, readStrictJson } from '../../runtime/permission/strict-json.ts';

/** Keys and texts that look like JSON themselves. */
const text = fc.oneof(
  fc.string({ unit: fc.constantFrom('"', '\\', ':', '{', '}', '[', ']', ',', 'a', 'é', '\n') }),
  fc.string(),
);
const key = text.filter((one) => one !== '__proto__');
const { json } = fc.letrec<{ json: Json }>((tie) => ({
  json: fc.oneof(
    { maxDepth: 5 },
    fc.oneof(text, fc.integer(), fc.boolean(), fc.constant(null)),
    fc.array(tie('json'), { maxLength: 4 }),
    fc.dictionary(key, tie('json'), { maxKeys: 4 }),
  ) as fc.Arbitrary<Json>,
}));

/** As JSON, with every character of text escaped or none, the member of place `twice` (in order of writing) written twice. */
function write(value: Json, escaped: boolean, twice = -1): { text: string; members: number } {
  let members = 0;
  const quoted = (one: string) =>
    escaped
      ? `"${[...Array(one.length).keys()].map((at) => `\\u${one.charCodeAt(at).toString(16).padStart(4, '0')}`).join('')}"`
      : JSON.stringify(one);
  const part = (one: Json): string => {
    if (typeof one === 'string') return quoted(one);
    if (typeof one !== 'object' || one === null) return JSON.stringify(one);
    if (Array.isArray(one)) return `[ ${one.map(part).join(' , ')} ]`;
    const all = Object.entries(one).map(([name, item]) => {
      const again = members++ === twice;
      const member = `${quoted(name)} : ${part(item)}`;
      return again ? `${quoted(name)}:0,${member}` : member;
    });
    return `{ ${all.join(' , ')} }`;
  };
  return { text: part(value), members };
}

/** The items of lists, however deep; an empty list is a value of its own. */
const leaves = (value: Json): Json[] => (Array.isArray(value) && value.length > 0 ? value.flatMap(leaves) : [value]);

const read = (body: string) => readStrictJson(Buffer.from(body));

describe('properties', () => {
  test('any JSON that gives no key twice is read as it is', () => {
    fc.assert(
      fc.property(json, fc.boolean(), (value, escaped) => {
        expect(read(write(value, escaped).text)).toEqual({ value });
      }),
      { numRuns: 1000 },
    );
  });

  test('a key given twice anywhere, spelled either way, makes it unreadable', () => {
    let checked = 0;
    fc.assert(
      fc.property(json, fc.boolean(), fc.nat(), (value, escaped, seed) => {
        const { members } = write(value, escaped);
        if (members === 0) return;
        checked++;
        expect(read(write(value, escaped, seed % members).text)).toEqual({
          unreadable: 'the body has a key twice in one object',
        });
      }),
      { numRuns: 1000 },
    );
    expect(checked).toBeGreaterThan(100);
  });

  test('what is found under a name is there in the text, and adding another spelling makes it unreadable', () => {
    fc.assert(
      fc.property(fc.dictionary(key, json, { maxKeys: 6 }), json, (rest, value) => {
        const { channel: _, ...others } = rest;
        if (Object.keys(others).some((one) => one.toLowerCase() === 'channel')) return;
        const { found, unreadable } = findInJson({ ...others, channel: value }, 'channel');
        expect(unreadable).toBeUndefined();
        expect(found).toEqual(leaves(value));
        expect(findInJson({ ...others, channel: value, cHannel: 1 }, 'channel').unreadable).toBeDefined();
        expect(findInJson(others, 'channel')).toEqual({ found: [] });
      }),
    );
  });
});

test('depth is bounded before anything is parsed', () => {
  expect(read(`${'['.repeat(64)}${']'.repeat(64)}`)).toHaveProperty('value');
  expect(read(`${'['.repeat(65)}${']'.repeat(65)}`)).toEqual({ unreadable: 'the body is nested over 64 levels' });
  expect(read('{"a":'.repeat(500_000))).toEqual({ unreadable: 'the body is nested over 64 levels' });
  expect(read(`"${'\\'.repeat(999_999)}"`)).toHaveProperty('unreadable');
});
