import { type PythonAttack, pythonAttacks } from './python-arena.ts';

pythonAttacks('Python: odd ends', [
  ...(
    [
      [
        'SystemExit in a finalizer',
        'import sys\nclass A:\n    def __del__(self): sys.exit(9)\na = A()\n1',
        'succeeded',
      ],
      ['SystemExit in an exit function', 'import atexit, sys\natexit.register(sys.exit, 9)\n1', 'succeeded'],
      [
        'SystemExit in an excepthook',
        'import sys\nsys.excepthook = lambda *of: sys.exit(9)\n1/0',
        'failed ZeroDivisionError',
      ],
      [
        'SystemExit in a trace function',
        'import sys\ndef t(*of): raise SystemExit(9)\nsys.settrace(t)\n(lambda: 1)()',
        'failed ExitCode',
      ],
      [
        'SystemExit in the text of an exception',
        'import sys\nclass E(Exception):\n    def __str__(self): sys.exit(9)\nraise E',
        'failed E',
      ],
      [
        'SystemExit with a hostile code',
        'class E(SystemExit):\n    code = property(lambda self: 1/0)\nraise E(5)',
        /^failed (ExitCode|E)$/,
      ],
      [
        'SystemExit with an object that cannot be shown',
        'class A:\n    def __str__(self): 1/0\nraise SystemExit(A())',
        'failed ExitCode',
      ],
      ['SystemExit with a huge number', 'raise SystemExit(10**400)', /^(succeeded|failed ExitCode)$/],
      [
        'SystemExit in a coroutine and in a task',
        'import asyncio, sys\nasync def f(): sys.exit(9)\nasyncio.create_task(f())\nawait asyncio.sleep(1)',
        'failed ExitCode',
      ],
      ['KeyboardInterrupt', 'raise KeyboardInterrupt', 'failed KeyboardInterrupt'],
      ['GeneratorExit', 'raise GeneratorExit', 'failed GeneratorExit'],
      ['StopIteration', 'raise StopIteration(5)', 'failed StopIteration'],
      ['a bare BaseException', 'raise BaseException', 'failed BaseException'],
      ['MemoryError raised by hand', 'raise MemoryError("mine")', 'limit_exceeded ramBytes'],
      [
        'os._exit in a handler of everything',
        'import os\ntry:\n    try: os._exit(9)\n    finally: print("finally")\nexcept BaseException: pass\n1',
        /^(succeeded|failed ExitCode)$/,
      ],
      [
        'os._exit in a finalizer',
        'import os\nclass A:\n    def __del__(self): os._exit(9)\na = A()\n1',
        /^(succeeded|failed ExitCode)$/,
      ],
      [
        'an error that forges a limit',
        'e = ValueError("x")\ne._cordon_limit = "evil" * 1000\nraise e',
        /^(failed \w+|limit_exceeded \w+)$/,
      ],
      [
        'an error whose class is hostile',
        'class M(type):\n    __name__ = property(lambda self: 1/0)\n    __qualname__ = property(lambda self: 1/0)\n    __module__ = property(lambda self: 1/0)\nclass E(Exception, metaclass=M):\n    __traceback__ = property(lambda self: 1/0)\n    __cause__ = property(lambda self: 1/0)\n    args = property(lambda self: 1/0)\nraise E',
        /^failed \w+$/,
      ],
      [
        'an error with notes that are no notes',
        'e = ValueError("x")\ne.__notes__ = type("N", (), {"__iter__": lambda s: iter(int, 1)})()\nraise e',
        'failed ValueError',
      ],
      [
        'a SyntaxError with hostile fields',
        'e = SyntaxError("x")\ne.lineno = "a"; e.offset = 10**400; e.text = 5; e.filename = object()\nraise e',
        'failed SyntaxError',
      ],
      [
        'a traceback that leads in rounds',
        'import types\ntry: 1/0\nexcept ZeroDivisionError as e:\n    tb = e.__traceback__\n    f = tb.tb_frame\n    for n in range(100_000): tb = types.TracebackType(tb, f, 0, n)\n    raise e.with_traceback(tb)',
        /^failed (ZeroDivisionError|SystemError)$/,
      ],
      [
        'an excepthook that raises in rounds',
        'import sys\ndef hook(*of): raise ValueError\nsys.excepthook = hook\nsys.unraisablehook = hook\n1/0',
        'failed ZeroDivisionError',
      ],
      [
        'standard streams that raise',
        'import sys\nclass A:\n    def write(self, t): raise SystemExit(9)\n    def flush(self): raise SystemExit(9)\nsys.stdout = sys.stderr = A()\n1',
        'succeeded',
      ],
      [
        'closed standard streams',
        'import sys, os\nsys.stdout.close(); sys.stderr.close(); sys.stdin.close()\n1',
        'succeeded',
      ],
      [
        'an end while a task still prints',
        'import asyncio\nasync def f():\n    try: await asyncio.sleep(60)\n    finally: print("last")\nasyncio.create_task(f())\nawait asyncio.sleep(0)\n1',
        'succeeded',
      ],
      [
        'an end in a generator that ignores its end',
        'def g():\n    while True:\n        try: yield\n        except GeneratorExit: continue\nkept = g(); next(kept)\n1',
        /^(succeeded|limit_exceeded cpuMs)$/,
      ],
      [
        'handlers of unraisable errors in rounds',
        'import sys\nclass A:\n    def __del__(self): 1/0\ndef hook(of): A()\nsys.unraisablehook = hook\nA()\n1',
        /^(succeeded|limit_exceeded cpuMs|failed \w+)$/,
      ],
    ] as const
  ).map(
    ([name, code, ends]): PythonAttack => ({ name: `${name} ends as it should`, code, ends, limits: { cpuMs: 1500 } }),
  ),
]);
