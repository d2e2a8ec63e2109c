import { type PythonAttack, pythonAttacks } from './python-arena.ts';

const MiB = 1024 * 1024;

const ram = (name: string, code: string, more: Partial<PythonAttack> = {}): PythonAttack => ({
  name: `${name}: ends at ramBytes`,
  code,
  ends: 'limit_exceeded ramBytes',
  ...more,
  limits: { ramBytes: 64 * MiB, wallMs: 15_000, ...more.limits },
});
const either = { ends: /^limit_exceeded (ramBytes|cpuMs)$/ };

pythonAttacks('Python: memory', [
  ram('a bytearray that doubles', 'a = bytearray(1024)\nwhile True: a.extend(bytes(a))'),
  ram('a list that grows', 'a = []\nwhile True: a.append(object())'),
  ram('text that doubles', 'a = "x"\nwhile True: a += a'),
  ram('a dict that grows', 'a = {}\nn = 0\nwhile True: a[n] = n = n + 1'),
  ram('a set of texts', 'a = set()\nn = 0\nwhile True: n += 1; a.add(str(n) * 10)'),
  ram('lists in lists', 'a = []\nwhile True: a = [a, [0] * 100]'),
  ram('one huge allocation', 'bytearray(2**31 - 1000)'),
  ram('one impossible allocation', 'bytearray(2**62)', {
    ends: /^(limit_exceeded ramBytes|failed (MemoryError|OverflowError))$/,
  }),
  ram('a list of a huge range', 'list(range(10**9))'),
  ram('a repeated tuple', '((0,) * 10**6) * 10**6'),
  ram('a join of itself', 'a = "ab"\nwhile True: a = a.join([a, a, a])'),
  ram('a format with a huge width', 'f"{1:{10**9}}"'),
  ram('a percent format with a huge width', '"%*d" % (10**9, 1)', {
    ends: /^(limit_exceeded ramBytes|failed (OverflowError|ValueError))$/,
  }),
  ram('an array that grows', 'import array\na = array.array("d", [0])\nwhile True: a.extend(a)'),
  ram(
    'a memoryview cast of a buffer that grows',
    'a = []\nwhile True: a.append(memoryview(bytearray(10**6)).cast("B"))',
  ),
  ram('a StringIO that grows', 'import io\nf = io.StringIO()\nwhile True: f.write("x" * 10**6)'),
  ram('a BytesIO with a hole', 'import io\nf = io.BytesIO()\nf.seek(2**31 - 1000)\nf.write(b"x")', {
    ends: /^(limit_exceeded ramBytes|failed (MemoryError|OverflowError))$/,
  }),
  ram('a deque', 'import collections\na = collections.deque()\nwhile True: a.append(b"x" * 10_000)'),
  ram('classes made in a loop', 'a = []\nwhile True: a.append(type("A", (), {"x": [0] * 100}))', either),
  ram(
    'functions compiled in a loop',
    'a = []\nwhile True: a.append(compile("def f(): return " + "1," * 5000, "x", "exec"))',
    either,
  ),
  ram('interned texts', 'import sys\na = []\nn = 0\nwhile True: n += 1; a.append(sys.intern(str(n) * 100))'),
  ram(
    'a cache without a bound',
    'import functools\n@functools.cache\ndef f(n): return [n] * 1000\nn = 0\nwhile True: n += 1; f(n)',
  ),
  ram('cycles that no collector may take', 'import gc\ngc.disable()\nwhile True:\n    a = [0] * 1000\n    a.append(a)'),
  ram('frames of generators', 'a = []\nwhile True:\n    g = (x for x in range(10)); next(g); a.append(g)'),
  ram(
    'tasks that wait',
    'import asyncio\nasync def f(): await asyncio.Event().wait()\na = [asyncio.ensure_future(f()) for n in range(10**7)]\nawait asyncio.sleep(1)',
    either,
  ),
  ram(
    'exceptions that hold their frames',
    'a = []\nwhile True:\n    try: 1 / 0\n    except ZeroDivisionError as e: b = [0] * 1000; a.append(e); a.append(b)',
  ),
  ram('an anonymous map', 'import mmap\na = []\nwhile True: a.append(mmap.mmap(-1, 2**24))', {
    ends: /^(limit_exceeded ramBytes|failed (OSError|MemoryError))$/,
  }),
  ram('a huge map', 'import mmap\nmmap.mmap(-1, 2**31 - 65536)', {
    ends: /^(limit_exceeded ramBytes|failed (OSError|OverflowError|MemoryError))$/,
    inContainer: {
      ends: /^(succeeded|limit_exceeded ramBytes|failed \w+)$/,
      why: 'memory that nobody touches is none',
    },
  }),
  ram(
    'malloc by ctypes',
    'import ctypes\nlibc = ctypes.pythonapi\nlibc.malloc.restype = ctypes.c_void_p\nn = 0\nwhile libc.malloc(10**6): n += 1\nraise MemoryError if n < 2000 else ValueError(n)',
  ),
  ram('buffers by ctypes', 'import ctypes\na = []\nwhile True: a.append(ctypes.create_string_buffer(10**6))'),
  {
    name: 'memory beyond ramBytes is not to be had, whatever is caught: the most that a run gets',
    code: `
import gc
most = 0
for size in (2**26, 2**24, 2**22, 2**20, 2**16):
    kept = []
    try:
        while True: kept.append(bytearray(size))
    except MemoryError: pass
    most = max(most, len(kept) * size)
    kept = None
    gc.collect()
most < 64 * 2**20`,
    limits: { ramBytes: 64 * MiB },
    ends: 'succeeded',
    result: true,
  },
  {
    name: 'a MemoryError that is caught ends nothing, and memory comes back',
    code: 'told = 0\nfor n in range(5):\n    try: bytearray(2**30)\n    except MemoryError: told += 1\n[told, len(bytearray(10**6))]',
    limits: { ramBytes: 64 * MiB },
    ends: 'succeeded',
    result: [5, 1_000_000],
  },
  ram(
    'a zip bomb',
    `
import io, zipfile
f = io.BytesIO()
with zipfile.ZipFile(f, 'w', zipfile.ZIP_DEFLATED) as z:
    with z.open('bomb', 'w', force_zip64=True) as m:
        for n in range(200): m.write(bytes(10**6))
len(zipfile.ZipFile(f).read('bomb'))`,
  ),
  ram(
    'a gzip bomb',
    'import gzip, zlib\nc = zlib.compressobj(wbits=31)\ndata = b"".join(c.compress(bytes(10**6)) for n in range(200)) + c.flush()\nlen(gzip.decompress(data))',
  ),
  ram(
    'an lzma bomb',
    'import lzma\nc = lzma.LZMACompressor(preset=0)\ndata = b"".join(c.compress(bytes(10**6)) for n in range(200)) + c.flush()\nlen(lzma.decompress(data))',
    {
      ends: /^(limit_exceeded ramBytes|limit_exceeded cpuMs)$/,
    },
  ),
  ram(
    'a bzip2 bomb',
    'import bz2\nc = bz2.BZ2Compressor(1)\ndata = b"".join(c.compress(bytes(10**6)) for n in range(150)) + c.flush()\nlen(bz2.decompress(data))',
    {
      ends: /^(limit_exceeded ramBytes|limit_exceeded cpuMs)$/,
    },
  ),
  ram(
    'a zstd bomb',
    'from compression import zstd\nc = zstd.ZstdCompressor(level=1)\ndata = b"".join(c.compress(bytes(10**6)) for n in range(200)) + c.flush()\nlen(zstd.decompress(data))',
    { inContainer: false },
  ),
  ram(
    'a nested zlib bomb',
    'import zlib\ndata = bytes(10**7)\nfor n in range(3): data = zlib.compress(data, 9)\nfor n in range(3): data = zlib.decompress(data)\nwhile True: data = data + data',
  ),
  ram(
    'a lookbehind and a huge repeat',
    'import re\nre.compile("(?:" * 10 + "a" + "{1,200})" * 10).match("a" * 10**6)',
    {
      ends: /^(limit_exceeded (ramBytes|cpuMs)|succeeded|failed \w+)$/,
    },
  ),
  ram('text of JSON that grows', 'import json\na = [0]\nfor n in range(40): a = [a, a]\njson.dumps(a)'),
  ram('a pickle that asks for much', 'import pickle\npickle.loads(b"\\x8e" + (2**62).to_bytes(8, "little") + b"x")', {
    ends: /^(limit_exceeded ramBytes|failed \w+)$/,
  }),
  ram('a product of itertools', 'import itertools\nlist(itertools.product(range(1000), repeat=3))'),
  ram(
    'a Unicode normalization that grows',
    'import unicodedata\na = "\\ufdfa" * 10**6\nwhile True: a = unicodedata.normalize("NFKD", a) * 2',
  ),
  ram('an environment that grows', 'import os\nn = 0\nwhile True: n += 1; os.environ[str(n)] = "x" * 10**5', {
    ends: /^(limit_exceeded ramBytes|failed OSError)$/,
  }),
  {
    name: 'a result of 100 MB ends at resultBytes',
    code: '"x" * 30_000_000',
    ends: 'limit_exceeded resultBytes',
  },
  {
    name: 'a result of a million small things ends at resultBytes',
    code: '[[]] * 1_000_000',
    ends: 'limit_exceeded resultBytes',
  },
  {
    name: 'a result that doubles at each level ends at resultBytes',
    code: 'a = [0]\nfor n in range(60): a = [a, a]\na',
    ends: 'limit_exceeded resultBytes',
  },
  { name: 'a result of escapes ends at resultBytes', code: '"\\0" * 1_000_000', ends: 'limit_exceeded resultBytes' },
  {
    name: 'a huge integer as the result ends at resultBytes',
    code: '1 << 10_000_000',
    ends: 'limit_exceeded resultBytes',
  },
  {
    name: 'a repr of 30 MB as the result is cut',
    code: 'class A:\n    def __repr__(self): return "x" * 30_000_000\nA()',
    ends: 'succeeded',
    resultType: 'repr',
  },
  {
    name: 'an error with a message of 30 MB is cut',
    code: 'raise ValueError("x" * 30_000_000)',
    limits: { ramBytes: 512 * MiB },
    ends: 'failed ValueError',
    look: ({ error }) => {
      if (JSON.stringify(error).length > 100_000) throw new Error('not cut');
    },
  },
  {
    name: 'an error whose class has a name of 30 MB is cut',
    code: 'raise type("E" * 30_000_000, (Exception,), {})',
    limits: { ramBytes: 512 * MiB },
    ends: /^failed E+…?$/,
    look: ({ error }) => {
      if (JSON.stringify(error).length > 100_000) throw new Error('not cut');
    },
  },
  {
    name: 'output without an end is cut, and ends at cpuMs',
    code: 'while True: print("x" * 1000)',
    ends: 'limit_exceeded cpuMs',
    look: cut,
  },
  {
    name: 'output past the streams, straight to the descriptors, is cut too',
    code: 'import os\nwhile True: os.write(1, b"x" * 100_000); os.write(2, b"\\xff" * 100_000)',
    ends: 'limit_exceeded cpuMs',
    look: cut,
  },
  {
    name: 'halves of characters and bytes that are no text are shown somehow',
    code: 'import os\nos.write(1, b"\\xf0\\x9f"); os.write(1, b"\\x98\\x80\\n"); os.write(1, b"\\xff\\xfe\\xed\\xa0\\x80\\n"); os.write(1, b"\\xe2\\x82")\nprint("\\ud800")',
    ends: 'succeeded',
    look: ({ stdout }) => {
      if (!stdout.startsWith('😀\n')) throw new Error(JSON.stringify(stdout));
    },
  },
  {
    name: 'a flood of warnings and of ignored exceptions is cut',
    code: 'import sys, warnings\nwarnings.simplefilter("always")\nclass A:\n    def __del__(self): 1/0\nwhile True:\n    A(); warnings.warn("x" * 1000)',
    ends: 'limit_exceeded cpuMs',
  },
  {
    name: 'displays of 10 MB are refused or cut',
    code: 'from cordon import display\nfor n in range(5): display("x" * 10_000_000, mime="text/html")\n1',
    limits: { ramBytes: 128 * MiB, wallMs: 15_000 },
    ends: /^(succeeded|failed \w+|limit_exceeded \w+)$/,
  },
]);

function cut(record: { stdoutTruncated: boolean; usage: { outputBytes: number } }) {
  if (!record.stdoutTruncated || record.usage.outputBytes > 64 * 1024)
    throw new Error(`not cut: ${JSON.stringify(record.usage)}`);
}
