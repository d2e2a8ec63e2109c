/** Which interpreters serve a second run, and that nothing in their whole graph of objects tells that they served a first. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { PROBE } from '../../attacks/python-probe.ts';
import { type EngineRun, startEngine } from './engine.ts';

const MiB = 1024 * 1024;

let engine: Awaited<ReturnType<typeof startEngine>>;
beforeAll(async () => {
  engine = await startEngine();
}, 60_000);
afterAll(() => engine.close());

const said = ({ end }: EngineRun) => `${end.status} ${end.error?.limit ?? end.error?.name ?? ''}`.trim();

/** What it is, the program, how it ends. */
const plain: [string, string, string][] = [
  ['computes', 'sum(n * n for n in range(10_000))', 'succeeded'],
  ['prints', 'import sys\nprint("a")\nprint("b", file=sys.stderr)', 'succeeded'],
  ['raises', '1 / 0', 'failed ZeroDivisionError'],
  ['has a fault in its source', 'a = (', 'failed SyntaxError'],
  ['exits', 'import sys\nsys.exit(3)', 'failed ExitCode'],
  ['leaves without handlers', 'import os\nos._exit(3)', 'failed ExitCode'],
  ['reads and writes the workspace', 'open("a", "w").write("x" * 100_000)\nlen(open("a").read())', 'succeeded'],
  [
    'writes scratch files',
    'import os\nos.makedirs("/tmp/a/b")\nopen("/tmp/a/b/c", "w").write("x")\nos.rename("/tmp/a", "/tmp/d")',
    'succeeded',
  ],
  ['leaves files open', 'import os\nkept = [open("/tmp/a", "w"), os.open("/tmp", os.O_RDONLY)]', 'succeeded'],
  ['uses asyncio', 'import asyncio\nawait asyncio.gather(*(asyncio.sleep(0.001, n) for n in range(5)))', 'succeeded'],
  [
    'reads a part of a response and keeps the rest open',
    'import urllib.request\nkept = [urllib.request.urlopen("https://a.test/") for n in range(3)]\n[one.read(n) for n, one in enumerate(kept)]',
    'succeeded',
  ],
  ['sleeps', 'import time\ntime.sleep(0.001)', 'succeeded'],
  [
    'uses the usual modules',
    'import csv, collections, dataclasses, datetime, decimal, hashlib, io, itertools, json, math, random, re, statistics, string, uuid, zipfile, zlib\n[json.dumps(random.random()), re.findall("a", "banana"), hashlib.sha256(b"a").hexdigest(), str(uuid.uuid4()), str(datetime.datetime.now())]',
    'succeeded',
  ],
  [
    'imports a module of the standard library that was not loaded',
    'import colorsys, tarfile, xml.dom.minidom',
    'succeeded',
  ],
  ['runs out of memory', 'kept = []\nwhile True: kept.append(bytearray(100_000))', 'limit_exceeded ramBytes'],
  ['recurses', 'def f(n): return f(n + 1)\nf(0)', 'failed RecursionError'],
  [
    'changes the interpreter',
    'import builtins, gc, sys, signal\nbuiltins.trace = sys.trace = 1\nsys.setrecursionlimit(5000)\ngc.disable()\nsignal.signal(10, lambda *of: None)\nsys.settrace(lambda *of: None)',
    'succeeded',
  ],
  ['takes the modules away', 'import sys\nsys.modules.clear()', 'succeeded'],
  ['starts a program', 'import subprocess\nsubprocess.run(["ls"])', 'failed PermissionError'],
  ['opens a connection', 'import socket\nsocket.create_connection(("127.0.0.1", 80))', 'failed gaierror'],
];

