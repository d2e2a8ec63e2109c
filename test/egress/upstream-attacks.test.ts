import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { EgressError } from '../../runtime/egress/egress.ts';
import { createResolver } from '../../runtime/egress/resolve.ts';
import { createUpstream, judgedLookup, type UpstreamOptions } from '../../runtime/egress/upstream.ts';
import { createAuthority } from './certificates.ts';
import { startRawService } from './raw-service.ts';
import { startBait, startStandIn } from './stand-in.ts';

const closing: (() => unknown)[] = [];
afterEach(async () => {
  vi.unstubAllEnvs();
  for (const close of closing.splice(0).reverse()) await close();
});

function kept<T extends { close(): unknown }>(made: T): T {
  closing.push(() => made.close());
  return made;
}

const upstreamOf = (options: UpstreamOptions = {}) => kept(createUpstream(options));

const get = (url: string, more: object = {}) => ({
  tenant: 't',
  connector: 'c',
  method: 'GET',
  url: new URL(url),
  headers: [] as [string, string][],
  ...more,
});

async function text(body: AsyncIterable<Uint8Array>): Promise<string> {
  let all = '';
  for await (const chunk of body) all += Buffer.from(chunk).toString();
  return all;
}

const failure = (work: Promise<unknown>) =>
  work.then(
    () => 'answered',
    (error: unknown) => (error instanceof EgressError ? `${error.reason}: ${error.message}` : String(error)),
  );

describe('addresses', () => {
  it.each([
    ['127.0.0.1'],
    ['::1'],
    ['::ffff:127.0.0.1'],
    ['169.254.169.254'],
    ['10.0.0.1'],
  ])('a name that leads to %s is refused, and nothing is connected to', async (address) => {
    const bait = kept(await startBait());
    const upstream = upstreamOf({ lookup: async () => [address] });
    expect(await failure(upstream.send(get(`https://inside.example:${bait.port}/`)))).toMatch(/^address_refused: /);
    expect(bait.hits).toBe(0);
  });

  it('one inner address among public ones refuses them all', async () => {
    const upstream = upstreamOf({ lookup: async () => ['8.8.8.8', '127.0.0.1'] });
    expect(await failure(upstream.send(get('https://mixed.example/')))).toMatch(/^address_refused: /);
  });

  it('a connection asks for addresses once and gets the ones that were judged', async () => {
    let asked = 0;
    const lookup = judgedLookup(createResolver(async () => (++asked === 1 ? ['8.8.8.8', '9.9.9.9'] : ['127.0.0.1'])));
    const answers: unknown[] = [];
    for (const all of [true, true, false])
      await new Promise<void>((resolve) =>
        lookup('rebind.example', { all }, (error, address) => {
          answers.push(error instanceof EgressError ? error.reason : address);
          resolve();
        }),
      );
    expect(answers).toEqual([
      [
        { address: '8.8.8.8', family: 4 },
        { address: '9.9.9.9', family: 4 },
      ],
      'address_refused',
      'address_refused',
    ]);
    expect(asked).toBe(3);
  });

  it.each(['https://127.0.0.1/', 'https://[::1]/', 'https://8.8.8.8/'])('%s is no name', async (url) => {
    const upstream = upstreamOf({ lookup: async () => ['8.8.8.8'] });
    expect(await failure(upstream.send(get(url)))).toMatch(/^address_refused: /);
  });

  it('http is refused, and so are CONNECT, TRACE and methods that are not plain', async () => {
    const upstream = upstreamOf();
    expect(await failure(upstream.send(get('http://a.example/')))).toMatch(/^invalid_request: /);
    for (const method of ['CONNECT', 'TRACE', 'get', 'GET /', 'GET\r\n', '', 'G T'])
      expect(await failure(upstream.send(get('https://a.example/', { method })))).toMatch(/^invalid_request: /);
  });

  it('a proxy of the environment sees nothing', async () => {
    const bait = kept(await startBait());
    for (const name of ['https_proxy', 'HTTPS_PROXY', 'http_proxy', 'HTTP_PROXY', 'ALL_PROXY'])
      vi.stubEnv(name, `http://127.0.0.1:${bait.port}`);
    vi.stubEnv('NODE_USE_ENV_PROXY', '1');
    const standIn = kept(await startStandIn({ names: ['a.example'], handler: () => ({ body: 'straight' }) }));
    const { body } = await upstreamOf().send(get('https://a.example/', { connectTo: standIn.connectTo }));
    expect(await text(body)).toBe('straight');
    expect(bait.hits).toBe(0);
  });
});

