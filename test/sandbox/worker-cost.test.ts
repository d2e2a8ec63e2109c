/** What a worker that lies may cost the host: time, memory and the certainty that each call is answered. */
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import type { HostReply, StopCause } from '../../runtime/sandbox/driver.ts';
import { encodeFrame } from '../../runtime/sandbox/frames.ts';
import { calling, good, MiB, meetRunning, run } from './lying-worker.ts';

const cancelled: StopCause = { status: 'cancelled', error: { name: 'Cancelled', message: 'by request' } };

describe('what it asks', () => {
  test('reads with large arguments do not wait with them: they are refused', async () => {
    const { met, running } = await meetRunning(async () => ({ ok: true, bytes: new Uint8Array(8 * MiB) }));
    met.peer.pause();
    const large = { t: 'call', run, op: 'x.readFile', args: Array(100_000).fill({}) };
    met.say(...calling(1, 'fs.readFile'), ...Array.from({ length: 5 }, (_, n) => ({ ...large, id: n + 1 })));
    await expect.poll(() => running.calls.length).toBe(1);
    met.peer.resume();
    await expect.poll(() => met.seen.sent.filter(({ t }) => t === 'reply').length).toBe(6);
    expect(running.calls).toHaveLength(1);
    expect(met.seen.kills).toBe(0);
  });

  test.each<[string, () => Promise<HostReply>]>([
    [
      'cannot be encoded',
      async () => ({ ok: true, value: JSON.parse(`${'{"1":'.repeat(20_000)}0${'}'.repeat(20_000)}`) }),
    ],
    ['never comes, because the host failed', () => Promise.reject(new Error('broken'))],
  ])('an answer that %s is EIO, also for the reads after it, and the service goes on', async (_, answer) => {
    const { met, running } = await meetRunning(answer);
    met.say(...calling(1), ...calling(2, 'fs.readFile'));
    const replies = () => met.seen.sent.filter(({ t }) => t === 'reply');
    await expect.poll(() => replies().length).toBe(3);
    for (const reply of replies()) expect(reply).toMatchObject({ reply: { ok: false, error: { code: 'EIO' } } });
    met.say(good);
    expect((await running.done).outcome.status).toBe('succeeded');
    expect(met.seen.kills).toBe(0);
  });

  test('frames without end are read at a pace: the service has time for others', async () => {
    const { met, running } = await meetRunning();
    const frame = encodeFrame({ t: 'waiting', run, waiting: true });
    const flood = Buffer.concat(Array(40_000).fill(frame));
    const began = performance.now();
    for (let n = 0; n < 4; n++) met.peer.write(flood);
    await sleep(300);
    expect(running.waits.length).toBeLessThan(((performance.now() - began) / 50 + 2) * 6000);
    expect(running.waits.length).toBeGreaterThan(1000);
    running.stop(cancelled);
    expect((await running.done).outcome).toEqual(cancelled);
  });
});

describe('an end larger than resultBytes is that limit, and is not parsed', () => {
  test.each([
    ['in characters', 'x'.repeat(20 * MiB)],
    ['in parts', Array(600_000).fill([])],
  ])('%s', async (_, result) => {
    const { met, running } = await meetRunning();
    met.say({ ...good, end: JSON.stringify({ status: 'succeeded', result }) });
    expect((await running.done).outcome).toMatchObject({ status: 'limit_exceeded', error: { limit: 'resultBytes' } });
    expect(met.seen.kills).toBe(0);
  });

  test('a failure with the longest message and stack is no result', async () => {
    const { met, running } = await meetRunning();
    const error = { name: 'E', message: '\0'.repeat(256 * 1024), stack: '\0'.repeat(256 * 1024) };
    met.say({ ...good, end: JSON.stringify({ status: 'failed', error }) });
    expect((await running.done).outcome).toEqual({ status: 'failed', error });
  });
});
