import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { EgressRequest } from '../../runtime/egress/egress.ts';
import { nextRequest } from '../../runtime/egress/redirect.ts';
import { readTarget } from '../../runtime/egress/target.ts';

const body = Buffer.from('{}');
const asked = (method: string): EgressRequest => ({
  method,
  url: 'https://a.example/x/y?q=1',
  headers: [
    ['content-type', 'application/json'],
    ['Content-Language', 'en'],
    ['Authorization', 'Bearer cordon'],
    ['x-api-key', 'cordon'],
    ['accept', '*/*'],
  ],
  ...(method === 'GET' || method === 'HEAD' ? {} : { body }),
});
const answered = (status: number, ...locations: string[]) => ({
  status,
  url: 'https://a.example/x/y?q=1',
  headers: locations.map((location): [string, string] => ['Location', location]),
});

describe('method and body follow the rules of fetch', () => {
  const kept = ['PUT', 'PATCH', 'DELETE'];
  const cases: [number, string, string][] = [
    ...[301, 302].flatMap((status): [number, string, string][] => [
      [status, 'POST', 'GET'],
      [status, 'GET', 'GET'],
      [status, 'HEAD', 'HEAD'],
      ...kept.map((method): [number, string, string] => [status, method, method]),
    ]),
    ...['POST', ...kept].map((method): [number, string, string] => [303, method, 'GET']),
    [303, 'GET', 'GET'],
    [303, 'HEAD', 'HEAD'],
    ...[307, 308].flatMap((status) =>
      ['GET', 'HEAD', 'POST', ...kept].map((method): [number, string, string] => [status, method, method]),
    ),
  ];
  it.each(cases)('%i after %s asks with %s', (status, method, expected) => {
    const next = nextRequest(asked(method), answered(status, '/z'));
    const keepsBody = method === expected;
    expect(next).toMatchObject({ method: expected, url: 'https://a.example/z' });
    expect(next?.body).toBe(keepsBody ? asked(method).body : undefined);
    expect(next?.headers.some(([name]) => name.toLowerCase().startsWith('content-'))).toBe(keepsBody);
  });

  it.each([200, 201, 300, 304, 305, 306, 399, 400])('%i is no redirect', (status) => {
    expect(nextRequest(asked('GET'), answered(status, '/z'))).toBeUndefined();
  });

  it('and neither is one without Location', () => {
    expect(nextRequest(asked('GET'), answered(302))).toBeUndefined();
  });
});

describe('what was meant for one host stays there', () => {
  it.each(['https://b.example/', 'https://a.example:8443/', 'http://a.example/', '//b.example/z'])('%s', (location) => {
    const next = nextRequest(asked('GET'), answered(307, location));
    expect(next?.headers.map(([name]) => name)).toEqual(['content-type', 'Content-Language', 'accept']);
  });

  it('on the same host it goes on', () => {
    expect(nextRequest(asked('GET'), answered(307, '/z'))?.headers).toHaveLength(5);
  });
});

describe('where a redirect leads is judged like any URL', () => {
  it.each([
    ['http://a.example/', 'invalid_request'],
    ['http://127.0.0.1/', 'invalid_request'],
    ['https://127.0.0.1/', 'address_refused'],
    ['https://127.1/', 'address_refused'],
    ['https://2130706433/', 'address_refused'],
    ['https://0x7f.1/', 'address_refused'],
    ['https://[::1]/', 'address_refused'],
    ['https://169.254.169.254/latest', 'address_refused'],
    ['//localhost/', 'address_refused'],
    ['https://user:pw@b.example/', 'invalid_request'],
    ['file:///etc/passwd', 'invalid_request'],
    ['data:text/plain,x', 'invalid_request'],
    ['javascript:1', 'invalid_request'],
    ['https://b.example./', 'invalid_request'],
  ])('%s is refused', (location, reason) => {
    const next = nextRequest(asked('GET'), answered(302, location)) as EgressRequest;
    expect(() => readTarget(next.url)).toThrow(expect.objectContaining({ reason }));
  });

  it.each([
    'https://',
    'https://a b.example/',
    '\\\\b.example',
    '/a\\b',
    '/\u00e9',
    '/a\u0000',
    'https://b.example:99999/',
  ])('%j has no one meaning', (location) => {
    expect(() => nextRequest(asked('GET'), answered(302, location))).toThrow(
      expect.objectContaining({ reason: 'upstream' }),
    );
  });

  it('two that differ have none either', () => {
    expect(() => nextRequest(asked('GET'), answered(302, '/a', '/b'))).toThrow('given twice');
    expect(nextRequest(asked('GET'), answered(302, '/a', '/a'))?.url).toBe('https://a.example/a');
  });
});

it('property: a redirect never makes a method of another kind, or adds a body or a header', () => {
  fc.assert(
    fc.property(
      fc.constantFrom('GET', 'HEAD', 'POST', 'PUT', 'DELETE'),
      fc.integer({ min: 300, max: 399 }),
      fc.webUrl(),
      (method, status, location) => {
        const before = asked(method);
        const next = nextRequest(before, answered(status, location));
        if (!next) return;
        expect([method, 'GET']).toContain(next.method);
        expect([before.body, undefined]).toContain(next.body);
        for (const header of next.headers) expect(before.headers).toContainEqual(header);
      },
    ),
  );
});
