import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { EgressError } from '../../runtime/egress/egress.ts';
import { createUpstream } from '../../runtime/egress/upstream.ts';
import { outward, requestTo, text } from './outward.ts';

const protocols = ['h2', 'http/1.1'] as const;
const { upstreamOf, standInOf } = outward();
const settled = (assertion: () => void) => vi.waitFor(assertion, { timeout: 10_000, interval: 20 });

async function* endless() {
  for (;;) {
    yield Buffer.alloc(16 * 1024, 'x');
    await new Promise(setImmediate);
  }
}

describe.each(protocols)('over %s', (protocol) => {
  it('a request arrives as it was written, and the answer comes back as it was sent', async () => {
    const standIn = await standInOf(
      (seen) => ({
        status: 201,
        headers: { 'X-Kind': 'stand-in', 'set-cookie': ['a=1', 'b=2'], 'content-encoding': 'gzip' },
        body: gzipSync(seen.body),
      }),
      protocol,
    );
    const response = await upstreamOf().send(
      requestTo(standIn, {
        method: 'PATCH',
        url: 'https://a.example/v1/a%2Fb;c=d//e?q=%27x%27&r[]=1|2',
        headers: [
          ['content-type', 'application/json'],
          ['x-trace', 'caf\u00e9'],
          ['authorization', 'Bearer secret'],
        ],
        body: Buffer.from('{"a":1}'),
      }),
    );
    expect(response.status).toBe(201);
    expect(response.statusText).toBe(protocol === 'h2' ? '' : 'Created');
    expect(response.headers).toEqual(
      expect.arrayContaining([
        ['x-kind', 'stand-in'],
        ['set-cookie', 'a=1'],
        ['set-cookie', 'b=2'],
        ['content-encoding', 'gzip'],
      ]),
    );
    expect(await text(response.body)).toBe(gzipSync(Buffer.from('{"a":1}')).toString('latin1'));
    expect(standIn.requests).toMatchObject([
      {
        method: 'PATCH',
        path: '/v1/a%2Fb;c=d//e?q=%27x%27&r[]=1|2',
        servername: 'a.example',
        httpVersion: protocol === 'h2' ? '2.0' : '1.1',
      },
    ]);
    expect(standIn.requests[0]?.headers).toMatchObject({
      host: 'a.example',
      'content-length': '7',
      authorization: 'Bearer secret',
    });
    expect(standIn.requests[0]?.json()).toEqual({ a: 1 });
    expect(standIn.requests[0]?.headers).not.toHaveProperty('accept-encoding');
  });

  it('every method comes through, with a body or without', async () => {
    const standIn = await standInOf(({ method, body }) => ({ body: `${method} ${body.length}` }), protocol);
    const upstream = upstreamOf();
    for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND'])
      for (const body of [undefined, Buffer.from('abc')]) {
        const response = await upstream.send(requestTo(standIn, { method, body }));
        expect(await text(response.body)).toBe(`${method} ${body?.length ?? 0}`);
      }
    const head = await upstream.send(requestTo(standIn, { method: 'HEAD' }));
    expect([head.status, await text(head.body)]).toEqual([200, '']);
  });

  it('redirects are answers', async () => {
    const standIn = await standInOf(() => ({ status: 302, headers: { location: 'https://127.0.0.1/' } }), protocol);
    const { status, headers } = await upstreamOf().send(requestTo(standIn));
    expect(status).toBe(302);
    expect(headers).toContainEqual(['location', 'https://127.0.0.1/']);
    expect(standIn.requests).toHaveLength(1);
  });

  it('32 calls at once, twice over, with one signal and without a word of warning', async () => {
    const warnings: string[] = [];
    const onWarning = (warning: Error) => warnings.push(warning.message);
    process.on('warning', onWarning);
    onTestFinished(() => void process.off('warning', onWarning));
    const standIn = await standInOf(async ({ path }) => {
      await sleep(10);
      return { body: path };
    }, protocol);
    const upstream = upstreamOf();
    const { signal } = new AbortController();
    for (const round of [1, 2]) {
      const answers = await Promise.all(
        Array.from({ length: 32 }, async (_, at) => {
          const url = `https://a.example/${round}/${at}`;
          return text((await upstream.send(requestTo(standIn, { url, signal }))).body);
        }),
      );
      expect(answers).toEqual(Array.from({ length: 32 }, (_, at) => `/${round}/${at}`));
    }
    if (protocol === 'h2') expect(standIn.connections).toBe(1);
    else expect(standIn.connections).toBeLessThanOrEqual(64);
    await sleep(1);
    expect(warnings).toEqual([]);
  });

  it('a slow reader holds the service back, and gets everything', async () => {
    const total = 24 * 1024 * 1024;
    let made = 0;
    const standIn = await standInOf(
      () => ({
        body: (async function* () {
          for (; made < total; made += 64 * 1024) yield Buffer.alloc(64 * 1024, 'x');
        })(),
      }),
      protocol,
    );
    const { body } = await upstreamOf().send(requestTo(standIn));
    const iterator = body[Symbol.asyncIterator]();
    let size = (await iterator.next()).value?.byteLength ?? 0;
    let before = -1;
    while (before !== made) {
      before = made;
      await sleep(200);
    }
    expect(made).toBeLessThan(total / 2);
    for (let read = await iterator.next(); !read.done; read = await iterator.next()) size += read.value.byteLength;
    expect(size).toBe(total);
  });

  it('a signal ends a call before it leaves, before its answer, and within its body', async () => {
    const standIn = await standInOf(({ path }) => (path === '/silent' ? undefined : { body: endless() }), protocol);
    const upstream = upstreamOf();
    const revoked = new EgressError('credential_revoked', 'gone');

    await expect(upstream.send(requestTo(standIn, { signal: AbortSignal.abort(revoked) }))).rejects.toBe(revoked);
    expect(standIn.connections).toBe(0);

    const silent = new AbortController();
    const url = 'https://a.example/silent';
    const waiting = upstream.send(requestTo(standIn, { url, signal: silent.signal }));
    await settled(() => expect(standIn.requests).toHaveLength(1));
    silent.abort(revoked);
    await expect(waiting).rejects.toBe(revoked);

    const during = new AbortController();
    const { body } = await upstream.send(requestTo(standIn, { signal: during.signal }));
    const iterator = body[Symbol.asyncIterator]();
    await iterator.next();
    during.abort(revoked);
    await expect(
      (async () => {
        for (;;) if ((await iterator.next()).done) return 'ended';
      })(),
    ).rejects.toBe(revoked);
    await upstream.close();
    await settled(() => expect(standIn.open).toBe(0));
  });

  it('whoever stops reading frees the connection: before the first read, in the middle, while a read waits', async () => {
    const standIn = await standInOf(({ path }) => {
      if (path !== '/once') return { body: endless() };
      return {
        body: (async function* () {
          yield Buffer.from('once');
          await new Promise(() => {});
        })(),
      };
    }, protocol);
    const upstream = upstreamOf({ keepAliveMs: 50 });
    const unread = await upstream.send(requestTo(standIn));
    await unread.body[Symbol.asyncIterator]().return?.();

    const partly = await upstream.send(requestTo(standIn));
    for await (const _ of partly.body) break;

    const once = await upstream.send(requestTo(standIn, { url: 'https://a.example/once' }));
    const iterator = once.body[Symbol.asyncIterator]();
    await iterator.next();
    const pending = iterator.next();
    await iterator.return?.();
    expect(await pending).toMatchObject({ done: true });
    expect(await iterator.next()).toMatchObject({ done: true });
    await settled(() => expect(standIn.open).toBe(0));
  });

  it('a body that nobody reads holds its connection no longer than its time', async () => {
    const standIn = await standInOf(() => ({ body: endless() }), protocol);
    const upstream = upstreamOf({ timeoutMs: 1000, keepAliveMs: 50 });
    const { status } = await upstream.send(requestTo(standIn));
    expect(status).toBe(200);
    await settled(() => expect(standIn.open).toBe(0));
  });

  it('closing ends what is under way', async () => {
    const standIn = await standInOf(({ path }) => (path === '/silent' ? undefined : { body: endless() }), protocol);
    const upstream = createUpstream();
    const { body } = await upstream.send(requestTo(standIn));
    const waiting = upstream.send(requestTo(standIn, { url: 'https://a.example/silent' }));
    const both = Promise.allSettled([text(body), waiting]);
    await settled(() => expect(standIn.requests).toHaveLength(2));
    await upstream.close();
    for (const { status, reason } of (await both) as PromiseRejectedResult[]) {
      expect(status).toBe('rejected');
      expect(reason).toMatchObject({ reason: 'upstream', message: 'Cordon is shutting down' });
    }
    await expect(upstream.send(requestTo(standIn))).rejects.toMatchObject({ reason: 'upstream' });
    await settled(() => expect(standIn.open).toBe(0));
  });

  it('a service that breaks off says so', async () => {
    const standIn = await standInOf(
      () => ({
        body: (async function* () {
          yield Buffer.from('some');
          await sleep(50);
          throw new Error('broken');
        })(),
      }),
      protocol,
    );
    const { body } = await upstreamOf().send(requestTo(standIn));
    await expect(text(body)).rejects.toMatchObject({ reason: 'upstream' });
  });
});
