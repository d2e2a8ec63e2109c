import { expect, test } from 'vitest';
import { stepsOf } from '../../bench/parts/containers-steps.ts';

const start = Date.parse('2026-01-01T00:00:00.000Z');
const at = (ms: number) => new Date(start + ms).toISOString();
const span = (name: string, from: number, durationMs: number) => ({
  type: 'span',
  at: at(from + durationMs),
  name,
  startMs: start + from,
  durationMs,
});
const events = [
  span('admission', 0.5, 0.5),
  span('queue', 1, 0),
  span('lease', 1, 2),
  { type: 'stdout', at: at(18) },
  span('execute', 10, 20),
  span('settle', 31, 40),
];

test('the time of a container run is cut into steps that follow each other', () => {
  expect(stepsOf(events, 80)).toEqual({
    'until the lease': 0.5,
    lease: 2,
    'files mounted': 7,
    'first output': 8,
    'until it is gone': 12,
    settle: 40,
    'around it': 9.5,
  });
});

test('a run without output has no steps', () => {
  expect(
    stepsOf(
      events.filter(({ type }) => type === 'span'),
      80,
    ),
  ).toBeUndefined();
});
