/** Ways to make a path mean one thing to the matcher and another to the service: none may end in an operation. */
import { expect, test } from 'vitest';
import type { Operation } from '../../runtime/connector/connector.ts';
import { createMatcher } from '../../runtime/connector/operation-matcher.ts';
import { operation } from './operation.ts';

const operations: Operation[] = [
  operation('GET', '/users', 'users.list'),
  operation('DELETE', '/users', 'users.deleteAll'),
  operation('GET', '/users/{id}', 'users.get'),
  operation('DELETE', '/users/{id}', 'users.delete'),
  operation('GET', '/users/me', 'users.me'),
  operation('GET', '/users/{id}/mail/', 'mail.list'),
  operation('POST', '/admin/purge', 'admin.purge'),
  operation('GET', '/files/{id}.json', 'files.json'),
  operation('GET', '/files/{id}', 'files.get'),
  operation('GET', '/compare/{base}...{head}', 'compare'),
  operation('GET', '/raw/{path+}', 'raw.get'),
];
const { match } = createMatcher(operations);
const kind = (method: string, path: string, search = '') => match(method, path, search).kind;

test('without tricks they match', () => {
  const matched = (path: string) => {
    const found = match('GET', path, '');
    return found.kind === 'operation' ? [found.operation.name, found.pathParameters] : found;
  };
  expect(matched('/users/7')).toEqual(['users.get', { id: '7' }]);
  expect(matched('/users/me')).toEqual(['users.me', {}]);
  expect(matched('/users/a%20b@c,d')).toEqual(['users.get', { id: 'a%20b@c,d' }]);
  expect(matched('/files/a.b.json')).toEqual(['files.json', { id: 'a.b' }]);
  expect(matched('/files/a.xml')).toEqual(['files.get', { id: 'a.xml' }]);
  expect(matched('/compare/main...next')).toEqual(['compare', { base: 'main', head: 'next' }]);
  expect(matched('/raw/a/b%2Fc/d.txt')).toEqual(['raw.get', { path: 'a/b%2Fc/d.txt' }]);
  expect(matched('/raw/folder/')).toEqual(['raw.get', { path: 'folder/' }]);
});

test.each([
  ['an empty segment', '//users/7'],
  ['an empty segment', '/users//7'],
  ['an empty segment at the end', '/users/7//'],
  ['dots', '/users/./7'],
  ['dots', '/users/7/..'],
  ['dots into another operation', '/users/x/../../admin/purge'],
  ['three dots', '/users/...'],
  ['encoded dots', '/users/%2e%2e/admin/purge'],
  ['half encoded dots', '/users/.%2E'],
  ['dots encoded twice', '/users/%252e%252e'],
  ['a slash encoded twice', '/users/a%252fb'],
  ['an encoded slash', '/users/a%2fb'],
  ['an encoded slash', '/users%2F7'],
  ['an encoded slash and dots', '/users/..%2fadmin'],
  ['a backslash', '/users\\7'],
  ['a backslash', '/users/..\\admin'],
  ['an encoded backslash', '/users/a%5Cb'],
  ['an encoded backslash', '/users/%5c..%5cadmin'],
  ['path parameters', '/users/7;admin=1'],
  ['path parameters', '/users;x/7'],
  ['path parameters after dots', '/users/..;/admin/purge'],
  ['an encoded semicolon that hides a literal', '/users/me%3Bx'],
  ['an encoded semicolon after dots', '/users/..%3Bx'],
  ['an encoded question mark that hides a literal', '/users/me%3Fx=1'],
  ['an encoded fragment that hides a literal', '/users/me%23'],
  ['nothing but an encoded fragment', '/users/%23x'],
  ['a line feed', '/users/7%0aHost:x'],
  ['a carriage return', '/users/7%0D'],
  ['a zero byte', '/users/me%00'],
  ['a zero byte before a suffix', '/files/x%00.json'],
  ['a raw zero byte', '/users/me\0'],
  ['a tab', '/users/\t7'],
  ['delete', '/users/%7f'],
  ['a C1 control character', '/users/%C2%85'],
  ['an encoded letter', '/users/%6de'],
  ['an encoded letter of a literal', '/%75sers/7'],
  ['an encoded digit', '/users/%37'],
  ['an encoded tilde', '/users/%7Ex'],
  ['a half encoding', '/users/%'],
  ['a half encoding', '/users/%4'],
  ['no hexadecimal', '/users/%zz'],
  ['an unfinished character', '/users/%C3'],
  ['an overlong slash', '/users/%C0%AF'],
  ['an overlong dot', '/users/%c0%ae%c0%ae'],
  ['a half surrogate', '/users/%ED%A0%80'],
  ['characters beyond ASCII', '/users/é'],
  ['a fullwidth literal', '/users/%EF%BD%8D%EF%BD%85'],
  ['a fullwidth slash', '/users/a%EF%BC%8Fb/../c'],
  ['a fullwidth slash', '/users/a%EF%BC%8Fb'],
  ['a fullwidth slash in the rest', '/raw/a%EF%BC%8Fb'],
  ['a fullwidth backslash', '/users/a%EF%BC%BCb'],
  ['fullwidth dots', '/users/%EF%BC%8E%EF%BC%8E'],
  ['two dots in one character', '/raw/a/%E2%80%A5/b'],
  ['a fullwidth semicolon that hides a literal', '/users/me%EF%BC%9Bx'],
  ['a fullwidth question mark that hides a literal', '/users/me%EF%BC%9Fx'],
  ['an invisible character in a literal', '/users/m%E2%80%8Be'],
  ['a soft hyphen in a literal', '/users/m%C2%ADe'],
  ['a byte order mark', '/users/%EF%BB%BFme'],
  ['a blank before a literal', '/users/%20me'],
  ['a blank after a literal', '/users/me%20'],
  ['a no-break space after a literal', '/users/me%C2%A0'],
  ['dots after a literal', '/users/me.'],
  ['blanks and dots after a literal', '/users/me%20.'],
  ['nothing but blanks', '/users/%20'],
  ['another case', '/users/ME'],
  ['another case', '/Users/7'],
  ['another case of a suffix', '/files/a.JSON'],
  ['a letter that folds to another', '/users/%E2%84%AA'.replace('%E2%84%AA', 'm%E2%85%87')],
  ['a slash at the end', '/users/'],
  ['a slash at the end', '/users/7/'],
  ['no slash at the end', '/users/7/mail'],
  ['two ways to split', '/compare/a...b...c'],
  ['two ways to split', '/compare/a....b'],
  ['dots in the rest', '/raw/a/../b'],
  ['dots at the end of the rest', '/raw/a/..'],
  ['dots behind an encoded slash of the rest', '/raw/a%2F..%2Fb'],
  ['dots behind an encoded slash of the rest', '/raw/..%2fb'],
  ['two slashes in the rest', '/raw/a//b'],
  ['two encoded slashes in the rest', '/raw/a%2f%2fb'],
  ['an encoded slash before the rest', '/raw%2Fa/b'],
  ['a backslash in the rest', '/raw/a%5c..%5cb'],
  ['an http URL as the path', 'https://other.example/users/7'],
  ['a path without a slash', 'users/7'],
  ['nothing', ''],
  ['square brackets', '/users/[7]'],
  ['braces', '/users/{id}'],
  ['a blank', '/users/a b'],
  ['a pipe', '/users/a|b'],
])('%s is refused: %s', (_, path) => {
  expect(kind('GET', path)).not.toBe('operation');
  expect(kind('DELETE', path)).not.toBe('operation');
});

