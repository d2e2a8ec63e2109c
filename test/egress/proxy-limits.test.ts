import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { EgressError } from '../../runtime/egress/egress.ts';
import { createPace } from '../../runtime/egress/proxy/pace.ts';
import type { ProxyLimits } from '../../runtime/egress/proxy/proxy.ts';
import { everything, type ProxyRun, startProxyRun } from './proxy-run.ts';

let proxied: ProxyRun;
afterEach(() => proxied?.close());

const start = async (limits: Partial<ProxyLimits> = {}, bodyBytes = 64 * 1024) => {
  proxied = await startProxyRun({ limits, bodyBytes });
  proxied.answer(({ body }) => ({ body: `${body?.length ?? 0} bytes` }));
};
const post = (more: string) => `POST /x HTTP/1.1\r\nHost: slack.com\r\nConnection: close\r\n${more}\r\n`;
const get = 'GET /x HTTP/1.1\r\nHost: slack.com\r\n\r\n';
const MiB = 1024 * 1024;

describe('slow clients are given up', () => {
  it('one that connects and says nothing', async () => {
    await start({ quietMs: 200 });
    expect(await proxied.raw('')).toBe('');
  });

  it('one that drips the head of its CONNECT, however steadily', async () => {
    await start({ quietMs: 400 });
    const socket = await proxied.connect();
    const closed = once(socket, 'close');
    const drip = setInterval(() => socket.write('C'), 50);
    socket.resume();
    await closed;
    clearInterval(drip);
  });

  it('one that gets its tunnel and does not begin TLS', async () => {
    await start({ quietMs: 1000 });
    expect(await proxied.raw('CONNECT slack.com:443 HTTP/1.1\r\nHost: slack.com\r\n\r\n')).toMatch(/200 .*\r\n\r\n$/);
  });

  it('one that drips the head of its second request', async () => {
    await start({ quietMs: 1500 });
    const secure = await proxied.tunnel('slack.com:443');
    secure.write(get);
    await once(secure, 'data');
    const closed = once(secure, 'close');
    const drip = setInterval(() => secure.write('G'), 100);
    secure.resume();
    await closed;
    clearInterval(drip);
    expect(proxied.asked).toHaveLength(1);
  });

  it('one that drips its body', async () => {
    await start({ bodyMs: 400 });
    const secure = await proxied.tunnel('slack.com:443');
    secure.write(post('Content-Length: 10000\r\n'));
    const drip = setInterval(() => secure.write('x'), 50);
    const text = await everything(secure);
    clearInterval(drip);
    expect(text).toBe('');
    expect(proxied.asked).toHaveLength(0);
  });

  it('one that reads nothing of its answer: the service is let go', async () => {
    await start({ stallMs: 300 });
    let made = 0;
    const over = Promise.withResolvers<void>();
    proxied.answer(() => ({
      body: (async function* () {
        try {
          for (; made < 500; made++) yield Buffer.alloc(MiB);
        } finally {
          over.resolve();
        }
      })(),
    }));
    const secure = await proxied.tunnel('slack.com:443');
    secure.pause();
    secure.write(get);
    await over.promise;
    // Backpressure: what it does not take is not asked for.
    expect(made).toBeLessThan(100);
    secure.destroy();
  });
});

describe('bodies are bounded', () => {
  it.each([
    ['one that says its length', 'Content-Length: 65537\r\n', 'x'.repeat(65537)],
    ['one in chunks', 'Transfer-Encoding: chunked\r\n', `10001\r\n${'x'.repeat(0x10001)}\r\n0\r\n\r\n`],
  ])('%s', async (_, head, body) => {
    await start();
    const text = await proxied.inside('slack.com:443', post(head) + body);
    expect(text).toMatch(/^HTTP\/1\.1 413 a request body has at most 65536 bytes\r\n/);
    expect(text).toContain('"name":"QuotaExceeded"');
    expect(proxied.asked).toHaveLength(0);
  });

  it('and one of just that size passes', async () => {
    await start();
    expect(await proxied.inside('slack.com:443', `${post('Content-Length: 65536\r\n')}${'x'.repeat(65536)}`)).toContain(
      '65536 bytes',
    );
  });

  it('one that is refused while its client still sends is read to its end, within reason', async () => {
    await start();
    const huge = post('Content-Length: 600000\r\n') + 'x'.repeat(600_000);
    expect(await proxied.inside('slack.com:443', huge)).toMatch(/^HTTP\/1\.1 413 /);
  });

  it('all together: a run cannot have every connection hold one', async () => {
    await start();
    const held = await Promise.all(Array.from({ length: 8 }, () => proxied.tunnel('slack.com:443')));
    let answered = 0;
    const answers = held.map((secure) => {
      secure.write(post('Content-Length: 65536\r\n') + 'x'.repeat(60_000));
      return everything(secure).finally(() => answered++);
    });
    // Those that are refused have their answer without the rest.
    await expect.poll(() => answered).toBe(4);
    for (const secure of held) if (!secure.destroyed) secure.write('x'.repeat(5536));
    const texts = await Promise.all(answers);
    const passed = texts.filter((text) => text.includes('65536 bytes')).length;
    const refused = texts.filter((text) => text.includes('413 the bodies that this run sends at once')).length;
    expect([passed + refused, passed]).toEqual([8, 4]);
    // Their room is given back.
    expect(await proxied.inside('slack.com:443', `${post('Content-Length: 5\r\n')}hello`)).toContain('5 bytes');
  });

  it('pieces of one byte are put together, byte for byte, at a pace', async () => {
    await start({ bytes: { perSecond: 32 * MiB, burst: 64 * 1024, longestMs: 5000 } });
    const bytes = Array.from({ length: 20_000 }, (_, index) => String.fromCharCode(97 + (index % 26)));
    let got = '';
    proxied.answer(({ body }) => {
      got = Buffer.from(body ?? []).toString();
      return { body: 'taken' };
    });
    const begun = performance.now();
    const body = bytes.map((byte) => `1\r\n${byte}\r\n`).join('');
    const text = await proxied.inside('slack.com:443', `${post('Transfer-Encoding: chunked\r\n')}${body}0\r\n\r\n`);
    expect(text).toContain('taken');
    expect(got).toBe(bytes.join(''));
    // They cost some 40 MB at 32 MB a second.
    expect(performance.now() - begun).toBeGreaterThan(500);
  });
});

