/** The programs of the driver contract in Python, and what values answer. */
import { expect } from 'vitest';
import type { ContractPrograms, DriverUnderTest } from '../driver-contract.ts';

export const pythonPrograms: ContractPrograms = {
  prints: 'import sys\nprint("out 1")\nprint("err 1", file=sys.stderr)\nprint("out 2")',
  printsAndSleeps: 'import time\nprint("first")\ntime.sleep(1)\nprint("second")',
  sleeps: 'import time\nfrom cordon import input\ntime.sleep(input / 1000)\ninput',
  computes: 'while True: pass',
  waitsForHost: 'open("a").read()',
  allocates: 'kept = []\nwhile True: kept.append([None] * 1000)',
  writesBytes:
    'from cordon import input\nfor name in ("first", "second"):\n    with open(name, "w") as file: file.write("x" * input)',
  makesFiles: 'for n in range(10**9):\n    with open(f"file{n}", "w") as file: file.write("x")',
  callsHost: 'from cordon import memory\nwhile True: memory.get("k")',
  catchesBytes: `import errno
from cordon import input
told = None
try:
    with open("first", "w") as file: file.write("x" * input)
except OSError as error:
    told = errno.errorcode[error.errno]
told`,
  catchesFiles: `import errno
told = None
try:
    for n in range(10**9):
        with open(f"file{n}", "w") as file: file.write("x")
except OSError as error:
    told = errno.errorcode[error.errno]
told`,
  catchesCalls: `from cordon import memory
told = None
try:
    while True: memory.get("k")
except Exception as error:
    told = type(error).__name__
told`,
  printsMuch: 'import sys\nfrom cordon import input\nsys.stdout.write("x" * input)\n"after"',
  answersMuch: 'from cordon import input\nprint("before")\n"x" * input',
  leavesTraces: `
import asyncio, atexit, builtins, collections, decimal, gc, json, locale, logging, os, random, re, signal, string, sys, tempfile
import threading, time, types, warnings, weakref
trace = 1
builtins.trace = builtins.pending = 1
builtins.sum = lambda of: 4
json.dumps = lambda *of, **how: 'trace'
random.random = lambda: 4
sys.modules['trace'] = types.ModuleType('trace')
sys.path.append('/trace')
sys.meta_path.append(object())
sys.path_hooks.append(print)
os.environ['TRACE'] = '1'
os.chdir('/tmp')
open('/tmp/trace', 'w').write('1')
os.makedirs('/home/trace', exist_ok=True)
kept = [open('/tmp/trace'), os.open('/tmp', os.O_RDONLY)]
time.trace = string.trace = re.trace = 1
class Trace: pass
collections.Counter.trace = 1
sys.setrecursionlimit(5000)
sys.settrace(lambda *of: None)
sys.setprofile(lambda *of: None)
signal.signal(signal.SIGUSR1, lambda *of: None)
warnings.simplefilter('error')
decimal.getcontext().prec = 5
decimal.DefaultContext.prec = 5
logging.basicConfig(level=1)
logging.getLogger('trace').addHandler(logging.NullHandler())
atexit.register(lambda: print('trace'))
gc.disable()
gc.callbacks.append(lambda *of: None)
threading.Thread.trace = 1
loop = asyncio.new_event_loop()
asyncio.set_event_loop(loop)
loop.call_later(0.05, print, 'trace')
future = loop.create_future()
sys.stdout.trace = 1
sys.excepthook = print
sys.displayhook = print
'left'`,
  findsTraces: `
import builtins, collections, decimal, gc, json, logging, os, random, re, signal, string, sys, threading, time, warnings
time.sleep(0.25)
found = []
for name in ('trace', 'pending', 'kept', 'Trace'):
    if name in globals() or hasattr(builtins, name): found.append(name)
if sum([1]) != 1 or json.dumps([1]) != '[1]' or random.random() == 4: found.append('builtin')
if 'trace' in sys.modules or '/trace' in sys.path or len(sys.meta_path) > 6 or print in sys.path_hooks: found.append('import')
if 'TRACE' in os.environ or os.getcwd() != '/workspace': found.append('process')
if os.path.exists('/tmp/trace') or os.path.exists('/home/trace'): found.append('files')
if any(hasattr(of, 'trace') for of in (time, string, re, collections.Counter, threading.Thread, sys.stdout)): found.append('attribute')
if sys.getrecursionlimit() != 1000 or sys.gettrace() or sys.getprofile(): found.append('interpreter')
if signal.getsignal(signal.SIGUSR1) != signal.SIG_DFL or any(kind[0] == 'error' for kind in warnings.filters): found.append('handler')
if decimal.getcontext().prec != 28 or logging.root.handlers or 'trace' in logging.root.manager.loggerDict: found.append('state')
if not gc.isenabled() or gc.callbacks or sys.excepthook is print or sys.displayhook is print: found.append('hooks')
fds = []
for fd in range(3, 40):
    try: os.fstat(fd); fds.append(fd)
    except OSError: pass
# One is the door to the host.
if len(fds) > 1: found.append(f'descriptors {fds}')
found`,
  throwsOnLine3: `
def fails():
    raise TypeError('mine')

fails()`,
  exits3: 'import sys\nsys.exit(3)\n1',
  exits0: 'import sys\nsys.exit(0)\n1',
  failsLater: [
    ['ValueError', 'import asyncio\nasync def fails(): raise ValueError("mine")\nawait asyncio.create_task(fails())'],
    [
      'ExceptionGroup',
      `import asyncio
async def fails():
    await asyncio.sleep(0.01)
    raise ValueError('mine')
async with asyncio.TaskGroup() as group:
    group.create_task(fails())`,
    ],
    ['KeyError', 'import asyncio\nasync def fails():\n    await asyncio.sleep(0.005)\n    return {}["mine"]\nfails()'],
    ['Mine', 'class Mine(Exception): pass\nasync def fails(): raise Mine\nawait fails()'],
    ['CancelledError', 'import asyncio\nasyncio.current_task().cancel()\nawait asyncio.sleep(1)'],
  ],
};