test('a fragment or query inside the path does not reach a shorter operation', () => {
  expect(kind('DELETE', '/users/%3Fconfirm')).toBe('ambiguous');
  expect(kind('DELETE', '/users/%3B')).toBe('ambiguous');
});

test('what is ambiguous says why, and what no template has is none', () => {
  expect(match('GET', '/users/ME', '')).toMatchObject({ kind: 'ambiguous', why: expect.stringContaining('/users/me') });
  expect(match('GET', '/users/%61b', '')).toMatchObject({ kind: 'ambiguous', why: expect.stringContaining('%61') });
  for (const path of ['/', '/other', '/users/7/other', '/raw', '/admin', '/files'])
    expect(kind('GET', path)).toBe('none');
});

test('a method in another case, an unknown one, and another name for it in the query', () => {
  expect(kind('get', '/users/7')).toBe('ambiguous');
  expect(kind('Delete', '/users/7')).toBe('ambiguous');
  expect(kind('PURGE', '/users/7')).toBe('none');
  expect(kind('', '/users/7')).toBe('none');
  for (const search of [
    '?_method=DELETE',
    '?a=1&_METHOD=delete',
    '?%5Fmethod=DELETE',
    '?a=1;_method=DELETE',
    '?X-HTTP-Method-Override=DELETE',
    '?_HttpMethod=PATCH',
    '?$httpMethod=DELETE',
  ])
    expect(kind('GET', '/users/7', search), search).toBe('ambiguous');
  expect(kind('GET', '/users/7', '?method=DELETE')).toBe('operation');
});

test('a method that the more specific path lacks does not fall through to the less specific one', () => {
  expect(kind('DELETE', '/users/me')).toBe('ambiguous');
  expect(kind('DELETE', '/users/7')).toBe('operation');
});

test('a path longer than 8 KiB is refused, and long odd ones are refused fast', () => {
  expect(kind('GET', `/users/${'a'.repeat(8200)}`)).toBe('ambiguous');
  const started = performance.now();
  for (const path of [
    `/raw/${'a/'.repeat(4000)}`,
    `/compare/${'...'.repeat(2700)}`,
    `/users/${'%C3%A9'.repeat(1300)}`,
    `/users/${'.'.repeat(8000)}x`,
    `/users/${'%20'.repeat(2700)}x`,
    `/users/${'.%20'.repeat(2000)}x`,
  ])
    match('GET', path, '');
  // Milliseconds here; seconds when something is quadratic.
  expect(performance.now() - started).toBeLessThan(10_000);
});

test('where a service names what is done behind a colon, no value holds one', () => {
  const verbs = createMatcher([
    operation('POST', '/v1/things/{id}', 'things.update'),
    operation('POST', '/v1/things/{id}:archive', 'things.archive'),
    operation('POST', '/v1/others/{id}', 'others.update'),
    operation('GET', '/v1/raw/{path+}', 'raw'),
  ]);
  const found = (path: string, method = 'POST') => {
    const result = verbs.match(method, path, '');
    return result.kind === 'operation' ? result.operation.name : result.kind;
  };
  expect(found('/v1/things/5')).toBe('things.update');
  expect(found('/v1/things/5:archive')).toBe('things.archive');
  for (const path of ['/v1/things/5:delete', '/v1/others/5:delete', '/v1/things/5%3Adelete', '/v1/things/5%3aarchive'])
    expect(found(path), path).toBe('ambiguous');
  expect(found('/v1/things/5:ARCHIVE')).toBe('ambiguous');
  expect(found('/v1/things/5:delete:archive')).toBe('ambiguous');
  expect(found('/v1/raw/a/b:delete', 'GET')).toBe('ambiguous');
  const plain = createMatcher([operation('GET', '/chats/{id}', 'chat')]);
  expect(plain.match('GET', '/chats/19:abc@thread.v2', '')).toMatchObject({
    pathParameters: { id: '19:abc@thread.v2' },
  });
});
