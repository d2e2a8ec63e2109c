import { expect, test } from 'vitest';
import { createMatcher } from '../../runtime/connector/operation-matcher.ts';
import { BadTemplate, parsePathTemplate, splitByPattern, splitPattern } from '../../runtime/connector/path-template.ts';
import { operation } from './operation.ts';

test('templates with literals, parameters, parts of segments, a rest and a query', () => {
  const names = (text: string) => parsePathTemplate(text).names;
  expect(names('/')).toEqual([]);
  expect(names('/drive/v3/files/{fileId}')).toEqual(['fileId']);
  expect(names('/a/{x}/b/{y}.json')).toEqual(['x', 'y']);
  expect(names("/users('{user-id}')/getX(from={from},to={to})")).toEqual(['user-id', 'from', 'to']);
  expect(parsePathTemplate('/{bucket}/{key+}?uploads&type=2')).toMatchObject({
    names: ['bucket', 'key'],
    rest: { name: 'key', suffix: '', tail: [] },
    query: [{ name: 'uploads' }, { name: 'type', value: '2' }],
  });
  expect(parsePathTemplate('/a/{x}').shape).toBe(parsePathTemplate('/a/{other}').shape);
  expect(parsePathTemplate('/a/{x}/').shape).not.toBe(parsePathTemplate('/a/{x}').shape);
});

test.each([
  ['', 'begin with /'],
  ['a/b', 'begin with /'],
  ['/a//b', 'empty segment'],
  ['/a/../b', 'dots'],
  ['/.', 'dots'],
  ['/a b', 'odd character'],
  ['/a%2Fb', 'odd character'],
  ['/a;b', 'odd character'],
  ['/a#b', 'odd character'],
  ['/é', 'odd character'],
  ['/{a}{b}', 'side by side'],
  ['/{a}/{a}', 'two parameters a'],
  ['/{}', 'not a plain name'],
  ['/{a', 'brace'],
  ['/a}', 'brace'],
  ['/{?a}', 'brace'],
  ['/{/a}', 'brace'],
  ['/{;a}', 'not a plain name'],
  ['/{.a}', 'not a plain name'],
  ['/{+a}', 'not a plain name'],
  ['/{a*}', 'not a plain name'],
  ['/{a:3}/{__proto__}', 'not a plain name'],
  ['/{a+}/b', 'where it ends'],
  ['/{a+}:/{b+}', 'not a plain name'],
  ['/{a+}:x;y', 'odd character behind'],
  ['/x{a+}', 'text before it'],
  ['/{a+}/', 'cannot have a /'],
  ['/a?b?c', 'one ?'],
  ['/a?b=c=d', 'query'],
  ['/a?b=%20', 'query'],
  ['/a?', 'query'],
  [`/${'a/'.repeat(60)}`, 'segments'],
  [`/${'a'.repeat(1001)}`, 'characters'],
])('%s is no template: %s', (text, why) => {
  expect(() => parsePathTemplate(text)).toThrow(BadTemplate);
  expect(() => parsePathTemplate(text)).toThrow(why);
});

test('a pattern fits in one way, in several, or not', () => {
  const split = (pattern: string, text: string) => {
    const [segment] = parsePathTemplate(`/${pattern}`).segments;
    if (segment?.kind !== 'pattern') throw new Error('no pattern');
    return splitByPattern(splitPattern(segment.parts), text);
  };
  expect(split('{a}.json', 'x.json')).toEqual(['x']);
  expect(split('{a}.json', '.json')).toBeUndefined();
  expect(split('{a}.json', 'x.jsonx')).toBeUndefined();
  expect(split('v{a}', 'v')).toBeUndefined();
  expect(split('{a}...{b}', 'x...y')).toEqual(['x', 'y']);
  expect(split('{a}...{b}', 'x....y')).toBe('several');
  expect(split('{a}-{b}', 'x-y-z')).toBe('several');
  expect(split('{a}-{b}-{c}', 'x-y-z')).toEqual(['x', 'y', 'z']);
  expect(split('{a}-{b}', '-y')).toBeUndefined();
  expect(split('{a}-{b}', 'x-')).toBeUndefined();
  expect(split('{a}-{b}', 'x--')).toEqual(['x', '-']);
  expect(split("k('{a}')", "k('7')")).toEqual(['7']);
  expect(split("k('{a}')", "k('')")).toBeUndefined();
  expect(split('aa{x}aa', 'aaa')).toBeUndefined();
});

test('a query tells operations on one path apart', () => {
  const { match } = createMatcher([
    operation('PUT', '/{bucket}/{key+}', 'put', {
      strictQuery: true,
      parameters: [{ name: 'x-id', in: 'query' }],
    }),
    operation('PUT', '/{bucket}/{key+}?acl', 'putAcl', { strictQuery: true }),
    operation('PUT', '/{bucket}/{key+}?uploadId&partNumber', 'part', { strictQuery: true }),
    operation('GET', '/{bucket}?list-type=2', 'list'),
    operation('GET', '/{bucket}?location', 'location'),
  ]);
  const found = (method: string, path: string, search: string) => {
    const result = match(method, path, search);
    return result.kind === 'operation' ? result.operation.name : result.kind;
  };
  expect(found('PUT', '/b/k/l', '')).toBe('put');
  expect(found('PUT', '/b/k/l', '?')).toBe('put');
  expect(found('PUT', '/b/k/l', '?x-id=PutObject')).toBe('put');
  expect(found('PUT', '/b/k/l', '?acl')).toBe('putAcl');
  expect(found('PUT', '/b/k/l', '?acl=')).toBe('putAcl');
  expect(found('PUT', '/b/k/l', '?partNumber=1&uploadId=2')).toBe('part');
  for (const search of [
    '?policy',
    '?x-id=1&tagging',
    '?acl&tagging',
    '?ACL',
    '?a=1;acl',
    '?uploadId=1',
    '?acl&uploadId=1&partNumber=2',
  ])
    expect(found('PUT', '/b/k/l', search), search).toBe('ambiguous');
  expect(found('GET', '/b', '?list-type=2&prefix=x')).toBe('list');
  expect(found('GET', '/b', '')).toBe('none');
  expect(found('GET', '/b', '?list-type=1')).toBe('none');
  expect(found('GET', '/b', '?list-type=2&list-type=1')).toBe('ambiguous');
  expect(found('GET', '/b', '?list-type=2&location')).toBe('ambiguous');
});

