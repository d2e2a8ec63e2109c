import { describe, expect, it } from 'vitest';
import { createQueue, type Place, type QueuedRun } from '../../runtime/admission/queue.ts';

function recorder(bounds = { turns: 2, resident: 4 }) {
  const queue = createQueue(bounds);
  const started: string[] = [];
  const places = new Map<string, Place>();
  const run = (agent: string, name: string, concurrentRuns = 100): QueuedRun => ({
    agent,
    concurrentRuns,
    start(place) {
      started.push(name);
      places.set(name, place);
    },
  });
  const leave = (name: string) => places.get(name)?.leave();
  return { queue, started, places, run, leave };
}

describe('queue', () => {
  it('starts at once while there are turns, then in order', () => {
    const { queue, started, run, leave } = recorder();
    for (const name of ['a1', 'a2', 'a3', 'a4']) queue.push(run('a', name));
    expect(started).toEqual(['a1', 'a2']);
    leave('a1');
    expect(started).toEqual(['a1', 'a2', 'a3']);
    expect(queue.length).toBe(1);
  });

  it('gives each agent one in turn, however many another has queued', () => {
    const { queue, started, run, leave } = recorder({ turns: 1, resident: 10 });
    for (let at = 1; at <= 190; at++) queue.push(run('a', `a${at}`));
    for (let at = 1; at <= 10; at++) queue.push(run('b', `b${at}`));
    for (let at = 0; at < started.length; at++) leave(started[at] as string);
    expect(started).toHaveLength(200);
    expect(started.indexOf('b10')).toBeLessThan(started.indexOf('a40'));
    expect(started.filter((name) => name.startsWith('a'))).toEqual(
      Array.from({ length: 190 }, (_, at) => `a${at + 1}`),
    );
  });

  it('holds an agent to its concurrentRuns and lets others pass', () => {
    const { queue, started, run, leave } = recorder({ turns: 10, resident: 10 });
    for (const name of ['a1', 'a2', 'a3']) queue.push(run('a', name, 1));
    queue.push(run('b', 'b1', 1));
    expect(started).toEqual(['a1', 'b1']);
    expect([queue.runningOf('a'), queue.lengthOf('a')]).toEqual([1, 2]);
    leave('a1');
    expect(started).toEqual(['a1', 'b1', 'a2']);
  });

  it('gives the turn of a waiting run away, within the resident bound', () => {
    const { queue, started, places, run } = recorder({ turns: 1, resident: 3 });
    for (const name of ['a1', 'a2', 'a3', 'a4']) queue.push(run('a', name));
    expect(started).toEqual(['a1']);
    places.get('a1')?.waiting(true);
    expect(started).toEqual(['a1', 'a2']);
    places.get('a1')?.waiting(true);
    expect(started).toEqual(['a1', 'a2']);
    places.get('a2')?.waiting(true);
    places.get('a3')?.waiting(true);
    expect(started).toEqual(['a1', 'a2', 'a3']);
  });

  it('counts a place once, however often it is left', () => {
    const { queue, started, run, leave } = recorder({ turns: 1, resident: 1 });
    for (const name of ['a1', 'a2', 'a3']) queue.push(run('a', name));
    leave('a1');
    leave('a1');
    expect(started).toEqual(['a1', 'a2']);
    expect(queue.resident).toBe(1);
  });

  it('takes a waiting run out, and starts nothing while paused', () => {
    const { queue, started, run, leave } = recorder({ turns: 1, resident: 1 });
    const second = run('a', 'a2');
    queue.push(run('a', 'a1'));
    queue.push(second);
    expect(queue.remove(second)).toBe(true);
    expect(queue.remove(second)).toBe(false);
    queue.push(run('a', 'a3'));
    queue.pause();
    leave('a1');
    expect(started).toEqual(['a1']);
    expect(queue.isFree('a', 10)).toBe(false);
  });

  it('holds queued runs to the concurrentRuns that their agent has now', () => {
    const { queue, started, run, leave } = recorder({ turns: 10, resident: 10 });
    for (let at = 1; at <= 6; at++) queue.push(run('a', `a${at}`, 3));
    queue.push(run('b', 'b1', 1));
    queue.setConcurrentRuns('a', 1);
    leave('a1');
    leave('a2');
    expect(started).toEqual(['a1', 'a2', 'a3', 'b1']);
    leave('a3');
    expect(started.slice(4)).toEqual(['a4']);
    queue.setConcurrentRuns('a', 2);
    expect(started.slice(4)).toEqual(['a4', 'a5']);
    queue.setConcurrentRuns('nobody', 2);
    expect(queue.lengthOf('nobody')).toBe(0);
  });

  it('starts nothing while paused, whatever the quota becomes', () => {
    const { queue, started, run } = recorder({ turns: 10, resident: 10 });
    for (const name of ['a1', 'a2']) queue.push(run('a', name, 1));
    queue.pause();
    queue.setConcurrentRuns('a', 5);
    expect(started).toEqual(['a1']);
  });
});
