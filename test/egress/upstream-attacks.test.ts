import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { EgressError } from '../../runtime/egress/egress.ts';
import { createResolver } from '../../runtime/egress/resolve.ts';
import { judgedLookup } from '../../runtime/egress/upstream.ts';
import { createAuthority } from './certificates.ts';
import { failure, outward, requestTo, text } from './outward.ts';
import { startBait, startStandIn } from './stand-in.ts';

const { kept, upstreamOf } = outward();
afterEach(() => void vi.unstubAllEnvs());

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
    expect(await failure(upstream.send(requestTo(undefined, { url: `https://inside.example:${bait.port}/` })))).toMatch(
      /^address_refused: /,
    );
    expect(bait.hits).toBe(0);
  });

  it('one inner address among public ones refuses them all', async () => {
    const upstream = upstreamOf({ lookup: async () => ['8.8.8.8', '127.0.0.1'] });
    expect(await failure(upstream.send(requestTo(undefined, { url: 'https://mixed.example/' })))).toMatch(
      /^address_refused: /,
    );
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
    expect(await failure(upstream.send(requestTo(undefined, { url: url })))).toMatch(/^address_refused: /);
  });

  it('http is refused, and so are CONNECT, TRACE and methods that are not plain', async () => {
    const upstream = upstreamOf();
    expect(await failure(upstream.send(requestTo(undefined, { url: 'http://a.example/' })))).toMatch(
      /^invalid_request: /,
    );
    for (const method of ['CONNECT', 'TRACE', 'get', 'GET /', 'GET\r\n', '', 'G T'])
      expect(await failure(upstream.send(requestTo(undefined, { method })))).toMatch(/^invalid_request: /);
  });

  it('a proxy of the environment sees nothing', async () => {
    const bait = kept(await startBait());
    for (const name of ['https_proxy', 'HTTPS_PROXY', 'http_proxy', 'HTTP_PROXY', 'ALL_PROXY'])
      vi.stubEnv(name, `http://127.0.0.1:${bait.port}`);
    vi.stubEnv('NODE_USE_ENV_PROXY', '1');
    const standIn = kept(await startStandIn({ names: ['a.example'], handler: () => ({ body: 'straight' }) }));
    const { body } = await upstreamOf().send(requestTo(standIn));
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
    const said = await failure(upstreamOf().send(requestTo(standIn)));
    expect(said).toMatch(new RegExp(`^upstream: a\\.example has a certificate .*${meaning}`));
    expect(said).not.toContain('127.0.0.1');
    expect(standIn.requests).toEqual([]);
  });

  it('without caFile the usual authorities hold', async () => {
    const standIn = kept(await startStandIn({ names: ['a.example'], handler: () => ({}) }));
    const { caFile: _, ...connectTo } = standIn.connectTo;
    expect(await failure(upstreamOf().send(requestTo({ connectTo })))).toMatch(/cannot be trusted/);
  });

  it('a caFile that is missing, empty or no certificate never means the usual authorities', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'cordon-ca-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const standIn = kept(await startStandIn({ names: ['a.example'], handler: () => ({}) }));
    const files = { 'missing.pem': undefined, 'empty.pem': '', 'other.pem': 'hello' };
    for (const [name, content] of Object.entries(files)) {
      const caFile = join(folder, name);
      if (content !== undefined) writeFileSync(caFile, content);
      const said = await failure(upstreamOf().send(requestTo({ connectTo: { ...standIn.connectTo, caFile } })));
      expect(said).toMatch(/^upstream: the connector's caFile/);
      expect(said).not.toContain(folder);
    }
    expect(standIn.connections).toBe(0);
  });

  it('connectTo takes an address, never a name', async () => {
    const connectTo = { address: 'localhost', port: 1 };
    expect(await failure(upstreamOf().send(requestTo({ connectTo })))).toMatch(/^upstream: .*connectTo/);
  });
});
