/** Programs of Python under the supervisor: their ends, their output, what they find. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { closeSupervised, missing, open, type RunOptions } from './supervisor-bench.ts';

afterEach(closeSupervised);

const python = async (code: string, options?: RunOptions) => (await open()).run('python', code, options);

describe.skipIf(missing)('programs of Python', () => {
  test('keep the order of both streams and of what is shown', async () => {
    const { shown } = await python(`import sys
from cordon import display
for n in range(20):
    print("out", n)
    print("err", n, file=sys.stderr)
    sys.stdout.write("part ")
    display(str(n))`);
    expect(shown.join('|').replaceAll('\n', '')).toBe(
      Array.from({ length: 20 }, (_, n) => `stdout out ${n}|stderr err ${n}|stdout part |display ${n}`).join('|'),
    );
  });

  test.each([
    [
      'a value',
      'x = {"a": [1, (2, 3)], "b": 2**60}\nx',
      { status: 'succeeded', resultType: 'object', result: { a: [1, [2, 3]], b: '1152921504606846976' } },
      0,
    ],
    ['nothing', 'x = 1', { status: 'succeeded' }, 0],
    ['what is awaited', 'import asyncio\nawait asyncio.sleep(0.01, 5)', { status: 'succeeded', result: 5 }, 0],
    ['an exit code', 'import sys\nsys.exit(3)\n1', { status: 'failed', exitCode: 3, error: { name: 'ExitCode' } }, 3],
    [
      'an exit with text',
      'import sys\nsys.exit("gone")',
      { status: 'failed', exitCode: 1, error: { name: 'ExitCode' } },
      1,
    ],
    ['too large', '"x" * 5000', { status: 'limit_exceeded', error: { limit: 'resultBytes' } }, 1],
    [
      'no memory',
      'x = bytearray(1 << 40)',
      { status: 'limit_exceeded', error: { name: 'MemoryError', limit: 'ramBytes' } },
      1,
    ],
    [
      'no memory, caught',
      'try: x = bytearray(3 << 30)\nexcept MemoryError: x = 1\nx',
      { status: 'succeeded', result: 1 },
      0,
    ],
    [
      'no room',
      'raise OSError(28, "No space left on device")',
      { status: 'limit_exceeded', error: { name: 'OSError' } },
      1,
    ],
    [
      'threads that go on',
      'import threading, time\nl = []\nthreading.Thread(target=lambda: (time.sleep(0.1), l.append(1))).start()\nl',
      { status: 'succeeded', result: [1] },
      0,
    ],
    [
      'all descriptors closed',
      'import os\nfrom cordon import memory\nos.closerange(0, 256)\n[memory.get("k", 1), memory.get("k", 2)]',
      { status: 'succeeded', result: [1, 2] },
      0,
    ],
    [
      'all descriptors used',
      'import os, resource\nresource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))\ntry:\n    while True: os.open("/dev/null", 0)\nexcept OSError: pass\n{5}',
      { status: 'succeeded', result: [5] },
      0,
    ],
    [
      'a copy of the process that goes on to the end',
      'import os\nif os.fork() == 0: raise ValueError("child")\nos.wait()[1] >> 8',
      { status: 'succeeded', result: 1 },
      0,
    ],
    [
      'the program as it was sent',
      'import inspect, traceback\ndef f(): return 1\n[inspect.getsource(f), traceback.extract_stack()[-1].line]',
      {
        status: 'succeeded',
        result: ['def f(): return 1\n', '[inspect.getsource(f), traceback.extract_stack()[-1].line]'],
      },
      0,
    ],
  ])('end with %s', async (_what, code, end, exitCode) => {
    const seen = await python(code, { limits: { resultBytes: 4000 } });
    expect(seen.end).toMatchObject(end);
    expect(seen.ended).toMatchObject({ exitCode });
  });

  test('an end that no harness can tell is the exit code', async () => {
    const seen = await python('import os\nprint("a")\nos._exit(7)');
    expect([seen.end, seen.ended, seen.stdout]).toEqual([undefined, { exitCode: 7 }, 'a\n']);
  });

  test('an error names the lines of the program and nothing of the harness', async () => {
    const { end, stderr } = await python('import json\ndef f(text):\n    return json.loads(text)\nf("{")');
    expect(end).toMatchObject({ status: 'failed', error: { name: 'JSONDecodeError' } });
    const stack = (end as { error: { stack: string } }).error.stack;
    expect([...stack.matchAll(/line (\d+), in/g)].map(([, line]) => Number(line))).toEqual([4, 3]);
    expect([...stack.matchAll(/File "([^"]+)"/g)].every(([, file]) => file?.endsWith('/workspace/main.py'))).toBe(true);
    expect(stderr).toBe('');
  });

  test('a module of the workspace hides none that the harness needs', async () => {
    const supervised = await open();
    for (const name of ['traceback', 'datetime', 'reprlib', 'tokenize', 'linecache', 'binascii'])
      writeFileSync(join(supervised.workspace, `${name}.py`), 'raise ImportError("mine")\n');
    const { end } = await supervised.run('python', 'def f():\n    raise ValueError("x")\nf()');
    expect(end).toMatchObject({ error: { name: 'ValueError', stack: expect.stringContaining('line 2, in f') } });
  });

  test('a module of the workspace does not stand in for ours', async () => {
    const supervised = await open();
    writeFileSync(join(supervised.workspace, 'cordon.py'), 'input = memory = "forged"\n');
    const { end } = await supervised.run('python', 'from cordon import input\ninput', { input: 5 });
    expect(end).toMatchObject({ status: 'succeeded', result: 5 });
  });

  test('input, memory and displays, also from threads and other processes', async () => {
    const { end, displays, stdout } = await python(
      `import multiprocessing, subprocess, sys, threading
from cordon import input, memory, display
def keep(n): memory.set(f"k{n}", n)
threads = [threading.Thread(target=keep, args=(n,)) for n in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
with multiprocessing.get_context("fork").Pool(2) as pool: pool.map(keep, range(8, 16))
child = 'from cordon import input, memory; print(input["n"], memory.get("k9"))'
subprocess.run([sys.executable, '-c', f'import sys; sys.path.append({sys.path[-1]!r}); {child}'])
display("<b>", mime="text/html")
[input["n"], len(memory.list("k")), memory.get("none")]`,
      { input: { n: 4 } },
    );
    expect(end).toMatchObject({ status: 'succeeded', result: [4, 16, null] });
    expect([displays, stdout]).toEqual([[{ mime: 'text/html', data: '<b>' }], '4 9\n']);
  });

  test('a call from a handler in the middle of another call', async () => {
    // A handler within a handler would go ever deeper where a call takes longer than the interval.
    const { end } = await python(`import signal
from cordon import memory
seen, busy = [], [False]
def handler(number, frame):
    if busy[0]: return
    busy[0] = True
    seen.append(memory.get("in", 1))
    busy[0] = False
signal.signal(signal.SIGALRM, handler)
signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
for n in range(300): assert memory.get("k", n) == n
signal.setitimer(signal.ITIMER_REAL, 0)
len(seen) > 0`);
    expect(end).toMatchObject({ status: 'succeeded', result: true });
  });
});
