import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, vi } from 'vitest';
import { failure, outward, requestTo, text } from './outward.ts';
import { startRawService } from './raw-service.ts';
import { startStandIn } from './stand-in.ts';

const { kept, upstreamOf } = outward();

describe('answers that are too much', () => {
  it.each([['h2'], ['http/1.1']] as const)('headers over 32 KiB are refused (%s)', async (protocol) => {
    const standIn = kept(
      await startStandIn({
        names: ['a.example'],
        protocols: [protocol],
        handler: () => ({ headers: { 'x-long': 'x'.repeat(40_000) } }),
      }),
    );
    const said = await failure(upstreamOf().send(requestTo(standIn)));
    expect(said).toBe('upstream: a.example answered with too many headers');
  });

  it('a thousand short headers are refused', async () => {
    const service = kept(
      await startRawService('a.example', (socket) =>
        socket.write(`HTTP/1.1 200 OK\r\ncontent-length: 0\r\n${'a: b\r\n'.repeat(1000)}\r\n`),
      ),
    );
    const said = await failure(upstreamOf().send(requestTo(service)));
    expect(said).toBe('upstream: a.example answered with too many headers');
  });

  it('interim answers without end are refused', async () => {
    const service = kept(
      await startRawService('a.example', (socket) => {
        const timer = setInterval(() => socket.write('HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n'), 1);
        socket.on('close', () => clearInterval(timer));
      }),
    );
    const said = await failure(upstreamOf().send(requestTo(service)));
    expect(said).toBe('upstream: a.example answered with too many interim answers');
    await vi.waitFor(() => expect(service.open).toBe(0), { timeout: 10_000 });
  });

  it('an endless drip ends with the time of the call', async () => {
    const standIn = kept(
      await startStandIn({
        names: ['a.example'],
        handler: () => ({
          body: (async function* () {
            for (;;) {
              yield Buffer.from('.');
              await sleep(5);
            }
          })(),
        }),
      }),
    );
    const upstream = upstreamOf({ timeoutMs: 1500 });
    const { body } = await upstream.send(requestTo(standIn));
    expect(await failure(text(body))).toBe('upstream: a.example did not answer in full within 1500 ms');
    expect(await failure(upstream.send(requestTo(standIn, { url: 'https://b.example/' })))).toMatch(/^upstream/);
  });

  it('a head that drips ends with the time of the call', async () => {
    const service = kept(
      await startRawService('a.example', (socket) => {
        socket.write('HTTP/1.1 200 OK\r\n');
        const timer = setInterval(() => socket.write('x-a: b\r\n'), 20);
        socket.on('close', () => clearInterval(timer));
      }),
    );
    const send = upstreamOf().send(requestTo(service, { timeoutMs: 1000 }));
    expect(await failure(send)).toBe('upstream: a.example did not answer in full within 1000 ms');
    await vi.waitFor(() => expect(service.open).toBe(0), { timeout: 10_000 });
  });
});

describe('answers that are not what they seem', () => {
  it('what follows an answer is never taken for the next one', async () => {
    const service = kept(
      await startRawService('a.example', (socket, nth) => {
        const forged = 'HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nforged';
        socket.write(`HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nno${nth}${nth === 1 ? forged : ''}`);
      }),
    );
    const upstream = upstreamOf();
    for (const expected of ['no1', 'no2', 'no3']) {
      const { body } = await upstream.send(requestTo(service));
      expect(await text(body)).toBe(expected);
      await sleep(20);
    }
  });

  const broken: [string, string][] = [
    ['no HTTP', 'SSH-2.0-OpenSSH_9.9\r\n\r\n'],
    [
      'an upgrade that nobody asked for',
      'HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n',
    ],
    ['two lengths', 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nabc'],
    [
      'a length and chunks',
      'HTTP/1.1 200 OK\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n',
    ],
    ['a header folded over lines', 'HTTP/1.1 200 OK\r\nx-a: b\r\n c: d\r\ncontent-length: 0\r\n\r\n'],
    ['a header with a zero byte', 'HTTP/1.1 200 OK\r\nx-a: b\0c\r\ncontent-length: 0\r\n\r\n'],
    ['chunks that do not add up', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n'],
    ['fewer bytes than it says', 'HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc'],
    ['chunks without end', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n'],
  ];
  it.each(broken)('%s fails', async (_, bytes) => {
    const service = kept(await startRawService('a.example', (socket) => socket.end(bytes, 'latin1')));
    const upstream = upstreamOf();
    const whole = async () => {
      const { body } = await upstream.send(requestTo(service));
      return text(body);
    };
    expect(await failure(whole())).toMatch(/^upstream: a\.example /);
    await vi.waitFor(() => expect(service.open).toBe(0), { timeout: 10_000 });
  });
});

it('a header that would end early never leaves', async () => {
  const standIn = kept(await startStandIn({ names: ['a.example'], handler: () => ({}) }));
  const upstream = upstreamOf();
  const headers: [string, string][] = [
    ['x-a', 'b\r\nx-forged: 1'],
    ['x-a\r\nx-forged', '1'],
    ['x-a', 'b\0'],
    ['transfer-encoding', 'chunked'],
    ['content-length', '1'],
    ['upgrade', 'h2c'],
    ['expect', '100-continue'],
  ];
  for (const header of headers) {
    const request = requestTo(standIn, { method: 'POST', headers: [header] });
    expect(await failure(upstream.send({ ...request, body: Buffer.from('xyz') }))).toMatch(
      /^invalid_request: the header .* cannot be sent$/,
    );
  }
  expect(standIn.requests).toEqual([]);
  expect(await failure(upstream.send(requestTo(standIn)))).toBe('answered');
});
