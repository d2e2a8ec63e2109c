import { type AddressInfo, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { EgressError } from '../../runtime/egress/egress.ts';
import type { UpstreamRequest } from '../../runtime/egress/upstream.ts';
import { outward, requestTo, text } from './outward.ts';
import { startRawService } from './raw-service.ts';
import { startStandIn } from './stand-in.ts';

const { kept, upstreamOf, standInOf } = outward();
const settled = (assertion: () => void) => vi.waitFor(assertion, { timeout: 10_000, interval: 20 });

it('what has come but was not read ends with the signal', async () => {
  const standIn = await standInOf(() => ({ body: 'all of it' }));
  const revoked = new AbortController();
  const { body } = await upstreamOf().send(requestTo(standIn, { signal: revoked.signal }));
  await sleep(100);
  revoked.abort(new EgressError('credential_revoked', 'gone'));
  await expect(text(body)).rejects.toMatchObject({ reason: 'credential_revoked' });
});

it('calls that wait for a connection are bounded, and those that were given up count until they are gone', async () => {
  const standIn = await standInOf(({ path }) => (path === '/silent' ? undefined : { body: 'x' }));
  const upstream = upstreamOf({ connections: 1, maxWaiting: 5 });
  const silent = (signal: AbortSignal) =>
    upstream.send(
      requestTo(standIn, { method: 'POST', url: 'https://a.example/silent', body: Buffer.alloc(9), signal }),
    );
  const [first, others] = [new AbortController(), new AbortController()];
  const held = silent(first.signal);
  await settled(() => expect(standIn.requests).toHaveLength(1));
  const waiting = Array.from({ length: 5 }, () => silent(others.signal));
  others.abort(new Error('given up'));
  expect((await Promise.allSettled(waiting)).map(({ status }) => status)).toEqual(new Array(5).fill('rejected'));
  await expect(silent(first.signal)).rejects.toMatchObject({ reason: 'limit' });
  first.abort(new Error('enough'));
  await expect(held).rejects.toThrow('enough');
  const answer = await vi.waitFor(() => upstream.send(requestTo(standIn)), { timeout: 10_000, interval: 20 });
  expect(await text(answer.body)).toBe('x');
  // None of the five ever left, and none cost a connection.
  expect(standIn.requests.map(({ path }) => path)).toEqual(['/silent', '/']);
  expect(standIn.connections).toBe(2);
});

describe('connections', () => {
  it('are kept for the next call, and never shared between tenants, connectors, or ways', async () => {
    const standIn = await standInOf((seen) => ({ body: String(seen.connection) }));
    const upstream = upstreamOf();
    const { caFile: _, ...elsewhere } = standIn.connectTo;
    const ways: Omit<Partial<UpstreamRequest>, 'url'>[] = [
      {},
      { tenant: 'other' },
      { connector: 'other' },
      // A line break is no way to another tenant's connection.
      { tenant: 't', connector: 'c\nhttps://a.example' },
    ];
    const used = ways.map(() => new Set<string>());
    for (let round = 0; round < 5; round++)
      for (const [at, way] of ways.entries()) {
        used[at]?.add(await text((await upstream.send(requestTo(standIn, way))).body));
        await sleep(5);
      }
    await expect(upstream.send(requestTo(standIn, { connectTo: elsewhere }))).rejects.toThrow('cannot be trusted');
    for (const connections of used) expect(connections.size).toBeLessThan(5);
    expect(new Set(used.flatMap((connections) => [...connections])).size).toBe(standIn.connections);
    expect(used.reduce((sum, { size }) => sum + size, 0)).toBe(standIn.connections);
    expect(upstream.pools).toBe(5);
  });

  it('that nobody uses are dropped, and so are their pools', async () => {
    const standIn = await standInOf(() => ({ body: 'x' }));
    const upstream = upstreamOf({ keepAliveMs: 100 });
    await text((await upstream.send(requestTo(standIn))).body);
    expect(standIn.open).toBe(1);
    await settled(() => expect([standIn.open, upstream.pools]).toEqual([0, 0]));
    expect(await text((await upstream.send(requestTo(standIn))).body)).toBe('x');
  });

  it('pools of a tenant are bounded: its own unused for longest gives way, and none that is in use', async () => {
    const standIn = await standInOf(({ path }) => (path === '/silent' ? undefined : { body: 'x' }));
    const upstream = upstreamOf({ maxPools: 8 });
    const call = async (connector: string, tenant = 't') =>
      text((await upstream.send(requestTo(standIn, { connector, tenant }))).body);
    await call('a', 'other');
    for (const connector of ['a', 'b', 'c', 'a']) await call(connector);
    expect(upstream.pools).toBe(3);
    const connections = standIn.connections;
    await call('a', 'other');
    // The other tenant's was the oldest of all, and stayed.
    expect(standIn.connections).toBe(connections);
    const abort = new AbortController();
    const silent = ['x', 'y'].map((connector) =>
      upstream.send(requestTo(standIn, { connector, url: 'https://a.example/silent', signal: abort.signal })),
    );
    await expect(call('z')).rejects.toMatchObject({
      reason: 'limit',
      message:
        'a.example cannot be called now: calls of this tenant to 2 services are under way, as many as it may have',
    });
    expect(await call('z', 'other')).toBe('x');
    abort.abort(new Error('enough'));
    await Promise.allSettled(silent);
    expect(await call('z')).toBe('x');
  });

  it('pools of all tenants are bounded: the one unused for longest gives way, and none that is in use', async () => {
    const standIn = await standInOf(({ path }) => (path === '/silent' ? undefined : { body: 'x' }));
    const upstream = upstreamOf({ maxPools: 2 });
    const call = async (tenant: string) => text((await upstream.send(requestTo(standIn, { tenant }))).body);
    for (const tenant of ['a', 'b', 'c', 'a']) await call(tenant);
    expect(upstream.pools).toBe(2);
    const abort = new AbortController();
    const silent = ['x', 'y'].map((tenant) =>
      upstream.send(requestTo(standIn, { tenant, url: 'https://a.example/silent', signal: abort.signal })),
    );
    await expect(call('z')).rejects.toMatchObject({
      reason: 'limit',
      message: 'a.example cannot be called now: calls to too many services are under way',
    });
    abort.abort(new Error('enough'));
    await Promise.allSettled(silent);
    expect(await call('z')).toBe('x');
  });

  it('that the service closed are not used again', async () => {
    const service = kept(
      await startRawService('a.example', (socket, nth) => {
        socket.write(`HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n${nth}`);
        setTimeout(() => socket.end(), 20);
      }),
    );
    const upstream = upstreamOf();
    for (const expected of ['1', '2', '3']) {
      expect(
        await text((await upstream.send(requestTo(service, { method: 'POST', body: Buffer.from('{}') }))).body),
      ).toBe(expected);
      await settled(() => expect(service.open).toBe(0));
    }
  });

  it('a refused connection fails, and the next call tries again', async () => {
    const standIn = await startStandIn({ names: ['a.example'], handler: () => ({}) });
    const { connectTo } = standIn;
    const upstream = upstreamOf();
    const { port } = connectTo;
    await expect(
      upstream.send(requestTo({ connectTo: { ...connectTo, port: port === 1 ? 2 : 1 } })),
    ).rejects.toMatchObject({ reason: 'upstream', message: 'a.example refused the connection' });
    expect((await upstream.send(requestTo(standIn))).status).toBe(200);
    await standIn.close();
  });

  it('a service that accepts and says nothing is given up in time', async () => {
    const sockets = new Set<Socket>();
    const server = createServer((socket) => sockets.add(socket));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => {
      for (const socket of sockets) socket.destroy();
      server.close();
    });
    const { port } = server.address() as AddressInfo;
    const upstream = upstreamOf({ connectMs: 500 });
    await expect(upstream.send(requestTo({ connectTo: { address: '127.0.0.1', port } }))).rejects.toMatchObject({
      reason: 'upstream',
      message: 'a.example did not accept the connection in time',
    });
  });
});
