import { ok, type PythonProgram } from './program.ts';

/** What the value of the last expression becomes. */
export const results: PythonProgram[] = [
  { name: 'the last expression is the result', code: 'x = 40\nx + 2', expect: { ...ok, result: 42 } },
  { name: 'a last statement that is no expression gives no result', code: 'x = 1', expect: ok },
  { name: 'None gives no result', code: 'None', expect: ok },
  { name: 'an empty program succeeds', code: '', expect: ok },
  { name: 'a lone string is the result, not a docstring', code: '"text"', expect: { ...ok, result: 'text' } },
  {
    name: 'JSON as it is',
    code: '{"a": [1, 2.5, True, None, "ü\\n"], "b": {}}',
    expect: { ...ok, result: { a: [1, 2.5, true, null, 'ü\n'], b: {} } },
  },
  { name: 'a nested None is null', code: '[None]', expect: { ...ok, result: [null] } },
  { name: 'a tuple', code: '(1, "a")', expect: { ...ok, result: [1, 'a'], resultType: 'tuple' } },
  { name: 'a set', code: '{7}', expect: { ...ok, result: [7], resultType: 'set' } },
  { name: 'a frozenset', code: 'frozenset([7])', expect: { ...ok, result: [7], resultType: 'frozenset' } },
  {
    name: 'a tuple inside a list makes the whole an inexact array',
    code: '[(1, 2)]',
    expect: { ...ok, result: [[1, 2]], resultType: 'array' },
  },
  {
    name: 'a date inside a dict makes the whole an inexact object',
    code: 'import datetime\n{"at": datetime.date(2024, 2, 29)}',
    expect: { ...ok, result: { at: '2024-02-29' }, resultType: 'object' },
  },
  {
    name: 'a dataclass, nested and with a field that was never set',
    code: `from dataclasses import dataclass, field
@dataclass
class P:
    x: int
    tags: list = field(default_factory=list)
    later: int = field(init=False)
@dataclass
class Q:
    p: P
Q(P(1, ['a']))`,
    expect: { ...ok, result: { p: { x: 1, tags: ['a'] } }, resultType: 'dataclass' },
  },
  {
    name: 'a dataclass itself is a class, not an instance',
    code: 'from dataclasses import dataclass\n@dataclass\nclass P:\n    x: int\nP',
    expect: { ...ok, result: "<class '__main__.P'>", resultType: 'repr' },
  },
  {
    name: 'a datetime with its zone',
    code: 'import datetime as d\nd.datetime(2024, 1, 2, 3, 4, 5, 6, tzinfo=d.UTC)',
    expect: { ...ok, result: '2024-01-02T03:04:05.000006+00:00', resultType: 'datetime' },
  },
  {
    name: 'a time',
    code: 'import datetime\ndatetime.time(1, 2)',
    expect: { ...ok, result: '01:02:00', resultType: 'time' },
  },
  {
    name: 'a duration is its repr',
    code: 'import datetime\ndatetime.timedelta(days=1)',
    expect: { ...ok, result: 'datetime.timedelta(days=1)', resultType: 'repr' },
  },
  { name: 'bytes are base64', code: 'b"\\x00\\xff!"', expect: { ...ok, result: 'AP8h', resultType: 'bytes' } },
  { name: 'a bytearray too', code: 'bytearray(b"abc")', expect: { ...ok, result: 'YWJj', resultType: 'bytes' } },
  { name: 'a memoryview too', code: 'memoryview(b"abc")[1:]', expect: { ...ok, result: 'YmM=', resultType: 'bytes' } },
  { name: '2**53 - 1 is a number', code: '2**53 - 1', expect: { ...ok, result: 9007199254740991 } },
  { name: '2**53 is text', code: '2**53', expect: { ...ok, result: '9007199254740992', resultType: 'bigint' } },
  {
    name: 'an integer of more digits than str() allows',
    code: '10**5000 + 1',
    expect: { ...ok, result: `1${'0'.repeat(4999)}1`, resultType: 'bigint' },
  },
  { name: 'NaN', code: 'float("nan")', expect: { ...ok, result: 'NaN', resultType: 'number' } },
  {
    name: 'infinities inside a list',
    code: '[float("inf"), -float("inf")]',
    expect: { ...ok, result: ['Infinity', '-Infinity'], resultType: 'array' },
  },
  { name: 'a complex number is its repr', code: '1 + 2j', expect: { ...ok, result: '(1+2j)', resultType: 'repr' } },
  {
    name: 'a Decimal is its repr',
    code: 'from decimal import Decimal\nDecimal("1.10")',
    expect: { ...ok, result: "Decimal('1.10')", resultType: 'repr' },
  },
  { name: 'a range is its repr', code: 'range(3)', expect: { ...ok, result: 'range(0, 3)', resultType: 'repr' } },
  {
    name: 'a function is its repr',
    code: 'len',
    expect: { ...ok, result: '<built-in function len>', resultType: 'repr' },
  },
  {
    name: 'keys that JSON turns into text',
    code: '{1: "a", None: "b", True: "c"} | {2.5: "d"}',
    expect: { ...ok, result: { '1': 'c', null: 'b', '2.5': 'd' }, resultType: 'object' },
  },
  { name: 'other keys: pairs', code: '{(1, 2): "a"}', expect: { ...ok, result: [[[1, 2], 'a']], resultType: 'map' } },
  {
    name: 'keys that would fall together as text: pairs',
    code: '{1: "a", "1": "b"}',
    expect: {
      ...ok,
      result: [
        [1, 'a'],
        ['1', 'b'],
      ],
      resultType: 'map',
    },
  },
  {
    name: 'a Counter is its data under its own name',
    code: 'from collections import Counter\nCounter("aab")',
    expect: { ...ok, result: { a: 2, b: 1 }, resultType: 'Counter' },
  },
  {
    name: 'a named tuple is a tuple',
    code: 'from collections import namedtuple\nnamedtuple("P", "x y")(1, 2)',
    expect: { ...ok, result: [1, 2], resultType: 'tuple' },
  },
  {
    name: 'an enumeration is its repr',
    code: 'import enum\nclass C(enum.Enum):\n    A = 1\nC.A',
    expect: { ...ok, result: '<C.A: 1>', resultType: 'repr' },
  },
  { name: 'a cycle', code: 'a = [1]\na.append(a)\na', expect: { ...ok, result: '[1, [...]]', resultType: 'cyclic' } },
  {
    name: 'the same value twice is no cycle',
    code: 'a = [1]\n[a, a]',
    expect: { ...ok, result: [[1], [1]] },
  },
  {
    name: 'nesting deeper than 400 becomes text',
    code: 'a = []\nfor _ in range(500):\n    a = [a]\na',
    expect: { ...ok, result: `${'['.repeat(51)}...${']'.repeat(51)}`, resultType: 'array' },
  },
  {
    name: 'nesting far deeper does not break the interpreter',
    code: 'a = []\nfor _ in range(100_000):\n    a = [a]\na',
    expect: { ...ok, result: `${'['.repeat(51)}...${']'.repeat(51)}`, resultType: 'array' },
  },
  { name: 'a lone surrogate is replaced', code: '"a\\ud800b"', expect: { ...ok, result: 'a\ufffdb' } },
  {
    name: 'a coroutine at the end is awaited',
    code: 'async def f():\n    return 5\nf()',
    expect: { ...ok, result: 5 },
  },
  {
    name: 'an awaitable object at the end is awaited',
    code: 'class A:\n    def __await__(self):\n        return 6\n        yield\nA()',
    expect: { ...ok, result: 6 },
  },
  {
    name: 'classes that extend types of data are not asked',
    code: `class L(list):
    def __iter__(self): raise ValueError
    def __len__(self): raise ValueError
class D(dict):
    def items(self): raise ValueError
    keys = __iter__ = __len__ = items
class S(str):
    def __str__(self): raise ValueError
    __repr__ = __iter__ = __len__ = encode = __str__
class I(int):
    def __int__(self): raise ValueError
    __repr__ = __le__ = __lt__ = __index__ = __int__
[L([1]), D(a=2), S("s"), I(3)]`,
    expect: { ...ok, result: [[1], { a: 2 }, 's', 3], resultType: 'array' },
  },
  {
    name: 'a repr that fails is said so',
    code: 'class A:\n    def __repr__(self): raise ValueError("no")\nA()',
    expect: { ...ok, result: '<A object: its repr raised ValueError>', resultType: 'repr' },
  },
  {
    name: 'a class that lies about itself',
    code: 'class M(type):\n    def __getattribute__(c, n): raise ValueError(n)\nclass A(metaclass=M):\n    pass\n[A, A()]',
    expect: { ...ok, anyResult: true, resultType: 'array' },
  },
  {
    name: 'a result larger than resultBytes',
    code: 'print("kept")\n"x" * 2000',
    limits: { resultBytes: 1000 },
    expect: {
      status: 'limit_exceeded',
      stdout: 'kept\n',
      error: { name: 'LimitExceeded', limit: 'resultBytes', message: 'The result is larger than resultBytes (1000)' },
    },
  },
  {
    name: 'a result of exactly resultBytes',
    code: '"x" * 998',
    limits: { resultBytes: 1000 },
    expect: { ...ok, result: 'x'.repeat(998) },
  },
  {
    name: 'resultBytes counts UTF-8',
    code: '"ü" * 600',
    limits: { resultBytes: 1000 },
    expect: { status: 'limit_exceeded', error: { limit: 'resultBytes' } },
  },
  {
    name: 'a huge integer as the result',
    code: '1 << 100_000_000',
    expect: { status: 'limit_exceeded', error: { limit: 'resultBytes' } },
  },
  {
    name: 'a shared value that grows without bound as text',
    code: 'a = ["x" * 100]\nfor _ in range(60):\n    a = [a, a]\na',
    expect: { status: 'limit_exceeded', error: { limit: 'resultBytes' } },
  },
];
