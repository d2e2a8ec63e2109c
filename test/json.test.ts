/** V8's JSON.parse takes a key with an escape for another one when it has seen the wrong object before. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Json, parseJson } from '../runtime/json.ts';

/** Keys that are escapes themselves, or begin like one: what the engine mixes up. */
const texts = fc.oneof(
  fc.constantFrom(
    '\\',
    '"',
    '\n',
    '\\u',
    '\\u0063h',
    'channel',
    '\\n',
    '\\"',
    '',
    'a',
    'é',
    '__proto__',
    '7',
    '\ud800',
  ),
  fc.string({ unit: fc.constantFrom('\\', '"', 'u', '0', '6', '1', 'a', 'é', '\n'), maxLength: 7 }),
);
const { json } = fc.letrec<{ json: Json }>((tie) => ({
  json: fc.oneof(
    { maxDepth: 4 },
    fc.oneof(
      texts,
      fc.integer(),
      fc.double({ noNaN: true, noDefaultInfinity: true }).map((one) => one + 0),
      fc.boolean(),
      fc.constant(null),
    ),
    fc.array(tie('json'), { maxLength: 4 }),
    fc.dictionary(texts, tie('json'), { maxKeys: 5, noNullPrototype: true }),
  ) as fc.Arbitrary<Json>,
}));

const escapes: Record<string, string> = { '"': '\\"', '\\': '\\\\', '\n': '\\n' };
const hex = (char: string) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;

/** In every spelling that JSON has, chosen by `choose`. Says what was written, in order, without an object to hold it. */
function write(value: Json, choose: () => number): string {
  const quoted = (text: string) =>
    `"${text
      .split('')
      .map((char) =>
        choose() % 3 === 0 ? hex(char) : (escapes[char] ?? (/[\ud800-\udfff]/.test(char) ? hex(char) : char)),
      )
      .join('')}"`;
  const blank = () => ['', ' ', '\n\t', '\r'][choose() % 4];
  if (typeof value === 'string') return quoted(value);
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${blank()}${value.map((one) => write(one, choose) + blank()).join(',')}]`;
  const members = Object.entries(value).map(([key, one]) => `${quoted(key)}${blank()}:${blank()}${write(one, choose)}`);
  return `{${blank()}${members.join(`${blank()},${blank()}`)}}`;
}

/** Tells a value apart from every other, whatever its keys: lists of pairs. */
const plain = (value: unknown): unknown =>
  typeof value !== 'object' || value === null
    ? value
    : Array.isArray(value)
      ? value.map(plain)
      : { pairs: Object.entries(value).map(([key, one]) => [key, plain(one)]) };

describe('parseJson', () => {
  test('reads what was written, whatever was read before (property)', () => {
    fc.assert(
      fc.property(json, fc.infiniteStream(fc.nat(11)), (value, choices) => {
        const text = write(value, () => choices.next().value as number);
        expect(plain(parseJson(text))).toEqual(plain(value));
      }),
      { numRuns: 20_000 },
    );
  });

  test.each([
    [
      '{"x":{"channel":"a","\\\\u0063h":0},"y":{"channel":"a","\\u0063hannel":"b"}}',
      '{"x":{"channel":"a","\\\\u0063h":0},"y":{"channel":"b"}}',
    ],
    ['{"x":{"q":1,"\\\\":0},"y":{"q":1,"\\n":2}}', '{"x":{"q":1,"\\\\":0},"y":{"q":1,"\\n":2}}'],
    ['[{"h":[],"\\\\":0},{"h":1,"\\"":2}]', '[{"h":[],"\\\\":0},{"h":1,"\\"":2}]'],
    ['{"\\u0061":1,"b":2,"a":3}', '{"a":3,"b":2}'],
    ['{"\\u005f_proto__":{"a":1}}', '{"__proto__":{"a":1}}'],
    ['{"\\u0032":1,"1":2}', '{"1":2,"2":1}'],
    [
      '{"a\\\\":"\\\\","b":"\\"","c\\"":[1.5e-7,-0,true,false,null,"",{},[]]}',
      '{"a\\\\":"\\\\","b":"\\"","c\\"":[1.5e-7,0,true,false,null,"",{},[]]}',
    ],
    [' "\\u0061" ', '"a"'],
    [' [ "\\u0061" , 1 ] ', '["a",1]'],
  ])('%s', (text, same) => {
    for (let time = 0; time < 3; time++) expect(JSON.stringify(parseJson(text))).toBe(same);
    expect(Object.getPrototypeOf(parseJson('{"\\u005f_proto__":{"a":1}}'))).toBe(Object.prototype);
  });

  test('refuses what JSON.parse refuses (property)', () => {
    const bits = fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '"',
      '\\',
      '"\\u0061"',
      '"a"',
      '1',
      '-',
      'true',
      ' ',
      'u',
      '\0',
    );
    const outcome = (read: (text: string) => unknown, text: string) => {
      try {
        return plain(read(text));
      } catch (error) {
        return (error as Error).name;
      }
    };
    let taken = 0;
    fc.assert(
      fc.property(fc.array(bits, { maxLength: 8 }), (parts) => {
        const text = parts.join('');
        const whole = outcome(parseJson, text);
        taken += Number(whole !== 'SyntaxError');
        if (whole === 'SyntaxError') expect(() => JSON.parse(text)).toThrow(SyntaxError);
        else expect(() => JSON.parse(text)).not.toThrow();
      }),
      { numRuns: 20_000 },
    );
    expect(taken).toBeGreaterThan(100);
  });

  test('neither depth nor length is too much', () => {
    const depth = 100_000;
    let value = parseJson(`${'{"\\u0061":['.repeat(depth)}1${']}'.repeat(depth)}`) as { a: [unknown] } | 1;
    for (let level = 0; level < depth; level++) value = (value as { a: [unknown] }).a[0] as { a: [unknown] } | 1;
    expect(value).toBe(1);
    const long = '\\"'.repeat(1_000_000);
    expect(Object.keys(parseJson(`{"${long}":"${long}"}`) as object)[0]).toHaveLength(1_000_000);
  });
});
