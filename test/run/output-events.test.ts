import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { createOutputEvents } from '../../runtime/run/output-events.ts';
import type { Stream } from '../../runtime/run/run-output.ts';

function collect() {
  const events: [Stream, string][] = [];
  const output = createOutputEvents((stream, text) => void events.push([stream, text]));
  const textOf = (stream: Stream) => events.map(([of, text]) => (of === stream ? text : '')).join('');
  return { output, events, textOf };
}

test('pieces are events as they come, in their order', () => {
  const { output, events } = collect();
  output.show('stdout', 'a');
  output.show('stderr', 'b');
  output.show('stdout', 'c');
  expect(events).toEqual([
    ['stdout', 'a'],
    ['stderr', 'b'],
    ['stdout', 'c'],
  ]);
});

test('a million pieces of one byte, stream by stream in turn, are some ten thousand events, and no byte is lost', () => {
  const { output, events, textOf } = collect();
  const expected = { stdout: '', stderr: '' };
  for (let n = 0; n < 1_000_000; n++) {
    const stream = n % 2 === 0 ? 'stdout' : 'stderr';
    const text = String(n % 10);
    expected[stream] += text;
    output.show(stream, text);
  }
  output.flush();
  expect(events.length).toBeLessThan(10_100);
  expect(textOf('stdout')).toBe(expected.stdout);
  expect(textOf('stderr')).toBe(expected.stderr);
});

test('what a chatty run says is gathered, but not held until its end', async () => {
  const { output, events, textOf } = collect();
  for (let n = 0; n < 10_000; n++) output.show('stdout', '.');
  output.show('stderr', 'after');
  output.show('stdout', 'wards');
  expect(events.length).toBe(10_000);
  for (const until = performance.now() + 10_000; events.length < 10_002 && performance.now() < until; ) await sleep(20);
  expect(textOf('stderr')).toBe('after');
  expect(textOf('stdout').slice(10_000)).toBe('wards');
});
