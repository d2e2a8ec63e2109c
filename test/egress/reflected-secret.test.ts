import { createGzip, gzipSync } from 'node:zlib';
import { expect, it, vi } from 'vitest';
import { through } from '../../runtime/egress/byte-stream.ts';
import { decodeBody } from '../../runtime/egress/decode-body.ts';
import { cleanResponseHeaders } from '../../runtime/egress/headers.ts';
import { createScrubber } from '../../runtime/egress/scrub.ts';
import type { UpstreamResponse } from '../../runtime/egress/upstream.ts';
import { outward, requestTo, text } from './outward.ts';

const { upstreamOf, standInOf } = outward();
const token = 'xoxb-17653672481-19874698323-pdFZKVeTuE8sk7oOHcbrzqgy';

const authorized = { headers: [['authorization', `Bearer ${token}`]] as [string, string][] };
const guestSees = ({ headers, body }: UpstreamResponse) => {
  const encoding = headers.find(([name]) => name === 'content-encoding')?.[1];
  return through(decodeBody(body, encoding, 1 << 20), createScrubber([token]).stage());
};

it.each([
  'h2',
  'http/1.1',
] as const)('a service that sends back what it was sent gives no secret away, in no header and no byte (%s)', async (protocol) => {
  const standIn = await standInOf(({ headers, httpVersion }) => {
    const { authorization = '' } = headers;
    const said = {
      headers,
      encoded: Buffer.from(`x${authorization}`).toString('base64'),
      url: `https://a.example/?t=${encodeURIComponent(authorization)}`,
      nested: JSON.stringify({ authorization }),
    };
    const zipped = gzipSync(JSON.stringify(said));
    return {
      headers: { 'content-encoding': 'gzip', 'x-echo': authorization, 'set-cookie': `t=${token}`, via: httpVersion },
      body: (async function* () {
        for (const byte of zipped) yield Uint8Array.of(byte);
      })(),
    };
  }, protocol);
  const response = await upstreamOf().send(requestTo(standIn, authorized));
  expect(standIn.requests[0]?.headers.authorization).toBe(`Bearer ${token}`);
  const headers = createScrubber([token]).fields(cleanResponseHeaders(response.headers));
  const body = await text(guestSees(response));

  const masked = '*'.repeat(token.length);
  expect(headers).toContainEqual(['x-echo', `Bearer ${masked}`]);
  expect(JSON.parse(body)).toMatchObject({
    headers: { authorization: `Bearer ${masked}` },
    nested: JSON.stringify({ authorization: `Bearer ${masked}` }),
  });
  const all = JSON.stringify(headers) + body;
  for (let at = 0; at + 8 <= token.length; at++) expect(all).not.toContain(token.slice(at, at + 8));
  expect(Buffer.from(JSON.parse(body).encoded.replaceAll('*', 'A'), 'base64').toString('latin1')).not.toContain('pdFZ');
});

it.each([
  'h2',
  'http/1.1',
] as const)('a guest that stops reading an encoded answer frees the connection (%s)', async (protocol) => {
  const standIn = await standInOf(
    () => ({
      headers: { 'content-encoding': 'gzip' },
      body: (async function* () {
        const zip = createGzip({ level: 0 });
        for (;;) {
          zip.write(Buffer.alloc(64 * 1024, 'x'));
          await new Promise(setImmediate);
          for (let chunk = zip.read(); chunk !== null; chunk = zip.read()) yield chunk;
        }
      })(),
    }),
    protocol,
  );
  const upstream = upstreamOf({ keepAliveMs: 50 });
  for (const reads of [0, 1, 3]) {
    const iterator = guestSees(await upstream.send(requestTo(standIn)))[Symbol.asyncIterator]();
    for (let read = 0; read < reads; read++) await iterator.next();
    await iterator.return?.();
  }
  await vi.waitFor(() => expect(standIn.open).toBe(0), { timeout: 10_000, interval: 20 });
});
