import { describe, expect, it } from 'vitest';
import { EgressError } from '../../runtime/egress/egress.ts';
import { cleanRequestHeaders, cleanResponseHeaders } from '../../runtime/egress/headers.ts';

const url = new URL('https://api.example.com/v1');
const clean = (...headers: [string, string][]) => cleanRequestHeaders(headers, url).headers;
const ours = [
  ['accept', '*/*'],
  ['user-agent', 'cordon'],
  ['accept-encoding', 'gzip, deflate, br, zstd'],
];

function reason(...headers: [string, string][]): string {
  try {
    cleanRequestHeaders(headers, url);
    return 'passed';
  } catch (error) {
    return error instanceof EgressError ? error.reason : String(error);
  }
}

describe('headers that would become something else on the wire are refused', () => {
  it.each([
    ['x-a', 'b\r\nx-forged: 1'],
    ['x-a', 'b\nx-forged: 1'],
    ['x-a', 'b\rc'],
    ['x-a', 'b\0c'],
    ['x-a', 'b\u007fc'],
    ['x-a', 'b\u0101c'],
    ['x-a', '\ud83d\ude00'],
    ['x-a\r\nx-forged', '1'],
    ['x a', '1'],
    ['x-a:', '1'],
    ['', '1'],
    [':authority', 'evil.example'],
    ['x-\u00e9', '1'],
  ] as [string, string][])('%j', (name, value) => {
    expect(reason([name, value])).toBe('invalid_request');
  });
});

describe('headers that make another request of it are refused', () => {
  it.each([
    ['X-HTTP-Method-Override', 'DELETE'],
    ['x-http-method', 'MERGE'],
    ['X-Method-Override', 'DELETE'],
    ['X_HTTP_Method_Override', 'DELETE'],
    ['x.http.method.override', 'DELETE'],
    ['x-original-url', '/admin'],
    ['X-Rewrite-URL', '/admin'],
    ['host', 'evil.example'],
    ['Host', 'api.example.com:8443'],
    ['host', 'api.example.com@evil.example'],
    ['host', ''],
    ['cookie', 'session=1'],
    ['Proxy-Authorization', 'Basic eDp5'],
    ['upgrade', 'websocket'],
  ] as [string, string][])('%j', (name, value) => {
    expect(reason([name, value])).toBe('invalid_request');
  });

  it('a header that is given twice, except lists', () => {
    for (const name of ['content-type', 'authorization', 'host', 'range', 'x-anything'])
      expect(reason([name, 'api.example.com'], [name.toUpperCase(), 'api.example.com'])).toBe('invalid_request');
    expect(reason(['content-type', 'a/b'], ['content_type', 'c/d'])).toBe('invalid_request');
    expect(clean(['accept', 'a/b'], ['Accept', 'c/d']).slice(0, 2)).toEqual([
      ['accept', 'a/b'],
      ['accept', 'c/d'],
    ]);
  });

  it('too many, and too long ones', () => {
    const many = Array.from({ length: 101 }, (_, at): [string, string] => [`x-${at}`, '']);
    expect(reason(...many.slice(1))).toBe('passed');
    expect(reason(...many)).toBe('invalid_request');
    expect(reason(['x-long', 'x'.repeat(16 * 1024)])).toBe('invalid_request');
    expect(reason(['x-long', 'x'.repeat(16 * 1024 - 10)])).toBe('passed');
  });
});

it('what speaks of the connection or of the origin stays here', () => {
  expect(
    clean(
      ['Host', 'API.example.com'],
      ['Connection', 'keep-alive, X-Hop'],
      ['x-hop', '1'],
      ['Keep-Alive', 'timeout=5'],
      ['Transfer-Encoding', 'chunked'],
      ['Content-Length', '5'],
      ['TE', 'trailers'],
      ['Trailer', 'x'],
      ['Upgrade', 'h2c'],
      ['HTTP2-Settings', 'AAMAAABkAAQAAP__'],
      ['Expect', '100-continue'],
      ['Proxy-Connection', 'keep-alive'],
      ['Forwarded', 'for=127.0.0.1'],
      ['X-Forwarded-For', '127.0.0.1'],
      ['x_forwarded_host', 'evil.example'],
      ['X-Real-IP', '127.0.0.1'],
      ['Via', '1.1 x'],
      ['Cordon-Egress', 'refused'],
    ),
  ).toEqual(ours);
});

it('everything else passes, names in lower case, values without blanks around them', () => {
  expect(
    clean(['X-Custom', ' a\tb '], ['Authorization', 'Bearer cordon'], ['User-Agent', 'me'], ['X-Caf', 'caf\u00e9']),
  ).toEqual([
    ['x-custom', 'a\tb'],
    ['authorization', 'Bearer cordon'],
    ['user-agent', 'me'],
    ['x-caf', 'caf\u00e9'],
    ['accept', '*/*'],
    ['accept-encoding', 'gzip, deflate, br, zstd'],
  ]);
});

it('only encodings that can be decoded are asked for, and none for a part of something', () => {
  expect(clean(['accept-encoding', 'compress, sdch'])).toEqual(ours);
  expect(clean(['accept-encoding', 'identity']).at(-1)).toEqual(['accept-encoding', 'identity']);
  expect(clean(['range', 'bytes=0-9']).at(-1)).toEqual(['accept-encoding', 'identity']);
});

it('the guest names a connector in a header that does not travel', () => {
  expect(cleanRequestHeaders([['Cordon-Connector', 'slack-2']], url)).toEqual({ headers: ours, connector: 'slack-2' });
});

describe('of an answer', () => {
  it('cookies, the connection and what looks like our own word stay here', () => {
    expect(
      cleanResponseHeaders([
        ['Content-Type', 'text/plain'],
        ['Set-Cookie', 'a=b'],
        ['set-cookie2', 'a=b'],
        ['Connection', 'close, x-hop'],
        ['x-hop', '1'],
        ['Transfer-Encoding', 'chunked'],
        ['Proxy-Authenticate', 'Basic'],
        ['Alt-Svc', 'h3=":443"'],
        ['cordon-egress', 'refused'],
        ['Content-Length', '5'],
        ['ETag', '"x"'],
        ['location', ' /there '],
      ]),
    ).toEqual([
      ['content-type', 'text/plain'],
      ['content-length', '5'],
      ['etag', '"x"'],
      ['location', '/there'],
    ]);
  });

  it('the length of an encoded body is not that of the decoded one', () => {
    const headers: [string, string][] = [
      ['content-encoding', 'gzip'],
      ['content-length', '5'],
    ];
    expect(cleanResponseHeaders(headers)).toEqual([]);
    expect(cleanResponseHeaders([['content-encoding', 'identity'], headers[1] as [string, string]])).toEqual([
      headers[1],
    ]);
  });
});
