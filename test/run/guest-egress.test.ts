/** The host's side of bodies: what is read ahead, what ends, what is refused. A service of chunks stands for the gate. */
import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { EgressError, type RunEgress } from '../../runtime/egress/egress.ts';
import { createGuestEgress } from '../../runtime/run/guest-egress.ts';
import { PIECE_BYTES } from '../../runtime/run/response-body.ts';

/** Chunks of a body, endless unless `count` says; what was taken of them. */
function source(size: number, count = Number.POSITIVE_INFINITY) {
  const told = { taken: 0, isEnded: false };
  const failure = Promise.withResolvers<never>();
  failure.promise.catch(() => {});
  const body: AsyncIterable<Uint8Array> = {
    [Symbol.asyncIterator]: () => ({
      next: () =>
        Promise.race([
          failure.promise,
          Promise.resolve(
            told.taken < count
              ? { done: false as const, value: new Uint8Array(size).fill(++told.taken) }
              : { done: true as const, value: undefined },
          ),
        ]),
      async return() {
        told.isEnded = true;
        return { done: true, value: undefined };
      },
    }),
  };
  return { told, body, fail: failure.reject };
}

function host(body: AsyncIterable<Uint8Array>, signals: (AbortSignal | undefined)[] = []) {
  const run: Pick<RunEgress, 'request'> = {
    async request(_request, { signal }) {
      signals.push(signal);
      return { status: 200, statusText: '', headers: [], url: 'https://a.b/', body };
    },
  };
  const egress = createGuestEgress(run);
  const ask = async (op: string, args: any): Promise<any> => egress.call({ op, args });
  return { egress, ask, fetch: (more = {}) => ask('fetch', { url: 'https://a.b/', method: 'GET', ...more }) };
}

test('a short body comes with its head, and needs no number', async () => {
  const reply = await host(source(1000, 3).body).fetch();
  expect(reply.value).not.toHaveProperty('body');
  expect(reply.bytes.byteLength).toBe(3000);
});

test.each([1000, 65_536, 300_000])('no more is taken of an unread body than a piece (chunks of %d)', async (size) => {
  const { told, body } = source(size);
  const { ask, fetch } = host(body);
  const first = await fetch();
  expect(first.value.body).toBe(1);
  let given = first.bytes.byteLength;
  for (let n = 0; n < 30; n++) {
    await pause(5);
    expect(told.taken * size - given).toBeLessThan(size > PIECE_BYTES ? 3 * PIECE_BYTES : PIECE_BYTES + 2 * size);
    const reply = await ask('fetch.read', { body: 1 });
    expect(reply.bytes.byteLength).toBeLessThanOrEqual(PIECE_BYTES);
    expect(reply.bytes.byteLength).toBeGreaterThanOrEqual(Math.min(PIECE_BYTES, size));
    given += reply.bytes.byteLength;
  }
});

test('pieces are in order and whole', async () => {
  const { ask, fetch } = host(source(100_000, 20).body);
  const first = await fetch();
  const parts = [first.bytes];
  for (let done = false; !done; ) {
    const reply = await ask('fetch.read', { body: first.value.body });
    parts.push(reply.bytes);
    ({ done } = reply.value);
  }
  const all = Buffer.concat(parts);
  expect(all.byteLength).toBe(2_000_000);
  expect([...new Set(all)]).toEqual(Array.from({ length: 20 }, (_, n) => n + 1));
  expect((await ask('fetch.read', { body: 1 })).error.name).toBe('TypeError');
});

test('one read of a body at a time', async () => {
  const { body } = source(10);
  const gate = Promise.withResolvers<void>();
  let given = 0;
  async function* slow() {
    for await (const chunk of body) {
      if (given++ > 0) await gate.promise;
      yield chunk;
      if (given > 3) return;
    }
  }
  const { ask, fetch } = host(slow());
  await fetch();
  const reads = [1, 2, 3].map(() => ask('fetch.read', { body: 1 }));
  await pause(20);
  gate.resolve();
  const replies = await Promise.all(reads);
  expect(replies.map(({ ok }) => ok)).toEqual([true, false, false]);
  expect(replies[1].error.message).toContain('is being read');
  // The refused ones took nothing away.
  expect((await ask('fetch.read', { body: 1 })).ok).toBe(true);
});

test('a call that lost its right gives nothing of what was read ahead', async () => {
  const { body, fail } = source(65_536);
  const { ask, fetch } = host(body);
  await fetch();
  await pause(10);
  fail(new EgressError('no_grant', 'the grant of this call was taken away'));
  const reply = await ask('fetch.read', { body: 1 });
  expect(reply).toMatchObject({ ok: false, error: { name: 'EgressDenied', code: 'EGRESS_DENIED' } });
});

test('the end of the run ends bodies and calls, and nothing is asked after it', async () => {
  const { told, body } = source(65_536);
  const signals: (AbortSignal | undefined)[] = [];
  const { egress, ask, fetch } = host(body, signals);
  await fetch();
  expect(told.isEnded).toBe(false);
  egress.close();
  expect(told.isEnded).toBe(true);
  const taken = told.taken;
  expect((await ask('fetch.read', { body: 1 })).error.message).toBe('the run is over');
  expect((await fetch()).error.message).toBe('the run is over');
  expect([told.taken, signals.length]).toEqual([taken, 1]);
});

test('a head that comes after the end of the run has no body', async () => {
  const head = Promise.withResolvers<void>();
  const { told, body } = source(65_536);
  const seen: AbortSignal[] = [];
  const egress = createGuestEgress({
    async request(_request, { signal }) {
      if (signal) seen.push(signal);
      await head.promise;
      return { status: 200, statusText: '', headers: [], url: 'https://a.b/', body };
    },
  });
  const call = egress.call({ op: 'fetch', args: { url: 'https://a.b/', method: 'GET', call: 3 } });
  await pause(5);
  egress.close();
  expect(seen[0]?.aborted).toBe(true);
  head.resolve();
  expect((await call).ok).toBe(false);
  expect(told.isEnded).toBe(true);
});

test('a call is given up by its own number, which nobody else has', async () => {
  const seen: AbortSignal[] = [];
  const egress = createGuestEgress({
    request: (_request, { signal }) =>
      new Promise((_, reject) => {
        seen.push(signal as AbortSignal);
        signal?.addEventListener('abort', () => reject(signal.reason));
      }),
  });
  const ask = (op: string, args: any): Promise<any> => egress.call({ op, args });
  const args = { url: 'https://a.b/', method: 'GET' };
  const calls = [ask('fetch', { ...args, call: 1 }), ask('fetch', { ...args, call: 2 })];
  expect((await ask('fetch', { ...args, call: 1 })).error.name).toBe('TypeError');
  expect((await ask('fetch.cancel', { call: 9 })).ok).toBe(true);
  await ask('fetch.cancel', { call: 2 });
  expect(seen.map(({ aborted }) => aborted)).toEqual([false, true]);
  expect((await calls[1])?.error.name).toBe('EgressFailed');
  egress.close();
  expect((await calls[0])?.ok).toBe(false);
});
