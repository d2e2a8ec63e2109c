import { expect, it } from 'vitest';
import { type Bytes, inTurn, through } from '../../runtime/egress/byte-stream.ts';

const bytes = (text: string) => Buffer.from(text);

function source(chunks: (string | Error | undefined)[]) {
  let at = 0;
  let stopped = 0;
  const body: Bytes = {
    [Symbol.asyncIterator]: () => ({
      async next() {
        const chunk = at < chunks.length ? chunks[at++] : null;
        if (chunk === null) return { done: true, value: undefined };
        if (chunk instanceof Error) throw chunk;
        if (chunk === undefined) return new Promise(() => {});
        return { done: false, value: bytes(chunk) };
      },
      async return() {
        stopped += 1;
        return { done: true, value: undefined };
      },
    }),
  };
  return { body, stopped: () => stopped };
}

async function told(body: Bytes): Promise<string> {
  let all = '';
  try {
    for await (const chunk of body) all += Buffer.from(chunk).toString();
    return all;
  } catch (error) {
    return `${all} ${error}`;
  }
}

function settledOnce() {
  const settled: unknown[][] = [];
  return { settled, onSettled: (...error: unknown[]) => void settled.push(error) };
}

it('passes what a stage makes of each chunk, what is left at the end, and no empty chunk', async () => {
  const { settled, onSettled } = settledOnce();
  const { body, stopped } = source(['a', '', 'b']);
  const shouted = through(body, {
    push: (chunk) => (chunk.byteLength === 0 ? undefined : bytes(chunk.toString().toUpperCase())),
    end: () => bytes('!'),
    settled: onSettled,
  });
  expect(await told(shouted)).toBe('AB!');
  expect(settled).toEqual([[undefined]]);
  expect(stopped()).toBe(0);
});

it('a stage that throws ends the stream and stops the source', async () => {
  const { settled, onSettled } = settledOnce();
  const { body, stopped } = source(['a', 'b', 'c']);
  const enough = new Error('enough');
  const stage = through(body, {
    push(chunk) {
      if (chunk.toString() === 'b') throw enough;
      return chunk;
    },
    settled: onSettled,
  });
  expect(await told(through(stage, { push: (chunk) => chunk }))).toBe('a Error: enough');
  expect(settled).toEqual([[enough]]);
  expect(stopped()).toBe(1);
  expect(await told(stage)).toBe('');
});

it('a source that breaks is told once', async () => {
  const { settled, onSettled } = settledOnce();
  const broken = new Error('broken');
  expect(await told(through(source(['a', broken]).body, { push: (chunk) => chunk, settled: onSettled }))).toBe(
    'a Error: broken',
  );
  expect(settled).toEqual([[broken]]);
});

it('stages in turn are one: what each has left at the end passes those behind it, the last tells how it ended', async () => {
  const { settled, onSettled } = settledOnce();
  let counted = 0;
  const stages = (most: number) =>
    inTurn([
      { push: () => undefined, end: () => bytes('abc') },
      { push: (chunk) => bytes(chunk.toString().toUpperCase()), end: () => bytes('!') },
      {
        push(chunk) {
          counted += chunk.byteLength;
          if (counted > most) throw new Error('too much');
          return chunk;
        },
        settled: onSettled,
        failed: (error) => `${error}, it says`,
      },
    ]);
  expect(await told(through(source(['x', '', 'y']).body, stages(100)))).toBe('ABC!');
  expect([counted, settled]).toEqual([4, [[undefined]]]);
  counted = 0;
  expect(await told(through(source(['x']).body, stages(3)))).toBe(' Error: too much, it says');
  expect(settled).toHaveLength(2);
});

it('stopping reaches the source through every stage: unread, half read, and while a read waits', async () => {
  for (const reads of [0, 1, 2]) {
    const { settled, onSettled } = settledOnce();
    const { body, stopped } = source(['a', undefined]);
    const inner = through(body, { push: (chunk) => chunk, settled: onSettled });
    const iterator = through(inner, { push: (chunk) => chunk })[Symbol.asyncIterator]();
    if (reads > 0) await iterator.next();
    if (reads > 1) void iterator.next();
    await iterator.return?.();
    await iterator.return?.();
    expect(stopped()).toBe(1);
    expect(settled).toEqual([[undefined]]);
    expect(await iterator.next()).toEqual({ done: true, value: undefined });
  }
});
