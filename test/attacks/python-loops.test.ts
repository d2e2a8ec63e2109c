import { type PythonAttack, pythonAttacks } from './python-arena.ts';

const loop = (name: string, code: string, more: Partial<PythonAttack> = {}): PythonAttack => ({
  name: `${name} ends at cpuMs`,
  code,
  ends: 'limit_exceeded cpuMs',
  ...more,
});

/** Where the interpreter may as well run out of memory first. */
const either = { ends: /^limit_exceeded (cpuMs|ramBytes)$/ };

pythonAttacks('Python: loops', [
  loop('an empty loop', 'while True: pass'),
  loop(
    'a loop that catches everything',
    `
while True:
    try:
        while True: pass
    except BaseException: continue
    finally:
        while True: pass`,
  ),
  loop(
    'a loop that catches BaseException while it allocates',
    `
kept = []
while True:
    try:
        while True: kept.append(bytearray(1_000_000))
    except BaseException: pass`,
    { name: 'a loop that catches MemoryError for ever ends', ...either },
  ),
  loop(
    'a loop that catches RecursionError',
    'def f():\n    try: f()\n    except BaseException: f()\n    finally: f()\nf()',
    {
      name: 'a recursion that catches RecursionError for ever ends',
      ends: /^(limit_exceeded (cpuMs|ramBytes)|failed \w+)$/,
    },
  ),
  loop(
    'a loop with a handler of every signal',
    'import signal\nfor n in signal.valid_signals():\n    try: signal.signal(n, lambda *of: None)\n    except (OSError, ValueError): pass\nwhile True: pass',
  ),
  loop('a loop in a trace function', 'import sys\ndef t(*of):\n    while True: pass\nsys.settrace(t)\n(lambda: 1)()'),
  loop('a loop in a profile function', 'import sys\ndef t(*of):\n    while True: pass\nsys.setprofile(t)\nlen([])'),
  loop(
    'a loop in an audit hook',
    'import sys\ndef t(*of):\n    while True: pass\nsys.addaudithook(t)\nopen("/tmp/a", "w")',
  ),
  loop('a loop in a finalizer', 'class A:\n    def __del__(self):\n        while True: pass\nA()'),
  loop('a loop in a finalizer at the end', 'class A:\n    def __del__(self):\n        while True: pass\na = A()\n1'),
  loop('a loop in an exit function', 'import atexit\ndef f():\n    while True: pass\natexit.register(f)\n1'),
  loop('a loop in an excepthook', 'import sys\ndef f(*of):\n    while True: pass\nsys.excepthook = f\n1/0', {
    inContainer: {
      ends: /^(limit_exceeded cpuMs|failed ZeroDivisionError)$/,
      why: 'the harness tells the error, not the hook',
    },
  }),
  loop(
    'a loop in the text of an exception',
    'class E(Exception):\n    def __str__(self):\n        while True: pass\nraise E',
  ),
  loop('a loop in the repr of the result', 'class A:\n    def __repr__(self):\n        while True: pass\nA()'),
  loop(
    'a loop in a representation of the result',
    'class A:\n    def _repr_html_(self):\n        while True: pass\nA()',
  ),
  loop(
    'a loop in a property of a dataclass',
    'import dataclasses\n@dataclasses.dataclass\nclass A:\n    x: int = 1\n    def __getattribute__(self, name):\n        while True: pass\nA()',
  ),
  loop(
    'a loop in __class__ of the result',
    'class A:\n    @property\n    def __class__(self):\n        while True: pass\nA()',
    {
      ends: /^(limit_exceeded cpuMs|succeeded)$/,
    },
  ),
  loop('a loop in __await__ of the result', 'class A:\n    def __await__(self):\n        while True: yield\nA()'),
  loop(
    'a loop in flush of the standard output',
    'import sys\nclass A:\n    def write(self, t): return len(t)\n    def flush(self):\n        while True: pass\nsys.stdout = A()\nprint(1)\n1',
  ),
  loop('a loop in an imported module', 'import evil', { files: [{ path: 'evil.py', content: 'while True: pass' }] }),
  loop(
    'a loop in a decorator, a metaclass and a class body',
    'class M(type):\n    def __new__(*of):\n        while True: pass\nclass A(metaclass=M): pass',
  ),
  loop(
    'a loop in a comparator',
    '[3, 2, 1].sort(key=type("K", (), {"__init__": lambda s, o: None, "__lt__": lambda s, o: [None for _ in iter(int, 1)]}))',
    either,
  ),
  loop('a sum without an end', 'import itertools\nsum(itertools.count())'),
  loop('a membership test without an end', 'import itertools\n-1 in itertools.count()'),
  loop('a drained cycle', 'import collections, itertools\ncollections.deque(itertools.repeat(0), maxlen=0)'),
  loop('a huge range', 'for n in range(10**18): pass'),
  loop(
    'a flood of generators',
    'def g():\n    yield from g2()\ndef g2():\n    while True: yield (x for x in range(10))\nfor x in g(): pass',
  ),
  loop('a regular expression that backtracks for ever', "import re\nre.match(r'^(a+)+$', 'a' * 60 + '!')"),
  loop(
    'a regular expression of nested repeats',
    "import re\nre.match('(' * 20 + 'a' + '*)' * 20 + '$', 'a' * 100 + 'b')",
  ),
  loop('a power tower', '10**10**8', either),
  loop('a product of huge integers', 'n = 3\nwhile True: n *= n', either),
  loop('the digits of a huge integer', 'import sys\nsys.set_int_max_str_digits(0)\nstr(7**10**7)', either),
  loop('a huge integer read from digits', 'import sys\nsys.set_int_max_str_digits(0)\nint("7" * 10**7)', either),
  loop('a factorial', 'import math\nmath.factorial(10**8)', either),
  loop('a comb of large numbers', 'import math\nmath.comb(10**8, 5 * 10**7)', either),
  loop('a power modulo', 'pow(3, 7**10**6, 7**10**6 + 2)', either),
  loop(
    'decimals of a hundred million digits',
    'import decimal\ndecimal.getcontext().prec = 10**8\ndecimal.Decimal(2).sqrt()',
    {
      name: 'decimals of a hundred million digits end',
      ends: /^limit_exceeded (cpuMs|ramBytes)$/,
    },
  ),
  loop(
    'a decimal with a huge exponent turned into an integer',
    'import decimal\nint(decimal.Decimal("1e100000000"))',
    either,
  ),
  loop('a fraction of decimals', 'import fractions\nfractions.Fraction("1e50000000")', either),
  loop(
    'a dict of colliding hashes',
    'class K:\n    def __hash__(self): return 1\n    def __eq__(self, other): return self is other\nd = {}\nwhile True: d[K()] = 1',
  ),
  loop('integers whose hashes collide', 's = set()\nm = 2**31 - 1\nfor n in range(10**7): s.add(n * m)', either),
  loop(
    'a replace that grows quadratically',
    'a = "a" * 3000\nwhile True: (a * 300).replace("a", "ab").count("ba" * 400)',
    either,
  ),
  loop(
    'difflib on hostile texts',
    'import difflib\ndifflib.SequenceMatcher(None, "ab" * 20_000, "ba" * 20_000, autojunk=False).ratio()',
    either,
  ),
  loop('a glob that backtracks', 'import fnmatch\nfnmatch.fnmatch("a" * 10_000, "*a" * 60 + "b")', {
    ends: /^(limit_exceeded cpuMs|succeeded)$/,
    limits: { cpuMs: 1000 },
  }),
  loop('an asyncio loop that never rests', 'import asyncio\nwhile True: await asyncio.sleep(0)'),
  loop(
    'tasks that make tasks',
    'import asyncio\nasync def f(): asyncio.create_task(f())\nawait f()\nwhile True: await asyncio.sleep(0)',
  ),
  loop(
    'callbacks that queue themselves',
    'import asyncio\nloop = asyncio.get_running_loop() if False else asyncio.new_event_loop()\ndef f(): loop.call_soon(f)\nf()\nloop.run_forever()',
  ),
  loop(
    'a task that refuses to be cancelled',
    `
import asyncio
async def f():
    while True:
        try: await asyncio.sleep(0)
        except BaseException: pass
asyncio.create_task(f())
await asyncio.sleep(0)
1`,
  ),
  loop(
    'a flood of tasks',
    'import asyncio\nasync def f(): await asyncio.Event().wait()\nkept = []\nwhile True: kept.append(asyncio.ensure_future(f())); await asyncio.sleep(0)',
    either,
  ),
  {
    name: 'an event that nobody sets ends at wallMs',
    code: 'import asyncio\nawait asyncio.Event().wait()',
    limits: { wallMs: 600 },
    ends: 'timed_out wallMs',
  },
  {
    name: 'a task that never ends ends at wallMs',
    code: 'import asyncio\nawait asyncio.gather(*(asyncio.sleep(3600) for n in range(1000)))',
    limits: { wallMs: 600 },
    ends: 'timed_out wallMs',
  },
  {
    name: 'a sleep of years ends at wallMs',
    code: 'import time\ntime.sleep(10**9)',
    limits: { wallMs: 600 },
    ends: 'timed_out wallMs',
  },
  {
    name: 'a lock taken twice, a queue without an item, a barrier: end at wallMs, or say that there is one thread',
    code: 'import threading\nlock = threading.Lock()\nlock.acquire()\nlock.acquire()',
    limits: { wallMs: 600 },
    ends: /^(timed_out wallMs|limit_exceeded cpuMs|succeeded|failed \w+)$/,
  },
  {
    name: 'a flood of short sleeps ends at a limit',
    code: 'import time\nwhile True: time.sleep(1e-9)',
    limits: { wallMs: 2500, cpuMs: 500 },
    ends: /^(timed_out wallMs|limit_exceeded (cpuMs|hostCalls))$/,
  },
  {
    name: 'a loop shorter than cpuMs is no attack',
    code: 'import time\nend = time.monotonic() + 0.05\nwhile time.monotonic() < end: pass\n"done"',
    ends: 'succeeded',
    result: 'done',
  },
]);
