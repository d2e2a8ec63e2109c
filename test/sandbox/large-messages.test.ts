/** Guests that say more at once than a message may hold: an answer for them, and nothing for the runs beside them. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Json } from '../../runtime/json.ts';
import type { Driver, GuestHost, HostCall, Language } from '../../runtime/sandbox/driver.ts';
import { createIsolateDriver } from '../../runtime/sandbox/isolate/isolate-driver.ts';
import { defaultLimits } from '../../runtime/sandbox/limits.ts';

const MiB = 1024 * 1024;
const lost: string[] = [];
let driver: Driver;
let runs = 0;

beforeAll(async () => {
  driver = await createIsolateDriver({
    requireWalls: [],
    blankWorkers: 1,
    workersPerAgent: 1,
    maxWorkers: 4,
    workerIdleMs: 60_000,
    workerRamBytes: 3 * 1024 ** 3,
    pythonRamBytes: 2 * 1024 ** 3,
    onWorkerLost: (detail) => void lost.push(detail),
  });
});
afterAll(() => driver.close());

async function run(code: string, language: Language = 'javascript', answer?: GuestHost['call']) {
  const limits = { ...defaultLimits, outputBytes: 32 * MiB, ramBytes: 1024 * MiB };
  const leased = await driver.lease({ tenant: 't', agent: 'a' }, limits, new AbortController().signal, language);
  const calls: HostCall[] = [];
  const texts: string[] = [];
  const host: GuestHost = {
    output: (output) => void ('text' in output && texts.push(output.text)),
    waiting() {},
    async call(call) {
      calls.push(call);
      return answer ? answer(call) : { ok: true, value: 1 };
    },
  };
  const execution = leased.execute({ runId: `run_l${++runs}`, language, code, input: undefined, limits }, host);
  return { done: execution.done, calls, texts };
}

/** What the code answers, while a run beside it waits for an answer that comes when the code has ended. */
async function beside(code: string, language?: Language) {
  const answer = Promise.withResolvers<void>();
  const waiting = await run("import { memory } from 'cordon';\nawait memory.set('a', 1)", 'javascript', () =>
    answer.promise.then(() => ({ ok: true, value: 7 })),
  );
  await expect.poll(() => waiting.calls.length, { timeout: 10_000 }).toBe(1);
  const one = await run(code, language);
  const { outcome } = await one.done;
  answer.resolve();
  expect((await waiting.done).outcome).toEqual({ status: 'succeeded', result: 7 });
  expect(lost).toEqual([]);
  return { outcome, calls: one.calls, texts: one.texts };
}

test('17 MiB of NULs at once are printed, and pairs stay whole', async () => {
  const { outcome, texts } = await beside(
    "process.stdout.write('\\0'.repeat(17 << 20)); process.stdout.write(`a${'😀'.repeat(100_000)}`); 1",
  );
  expect(outcome).toEqual({ status: 'succeeded', result: 1 });
  const whole = texts.join('');
  expect(whole.length).toBe(17 * MiB + 200_001);
  expect(texts.every((text) => text.isWellFormed())).toBe(true);
});

const depthOf = (value: Json): number => {
  let depth = 0;
  for (let at = value; Array.isArray(at); at = at[0] as Json) depth++;
  return depth;
};

describe('memory.set in JavaScript', () => {
  const setting = (value: string) =>
    `import { memory } from 'cordon';\nawait memory.set('k', ${value}).then(() => 'set', (error) => error.name)`;

  test.each([
    ['35 million characters of three bytes', "'€'.repeat(35e6)"],
    ['1,001 levels', "JSON.parse('['.repeat(1001) + ']'.repeat(1001))"],
    ['2 million parts', 'Array(2e6).fill(0)'],
  ])('%s are a TypeError', async (_, value) => {
    const { outcome, calls } = await beside(setting(value));
    expect(outcome).toEqual({ status: 'succeeded', result: 'TypeError' });
    expect(calls).toEqual([]);
  });

  test('990 levels, a million parts and 8 MiB of text come to the host', async () => {
    const deep = await beside(setting("JSON.parse('['.repeat(990) + ']'.repeat(990))"));
    expect(deep.outcome).toMatchObject({ result: 'set' });
    expect(depthOf((deep.calls[0]?.args as { value: Json }).value)).toBe(990);
    expect((await beside(setting('Array(1e6).fill(0)'))).outcome).toMatchObject({ result: 'set' });
    expect((await beside(setting("'x'.repeat(8 << 20)"))).outcome).toMatchObject({ result: 'set' });
  });
});

describe('memory.set in Python', () => {
  const setting = (value: string) =>
    `from cordon import memory\ntry:\n    memory.set('k', ${value})\n    end = 'set'\nexcept Exception as error: end = type(error).__name__\nend`;

  test('2 million parts are an error of the guest', async () => {
    const { outcome, calls } = await beside(setting('[0] * 2_000_000'), 'python');
    expect(outcome).toEqual({ status: 'succeeded', result: 'TypeError' });
    expect(calls.filter(({ op }) => op === 'memory.set')).toEqual([]);
  });

  test('half a million parts and 8 MiB of text come to the host', async () => {
    expect((await beside(setting('[0] * 500_000'), 'python')).outcome).toMatchObject({ result: 'set' });
    expect((await beside(setting("'x' * (8 << 20)"), 'python')).outcome).toMatchObject({ result: 'set' });
  });
});
