/** JavaScript and TypeScript as the image `node` runs them: real Node.js, with the results and errors of every driver. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  javascriptResults,
  javascriptPrograms as programs,
  typescriptPrograms,
  typescriptResults,
} from '../programs/javascript.ts';
import { type NodeRunOptions, openNodeGuest, refusal } from './node-guest-bench.ts';

let guest: Awaited<ReturnType<typeof openNodeGuest>>;
beforeAll(async () => {
  guest = await openNodeGuest();
});
afterAll(() => guest.close());

const js = (code: string, options?: NodeRunOptions) => guest.run('javascript', code, options);
const ts = (code: string, options?: NodeRunOptions) => guest.run('typescript', code, options);
const languages = { javascript: js, typescript: ts };

/** The result of a run that must succeed. */
const result = async (code: string, options?: NodeRunOptions, run = js) => {
  const { end, stderr } = await run(code, options);
  expect([end?.error, stderr]).toEqual([undefined, '']);
  return end.result;
};

describe('the programs of the driver contract', () => {
  for (const [language, table] of [
    ['javascript', javascriptResults],
    ['typescript', typescriptResults],
  ] as const) {
    test.each(
      table.map((row) => [...row] as [string, string, unknown, string?]),
    )(`${language}: %s`, async (_what, code, value, type) => {
      const { end } = await languages[language](code);
      expect(end.status).toBe('succeeded');
      expect('result' in end).toBe(value !== undefined);
      if (typeof value === 'function') (value as (value: unknown) => void)(end.result);
      else expect(end.result).toEqual(value);
      expect(end.resultType).toBe(type);
    });

    test(`${language}: an error has the guest’s own lines`, async () => {
      const { end } = await languages[language](
        (language === 'typescript' ? typescriptPrograms : programs).throwsOnLine3!,
      );
      expect(end).toMatchObject({ status: 'failed', error: { name: 'TypeError', message: 'mine' } });
      const ending = language === 'typescript' ? 'ts' : 'js';
      expect(end.error.stack.split('\n').map((line: string) => line.replace(/:\d+\)?$/, ''))).toEqual([
        `    at fails (/workspace/main.${ending}:3`,
        `    at /workspace/main.${ending}:5`,
      ]);
    });
  }

  test('output keeps its order, also across the two streams', async () => {
    const { seen } = await js(programs.prints);
    expect(seen).toEqual(['stdout out 1\n', 'stderr err 1\n', 'stdout out 2\n', 'end']);
  });
  test('a program that closes the barrier loses the order of its output, nothing else', async () => {
    const { stdout, stderr, end } = await js(
      `import fs from 'node:fs'; fs.closeSync(3); fs.closeSync(4); ${programs.prints}; 1`,
    );
    expect([stdout, stderr, end.result]).toEqual(['out 1\nout 2\n', 'err 1\n', 1]);
  });
  test('output arrives while the program runs', async () => {
    const { seen, tookMs } = await js(programs.printsAndSleeps);
    expect(seen).toEqual(['stdout first\n', 'stdout second\n', 'end']);
    expect(tookMs).toBeGreaterThan(400);
  });
  test.each(programs.failsLater)('a failure that nobody handled ends as %s', async (name, code) => {
    const { end, exitCode, stderr } = await js(code);
    expect(end).toMatchObject({ status: 'failed', error: { name } });
    expect([exitCode, stderr]).toEqual([1, '']);
  });
  test('exit codes', async () => {
    const three = await js(programs.exits3);
    expect(three.end).toMatchObject({ status: 'failed', error: { name: 'ExitCode' }, exitCode: 3 });
    expect(three.exitCode).toBe(3);
    expect((await js(programs.exits0)).end).toEqual({ status: 'succeeded', exitCode: 0 });
  });
  test('a result above resultBytes ends with that limit, after the output', async () => {
    const { end, stdout } = await js(programs.answersMuch, { input: 5000, limits: { resultBytes: 4000 } });
    expect(end).toMatchObject({ status: 'limit_exceeded', error: { limit: 'resultBytes' } });
    expect(stdout).toBe('before\n');
  });
  test('builtins that the program has patched do not reach its end', async () => {
    expect((await js(programs.leavesTraces)).end).toEqual({ status: 'succeeded', result: 'left' });
  });
  test('a program starts clean', async () => {
    expect(await result(programs.findsTraces)).toEqual([]);
  });
  test('calls that the host refuses: uncaught they end the run with the limit, caught they do not', async () => {
    const host = {
      'memory.get': () => {
        throw refusal('QuotaExceeded', 'hostCalls is 20', { limit: 'hostCalls' });
      },
    };
    const { end } = await js(programs.callsHost, { host });
    expect(end).toMatchObject({ status: 'limit_exceeded', error: { name: 'QuotaExceeded', limit: 'hostCalls' } });
    expect(end.error.stack).toContain('/workspace/main.js:1:');
    expect(await result(programs.catchesCalls, { host })).toBe('QuotaExceeded');
  });
});

