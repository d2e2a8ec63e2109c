import { MiB, ok, type PythonProgram } from './program.ts';

/** Errors and exit codes. */
export const ends: PythonProgram[] = [
  {
    name: 'an uncaught error shows the program and nothing else',
    code: 'import json\ndef f(t):\n    return json.loads(t)\nf("{")',
    expect: {
      status: 'failed',
      error: {
        name: 'JSONDecodeError',
        message: /^Expecting property name/,
        stack:
          /^Traceback \(most recent call last\):\n {2}File "\/workspace\/main.py", line 4, in <module>\n {4}f\("\{"\)\n[ ~^]+\n {2}File "\/workspace\/main.py", line 3, in f\n {4}return json.loads\(t\)\n[ ~^]+\njson.decoder.JSONDecodeError: Expecting [^\n]+$/,
      },
    },
  },
  {
    name: 'a syntax error names the line',
    code: 'x = 1\nif x\n    pass',
    expect: {
      status: 'failed',
      error: {
        name: 'SyntaxError',
        message: /expected ':' \(main.py, line 2\)/,
        stack: /^ {2}File "\/workspace\/main.py", line 2\n {4}if x\n/,
      },
    },
  },
  {
    name: 'a syntax error that the compiler finds later shows the line too',
    code: 'x = 1\nreturn x',
    expect: { status: 'failed', error: { name: 'SyntaxError', stack: /line 2\n {4}return x/ } },
  },
  {
    name: 'a source with a null character',
    code: 'x = "\0"',
    expect: { status: 'failed', error: { name: 'SyntaxError' } },
  },
  {
    name: 'causes are told in order',
    code: 'try:\n    {}["k"]\nexcept KeyError as e:\n    raise ValueError("outer") from e',
    expect: {
      status: 'failed',
      error: {
        name: 'ValueError',
        message: 'outer',
        stack: /KeyError: 'k'\n\nThe above exception was the direct cause of[\s\S]*ValueError: outer$/,
      },
    },
  },
  {
    name: 'a group of exceptions',
    code: `import asyncio
async def bad(n):
    raise ValueError(n)
async def main():
    async with asyncio.TaskGroup() as g:
        g.create_task(bad(1)); g.create_task(bad(2))
asyncio.run(main())`,
    expect: {
      status: 'failed',
      error: {
        name: 'ExceptionGroup',
        message: 'unhandled errors in a TaskGroup (2 sub-exceptions)',
        stack: /ValueError: 1[\s\S]*ValueError: 2/,
      },
    },
  },
  {
    name: 'a recursion without end',
    code: 'def f(): return f()\nf()',
    expect: { status: 'failed', error: { name: 'RecursionError', stack: /Previous line repeated \d+ more times/ } },
  },
  {
    name: 'a recursion through C',
    code: 'class A:\n    def __repr__(self): return repr(self)\nrepr(A())',
    expect: { status: 'failed', error: { name: 'RecursionError' } },
  },
  {
    name: 'a lower recursion limit does not break the report',
    code: 'import sys\nsys.setrecursionlimit(20)\ndef f(): f()\nf()',
    expect: { status: 'failed', error: { name: 'RecursionError' } },
  },
  {
    name: 'an error whose __str__ fails',
    code: 'class E(Exception):\n    def __str__(self): raise E()\nraise E()',
    expect: { status: 'failed', error: { name: 'E', message: '<exception str() failed>' } },
  },
  {
    name: 'an error that lies about everything',
    code: `class M(type):
    def __getattribute__(c, n): raise KeyError(n)
class E(Exception, metaclass=M):
    def __getattribute__(s, n): raise KeyError(n)
raise E("x")`,
    expect: { status: 'failed', error: { name: 'E' } },
  },
  {
    name: 'a long message is cut',
    code: 'raise ValueError("x" * 1_000_000)',
    expect: { status: 'failed', error: { name: 'ValueError', message: /^x{8191}…$/ } },
  },
  {
    name: 'a cycle of causes',
    code: 'a, b = ValueError("a"), ValueError("b")\na.__cause__, b.__cause__ = b, a\nraise a',
    expect: { status: 'failed', error: { name: 'ValueError', message: 'a' } },
  },
  {
    name: 'KeyboardInterrupt is an error like others',
    code: 'raise KeyboardInterrupt("k")',
    expect: { status: 'failed', error: { name: 'KeyboardInterrupt', message: 'k' } },
  },
  {
    name: 'a raised interrupt does not reach past the program',
    code: 'import _thread\n_thread.interrupt_main()\n1',
    expect: { status: 'failed', error: { name: 'KeyboardInterrupt' } },
  },
  {
    name: 'an uncaught MemoryError is the limit',
    code: 'def f():\n    x = [0] * (2**29)\nf()',
    expect: { status: 'limit_exceeded', error: { name: 'MemoryError', limit: 'ramBytes' } },
  },
  {
    name: 'a caught MemoryError ends nothing',
    code: 'try:\n    x = [0] * (2**29)\nexcept MemoryError:\n    x = 1\nx',
    expect: { ...ok, result: 1 },
  },
  {
    name: 'memory full of large blocks',
    code: 'print("kept")\na = []\nwhile True: a.append(bytearray(1_000_000))',
    limits: { ramBytes: 128 * MiB },
    expect: { status: 'limit_exceeded', stdout: 'kept\n', error: { limit: 'ramBytes' } },
  },
  {
    name: 'memory full of small objects, held by frames and names',
    code: `import collections
kept = collections.deque()
def fill(held):
    while True:
        held.append(str(len(kept)))
        kept.append(object())
fill([])`,
    limits: { ramBytes: 128 * MiB },
    expect: { status: 'limit_exceeded', error: { limit: 'ramBytes' } },
  },
  {
    name: 'an error that a MemoryError caused is the limit',
    code: 'try:\n    [0] * 2**29\nexcept MemoryError as e:\n    raise ValueError("too much") from e',
    expect: { status: 'limit_exceeded', error: { name: 'ValueError', limit: 'ramBytes' } },
  },
  {
    name: "an error that replaced a MemoryError is the program's own",
    code: 'try:\n    [0] * 2**29\nexcept MemoryError:\n    raise ValueError("too much")',
    expect: { status: 'failed', error: { name: 'ValueError' } },
  },
  {
    name: 'host calls used up',
    code: 'from cordon import memory\nfor n in range(100): memory.get("k")',
    limits: { hostCalls: 10 },
    expect: { status: 'limit_exceeded', error: { name: 'QuotaExceeded', limit: 'hostCalls' } },
  },
  {
    name: 'host calls used up, and caught',
    code: `from cordon import memory, QuotaExceeded
try:
    for n in range(100): memory.get("k")
except QuotaExceeded as e:
    code = e.code
code`,
    limits: { hostCalls: 10 },
    expect: { ...ok, result: 'EDQUOT' },
  },
  {
    name: 'sys.exit()',
    code: 'import sys\nprint("a")\nsys.exit()\nprint("b")',
    expect: { ...ok, exitCode: 0, stdout: 'a\n' },
  },
  { name: 'sys.exit(0)', code: 'import sys\nsys.exit(0)\n5', expect: { ...ok, exitCode: 0 } },
  {
    name: 'sys.exit(3)',
    code: 'import sys\nsys.exit(3)',
    expect: {
      status: 'failed',
      exitCode: 3,
      error: { name: 'ExitCode', message: 'The program ended with exit code 3' },
    },
  },
  { name: 'sys.exit(-1)', code: 'import sys\nsys.exit(-1)', expect: { status: 'failed', exitCode: 255 } },
  {
    name: 'sys.exit with text',
    code: 'import sys\nsys.exit("went wrong")',
    expect: { status: 'failed', exitCode: 1, stderr: 'went wrong\n', error: { name: 'ExitCode' } },
  },
  {
    name: 'exit() in a coroutine',
    code: 'async def f(): exit(4)\nawait f()',
    expect: { status: 'failed', exitCode: 4 },
  },
  {
    name: 'os._exit passes handlers by',
    code: 'import os\ntry:\n    os._exit(5)\nexcept Exception:\n    print("no")',
    expect: { status: 'failed', exitCode: 5, stdout: '' },
  },
  { name: 'os.abort', code: 'import os\nos.abort()', expect: { status: 'failed', exitCode: 134 } },
  {
    name: 'a signal that would end the process',
    code: 'import os, signal\nos.kill(os.getpid(), signal.SIGTERM)',
    expect: { status: 'failed', exitCode: 143 },
  },
  {
    name: 'a signal with a handler',
    code: 'import os, signal\nsignal.signal(signal.SIGUSR1, lambda n, f: print("got", n))\nos.kill(os.getpid(), signal.SIGUSR1)',
    expect: { ...ok, stdout: /^got \d+\n$/ },
  },
  {
    name: 'exit functions run at the end',
    code: 'import atexit\natexit.register(print, "bye")\nprint("hi")\n1',
    expect: { ...ok, result: 1, stdout: 'hi\nbye\n' },
  },
  {
    name: 'an exit function that fails',
    code: 'import atexit\natexit.register(lambda: 1 / 0)\n1',
    expect: { ...ok, result: 1, stderr: /ZeroDivisionError/ },
  },
  {
    name: 'an excepthook of the program is called',
    code: 'import sys\nsys.excepthook = lambda t, e, tb: print("hook", t.__name__)\n1 / 0',
    expect: { status: 'failed', stdout: 'hook ZeroDivisionError\n', error: { name: 'ZeroDivisionError' } },
  },
  {
    name: 'tracing that is left on, and raises',
    code: 'import sys\ndef t(*a): raise ValueError("trace")\nsys.setprofile(t)',
    expect: { status: 'failed', error: { name: 'ValueError', message: 'trace' } },
  },
  {
    name: 'a recursion limit that is too low for anything',
    code: 'import sys\nsys.setrecursionlimit(12)\n[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]',
    expect: { ...ok, result: [[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]] },
  },
];
