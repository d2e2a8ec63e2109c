import { expect, test } from 'vitest';
import { createEventLog } from '../../runtime/run/event-log.ts';

function log() {
  const events = createEventLog({ now: () => 0 });
  const seqs = async (afterSeq: number) => {
    const followed: [number, string][] = [];
    for await (const { seq, type } of events.follow(afterSeq, new AbortController().signal)) followed.push([seq, type]);
    return followed;
  };
  return { events, seqs };
}

test.each([
  ['the start', 0, ['1 queued', '2 stdout', '3 finished']],
  ['the middle', 2, ['3 finished']],
  ['the end', 3, []],
  ['beyond the end', 9, ['10 finished']],
])('who follows a live run from %s sees its end once', async (_where, afterSeq, expected) => {
  const { events, seqs } = log();
  events.append('queued');
  const following = seqs(afterSeq);
  events.append('stdout', { text: 'hi' });
  events.append('finished');
  events.close();
  expect((await following).map(([seq, type]) => `${seq} ${type}`)).toEqual(expected);
});
