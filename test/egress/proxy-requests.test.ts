import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { EgressError } from '../../runtime/egress/egress.ts';
import { type ProxyRun, startProxyRun } from './proxy-run.ts';

let proxied: ProxyRun;
beforeAll(async () => {
  proxied = await startProxyRun({ limits: { newConnections: { perSecond: 1000, burst: 1000, longestMs: 1000 } } });
  proxied.answer(() => ({ body: 'REACHED' }));
});
afterAll(() => proxied.close());
beforeEach(() => {
  proxied.asked.length = 0;
});

const get = (path = '/', more = '', host = 'slack.com') => `GET ${path} HTTP/1.1\r\nHost: ${host}\r\n${more}\r\n`;
const connect = (authority: string) => `CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n\r\n`;

describe('what is not carried', () => {
  it.each([
    ['a WebSocket', get('/', 'Upgrade: websocket\r\nConnection: Upgrade, close\r\nSec-WebSocket-Key: x\r\n'), 403],
    ['HTTP/2 by upgrade', get('/', 'Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings, close\r\n'), 403],
    ['TRACE', 'TRACE / HTTP/1.1\r\nHost: slack.com\r\nConnection: close\r\n\r\n', 403],
    ['an unknown method', 'EXFILTRATE / HTTP/1.1\r\nHost: slack.com\r\n\r\n', 400],
    ['a head of 33 KiB', get('/', `X: ${'x'.repeat(33 * 1024)}\r\n`), 431],
    ['a target of 33 KiB', get(`/${'x'.repeat(33 * 1024)}`), 431],
    ['two lengths', 'POST / HTTP/1.1\r\nHost: slack.com\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello', 400],
    [
      'a length and chunks',
      'POST / HTTP/1.1\r\nHost: slack.com\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      400,
    ],
    ['chunks of no length', 'POST / HTTP/1.1\r\nHost: slack.com\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n', 400],
    ['another coding', 'POST / HTTP/1.1\r\nHost: slack.com\r\nTransfer-Encoding: gzip\r\n\r\nx', 400],
    ['HTTP/1.0', 'GET / HTTP/1.0\r\nHost: slack.com\r\n\r\n', 505],
    ['a bare line feed', 'GET / HTTP/1.1\nHost: slack.com\n\n', 400],
    ['a header that is none', get('/', 'X Y: z\r\n'), 400],
    ['a NUL in a header', get('/', 'X: a\0b\r\n'), 400],
    ['an unknown expectation', get('/', 'Expect: magic\r\nConnection: close\r\n'), 417],
  ])('%s', async (_, sent, status) => {
    expect((await proxied.inside('slack.com:443', sent)).slice(0, 12)).toBe(`HTTP/1.1 ${status}`);
    expect(proxied.asked).toHaveLength(0);
  });

  it('the start of HTTP/2', async () => {
    expect(await proxied.inside('slack.com:443', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')).not.toContain('REACHED');
    expect(proxied.asked).toHaveLength(0);
  });

  it('requests that do not wait for their answer: at most the first is made', async () => {
    let release = () => {};
    proxied.answer(async () => {
      await new Promise<void>((resolve) => {
        release = resolve;
      });
      return { body: 'REACHED' };
    });
    const text = await proxied.inside('slack.com:443', get('/1') + get('/2') + get('/3'));
    release();
    proxied.answer(() => ({ body: 'REACHED' }));
    expect(text).toBe('');
    expect(proxied.asked.length).toBeLessThanOrEqual(1);
  });

  it('a request of the plain connection while it becomes a tunnel', async () => {
    expect(await proxied.raw(get('https://slack.com/1') + connect('evil.com:443'))).not.toContain('200 Connection');
  });

  it('a request to the proxy itself', async () => {
    for (const target of ['/', '/v1/runs', 'slack.com:443', 'ftp://slack.com/x', 'https://'])
      expect(await proxied.raw(get(target, 'Connection: close\r\n'))).toMatch(/^HTTP\/1\.1 40[03] /);
    expect(proxied.asked).toHaveLength(0);
  });

  it('bytes that are nothing', async () => {
    for (const sent of ['\r\n\r\n\r\n\0\0\0', Buffer.from([5, 1, 0]), '{"t":"hello","version":1}\r\n\r\n'])
      expect(await Promise.race([proxied.raw(sent), sleep(200, '')])).toMatch(/^(HTTP\/1\.1 400 |$)/);
    expect(proxied.asked).toHaveLength(0);
  });
});

describe('headers', () => {
  it('of the connection, and those that it names, stay here', async () => {
    const sent = [
      'Connection: close, X-Named, Authorization-Note',
      'X-Named: a',
      'Authorization-Note: b',
      'Keep-Alive: timeout=5',
      'TE: trailers',
      'Trailer: X-Late',
      'Proxy-Connection: keep-alive',
      'X-Kept: 1',
      'X-Kept: 2',
      'Authorization: Bearer guest',
    ];
    await proxied.inside('slack.com:443', get('/', `${sent.join('\r\n')}\r\n`));
    expect(proxied.asked[0]?.headers).toEqual([
      ['x-kept', '1'],
      ['x-kept', '2'],
      // For the gate to judge.
      ['authorization', 'Bearer guest'],
    ]);
  });

  it('are all shown to the gate, or the request is refused for their number', async () => {
    const many = (count: number) => Array.from({ length: count }, (_, index) => `a${index}:\r\n`).join('');
    await proxied.inside('slack.com:443', get('/', `${many(198)}Connection: close\r\n`));
    expect(proxied.asked[0]?.headers).toHaveLength(198);
    for (const count of [199, 2500]) {
      const text = await proxied.inside('slack.com:443', get('/', `${many(count)}Connection: close\r\n`));
      expect(text).toMatch(/^HTTP\/1\.1 431 a request/);
    }
    expect(proxied.asked).toHaveLength(1);
  });

  it('a message of the gate cannot become a header or a second line', async () => {
    proxied.answer(() => {
      throw new EgressError('no_grant', `agent x\r\nSet-Cookie: a=b\r\n\r\nHTTP/1.1 200 OK ü ${'long '.repeat(500)}`);
    });
    const text = await proxied.inside('slack.com:443', get('/', 'Connection: close\r\n'));
    proxied.answer(() => ({ body: 'REACHED' }));
    const [head = '', body = ''] = text.split('\r\n\r\n');
    expect(
      head
        .split('\r\n')
        .map((line) => line.split(':')[0]?.toLowerCase())
        .slice(1)
        .sort(),
    ).toEqual(['connection', 'content-length', 'content-type', 'cordon-egress']);
    expect(head.split('\r\n')[0]?.length).toBeLessThan(500);
    expect(JSON.parse(Buffer.from(body, 'latin1').toString()).error.message).toContain('ü');
  });

  it('an answer that cannot be written is an error of the service', async () => {
    for (const broken of [
      { headers: [['x', 'a\r\nb']] as [string, string][] },
      { status: 101 },
      { statusText: 'a\nb' },
    ]) {
      proxied.answer(() => ({ body: 'REACHED', ...broken }));
      expect(await proxied.inside('slack.com:443', get('/', 'Connection: close\r\n'))).toMatch(/^HTTP\/1\.1 502 /);
    }
    proxied.answer(() => ({ body: 'REACHED' }));
  });
});
