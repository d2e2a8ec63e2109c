import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createFieldSearch } from '../../runtime/permission/field-search.ts';
import { namesAnotherMethod } from '../../runtime/permission/method-override.ts';

interface Parts {
  query?: string;
  headers?: [string, string][];
  body?: string;
  type?: string;
}

const named = ({ query = '', headers = [], body, type }: Parts) =>
  namesAnotherMethod(
    new URL(`https://a.example/x${query}`),
    type === undefined ? headers : [...headers, ['Content-Type', type]],
    body === undefined ? undefined : Buffer.from(body),
  );

const json = 'application/json';
const form = 'application/x-www-form-urlencoded';

describe('a request that some service takes for another method', () => {
  test.each<[string, Parts]>([
    ['a header', { headers: [['X-HTTP-Method-Override', 'DELETE']] }],
    ["SharePoint's header", { headers: [['x-http-method', 'DELETE']] }],
    ['a query parameter', { query: '?a=1&_method=DELETE' }],
    ['in capitals', { query: '?_METHOD=DELETE' }],
    ['percent-encoded', { query: '?%5f%6dethod=DELETE' }],
    ["Salesforce's parameter", { query: '?_HttpMethod=PATCH' }],
    ['after a semicolon', { query: '?a=1;_method=DELETE' }],
    ['with a blank in front', { query: '?+_method=DELETE' }],
    ['with a bracket', { query: '?_method[]=DELETE' }],
    ['in a query that is not UTF-8', { query: '?a=%ff&_method=DELETE' }],
    ['a form field', { body: 'a=1&_method=delete', type: form }],
    ['a JSON key', { body: '{"a":1,"_method":"delete"}', type: json }],
    ['a JSON key, escaped', { body: '{"\\u005fmeth\\u006fd" : "delete"}', type: json }],
    [
      'a part of a body',
      {
        body: '--x\r\nContent-Disposition: form-data; name="_method"\r\n\r\nDELETE\r\n',
        type: 'multipart/form-data; boundary=x',
      },
    ],
    ['a form without a type', { body: '_method=delete' }],
    ['a form that is called text', { body: '_method=delete', type: 'text/plain' }],
  ])('%s', (_, parts) => expect(named(parts)).toBe(true));

  test.each<[string, Parts]>([
    ['nothing of it', { query: '?a=1', body: '{"a":1}', type: json }],
    ['the word in a value', { query: '?q=_method', body: '{"text":"_method","x":"\\"_method\\": 1"}', type: json }],
    ['a longer name', { query: '?payment_method=card&methods=a', body: '{"payment_method":1}', type: json }],
    ['bytes', { body: '_method=delete', type: 'application/octet-stream' }],
    ['an empty body', { body: '', type: form }],
  ])('but not %s', (_, parts) => expect(named(parts)).toBe(false));
});

test('a name that PHP bends is found without any other sign of it', () => {
  expect(named({ body: 'a=1&.method=DELETE', type: form })).toBe(true);
  expect(named({ body: 'a=1&%5fmethod%00b=DELETE', type: form })).toBe(true);
});

test('a field is found however much stands around its name', () => {
  const much = 100_000;
  for (const body of [
    `_method%00${'x'.repeat(much)}=DELETE`,
    `_method[${'x'.repeat(much)}]=DELETE`,
    `a=1&${' '.repeat(much)}_method=DELETE`,
    `${'%20'.repeat(much)}_method${'+'.repeat(much)}=DELETE`,
  ])
    expect(named({ body, type: form })).toBe(true);
  for (const body of [
    `_method${'+'.repeat(much)}x=1`,
    `_method${'+'.repeat(much)}[x=1`,
    `${'x'.repeat(much)}_method=1`,
  ])
    expect(named({ body, type: form })).toBe(false);
});

