import { expect, test } from 'vitest';
import { createByteBudget } from '../../runtime/egress/byte-budget.ts';

test('a run takes no more than its own part, and what it gives back it can take again', () => {
  const run = createByteBudget(1000).share('t', 100);
  expect([run.take(60), run.take(40), run.take(1)]).toEqual([true, true, false]);
  run.give(40);
  expect([run.take(41), run.take(40)]).toEqual([false, true]);
});

test('a tenant takes half of what the others leave, whatever the number of its runs', () => {
  const budget = createByteBudget(1000);
  const runs = Array.from({ length: 20 }, () => budget.share('greedy', 100));
  expect(runs.filter((run) => run.take(100))).toHaveLength(5);
  const others = Array.from({ length: 20 }, () => budget.share('other', 50));
  expect(others.filter((run) => run.take(50))).toHaveLength(5);
  // However many fill theirs, the next one finds room.
  expect(budget.share('third', 100).take(100)).toBe(true);
});

test('nothing is held by a call that was refused, or that has no body', () => {
  const budget = createByteBudget(100);
  const run = budget.share('t', 100);
  expect(run.take(51)).toBe(false);
  expect(run.take(50)).toBe(true);
  expect(run.take(0)).toBe(true);
  run.give(50);
  run.give(0);
  expect(budget.share('t', 100).take(50)).toBe(true);
});