/** Each leads to JavaScript, or breaks the interpreter. */
const doubtful: [string, string][] = [
  ['reads js', 'import js\nstr(js.Object)'],
  ['writes js', 'import js\njs.trace = 1'],
  ['evaluates JavaScript', 'import js\njs.eval("1")'],
  ['evaluates JavaScript by Pyodide', 'from pyodide.code import run_js\nrun_js("1")'],
  ['makes a proxy', 'from pyodide.ffi import create_proxy\ncreate_proxy([])'],
  ['makes JavaScript’s objects', 'from pyodide.ffi import to_js\nto_js([1])'],
  ['calls C by ctypes', 'import ctypes\nctypes.pythonapi.Py_GetVersion()'],
  ['gives C a callback', 'import ctypes\nctypes.CFUNCTYPE(None)(lambda: None)'],
  ['runs a script by the C library', 'import ctypes\nctypes.pythonapi.emscripten_run_script(b"1")'],
  ['loads a library', 'import ctypes\ntry: ctypes.CDLL("/tmp/none.so")\nexcept OSError: pass'],
  ['opens a socket past the module', 'import _socket\ntry: _socket.socket()\nexcept OSError: pass'],
  ['looks names up past the module', 'import _socket\ntry: _socket.getaddrinfo("localhost", 80)\nexcept OSError: pass'],
  [
    'sets a timer',
    'import signal\ntry: signal.setitimer(signal.ITIMER_REAL, 10)\nexcept (OSError, AttributeError):\n    import ctypes\n    ctypes.pythonapi.alarm(10)',
  ],
  ['grows the memory by much', 'kept = bytearray(100_000_000)'],
  ['calls a null pointer', 'import ctypes\nctypes.CFUNCTYPE(None)(0)()'],
  ['aborts', 'import faulthandler\nfaulthandler._sigabrt()'],
  ['overflows the stack', 'import sys\nsys.setrecursionlimit(10**9)\ndef f(): return f()\nf()'],
];

/** The program after it. A rewind goes on after the run's end, and is over when it is known who is taken next. */
async function next(after: EngineRun, code = '1'): Promise<{ same: boolean; run: EngineRun }> {
  await expect.poll(() => engine.steady(), { timeout: 10_000 }).toBe(true);
  const run = await engine.run(code);
  return { same: run.isolate === after.isolate, run };
}

describe('an interpreter serves the next run too after one that', () => {
  test.each(plain)('%s', async (_what, code, ends) => {
    const run = await engine.run(code, { ramBytes: 48 * MiB });
    expect(said(run), JSON.stringify(run.end)).toBe(ends);
    const { same, run: later } = await next(run);
    expect([same, run.isolate.isDisposed, said(later)]).toEqual([true, false, 'succeeded']);
  });
});

describe('an interpreter serves no other run after one that', () => {
  test.each(doubtful)('%s', async (_what, code) => {
    const run = await engine.run(code, { ramBytes: 256 * MiB });
    const { same, run: later } = await next(run);
    expect([same, run.isolate.isDisposed, said(later)], JSON.stringify(run.end)).toEqual([false, true, 'succeeded']);
  });
});

test('a rewound interpreter reads the workspace as it is now, not as the run before knew it', async () => {
  const look =
    'import os\n[open("changed").read(), os.listdir("."), os.path.exists("later"), os.stat("changed").st_size]';
  await engine.write('changed', 'old');
  const run = await engine.run(
    `import os\nkept = open("changed")\nkept.read(); os.listdir("."); os.path.exists("later")\n${look}`,
  );
  expect(run.end.result).toEqual(['old', expect.not.arrayContaining(['later']), false, 3]);
  await expect.poll(() => engine.steady(), { timeout: 10_000 }).toBe(true);
  await engine.write('changed', 'newer');
  await engine.write('later', '');
  const { same, run: later } = await next(run, look);
  expect([same, later.end.result]).toEqual([true, ['newer', expect.arrayContaining(['changed', 'later']), true, 5]]);
});

