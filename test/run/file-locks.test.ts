import { expect, test } from 'vitest';
import { createFileLocks, type LockRange } from '../../runtime/run/file-locks.ts';
import { codeOf } from '../workspace/scratch.ts';

const owner = { tenant: 'default', agent: 'agent-a' };
const range = (start: number, length: number, more: Partial<LockRange> = {}): LockRange => ({
  path: 'a',
  space: 'fcntl',
  holder: 0,
  start,
  length,
  ...more,
});
const all = range(0, 0);

function runs() {
  const locks = createFileLocks();
  return { locks, a: locks.open(owner), b: locks.open(owner), c: locks.open(owner) };
}

/** Whether a promise is still open after everything that could settle it has had its turn. */
async function isOpen(promise: Promise<unknown>): Promise<boolean> {
  let open = true;
  promise.then(
    () => (open = false),
    () => (open = false),
  );
  await new Promise((resolve) => setImmediate(resolve));
  return open;
}

test('an exclusive lock keeps others out, shared ones do not', async () => {
  const { a, b, c } = runs();
  await a.take(all, 'shared', false);
  await b.take(all, 'shared', false);
  expect(await codeOf(c.take(all, 'exclusive', false))).toBe('EAGAIN');
  expect(c.test(all, 'exclusive')).toEqual({ kind: 'shared', start: 0, length: 0 });
  expect(c.test(all, 'shared')).toBeUndefined();
  a.drop(all);
  expect(await codeOf(b.take(all, 'exclusive', false))).toBe('no error');
  expect(await codeOf(a.take(all, 'shared', false))).toBe('EAGAIN');
});

test('ranges are split, joined and changed byte by byte', async () => {
  const { a, b } = runs();
  await a.take(range(0, 100), 'exclusive', false);
  a.drop(range(40, 20));
  expect(b.test(range(40, 20), 'exclusive')).toBeUndefined();
  expect(b.test(range(39, 1), 'shared')).toEqual({ kind: 'exclusive', start: 0, length: 40 });
  expect(b.test(range(0, 0), 'shared')).toMatchObject({ kind: 'exclusive' });
  await a.take(range(40, 20), 'exclusive', false);
  expect(b.test(range(50, 1), 'shared')).toEqual({ kind: 'exclusive', start: 0, length: 100 });
  await a.take(range(10, 5), 'shared', false);
  await b.take(range(10, 5), 'shared', false);
  expect(await codeOf(b.take(range(15, 1), 'shared', false))).toBe('EAGAIN');
  expect(await codeOf(a.take(range(10, 5), 'exclusive', false))).toBe('EAGAIN');
});

test('who waits gets the lock when it is free, in the order of asking', async () => {
  const { a, b, c } = runs();
  await a.take(all, 'exclusive', false);
  const order: string[] = [];
  const second = b.take(all, 'exclusive', true).then(() => order.push('b'));
  const third = c.take(all, 'exclusive', true).then(() => order.push('c'));
  expect(await isOpen(second)).toBe(true);
  a.drop(all);
  await second;
  expect(await isOpen(third)).toBe(true);
  b.release();
  await third;
  expect(order).toEqual(['b', 'c']);
});

test('the end of a run refuses its waits first and gives its locks back last', async () => {
  const { a, b, c } = runs();
  await a.take(all, 'exclusive', false);
  await b.take(range(0, 1, { path: 'mine' }), 'exclusive', false);
  const waiting = codeOf(b.take(all, 'exclusive', true));
  b.end();
  expect(await waiting).toBe('EINTR');
  expect(await codeOf(b.take(range(5, 1, { path: 'other' }), 'shared', false))).toBe('EINTR');
  expect(await codeOf(c.take(range(0, 1, { path: 'mine' }), 'shared', false))).toBe('EAGAIN');
  b.release();
  expect(await codeOf(c.take(range(0, 1, { path: 'mine' }), 'shared', false))).toBe('no error');
  a.release();
  expect(await codeOf(c.take(all, 'exclusive', false))).toBe('no error');
});

test('waiting in a circle is refused', async () => {
  const { a, b, c } = runs();
  await a.take(range(0, 1), 'exclusive', false);
  await b.take(range(1, 1), 'exclusive', false);
  await c.take(range(0, 1, { path: 'c' }), 'exclusive', false);
  const first = a.take(range(1, 1), 'exclusive', true);
  const second = b.take(range(0, 1, { path: 'c' }), 'exclusive', true);
  expect(await codeOf(c.take(range(0, 1), 'exclusive', true))).toBe('EDEADLK');
  c.release();
  await second;
  b.release();
  await first;
});

test('flock and fcntl, holders, files and agents are apart', async () => {
  const { locks, a, b } = runs();
  await a.take(all, 'exclusive', false);
  await b.take(range(0, 0, { space: 'flock', holder: 1 }), 'exclusive', false);
  await b.take(range(0, 0, { path: 'b' }), 'exclusive', false);
  await locks.open({ tenant: 'default', agent: 'agent-b' }).take(all, 'exclusive', false);
  // Two open files of one run: the second would wait for itself.
  expect(await codeOf(b.take(range(0, 0, { space: 'flock', holder: 2 }), 'shared', false))).toBe('EAGAIN');
  expect(await codeOf(b.take(range(0, 0, { space: 'flock', holder: 2 }), 'shared', true))).toBe('EDEADLK');
});

test('a run that comes when all others have given back meets those that come later', async () => {
  const { a, b, c } = runs();
  await a.take(all, 'exclusive', false);
  a.release();
  await b.take(all, 'exclusive', false);
  expect(await codeOf(c.take(all, 'exclusive', false))).toBe('EAGAIN');
});

test('locks and waits of a run are bounded', async () => {
  const { a, b } = runs();
  for (let i = 0; i < 1024; i++) await a.take(range(2 * i, 1), 'shared', false);
  expect(await codeOf(a.take(range(5000, 1), 'shared', false))).toBe('ENOLCK');
  // A split would be one more, too.
  await a.take(range(0, 0), 'exclusive', false);
  for (let i = 0; i < 1023; i++) a.drop(range(2 * i + 1, 1));
  expect(() => a.drop(range(5001, 1))).toThrow('ENOLCK');
  const waits = [1, 2, 3, 4].map((start) => codeOf(b.take(range(2 * start, 1), 'exclusive', true)));
  expect(await codeOf(b.take(range(20, 1), 'exclusive', true))).toBe('ENOLCK');
  b.end();
  expect(await Promise.all(waits)).toEqual(['EINTR', 'EINTR', 'EINTR', 'EINTR']);
});
