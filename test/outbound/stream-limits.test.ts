/** How much of large responses the service holds, and what ends a response in its middle. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { MiB, mostBytes, python, type StreamService, startStreams, url } from './stream-service.ts';

let streams: StreamService;
beforeAll(async () => {
  streams = await startStreams();
});
afterAll(() => streams.crm.close());
beforeEach(() => streams.forget());

describe('large bodies', () => {
  /** Bytes that this process grew by at most, with the service that sends in it. */
  async function growth(work: () => Promise<unknown>): Promise<number> {
    globalThis.gc?.();
    const before = process.memoryUsage().rss;
    let most = before;
    const watch = setInterval(() => {
      most = Math.max(most, process.memoryUsage().rss);
    }, 10);
    await work();
    clearInterval(watch);
    return most - before;
  }

  test('100 calls at once of 20 MiB each cost the service a bounded memory', { timeout: 180_000 }, async () => {
    const code = `const counts = await Promise.all(Array.from({ length: 100 }, async (_, n) => {
        const response = await fetch('${url('bulk.20')}?n=' + n); let bytes = 0;
        for await (const chunk of response.body) { bytes += chunk.length; if (bytes >= input) break; } return bytes >= input; }));
      [counts.length, counts.every(Boolean)]`;
    let told: unknown;
    const grew = await growth(async () => {
      // Each is read in part and then ended, for the test's time.
      told = await streams.result(code, { input: 3 * MiB, limits: { ...mostBytes, wallMs: 170_000 } });
    });
    expect(told).toEqual([100, true]);

    expect(grew).toBeLessThan(256 * MiB);
  });

  test('a program that hoards them ends at its own memory, not the service', { timeout: 120_000 }, async () => {
    const code = `const all = await Promise.all(Array.from({ length: 100 }, (_, n) => fetch('${url('bulk.20')}?n=' + n)));
      await Promise.all(all.map((one) => one.arrayBuffer()))`;
    let record: any;
    const grew = await growth(async () => {
      record = await streams.crm.run('reader', code, { limits: { ...mostBytes, wallMs: 100_000 } });
    });
    expect([record.status, record.error?.limit]).toEqual(['limit_exceeded', 'ramBytes']);
    expect(grew).toBeLessThan(256 * MiB);
    await expect.poll(() => streams.endedEarly.length, { timeout: 10_000 }).toBeGreaterThan(0);
  });

  test.each(['bulk', 'sized'])('Python reads one larger than its memory (%s)', { timeout: 120_000 }, async (name) => {
    const code = `
import urllib.request
count = 0
with urllib.request.urlopen('${url(`${name}.160`)}') as response:
    length = response.headers['content-length']
    while piece := response.read(1 << 16):
        count += len(piece)
[count, length]`;
    expect(await streams.result(code, { ...python, limits: { ...mostBytes, ramBytes: 96 * MiB } })).toEqual([
      160 * MiB,
      name === 'sized' ? String(160 * MiB) : null,
    ]);
  });

  test('whole ones are whole', { timeout: 60_000 }, async () => {
    const whole = `const response = await fetch('${url('bulk.5')}'); const bytes = await response.bytes(); [bytes.length, bytes.every((one) => one === 120)]`;
    expect(await streams.result(whole)).toEqual([5 * MiB, true]);
    const read = `import urllib.request\nall = urllib.request.urlopen('${url('sized.5')}').read()\n[len(all), all.count(b'x')]`;
    expect(await streams.result(read, python)).toEqual([5 * MiB, 5 * MiB]);
  });
});

describe('a body that may not go on', () => {
  test('because the grant was taken away', async () => {
    await streams.crm.agent('revoked', [{ operations: ['contacts.*:read'] }]);
    const grants = (await streams.crm.service.call('GET', '/v1/agents/revoked/grants')).json.items;
    const code = `const r = await fetch('${url('events')}'); const reader = r.body.getReader();
      const first = (await reader.read()).value.length; console.log('reading');
      try { await reader.read() } catch (error) { globalThis.seen = [first, error.name, error.code] } seen`;
    const running = streams.crm.run('revoked', code);
    await expect.poll(() => streams.open.size, { timeout: 10_000 }).toBe(1);
    await new Promise((resolve) => setTimeout(resolve, 2000));
    expect((await streams.crm.service.call('DELETE', `/v1/agents/revoked/grants/${grants[0].id}`)).status).toBeLessThan(
      300,
    );
    expect((await running).result).toEqual([13, 'EgressDenied', 'EGRESS_DENIED']);
    expect(streams.endedEarly).toEqual(['events']);
  });

  test.each([
    [
      'javascript',
      `let bytes = 0; for await (const chunk of (await fetch('${url('bulk.20')}')).body) bytes += chunk.length; bytes`,
    ],
    [
      'python',
      `import urllib.request\nresponse = urllib.request.urlopen('${url('bulk.20')}')\nwhile response.read(100_000): pass`,
    ],
  ])('because egressBytes is used up (%s)', async (language, code) => {
    const record = await streams.crm.run('reader', code, { language, limits: { egressBytes: 5 * MiB } });
    expect([record.status, record.error?.name, record.error?.limit]).toEqual([
      'limit_exceeded',
      'QuotaExceeded',
      'egressBytes',
    ]);
    await expect.poll(() => streams.endedEarly, { timeout: 10_000 }).toEqual(['bulk']);
  });

  test('because the service broke off', async () => {
    const code = `const r = await fetch('${url('events')}'); const reader = r.body.getReader(); await reader.read();
      let seen; try { await reader.read() } catch (error) { seen = [error.name, error.code] } seen`;
    const running = streams.crm.run('reader', code);
    await expect.poll(() => streams.open.size, { timeout: 10_000 }).toBe(1);
    await new Promise((resolve) => setTimeout(resolve, 2000));
    streams.open.get('events')?.destroy();
    expect((await running).result).toEqual(['EgressFailed', 'ECONNABORTED']);
  });

  test('because hostCalls is used up: one for each piece', async () => {
    const code = `for await (const chunk of (await fetch('${url('bulk.20')}')).body);`;
    const record = await streams.crm.run('reader', code, { limits: { hostCalls: 10 } });
    expect([record.status, record.error?.limit]).toEqual(['limit_exceeded', 'hostCalls']);
    const enough = await streams.crm.run('reader', code, { limits: { hostCalls: 700 } });
    expect(enough.status).toBe('succeeded');
  });
});