/** Everything that the interpreter holds: objects by type and by name, references between types, names of modules and types. */
const GRAPH = String.raw`
import gc, sys
gc.unfreeze()
gc.collect()
types, named, seen = {}, {}, set()
mine = {id(of) for of in (types, named, seen)}
waiting = [of for of in gc.get_objects() if id(of) not in mine]
mine.add(id(waiting))
while waiting:
    of = waiting.pop()
    if id(of) in seen or id(of) in mine: continue
    seen.add(id(of))
    kind = type(of)
    name = f'{kind.__module__}.{kind.__qualname__}'
    types[name] = types.get(name, 0) + 1
    if name == 'builtins.function' or name == 'builtins.type': named[f'{of.__module__}.{of.__qualname__}'] = named.get(f'{of.__module__}.{of.__qualname__}', 0) + 1
    waiting.extend(gc.get_referents(of))
attributes = type.__dict__['__dict__'].__get__
kinds, waiting = {id(object): object}, [object]
while waiting:
    for kind in type.__subclasses__(waiting.pop()):
        if id(kind) not in kinds:
            kinds[id(kind)] = kind
            waiting.append(kind)
shapes = {}
for kind in kinds.values():
    shapes.setdefault(f'{kind.__module__}.{kind.__qualname__}', []).append(sorted(map(str, attributes(kind))))
{'types': dict(sorted(types.items())), 'shapes': {name: sorted(of) for name, of in sorted(shapes.items())}, 'named': dict(sorted(named.items())), 'modules': {name: sorted(map(str, vars(module))) for name, module in sorted(sys.modules.items())}}
`;

describe('after a run that left all it could, and a rewind', () => {
  const dirty = String.raw`
import abc, asyncio, atexit, builtins, collections.abc, contextvars, copyreg, decimal, functools, gc, json, logging, os, random, re, signal, sys, tempfile, threading, types, typing, warnings, weakref
import colorsys, tarfile, xml.dom.minidom
class Trace(dict):
    def __del__(self): pass
kept = Trace()
kept['self'] = kept
trace_function = lambda *of: None
for of in (sys, os, re, json, builtins, gc, random): of.trace = kept
for kind in (collections.Counter, threading.Thread, json.JSONEncoder, logging.Logger): kind.trace = kept
space = gc.get_referents(dict.__dict__)[0]
space['trace'] = kept
collections.abc.Mapping.register(Trace); typing.Optional[Trace]; functools.singledispatch(print).register(Trace)
atexit.register(print); weakref.finalize(kept, print); contextvars.ContextVar('trace').set(kept); copyreg.pickle(Trace, print)
signal.signal(10, trace_function); warnings.simplefilter('error'); logging.getLogger('trace').addHandler(logging.NullHandler())
sys.modules['trace_of_an_attack'] = types.ModuleType('trace_of_an_attack'); sys.path.append('/trace'); sys.meta_path.append(kept)
sys.settrace(trace_function); sys.addaudithook(trace_function); sys.setrecursionlimit(9999); sys.intern('trace' * 3)
for tool in range(6): sys.monitoring.use_tool_id(tool, 'trace')
gc.disable(); gc.set_threshold(1); gc.callbacks.append(trace_function); gc.garbage.append(kept); gc.unfreeze()
os.environ['TRACE'] = '1'; os.chdir('/')
open('/tmp/trace', 'w').write('x'); held = [os.open('/tmp/trace', os.O_RDONLY) for n in range(50)]
loop = asyncio.new_event_loop(); asyncio.set_event_loop(loop); loop.call_later(9, print)
random.seed(1); tempfile.mkstemp()
class Metaclass(abc.ABCMeta): pass
class Made(metaclass=Metaclass): pass
'left'`;

  test.each([
    ['the graph of all objects', GRAPH],
    ['names, types, files and settings', PROBE],
  ])('%s is as in a fresh interpreter', async (_what, look) => {
    const fresh = async () => {
      const [{ isolate }] = [await engine.run('import js\njs.trace = 1')];
      await expect.poll(() => isolate.isDisposed && engine.steady(), { timeout: 10_000 }).toBe(true);
      const run = await engine.run(look);
      expect(said(run), JSON.stringify(run.end.error)).toBe('succeeded');
      return run;
    };
    const first = await fresh();
    const second = await fresh();
    expect(second.isolate).not.toBe(first.isolate);
    expect(second.end.result, 'two fresh ones').toEqual(first.end.result);
    for (let round = 0; round < 3; round++) {
      await expect.poll(() => engine.steady(), { timeout: 10_000 }).toBe(true);
      const run = await engine.run(dirty);
      expect(run.end).toEqual({ status: 'succeeded', result: 'left' });
      const { same, run: later } = await next(run, look);
      expect([same, said(later)]).toEqual([true, 'succeeded']);
      expect(later.end.result, 'after a rewind').toEqual(first.end.result);
    }
  });
});
