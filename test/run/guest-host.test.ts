import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { createGuestHost } from '../../runtime/run/guest-host.ts';
import type { LiveRun } from '../../runtime/run/live-run.ts';
import { defaultLimits } from '../../runtime/sandbox/limits.ts';
import { closedEgress } from './closed-egress.ts';

/** The door of a run whose admission is on its way to the disk until `flushed` or `refused` is called. */
function door() {
  const flush = Promise.withResolvers<void>();
  const seen: string[] = [];
  const live = {
    record: { limits: defaultLimits },
    durable: flush.promise,
    hurry: () => void seen.push('hurry'),
    events: { append: () => {} },
  } as unknown as LiveRun;
  const answers = {
    async call() {
      seen.push('asked');
      return { ok: true as const, value: null };
    },
  };
  const host = createGuestHost({
    live,
    files: answers as never,
    memory: { ...answers, operations: 0 } as never,
    egress: closedEgress(),
    packages: { javascript: { load: async () => ({ ok: true }) }, python: { call: async () => ({ ok: true }) } },
    waiting: () => {},
  });
  return { host, seen, flushed: () => flush.resolve(), refused: () => flush.reject(new Error('disk full')) };
}

test('what a guest asks waits until its admission is on disk, and hurries that', async () => {
  const { host, seen, flushed } = door();
  const reply = host.call({ op: 'memory.set', args: { key: 'k', value: 1 } });
  await sleep(20);
  expect(seen).toEqual(['hurry']);
  flushed();
  expect(await reply).toEqual({ ok: true, value: null });
  expect(seen).toEqual(['hurry', 'asked']);
});

test('a guest whose admission the disk refused reaches nothing', async () => {
  const { host, seen, refused } = door();
  const reply = host.call({ op: 'fs.writeFile', args: { path: 'a' } });
  refused();
  expect(await reply).toMatchObject({ ok: false, error: { code: 'EIO' } });
  expect(seen).toEqual(['hurry']);
});