const text = (part: string) => (given: unknown) => expect(given).toContain(part);

export const pythonResults: DriverUnderTest['results'] = [
  ['an expression', '6 * 7', 42],
  ['text with every kind of character', '"é\\0\\U0001f600\\u2028"', 'é\u0000😀\u2028'],
  ['true and a fraction', '[True, 0.5]', [true, 0.5]],
  ['nested data', '{"a": [1, {"b": True}], "c": None}', { a: [1, { b: true }], c: null }],
  ['nothing, after a statement', 'a = 1', undefined],
  ['nothing, for None', 'None', undefined],
  ['nothing, of an empty program', '', undefined],
  ['nothing, after a call of print', 'print(1)', undefined],
  ['an awaited expression', 'import asyncio\nawait asyncio.sleep(0.01, 5)', 5],
  ['a coroutine, settled', 'async def mine(): return {"a": 1}\nmine()', { a: 1 }],
  ['a task of the loop, settled', 'import asyncio\nasync def mine(): return 3\nawait asyncio.create_task(mine())', 3],
  ['a large integer', '2**70', '1180591620717411303424', 'bigint'],
  ['the largest integer that JSON keeps', '2**53 - 1', 9007199254740991],
  ['a datetime', 'import datetime\ndatetime.datetime(1970, 1, 1, 2)', '1970-01-01T02:00:00', 'datetime'],
  ['a date', 'import datetime\ndatetime.date(1970, 1, 1)', '1970-01-01', 'date'],
  ['a time', 'import datetime\ndatetime.time(1, 2)', '01:02:00', 'time'],
  ['NaN', 'float("nan")', 'NaN', 'number'],
  ['minus infinity', 'float("-inf")', '-Infinity', 'number'],
  ['a dict with other keys than text', '{(1, 2): 3}', [[[1, 2], 3]], 'map'],
  ['a tuple', '(1, "a")', [1, 'a'], 'tuple'],
  ['a named tuple', 'import collections\ncollections.namedtuple("P", "x y")(1, 2)', [1, 2], 'tuple'],
  ['a set', '{1}', [1], 'set'],
  ['a frozenset', 'frozenset([1])', [1], 'frozenset'],
  ['bytes', 'bytes([1, 2, 3])', 'AQID', 'bytes'],
  ['a bytearray', 'bytearray([1, 2, 3])', 'AQID', 'bytes'],
  [
    'a dataclass',
    'import dataclasses\n@dataclasses.dataclass\nclass P:\n    x: int = 1\n    y: tuple = (2,)\nP()',
    { x: 1, y: [2] },
    'dataclass',
  ],
  ['a class that extends a type of data', 'class Mine(dict): pass\nMine(a=1)', { a: 1 }, 'Mine'],
  ['data that holds other things', '[{1}, float("nan")]', [[1], 'NaN'], 'array'],
  ['a function', 'def mine(): pass\nmine', text('mine'), 'repr'],
  ['an instance of a class', 'class Point: pass\nPoint()', text('Point'), 'repr'],
  ['a complex number', '1j', '1j', 'repr'],
  ['a decimal', 'import decimal\ndecimal.Decimal("1.50")', "Decimal('1.50')", 'repr'],
  ['a path', 'import pathlib\npathlib.Path("a")', "PosixPath('a')", 'repr'],
  ['a cycle', 'a = {}\na["a"] = a\na', text('...'), 'cyclic'],
  [
    'a class whose repr raises',
    'class Mine:\n    def __repr__(self): 1 / 0\nMine()',
    text('ZeroDivisionError'),
    'repr',
  ],
];
