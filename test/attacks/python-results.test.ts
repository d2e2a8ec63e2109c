import { type PythonAttack, pythonAttacks } from './python-arena.ts';

pythonAttacks('Python: hostile results', [
  ...(
    [
      ['a liar about its class', 'class A:\n    __class__ = dict\nA()', 'succeeded'],
      [
        'raising attributes',
        'class A:\n    def __getattribute__(self, name): raise SystemExit(3)\nA()',
        'failed ExitCode',
      ],
      [
        'a list that yields without an end',
        'class A(list):\n    def __iter__(self):\n        while True: yield 1\n    def __len__(self): return -1\n    def copy(self): return self\nA([1])',
        'succeeded',
      ],
      [
        'a dict whose items loop',
        'class A(dict):\n    def items(self):\n        while True: yield 1, 2\n    def keys(self): return self.items()\n    def __iter__(self): return self.items()\nA(a=1)',
        'succeeded',
      ],
      [
        'text that is not itself',
        'class A(str):\n    def __str__(self): return 5\n    def __len__(self): return -5\n    def encode(self, *of): return b"evil"\n    def isascii(self): 1/0\nA("a")',
        'succeeded',
      ],
      [
        'a number that is not itself',
        'class A(int):\n    def __repr__(self): return "{"\n    def __le__(self, o): 1/0\n    def __int__(self): return "x"\n    def bit_length(self): return -1\nA(5)',
        'succeeded',
      ],
      [
        'a float that is not itself',
        'class A(float):\n    def __repr__(self): return "{"\n    def __sub__(self, o): return 0.0\n    def __ne__(self, o): return False\nA(5)',
        'succeeded',
      ],
      [
        'a boolean of a metaclass',
        'class M(type):\n    def __getattribute__(self, name): 1/0\n    def __instancecheck__(self, of): return True\n    def __eq__(self, o): return True\n    __hash__ = None\nclass A(metaclass=M): pass\nA()',
        'failed ZeroDivisionError',
      ],
      [
        'a metaclass with an mro of its own',
        'class M(type):\n    def mro(self): return [self, dict, object]\nclass A(dict, metaclass=M): pass\nA(a=1)',
        'succeeded',
      ],
      ['fields that are no fields', 'class A:\n    __dataclass_fields__ = 5\nA()', 'failed AttributeError'],
      [
        'fields without an end',
        'class A:\n    __dataclass_fields__ = {n: n for n in range(1000)}\nA()',
        'failed AttributeError',
      ],
      [
        'fields with hostile names',
        'import dataclasses\nA = dataclasses.make_dataclass("A", ["x"])\na = A(1)\nA.__dataclass_fields__["x"].name = type("N", (str,), {"__str__": lambda s: 1/0})("x")\na',
        'failed ZeroDivisionError',
      ],
      [
        'a property that raises SystemExit',
        'import dataclasses\n@dataclasses.dataclass\nclass A:\n    x: int = 1\n    def __getattribute__(self, name):\n        if name == "x": raise SystemExit(3)\n        return object.__getattribute__(self, name)\nA()',
        'failed ExitCode',
      ],
      ['a repr that exits', 'import sys\nclass A:\n    def __repr__(self): sys.exit(4)\nA()', 'failed ExitCode'],
      ['a repr that is no text', 'class A:\n    def __repr__(self): return 5\nA()', 'succeeded'],
      [
        'a repr of a subclass of text',
        'class S(str):\n    def __len__(self): return 2**40\n    def __getitem__(self, k): 1/0\nclass A:\n    def __repr__(self): return S("x" * 100_000)\nA()',
        'failed OverflowError',
      ],
      [
        'a repr that changes what is written',
        'a = []\nclass A:\n    def __repr__(self):\n        a.clear(); a.extend([A()] * 1000)\n        return "A"\na.append(A()); a',
        'succeeded',
      ],
      [
        'a repr that ends the harness',
        'import sys\nclass A:\n    def __repr__(self):\n        sys.modules.clear()\n        return "A"\n[A()]',
        'succeeded',
      ],
      [
        'a key whose hash raises later',
        'class K:\n    n = 0\n    def __hash__(self):\n        K.n += 1\n        if K.n > 1: raise ValueError\n        return 1\n{K(): 1}',
        'succeeded',
      ],
      [
        'keys that are no keys',
        '{None: 1, True: 2, 1.5: 3, float("nan"): 4, (1,): 5, b"x": 6, 10**400: 7}',
        'succeeded',
      ],
      ['NaN in keys and depths', '{"a": {float("nan"): [float("inf"), {float("-inf")}]}}', 'succeeded'],
      [
        'surrogates everywhere',
        '{"\\ud800": ["\\udfff", "\\ud83d\\ude00"], "x\\udc00": {"\\ud800\\ud800"}}',
        'succeeded',
      ],
      ['a memoryview that was released', 'm = memoryview(bytearray(10))\nm.release()\nm', 'failed ValueError'],
      ['a memoryview of many dimensions', 'memoryview(bytearray(24)).cast("B", [2, 3, 4])', 'succeeded'],
      ['a memoryview of doubles, in steps', 'memoryview(bytearray(80)).cast("d")[::-2]', 'succeeded'],
      ['a weak reference to nothing', 'import weakref\nclass A: pass\nweakref.proxy(A())', 'failed ReferenceError'],
      ['a generator', '(x for x in range(3))', 'succeeded'],
      ['a coroutine that raises', 'async def f(): raise ValueError("mine")\nf()', 'failed ValueError'],
      [
        'an awaitable that yields odd things',
        'class A:\n    def __await__(self):\n        yield 5\n        return 6\nA()',
        'failed RuntimeError',
      ],
      ['an awaitable that is no iterator', 'class A:\n    def __await__(self): return 5\nA()', 'failed TypeError'],
      [
        'an awaitable of itself',
        'class A:\n    def __await__(self):\n        return self\n        yield\nA()',
        'succeeded',
      ],
      [
        'a future of another loop',
        'import asyncio\nloop = asyncio.new_event_loop()\nf = loop.create_future()\nloop.close()\nf',
        'failed InvalidStateError',
      ],
      ['a dict that contains itself as a key of a map', 'a = {}\na[(1, 2)] = a\na', 'succeeded'],
      [
        'a dataclass that contains itself',
        'import dataclasses\n@dataclasses.dataclass\nclass A:\n    x: object = None\na = A(); a.x = a\na',
        'succeeded',
      ],
      [
        'a named tuple with hostile fields',
        'import collections\nA = collections.namedtuple("A", "x y")\nA._fields = None\nA.__iter__ = lambda s: 1/0\nA(1, 2)',
        'succeeded',
      ],
      [
        'a date of a class that lies',
        'import datetime\nclass A(datetime.datetime):\n    def isoformat(self): return {"status": "failed"}\nA(2020, 1, 1)',
        'succeeded',
      ],
      [
        'a time zone that raises',
        'import datetime\nclass Z(datetime.tzinfo):\n    def utcoffset(self, d): 1/0\n    def dst(self, d): return None\ndatetime.datetime(2020, 1, 1, tzinfo=Z())',
        'succeeded',
      ],
      [
        'representations of odd types',
        'class A:\n    def _repr_html_(self): return 5\n    def _repr_png_(self): return "text"\n    def _repr_mimebundle_(self, **how): return {"evil/\\r\\nx": "y", 5: 6, "text/html": {}}\nA()',
        'succeeded',
      ],
      [
        'a representation that exits',
        'import sys\nclass A:\n    def _repr_html_(self): sys.exit(5)\nA()',
        'failed ExitCode',
      ],
      [
        'something that looks like an end',
        '{"status": "failed", "error": {"name": "Forged"}, "t": "end", "end": {"status": "failed"}}',
        'succeeded',
      ],
      [
        'something that looks like an answer',
        '{"__proto__": {"ok": False}, "constructor": 1, "then": 2, "toJSON": 3}',
        'succeeded',
      ],
      [
        'a numpy that is none',
        'class A:\n    ndim = 0\n    def item(self): return self\nA.__module__ = "numpy"\nA()',
        'failed RecursionError',
      ],
      [
        'an enumeration that lies',
        'import enum\nclass E(enum.IntEnum):\n    A = 1\n    def __repr__(self): return "x" * 10**6\nE.A',
        'succeeded',
      ],
      ['an exception', 'ValueError({"a": 1})', 'succeeded'],
      ['a class with a hostile name', 'type("\\ud800\\0" * 1000, (), {})()', 'failed UnicodeEncodeError'],
      [
        'a proxy of JavaScript',
        'import js\njs.eval("({ get a() { throw 1; }, toString() { throw 2; } })")',
        'succeeded',
      ],
    ] as const
  ).map(
    ([name, code, ends]): PythonAttack => ({
      name: `${name}: ${ends}`,
      code,
      ends,
      look: ({ status, result }) => {
        if (status === 'succeeded' && result === undefined) throw new Error('the result was lost');
      },
    }),
  ),
]);