describe('the end', () => {
  test('comes when nothing is pending: timers, memory, servers, child processes', async () => {
    const code = `import { spawn } from 'node:child_process'; import { memory } from 'cordon';
      const done = []; memory.set('a', 1).then(() => done.push('memory')); setTimeout(() => done.push('timer'), 20);
      spawn('sleep', ['0.1']).on('exit', () => done.push('child')); done`;
    expect((await result(code)).sort()).toEqual(['child', 'memory', 'timer']);
  });
  test('does not come while a promise never settles', async () => {
    const { end, signal, tookMs } = await js('await new Promise(() => {})', { stopAfterMs: 700 });
    expect([end, signal, tookMs >= 700]).toEqual([undefined, 'SIGKILL', true]);
  });
  test('knows what exit listeners print, throw and set', async () => {
    const printing = await js("process.on('exit', (code) => console.log('bye', code)); 5");
    expect([printing.stdout, printing.end.result]).toEqual(['bye 0\n', 5]);
    expect((await js("process.on('exit', () => { throw new TypeError('late') }); 5")).end.error).toMatchObject({
      name: 'TypeError',
      stack: expect.stringContaining('/workspace/main.js:1:'),
    });
    expect((await js('process.exitCode = 4; 5')).end).toMatchObject({ status: 'failed', exitCode: 4 });
    expect((await js("process.on('exit', () => process.exit(6)); 5")).end).toMatchObject({ exitCode: 6 });
  });
  test('is told before process.exit returns, with all output, also from a callback', async () => {
    const { end, stdout } = await js(
      "setTimeout(() => { process.stdout.write('x'.repeat(2e6)); process.exit(7); }, 1)",
    );
    expect([end.exitCode, stdout.length]).toEqual([7, 2_000_000]);
  });
  test('does not come for what the program handles itself', async () => {
    const code =
      "process.on('uncaughtException', (e) => console.log('caught', e.message)); setTimeout(() => { throw new Error('a') }, 1); setTimeout(() => console.log('on'), 20); 3";
    const { end, stdout } = await js(code);
    expect([end.result, stdout]).toEqual([3, 'caught a\non\n']);
    const top = await js(
      "process.on('uncaughtException', (e) => console.log('caught', e.message)); throw new Error('b')",
    );
    expect([top.end, top.stdout]).toEqual([{ status: 'succeeded' }, 'caught b\n']);
    expect(await result("process.on('unhandledRejection', () => {}); Promise.reject(1); 4")).toBe(4);
  });
  test('a full file system is the limit workspaceBytes, a refused allocation ramBytes', async () => {
    const { end } = await js("import fs from 'node:fs'; fs.writeFileSync('/dev/full', 'x')");
    expect(end).toMatchObject({ status: 'limit_exceeded', error: { limit: 'workspaceBytes' } });
    const { end: large } = await js('new ArrayBuffer(2 ** 46)');
    expect(large).toMatchObject({ status: 'limit_exceeded', error: { limit: 'ramBytes' } });
  });
  test('V8 ends a program whose heap is full by itself: SIGABRT, no end', async () => {
    const { end, signal, stderr } = await js(programs.allocates, { flags: ['--max-old-space-size=32'] });
    expect([end, signal]).toEqual([undefined, 'SIGABRT']);
    expect(stderr).toContain('JavaScript heap out of memory');
    expect((await js('process.abort()')).end).toMatchObject({ status: 'failed', error: { name: 'Aborted' } });
  });
  test.each([
    [
      'a proxy whose traps throw',
      '[new Proxy({}, { get() { throw 1 }, ownKeys() { throw 2 }, getPrototypeOf() { throw 3 } })]',
    ],
    ['endless nesting', 'let o = {}; for (let n = 0; n < 1e5; n++) o = { o }; o'],
    ['a getter that exits', '({ get a() { process.exit(0) } })'],
    ['a throwing inspect', 'class A { [Symbol.for("nodejs.util.inspect.custom")]() { throw 1 } } new A()'],
  ])('a hostile result ends cleanly: %s', async (_what, code) => {
    expect((await js(code)).end.status).toBe('succeeded');
  });
});

test('the same sources make the same files', async () => {
  const { buildNodeGuest } = await import('../../../sandbox-images/build/node-guest.ts');
  const [first, second] = [await buildNodeGuest(), await buildNodeGuest()];
  expect([...first.keys()]).toEqual([...second.keys()]);
  for (const [path, bytes] of first) expect(Buffer.compare(bytes, second.get(path)!), path).toBe(0);
});
