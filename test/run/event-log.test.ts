import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { createEventLog } from '../../runtime/run/event-log.ts';
import type { RunEvent } from '../../runtime/run/record.ts';

/** A log whose events can be saved, in pieces of seven. */
function log() {
  const saved: RunEvent[] = [];
  const events = createEventLog({ now: () => 0 }, async function* (afterSeq) {
    for (let at = afterSeq; at < saved.length; at += 7) yield saved.slice(at, at + 7);
  });
  const follow = async (afterSeq: number, signal = new AbortController().signal) => {
    const followed: RunEvent[] = [];
    for await (const event of events.follow(afterSeq, signal)) followed.push(event);
    return followed;
  };
  return {
    events,
    follow,
    print(count: number) {
      for (let n = 0; n < count; n++) events.output('stdout', 'x');
    },
    save() {
      saved.push(...events.unsaved(saved.length));
      events.saved(saved.length);
    },
  };
}

const numbers = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, n) => from + n);

test.each([
  ['the start', 0, ['1 queued', '2 stdout', '3 finished']],
  ['the middle', 2, ['3 finished']],
  ['the end', 3, []],
  ['beyond the end', 9, ['10 finished']],
])('who follows a live run from %s sees its end once', async (_where, afterSeq, expected) => {
  const { events, follow } = log();
  events.append('queued');
  const following = follow(afterSeq);
  events.append('stdout', { text: 'hi' });
  events.append('finished');
  events.close();
  expect((await following).map(({ seq, type }) => `${seq} ${type}`)).toEqual(expected);
});

test('a run that says much is not all in memory, and who follows it from anywhere sees everything once', async () => {
  const { events, follow, print, save } = log();
  const from = [0, 1, 1234, 3999, 4500, 5100];
  const early = from.map((afterSeq) => follow(afterSeq));
  print(4000);
  save();
  expect(events.unsaved(0).length).toBeLessThanOrEqual(1000);
  const late = from.map((afterSeq) => follow(afterSeq));
  print(1000);
  save();
  print(100);
  const [first] = events.unsaved(5000);
  expect(first?.seq).toBe(5001);
  events.append('finished');
  events.close();
  for (const [n, following] of [...early, ...late].entries())
    expect((await following).map(({ seq }) => seq)).toEqual(numbers(from[n % from.length]! + 1, 5101));
});

test('nothing is forgotten before it is saved', () => {
  const { events, print } = log();
  print(5000);
  events.saved(10);
  expect(events.unsaved(10).map(({ seq }) => seq)).toEqual(numbers(11, 5000));
});

test('who leaves while saved events are read gets no more of them', async () => {
  const { events, print, save } = log();
  print(3000);
  save();
  const leave = new AbortController();
  const seen: number[] = [];
  for await (const { seq } of events.follow(0, leave.signal)) {
    seen.push(seq);
    if (seq === 3) leave.abort();
  }
  expect(seen).toEqual([1, 2, 3]);
});

test('what comes after the end is not an event', async () => {
  const { events, follow, print } = log();
  events.append('finished');
  events.close();
  print(1);
  expect((await follow(0)).map(({ type }) => type)).toEqual(['finished']);
});

test('what was printed before another event comes before it, also when output is gathered', async () => {
  const { events, follow, print } = log();
  print(10_002);
  events.append('memory_write', { key: 'k' });
  print(1);
  events.append('finished');
  events.close();
  const types = (await follow(10_000)).map(({ type, text }) => [type, text]);
  expect(types).toEqual([
    ['stdout', 'xx'],
    ['memory_write', undefined],
    ['stdout', 'x'],
    ['finished', undefined],
  ]);
});

test('who follows for long leaves nothing behind with each wait', { timeout: 60_000 }, async () => {
  const { events } = log();
  setFlagsFromString('--expose-gc');
  const collectGarbage = runInNewContext('gc') as () => void;
  const leave = new AbortController();
  let seen = 0;
  const following = (async () => {
    for await (const { seq } of events.follow(0, leave.signal)) seen = seq;
  })();
  async function wait(count: number) {
    for (let n = 0; n < count; n++) {
      events.append('log');
      for (const until = seen + 1; seen < until; ) await null;
    }
    collectGarbage();
    return process.memoryUsage().heapUsed;
  }
  await wait(500);
  const before = await wait(500);
  // Events of the log itself stay here: some 100 bytes each, and each wait left 256 more.
  expect((await wait(40_000)) - before).toBeLessThan(40_000 * 220);
  leave.abort();
  await following;
});