describe('connections are bounded', () => {
  it('in number: what is beyond is closed, and there is room again afterwards', async () => {
    await start({ connections: 3 });
    const held = await Promise.all([proxied.connect(), proxied.connect(), proxied.connect()]);
    await sleep(50);
    expect(await proxied.raw('GET http://x/ HTTP/1.1\r\nHost: x\r\n\r\n')).toBe('');
    held[0]?.destroy();
    await expect.poll(() => proxied.raw('GET http://x/ HTTP/1.1\r\nHost: x\r\n\r\n')).toContain('403');
    for (const socket of held) socket.destroy();
  });

  it('in number a second: further ones wait for their turn', async () => {
    await start({ newConnections: { perSecond: 10, burst: 2, longestMs: 5000 } });
    const begun = performance.now();
    const answers = Array.from({ length: 4 }, () => proxied.raw('GET http://x/ HTTP/1.1\r\nHost: x\r\n\r\n'));
    for (const text of await Promise.all(answers)) expect(text).toContain('403');
    expect(performance.now() - begun).toBeGreaterThan(150);
  });

  it('and requests a second too', async () => {
    await start({ requests: { perSecond: 10, burst: 2, longestMs: 5000 } });
    const secure = await proxied.tunnel('slack.com:443');
    const begun = performance.now();
    for (let index = 0; index < 6; index++) {
      secure.write(get);
      await once(secure, 'data');
    }
    secure.destroy();
    expect(performance.now() - begun).toBeGreaterThan(250);
    expect(proxied.asked).toHaveLength(6);
  });

  it('a flood that hangs up at once does not keep its own run out for long', () => {
    let nowMs = 0;
    const pace = createPace({ perSecond: 50, burst: 100, longestMs: 2000 }, () => nowMs);
    for (let index = 0; index < 100; index++) expect(pace()).toBe(0);
    for (let index = 0; index < 10_000; index++) expect(pace()).toBeLessThanOrEqual(2000);
    nowMs += 4000;
    expect(pace()).toBe(0);
  });
});

describe('ends', () => {
  it('a client that goes away ends its call', async () => {
    await start();
    const asked = Promise.withResolvers<AbortSignal | undefined>();
    proxied.answer(({ signal }) => {
      asked.resolve(signal);
      return new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason)));
    });
    const secure = await proxied.tunnel('slack.com:443');
    secure.write(get);
    const signal = await asked.promise;
    secure.destroy();
    while (!signal?.aborted) await sleep(5);
    expect(signal.reason).toBeInstanceOf(EgressError);
  });

  it('an answer that breaks off does not look whole', async () => {
    await start();
    for (const headers of [[], [['content-length', '10']]] as [string, string][][]) {
      proxied.answer(() => ({
        headers,
        body: (async function* () {
          yield Buffer.from('half');
          throw new EgressError('credential_revoked', 'the credential was taken away');
        })(),
      }));
      const text = await proxied.inside('slack.com:443', get);
      expect(text).toContain('half');
      expect(text.endsWith('0\r\n\r\n')).toBe(false);
    }
  });

  it('an answer that is longer or shorter than it said is broken off', async () => {
    await start();
    for (const length of ['2', '9']) {
      proxied.answer(() => ({ headers: [['content-length', length]], body: 'four' }));
      const secure = await proxied.tunnel('slack.com:443');
      secure.write(get);
      const text = await everything(secure);
      expect(text).not.toContain('HTTP/1.1 200 OK\r\nHTTP');
      expect(text.split('\r\n\r\n')[1] ?? '').not.toBe('four'.slice(0, Number(length)).repeat(2));
    }
  });

  it('what is no error of the gate is not told', async () => {
    await start();
    proxied.answer(() => {
      throw new Error('/srv/cordon/master-key: EACCES');
    });
    const text = await proxied.inside('slack.com:443', post(''));
    expect(text).toMatch(/^HTTP\/1\.1 502 the call could not be made\r\n/);
    expect(text).not.toContain('master-key');
  });

  it('closing the proxy ends every connection, whatever it waits for', async () => {
    await start({ newConnections: { perSecond: 1, burst: 3, longestMs: 5000 } });
    const idle = await proxied.tunnel('slack.com:443');
    const plain = await proxied.connect();
    const busy = await proxied.tunnel('slack.com:443');
    proxied.answer(() => new Promise(() => {}));
    busy.write(get);
    while (proxied.asked.length === 0) await sleep(5);
    const waiting = await proxied.connect();
    const all = [idle, plain, busy, waiting];
    const closed = Promise.all(all.map((socket) => once(socket.resume(), 'close')));
    proxied.stopProxy();
    await closed;
    expect(proxied.asked[0]?.signal?.aborted).toBe(true);
    expect(await proxied.raw('GET http://x/ HTTP/1.1\r\nHost: x\r\n\r\n')).toBe('');
  });
});
