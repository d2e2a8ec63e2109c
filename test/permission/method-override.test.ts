import { describe, expect, test } from 'vitest';
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

test('long bodies cost linear time', () => {
  const blanks = ' '.repeat(2_000_000);
  const started = performance.now();
  expect(named({ body: `name=${blanks}x`, type: 'multipart/form-data' })).toBe(false);
  expect(named({ body: `"${blanks}x"`, type: json })).toBe(false);
  expect(named({ body: '&'.repeat(2_000_000), type: form, query: '?_=1' })).toBe(false);
  expect(named({ body: '_&'.repeat(1_000_000), type: form })).toBe(true);
  expect(performance.now() - started).toBeLessThan(10_000);
});
