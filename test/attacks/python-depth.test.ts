import { type PythonAttack, pythonAttacks } from './python-arena.ts';

const MiB = 1024 * 1024;

const deep = (name: string, code: string, more: Partial<PythonAttack> = {}): PythonAttack => ({
  name: `${name} ends with an error of the run`,
  code,
  ends: /^(succeeded|failed (RecursionError|MemoryError|SystemError|RuntimeError|SyntaxError|ValueError|OverflowError)|limit_exceeded ramBytes)$/,
  ...more,
  inContainer: {
    ends: /^(succeeded|failed \w+|limit_exceeded \w+)$/,
    why: 'where the stack ends, CPython ends with a signal',
    ...more.inContainer,
  },
});

const unlimited = 'import sys\nsys.setrecursionlimit(10**9)\n';

pythonAttacks('Python: depth and sources', [
  deep('a recursion of Python functions', 'def f(n): return f(n + 1)\nf(0)', { ends: 'failed RecursionError' }),
  deep('a recursion without a limit', `${unlimited}def f(n): return f(n + 1)\nf(0)`),
  deep(
    'a recursion without a limit through C',
    `${unlimited}class A:\n    def __repr__(self): return repr([self])\nrepr(A())`,
  ),
  deep(
    'a recursion through attributes',
    `${unlimited}class A:\n    def __getattr__(self, name): return getattr(self, name + "x")\nA().x`,
  ),
  deep(
    'a recursion through map, sorted and reduce',
    `${unlimited}import functools\ndef f(x): return list(map(f, sorted([x], key=lambda k: functools.reduce(lambda a, b: f(a), [1, 2]))))\nf(1)`,
  ),
  deep('a recursion in a comparison', `${unlimited}a, b = [], []\nfor n in range(10**6): a, b = [a], [b]\na == b`),
  deep('the repr of a deep list', `${unlimited}a = []\nfor n in range(10**6): a = [a]\nrepr(a)`),
  deep('the end of a deep list', 'a = []\nfor n in range(10**6): a = [a]\ndel a\n1'),
  deep(
    'the end of deep objects',
    'class A: pass\na = None\nfor n in range(300_000):\n    b = A(); b.next = a; a = b\ndel a, b\n1',
  ),
  deep('the hash of a deep tuple', `${unlimited}a = ()\nfor n in range(10**6): a = (a,)\nhash(a)`),
  deep('a deep copy', `${unlimited}import copy\na = []\nfor n in range(10**5): a = [a]\ncopy.deepcopy(a)`),
  deep('a deep pickle', `${unlimited}import pickle\na = []\nfor n in range(10**5): a = [a]\nlen(pickle.dumps(a))`),
  deep('a deep pickle that is loaded', 'import pickle\npickle.loads(b"(" * 10**6 + b"t" * 10**6 + b".")'),
  deep('a deep marshal', 'import marshal\nmarshal.loads(b"[\\x01\\0\\0\\0" * 10**5)', {
    ends: /^(failed \w+|succeeded|limit_exceeded ramBytes)$/,
  }),
  deep('deep JSON that is read', `${unlimited}import json\njson.loads("[" * 10**6)`),
  deep(
    'deep JSON that is written',
    `${unlimited}import json\na = []\nfor n in range(10**5): a = [a]\nlen(json.dumps(a))`,
  ),
  deep('deep brackets in ast.parse', 'import ast\nast.parse("(" * 50_000 + ")" * 50_000)'),
  deep('deep operators in eval', `${unlimited}eval("-" * 200_000 + "1")`),
  deep('deep attributes in compile', `${unlimited}compile("a" + ".b" * 200_000, "x", "eval")`),
  deep('deep blocks in compile', 'exec("\\n".join(" " * n + "if 1:" for n in range(150)) + " pass")', {
    ends: /^(succeeded|failed (IndentationError|SyntaxError|RecursionError))$/,
  }),
  deep(
    'ast nodes nested by hand',
    `${unlimited}import ast\nn = ast.Constant(1)\nfor i in range(10**5): n = ast.UnaryOp(ast.USub(), n)\neval(compile(ast.fix_missing_locations(ast.Expression(n)), "x", "eval"))`,
  ),
  deep('a deep regular expression', `${unlimited}import re\nre.compile("(" * 20_000 + ")" * 20_000)`, {
    ends: /^(succeeded|failed \w+|limit_exceeded ramBytes)$/,
  }),
  deep('deep isinstance', `${unlimited}t = ()\nfor n in range(10**5): t = (t,)\nisinstance(1, t)`),
  deep(
    'a chain of a hundred thousand exceptions',
    'e = None\nfor n in range(100_000):\n    f = ValueError(n); f.__context__ = e; e = f\nraise e',
    { ends: /^failed (ValueError|SystemError)$/ },
  ),
  deep(
    'a chain of causes in rounds',
    'a, b = ValueError(1), ValueError(2)\na.__cause__ = b\nb.__context__ = a\nraise a',
    { ends: 'failed ValueError' },
  ),
  deep(
    'deep groups of exceptions',
    'e = ValueError(1)\nfor n in range(50_000): e = ExceptionGroup("x", [e])\nraise e',
    { ends: /^failed \w+$/ },
  ),
  deep('deep itertools', 'import itertools\na = iter([1])\nfor n in range(10**5): a = itertools.chain(a)\nlist(a)'),
  deep(
    'deep partials',
    'import functools\nf = len\nclass P(functools.partial): pass\nfor n in range(10**5): f = (lambda g: lambda x: g(x))(f)\nf([])',
    { ends: /^failed (RecursionError|SystemError)$/ },
  ),
  deep(
    'a deep tree of XML',
    `
try:
    import xml.etree.ElementTree as tree
    tree.fromstring("<a>" * 10**5 + "</a>" * 10**5)
except ImportError: pass`,
  ),
  deep(
    'entities of XML that grow',
    `
try:
    import xml.dom.minidom as dom
    dom.parseString('<!DOCTYPE a [<!ENTITY a "' + 'x' * 1000 + '">' + ''.join(f'<!ENTITY {chr(98 + n)} "' + f'&{chr(97 + n)};' * 20 + '">' for n in range(8)) + ']><a>&i;</a>')
except ImportError: pass`,
    { ends: /^(succeeded|failed \w+|limit_exceeded \w+)$/ },
  ),
  {
    name: '10 KB of nested brackets are a SyntaxError',
    code: `${'('.repeat(5000)}1${')'.repeat(5000)}`,
    ends: /^failed (SyntaxError|MemoryError|RecursionError)$/,
  },
  { name: '10 KB of open brackets are a SyntaxError', code: '['.repeat(10_000), ends: 'failed SyntaxError' },
  {
    name: 'a NUL in the source is a SyntaxError',
    code: 'a = 1\0\nb = 2',
    ends: /^(failed (SyntaxError|ValueError)|400 code)$/,
  },
  { name: 'a byte order mark is no harm', code: '\ufeff6 * 7', ends: /^(succeeded|failed SyntaxError)$/ },
  {
    name: 'a lone surrogate in the source is an error or a character',
    code: '"\ud800"',
    ends: /^(succeeded|failed \w+|400 code)$/,
  },
  {
    name: 'a form feed, bare returns and a cookie are read as Python does',
    code: '# -*- coding: latin-1 -*-\r\x0ca = "\u00e9"\r\na',
    ends: /^(succeeded|failed SyntaxError)$/,
  },
  {
    name: 'a cookie of an unknown coding is read as text',
    code: '# -*- coding: evil -*-\n1',
    ends: /^(succeeded|failed SyntaxError)$/,
  },
  {
    name: 'direction marks and odd identifiers are what they are',
    code: 'ﬁ = 1\nx = "\u202e"\nfi',
    ends: 'succeeded',
    result: 1,
  },
  {
    name: 'an eval of 10 MB ends',
    code: 'eval("1+" * 5_000_000 + "1")',
    ends: /^(failed \w+|limit_exceeded \w+|succeeded)$/,
    limits: { cpuMs: 3000, wallMs: 20_000 },
  },
  {
    name: 'a literal of 10 MB ends',
    code: 'len(eval("[" + "1," * 2_000_000 + "]"))',
    ends: /^(failed \w+|limit_exceeded \w+|succeeded)$/,
    limits: { cpuMs: 3000, wallMs: 20_000 },
  },
  {
    name: 'a source of one long sum ends',
    code: `${'1+'.repeat(100_000)}1`,
    ends: /^(failed (RecursionError|MemoryError|SyntaxError|SystemError)|succeeded|limit_exceeded \w+)$/,
  },
  {
    name: 'a source of fifty thousand functions ends',
    code: 'def f(): pass\n'.repeat(20_000),
    ends: /^(succeeded|limit_exceeded \w+)$/,
    limits: { wallMs: 20_000 },
  },
  {
    name: 'constant folding that grows is bounded',
    code: '("a" * 4096 * 4096 * 4096)',
    ends: /^(limit_exceeded ramBytes|failed (MemoryError|OverflowError))$/,
  },
  {
    name: 'a shadow of a standard module in the workspace harms the run alone',
    code: 'import json, traceback, encodings\nimport shadow\nimport colorsys\n1/0',
    files: [
      'json.py',
      'traceback.py',
      'encodings.py',
      '_cordon.py',
      'cordon.py',
      'js.py',
      'colorsys.py',
      'sitecustomize.py',
      '_colorize.py',
      'shadow.py',
    ].map((path) => ({ path, content: 'import sys, builtins\nbuiltins.trace = 1\nsys.shadowed = __name__\n' })),
    ends: 'failed ZeroDivisionError',
    limits: { ramBytes: 96 * MiB },
  },
]);