describe('certificates', () => {
  const day = 86_400_000;
  const wrong: [string, string, (authority: ReturnType<typeof createAuthority>) => object][] = [
    ['for another name', 'other names', (authority) => ({ leaf: authority.leaf(['b.example']) })],
    ['for the address that is connected to', 'other names', (authority) => ({ leaf: authority.leaf(['127.0.0.1']) })],
    [
      'of an authority that nobody trusts',
      'cannot be trusted',
      () => ({ leaf: createAuthority().leaf(['a.example']) }),
    ],
    [
      'that is too old',
      'cannot be trusted',
      (authority) => ({ leaf: authority.leaf(['a.example'], { notAfter: Date.now() - day / 24 }) }),
    ],
  ];
  it.each(wrong)('one %s is refused, whatever the environment says', async (_, meaning, options) => {
    vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0');
    const authority = createAuthority();
    const standIn = kept(
      await startStandIn({ names: ['a.example'], authority, ...options(authority), handler: () => ({ body: 'seen' }) }),
    );
    const said = await failure(upstreamOf().send(get('https://a.example/', { connectTo: standIn.connectTo })));
    expect(said).toMatch(new RegExp(`^upstream: a\\.example has a certificate .*${meaning}`));
    expect(said).not.toContain('127.0.0.1');
    expect(standIn.requests).toEqual([]);
  });

  it('without caFile the usual authorities hold', async () => {
    const standIn = kept(await startStandIn({ names: ['a.example'], handler: () => ({}) }));
    const { caFile: _, ...connectTo } = standIn.connectTo;
    expect(await failure(upstreamOf().send(get('https://a.example/', { connectTo })))).toMatch(/cannot be trusted/);
  });

  it('a caFile that is missing, empty or no certificate never means the usual authorities', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'cordon-ca-'));
    closing.push(() => rmSync(folder, { recursive: true }));
    const standIn = kept(await startStandIn({ names: ['a.example'], handler: () => ({}) }));
    const files = { 'missing.pem': undefined, 'empty.pem': '', 'other.pem': 'hello' };
    for (const [name, content] of Object.entries(files)) {
      const caFile = join(folder, name);
      if (content !== undefined) writeFileSync(caFile, content);
      const said = await failure(
        upstreamOf().send(get('https://a.example/', { connectTo: { ...standIn.connectTo, caFile } })),
      );
      expect(said).toMatch(/^upstream: the connector's caFile/);
      expect(said).not.toContain(folder);
    }
    expect(standIn.connections).toBe(0);
  });

  it('connectTo takes an address, never a name', async () => {
    const connectTo = { address: 'localhost', port: 1 };
    expect(await failure(upstreamOf().send(get('https://a.example/', { connectTo })))).toMatch(
      /^upstream: .*connectTo/,
    );
  });
});

describe('answers that are too much', () => {
  it.each([['h2'], ['http/1.1']] as const)('headers over 32 KiB are refused (%s)', async (protocol) => {
    const standIn = kept(
      await startStandIn({
        names: ['a.example'],
        protocols: [protocol],
        handler: () => ({ headers: { 'x-long': 'x'.repeat(40_000) } }),
      }),
    );
    const said = await failure(upstreamOf().send(get('https://a.example/', { connectTo: standIn.connectTo })));
    expect(said).toBe('upstream: a.example answered with too many headers');
  });

  it('a thousand short headers are refused', async () => {
    const service = kept(
      await startRawService('a.example', (socket) =>
        socket.write(`HTTP/1.1 200 OK\r\ncontent-length: 0\r\n${'a: b\r\n'.repeat(1000)}\r\n`),
      ),
    );
    const said = await failure(upstreamOf().send(get('https://a.example/', { connectTo: service.connectTo })));
    expect(said).toBe('upstream: a.example answered with too many headers');
  });

  it('interim answers without end are refused', async () => {
    const service = kept(
      await startRawService('a.example', (socket) => {
        const timer = setInterval(() => socket.write('HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n'), 1);
        socket.on('close', () => clearInterval(timer));
      }),
    );
    const said = await failure(upstreamOf().send(get('https://a.example/', { connectTo: service.connectTo })));
    expect(said).toBe('upstream: a.example answered with too many interim answers');
    await vi.waitFor(() => expect(service.open).toBe(0));
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
    const { body } = await upstream.send(get('https://a.example/', { connectTo: standIn.connectTo }));
    expect(await failure(text(body))).toBe('upstream: a.example did not answer in full within 1500 ms');
    expect(await failure(upstream.send(get('https://b.example/', { connectTo: standIn.connectTo })))).toMatch(
      /^upstream/,
    );
  });

  it('a head that drips ends with the time of the call', async () => {
    const service = kept(
      await startRawService('a.example', (socket) => {
        socket.write('HTTP/1.1 200 OK\r\n');
        const timer = setInterval(() => socket.write('x-a: b\r\n'), 20);
        socket.on('close', () => clearInterval(timer));
      }),
    );
    const send = upstreamOf().send(get('https://a.example/', { connectTo: service.connectTo, timeoutMs: 200 }));
    expect(await failure(send)).toBe('upstream: a.example did not answer in full within 200 ms');
    await vi.waitFor(() => expect(service.open).toBe(0));
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
      const { body } = await upstream.send(get('https://a.example/', { connectTo: service.connectTo }));
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
      const { body } = await upstream.send(get('https://a.example/', { connectTo: service.connectTo }));
      return text(body);
    };
    expect(await failure(whole())).toMatch(/^upstream: a\.example /);
    await vi.waitFor(() => expect(service.open).toBe(0));
  });
});

it('a header that would end early never leaves', async () => {
  const standIn = kept(await startStandIn({ names: ['a.example'], handler: () => ({}) }));
  const upstream = upstreamOf();
  for (const header of [
    ['x-a', 'b\r\nx-forged: 1'],
    ['x-a\r\nx-forged', '1'],
    ['x-a', 'b\0'],
    ['transfer-encoding', 'chunked'],
    ['content-length', '1'],
    ['upgrade', 'h2c'],
    ['expect', '100-continue'],
  ]) {
    const request = get('https://a.example/', { connectTo: standIn.connectTo, method: 'POST', headers: [header] });
    expect(await failure(upstream.send({ ...request, body: Buffer.from('xyz') }))).toMatch(
      /^invalid_request: the header .* cannot be sent$/,
    );
  }
  expect(standIn.requests).toEqual([]);
  expect(await failure(upstream.send(get('https://a.example/', { connectTo: standIn.connectTo })))).toBe('answered');
});