test('several methods of one operation, and names of parameters of each operation on one path', () => {
  const { match } = createMatcher([
    operation('POST', '/api/list', 'list', { otherMethods: ['GET'] }),
    operation('GET', '/users/{id}', 'get'),
    operation('DELETE', '/users/{userId}', 'delete'),
  ]);
  for (const method of ['GET', 'POST'])
    expect(match(method, '/api/list', '')).toMatchObject({ kind: 'operation', operation: { name: 'list' } });
  expect(match('GET', '/users/7', '')).toMatchObject({ pathParameters: { id: '7' } });
  expect(match('DELETE', '/users/7', '')).toMatchObject({ pathParameters: { userId: '7' } });
});

test('two operations that mean the same requests are both refused', () => {
  const { match } = createMatcher([operation('GET', '/users/{id}', 'a'), operation('GET', '/users/{name}', 'b')]);
  expect(match('GET', '/users/7', '')).toMatchObject({ kind: 'ambiguous', why: expect.stringMatching(/a and b/) });
});

test('literal beats pattern beats parameter beats rest; where neither is narrower it is ambiguous', () => {
  const { match } = createMatcher([
    operation('GET', '/x/{p+}', 'rest'),
    operation('GET', '/x/{p}', 'parameter'),
    operation('GET', '/x/{p}.json', 'pattern'),
    operation('GET', '/x/a.json', 'literal'),
    operation('GET', '/y/{a}/b', 'first'),
    operation('GET', '/y/a/{b}', 'second'),
    operation('GET', '/{z}/a/b', 'third'),
    operation('GET', '/w', 'without slash'),
    operation('GET', '/w/', 'with slash'),
  ]);
  const found = (path: string) => {
    const result = match('GET', path, '');
    return result.kind === 'operation' ? result.operation.name : result.kind;
  };
  expect(found('/x/a.json')).toBe('literal');
  expect(found('/x/b.json')).toBe('pattern');
  expect(found('/x/b')).toBe('parameter');
  expect(found('/x/b/c')).toBe('rest');
  expect(found('/y/c/b')).toBe('first');
  expect(found('/y/a/c')).toBe('second');
  expect(found('/y/a/b')).toBe('ambiguous');
  expect(found('/q/a/b')).toBe('third');
  // The service itself tells these apart.
  expect(found('/w')).toBe('without slash');
  expect(found('/w/')).toBe('with slash');
});

test('a rest with text behind it: what it is addressed by ends at the colon', () => {
  const { match } = createMatcher([
    operation('GET', '/drive/root:/{path+}', 'get'),
    operation('DELETE', '/drive/root:/{path+}', 'delete'),
    operation('GET', '/drive/root:/{path+}:', 'getAlso'),
    operation('PUT', '/drive/root:/{path+}:/content', 'put'),
    operation('GET', '/drive/root:/{path+}:/content', 'read'),
    operation('DELETE', '/drive/root:/{path+}:/permissions/{permission}', 'unshare'),
    operation('DELETE', '/drive/items/{item}/permissions/{permission}', 'unshareById'),
  ]);
  const found = (method: string, path: string) => {
    const result = match(method, path, '');
    return result.kind === 'operation' ? [result.operation.name, result.pathParameters] : result.kind;
  };
  expect(found('GET', '/drive/root:/a/b.txt')).toEqual(['get', { path: 'a/b.txt' }]);
  expect(found('GET', '/drive/root:/a/b.txt:')).toEqual(['getAlso', { path: 'a/b.txt' }]);
  expect(found('PUT', '/drive/root:/a/b.txt:/content')).toEqual(['put', { path: 'a/b.txt' }]);
  expect(found('DELETE', '/drive/root:/a:/permissions/7')).toEqual(['unshare', { path: 'a', permission: '7' }]);
  expect(found('DELETE', '/drive/items/7/permissions/8')).toEqual(['unshareById', { item: '7', permission: '8' }]);
  for (const [method, path] of [
    ['GET', '/drive/root:/a:/permissions'],
    ['GET', '/drive/root:/a%3A/content'],
    ['GET', '/drive/root:/a:/b:/content'],
    ['GET', '/drive/root:/a:/content/'],
    ['GET', '/drive/root:/a:/CONTENT'],
    ['GET', '/drive/root:/a/..:/content'],
    ['DELETE', '/drive/root:/a:/content'],
    ['DELETE', '/drive/root:/a:/permissions'],
    ['DELETE', '/drive/root:/:/permissions/7'],
    ['DELETE', '/drive/items/7:/permissions/8'],
    ['DELETE', '/drive/items/7%3a/permissions/8'],
  ] as const)
    expect(found(method, path), `${method} ${path}`).not.toBeInstanceOf(Array);
});
