import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { EgressError } from '../../runtime/egress/egress.ts';
import { createFetchDocument, type DocumentOptions } from '../../runtime/egress/fetch-document.ts';
import { createUpstream } from '../../runtime/egress/upstream.ts';
import { type StandInHandler, startBait, startStandIn } from './stand-in.ts';

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function documents(handler: StandInHandler, options: DocumentOptions = {}, lookup?: () => Promise<string[]>) {
  const standIn = await startStandIn({ names: ['docs.example', 'cdn.example'], handler });
  const upstream = createUpstream(lookup ? { lookup } : {});
  closing.push(
    () => standIn.close(),
    () => upstream.close(),
  );
  const connectTo = { 'https://docs.example': standIn.connectTo, 'https://cdn.example': standIn.connectTo };
  const fetchDocument = createFetchDocument(upstream, { connectTo, ...options });
  const read = (url: string, more: { tenant?: string; signal?: AbortSignal } = {}) =>
    fetchDocument(more.tenant ?? 'default', url, more);
  return { read, standIn, upstream };
}

const failure = (work: Promise<unknown>) =>
  work.then(
    () => 'read',
    (error: unknown) => (error instanceof EgressError ? `${error.reason}: ${error.message}` : String(error)),
  );

it('reads a document, decoded, through redirects, and sends nothing that was not asked for', async () => {
  const { read, standIn } = await documents(({ path }) => {
    if (path === '/openapi') return { status: 301, headers: { location: 'https://cdn.example/v1.json' } };
    if (path === '/v1.json') return { status: 307, headers: { location: './v2.json' } };
    return { headers: { 'content-encoding': 'gzip' }, body: gzipSync('{"openapi":"3.1.0"}') };
  });
  expect(Buffer.from(await read('https://docs.example/openapi')).toString()).toBe('{"openapi":"3.1.0"}');
  expect(standIn.requests.map(({ method, path, headers }) => [method, headers.host, path])).toEqual([
    ['GET', 'docs.example', '/openapi'],
    ['GET', 'cdn.example', '/v1.json'],
    ['GET', 'cdn.example', '/v2.json'],
  ]);
  expect(Object.keys(standIn.requests[0]?.headers ?? {}).toSorted()).toEqual(
    expect.arrayContaining(['accept', 'accept-encoding', 'host', 'user-agent']),
  );
  expect(standIn.requests.some(({ headers }) => 'authorization' in headers || 'cookie' in headers)).toBe(false);
});

it('over connections of the tenant that asks', async () => {
  const { read, upstream } = await documents(() => ({}));
  for (const tenant of ['a', 'b', 'a']) await read('https://docs.example/openapi', { tenant });
  expect(upstream.pools).toBe(2);
});

describe('is refused', () => {
  it.each([
    ['http://docs.example/', 'invalid_request'],
    ['https://127.0.0.1/', 'address_refused'],
    ['https://user@docs.example/', 'invalid_request'],
    ['file:///etc/passwd', 'invalid_request'],
  ])('%s', async (url, reason) => {
    const { read } = await documents(() => ({}));
    expect(await failure(read(url))).toMatch(new RegExp(`^${reason}: `));
  });

  it('a name, or a redirect, that leads inside', async () => {
    const bait = await startBait();
    closing.push(() => bait.close());
    let location = `https://inside.example:${bait.port}/`;
    const { read } = await documents(
      () => ({ status: 302, headers: { location } }),
      {},
      async () => ['127.0.0.1'],
    );
    expect(await failure(read(location))).toMatch(/^address_refused: /);
    expect(await failure(read('https://docs.example/'))).toMatch(/^address_refused: /);
    location = `http://127.0.0.1:${bait.port}/`;
    expect(await failure(read('https://docs.example/'))).toMatch(/^invalid_request: /);
    location = `https://127.0.0.1:${bait.port}/`;
    expect(await failure(read('https://docs.example/'))).toMatch(/^address_refused: /);
    expect(bait.hits).toBe(0);
  });

  it('a document that is too big, encoded or not', async () => {
    const { read } = await documents(
      ({ path }) =>
        path === '/plain'
          ? { body: 'x'.repeat(2000) }
          : { headers: { 'content-encoding': 'gzip' }, body: gzipSync('x'.repeat(100_000)) },
      { maxBytes: 1000 },
    );
    expect(await failure(read('https://docs.example/plain'))).toBe('limit: the response has more than 1000 bytes');
    expect(await failure(read('https://docs.example/encoded'))).toBe('limit: the response has more than 1000 bytes');
  });

  it('redirects in a circle', async () => {
    const { read, standIn } = await documents(() => ({ status: 302, headers: { location: '/again' } }));
    expect(await failure(read('https://docs.example/'))).toBe('upstream: more than 20 redirects');
    expect(standIn.requests).toHaveLength(21);
  });

  it('anything but 200, and what does not come in time', async () => {
    const { read } = await documents(({ path }) => (path === '/silent' ? undefined : { status: 404 }), {
      timeoutMs: 1500,
    });
    expect(await failure(read('https://docs.example/missing'))).toBe(
      'upstream: docs.example answered 404 instead of a document',
    );
    expect(await failure(read('https://docs.example/silent'))).toBe(
      'upstream: the document did not come within 1500 ms',
    );
    const reason = new Error('the caller left');
    await expect(read('https://docs.example/silent', { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });
});
