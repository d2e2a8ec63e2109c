import { once } from 'node:events';
import { duplexPair } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { metered, PIECE_COST } from '../../runtime/egress/proxy/metered.ts';
import type { ProxyLimits } from '../../runtime/egress/proxy/proxy.ts';
import { type ProxyRun, startProxyRun } from './proxy-run.ts';

let proxied: ProxyRun | undefined;
afterEach(() => proxied?.close());

const MiB = 1024 * 1024;
const start = async (limits: Partial<ProxyLimits>, bodyBytes = 64 * 1024) => {
  const made = await startProxyRun({ limits, bodyBytes });
  made.answer(({ body }) => ({ body: `${body?.length ?? 0} bytes` }));
  proxied = made;
  return made;
};
const post = (more: string) => `POST /x HTTP/1.1\r\nHost: slack.com\r\nConnection: close\r\n${more}\r\n`;

describe('reading costs its run, not Cordon', () => {
  it('a record of TLS costs as two thousand bytes, however the records are cut into reads', async () => {
    const records = [0, 1, 1, 1, 300, 70_000 % 65_536, 5, 0].map((size) => {
      const record = Buffer.alloc(5 + size, 0x17);
      record.writeUInt16BE(size, 3);
      return record;
    });
    const bytes = Buffer.concat(records);
    for (const step of [bytes.length, 1, 3, 7, 1000]) {
      const [near, far] = duplexPair();
      const costs: number[] = [];
      const { stream, countRecords } = metered(far, (cost = 0) => {
        costs.push(cost);
        return 0;
      });
      countRecords();
      let got = 0;
      stream.on('data', (chunk: Buffer) => (got += chunk.length));
      for (let at = 0; at < bytes.length; at += step) {
        near.write(bytes.subarray(at, at + step));
        await new Promise(setImmediate);
      }
      expect(got).toBe(bytes.length);
      const total = costs.reduce((sum, cost) => sum + cost, 0);
      expect(total).toBe(bytes.length + PIECE_COST * (costs.length + records.length));
      stream.destroy();
    }
  });

  it('what waits for its turn is not read, and what is written goes at once', async () => {
    const [near, far] = duplexPair();
    const { stream } = metered(far, () => 1000);
    const got: string[] = [];
    stream.on('data', (chunk) => got.push(String(chunk)));
    near.write('one');
    await sleep(20);
    near.write('two');
    stream.write('answer');
    await sleep(50);
    expect([got, String(near.read())]).toEqual([['one'], 'answer']);
    while (got.length < 2) await sleep(5);
    near.end();
    await once(stream, 'end');
    stream.end();
    near.resume();
    await once(near, 'end');
  });

  it('many bytes, at the pace that they are given', async () => {
    const proxied = await start({ bytes: { perSecond: 8 * MiB, burst: MiB, longestMs: 5000 } }, 8 * MiB);
    const begun = performance.now();
    const sent = post(`Content-Length: ${4 * MiB}\r\n`) + 'x'.repeat(4 * MiB);
    expect(await proxied.inside('slack.com:443', sent)).toContain(`${4 * MiB} bytes`);
    expect(performance.now() - begun).toBeGreaterThan(250);
  });

  it('requests that are refused before the gate, too', async () => {
    const proxied = await start({ requests: { perSecond: 10, burst: 2, longestMs: 5000 } });
    const secure = await proxied.tunnel('slack.com:443');
    const begun = performance.now();
    for (let index = 0; index < 5; index++) {
      secure.write('GET /x HTTP/1.1\r\nHost: evil.com\r\n\r\n');
      await once(secure, 'data');
    }
    secure.destroy();
    expect(performance.now() - begun).toBeGreaterThan(150);
    expect(proxied.asked).toHaveLength(0);
  });
});