test('large uploads pass, and a key in one is found wherever it stands', () => {
  const filler = '{"a":"'.padEnd(3_000_000, 'x');
  const accented = '{"text":"caf\\u00e9 \\u0022_method\\u0022 : 1"},'.repeat(50_000);
  expect(named({ body: `${filler}"}`, type: json })).toBe(false);
  expect(named({ body: `[${accented}0]`, type: json })).toBe(false);
  expect(named({ body: `${filler}","\\u005Fmetho\\u0064" : "DELETE"}`, type: json })).toBe(true);
  expect(named({ body: `a=${filler}&b=1`, type: form })).toBe(false);
  expect(named({ body: `a=${filler}&%5Fmethod=DELETE`, type: form })).toBe(true);
  expect(named({ body: filler, type: 'multipart/form-data; boundary=x' })).toBe(false);
  expect(named({ body: `${filler} name = "_method"`, type: 'multipart/form-data; boundary=x' })).toBe(true);
  // Too many to look at each: it might be there.
  expect(named({ body: '_method1=&'.repeat(20_001), type: form })).toBe(true);
  expect(named({ body: '_&'.repeat(1_000_000), type: form })).toBe(false);
});

test('property: what expressions over the text undone find, the search finds, and nothing else', () => {
  const names = '_method|_httpmethod|x-http-method-override|x-http-method|x-method-override';
  const word = fc.constantFrom('_method', '_HttpMethod', 'X-HTTP-Method', 'x-http-method-override', 'method', '_metho');
  const bits = [
    '"',
    ':',
    ' ',
    '\t',
    'd',
    '=',
    'name',
    'name=',
    '&',
    ';',
    '%5f',
    '+',
    '.',
    '[',
    '\0',
    'x-',
    '\\',
    '\\u0020',
  ];
  const bit = fc.constantFrom(...bits, '\\u00', '%', '\u00a0', ' '.repeat(300), 'x'.repeat(300));
  const escaped = fc
    .tuple(word, fc.infiniteStream(fc.nat(3)))
    .map(([text, choices]) =>
      [...text].map((c) => (choices.next().value ? c : `\\u00${c.charCodeAt(0).toString(16)}`)).join(''),
    );
  const hidden = (texts: string[]) => Buffer.from(texts.join(''), 'latin1');
  const undone = (text: string) =>
    text.replace(/\\u(?!0022)([0-9a-f]{4})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  const unbent = (text: string) =>
    text
      .replaceAll('+', ' ')
      .replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
      .trim()
      .replace(/[[\0].*$/s, '')
      .replaceAll(/[. ]/g, '_');
  const search = createFieldSearch(names.split('|'));
  let found = 0;
  fc.assert(
    fc.property(fc.array(fc.oneof(word, escaped, bit, bit), { maxLength: 9 }), (texts) => {
      const body = hidden(texts);
      const text = body.toString('latin1');
      const inJson = new RegExp(`"\\s*(?:${names})\\s*"\\s*:`, 'i').test(undone(text));
      const inParts = new RegExp(`name\\s*=[\\s"]*(?:${names})\\b`, 'i').test(text);
      const fields = text.split(/[&;]/).map((pair) => unbent(pair.split('=')[0] as string));
      const inForm = fields.some((name) => new RegExp(`^(?:${names})$`, 'i').test(name));
      found += Number(inJson) + Number(inParts) + Number(inForm);
      expect({ inJson: search.inJson(body), inParts: search.inParts(body), inForm: search.inForm(body) }).toEqual({
        inJson,
        inParts,
        inForm,
      });
    }),
    { numRuns: 20_000 },
  );
  expect(found).toBeGreaterThan(100);
});

describe('twice the body costs twice the time, not more', () => {
  const millions = (unit: string, count: number) => Buffer.alloc(count * 1_000_000, unit);
  const multipart = 'multipart/form-data; boundary=x';
  test.each<[string, string]>([
    ['x', json],
    ['"', json],
    ['d":', json],
    ['"_metho":', json],
    ['\\u0064":', json],
    ['\\u0061', json],
    ['" ', json],
    [' ', json],
    ['=', multipart],
    ['name=', multipart],
    ['name ="', multipart],
    ['name=x-http-method-overrid ', multipart],
    ['&', form],
    ['x-http-&', form],
    ['%5', form],
  ])('%j as %s', (unit, type) => {
    const ms = (count: number) => {
      const body = millions(unit, count);
      const times = Array.from({ length: 5 }, () => {
        const before = performance.now();
        namesAnotherMethod(new URL('https://a.example/x'), [['content-type', type]], body);
        return performance.now() - before;
      });
      return Math.min(...times);
    };
    ms(1);
    expect(ms(8)).toBeLessThan(12 * ms(2) + 200);
  });
});
