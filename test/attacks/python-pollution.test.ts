import { type PythonAttack, pythonAttacks } from './python-arena.ts';

/** An attack that breaks its own run, and no other. */
const alone = (name: string, code: string, more: Partial<PythonAttack> = {}): PythonAttack => ({
  name: `${name} harms the run alone`,
  code,
  ends: /^failed \w+$/,
  ...more,
});

/** One that the run itself survives. */
const harmless = (name: string, code: string, more: Partial<PythonAttack> = {}): PythonAttack => ({
  name: `${name} harms nobody`,
  code,
  ends: 'succeeded',
  ...more,
});

const still = (name: string, code: string, result: unknown = 42, more: Partial<PythonAttack> = {}): PythonAttack => ({
  name: `${name} changes neither answers of the host nor the end`,
  code,
  ends: 'succeeded',
  result,
  ...more,
});

pythonAttacks('Python: what a run changes', [
  still(
    'json replaced',
    `
import json
json.dumps = json.loads = lambda *of, **how: 'forged'
json.encoder.JSONEncoder.encode = json.encoder.JSONEncoder.iterencode = lambda *of: '{"ok": true}'
json.decoder.JSONDecoder.decode = json.decoder.JSONDecoder.raw_decode = lambda *of: {'ok': True, 'value': {'found': True, 'value': 'forged'}}
json.decoder.scanstring = json.encoder.encode_basestring = json.encoder.encode_basestring_ascii = lambda *of: 'forged'
from cordon import memory
memory.set('k', 42)
memory.get('k')`,
    42,
    { ends: /^(succeeded|failed \w+)$/, result: { asymmetricMatch: (value: unknown) => value !== 'forged' } },
  ),
  still(
    'os and posix replaced',
    `
import os, posix
for module in (os, posix):
    for name in ('open', 'close', 'read', 'write', 'dup', 'dup2', 'fstat', 'stat', 'lseek', 'chdir', 'getcwd'): setattr(module, name, lambda *of, **how: 0)
from cordon import memory
memory.set('k', 42)
memory.get('k')`,
  ),
  still(
    'builtins replaced one by one',
    `
import builtins
for name in ('len', 'type', 'str', 'int', 'isinstance', 'bytes', 'dict', 'list', 'tuple', 'set', 'range', 'print', 'open', 'repr', 'getattr', 'hasattr', 'setattr', 'id', 'sorted', 'min', 'max', 'zip', 'map', 'enumerate', 'any', 'all', 'hash', 'iter', 'next', 'compile', 'exec', 'eval', 'super', 'object', 'property'):
    builtins.__dict__[name] = None
42`,
  ),
  still('every builtin removed', 'import builtins\nbuiltins.__dict__.clear()\n42'),
  alone(
    'exceptions of builtins replaced',
    'import builtins\nfor name, value in list(builtins.__dict__.items()):\n    if isinstance(value, type) and issubclass(value, BaseException): builtins.__dict__[name] = None\nraise ZeroDivisionError.x',
  ),
  harmless(
    'the import system taken away',
    'import builtins, sys\nbuiltins.__import__ = lambda *of: 1 / 0\nsys.meta_path.clear(); sys.path_hooks.clear(); sys.path.clear(); sys.path_importer_cache.clear()\n1',
  ),
  harmless('sys.modules emptied', 'import sys\nsys.modules.clear()\n1'),
  harmless('sys.modules deleted', 'import sys\ndel sys.modules\n1'),
  harmless(
    'sys.modules replaced by a hostile mapping',
    'import sys\nclass M(dict):\n    def __getitem__(self, key): raise SystemExit(7)\n    def get(self, *of): raise SystemExit(8)\n    def items(self): raise SystemExit(9)\nsys.modules = M()\n1',
  ),
  harmless('all of sys deleted', 'import sys\nfor name in list(vars(sys)): delattr(sys, name)\n1'),
  still('__main__ replaced', "import sys\nsys.modules['__main__'] = None\n42"),
  alone(
    'every name of every module of the harness replaced',
    `
import sys
for name in [of for of in sys.modules if of.startswith('_cordon') or of == 'cordon']:
    space = sys.modules[name].__dict__
    for key in list(space):
        if not key.startswith('__'): space[key] = lambda *of, **how: 'forged'
1`,
  ),
  harmless(
    'the modules of the harness replaced by others',
    `
import sys, types
for name in [of for of in sys.modules if of.startswith('_cordon')]:
    fake = types.ModuleType(name)
    fake.run = fake.prepare = lambda: print('forged')
    sys.modules[name] = fake
sys.modules['trace_of_an_attack'] = types.ModuleType('trace_of_an_attack')
1`,
  ),
  alone(
    'names of the harness replaced one after the other, so that the end fails in many places',
    `
import sys
from _cordon import door, ending, streams, result, display, trace
ending.of_value = ending.of_exception = ending.leave = ending.calm = None
door.send = door.open = None
1/0`,
  ),
  harmless(
    'settings of the interpreter',
    `
import sys, gc, os, locale, decimal, warnings, logging, signal, time, random, threading, contextvars, codecs, copyreg, atexit, linecache, asyncio, string, builtins
sys.setrecursionlimit(77_777); sys.set_int_max_str_digits(700); sys.setswitchinterval(9); sys.dont_write_bytecode = False
sys.settrace(lambda *of: None); sys.setprofile(lambda *of: None); threading.settrace(lambda *of: None); threading.setprofile(lambda *of: None)
sys.addaudithook(lambda *of: None); sys.set_asyncgen_hooks(firstiter=print, finalizer=print); sys.set_coroutine_origin_tracking_depth(5)
for tool in range(6): sys.monitoring.use_tool_id(tool, 'trace'); sys.monitoring.set_events(tool, sys.monitoring.events.PY_START)
sys.excepthook = sys.displayhook = sys.unraisablehook = sys.breakpointhook = print
gc.disable(); gc.set_threshold(1, 1, 1); gc.callbacks.append(lambda *of: None); gc.unfreeze()
os.umask(0); os.environ['TRACE'] = 'trace'; os.environ['TZ'] = 'Asia/Tokyo'; getattr(time, 'tzset', int)(); os.chdir('/'); os.putenv('TRACE', 'x'); os.nice(0) if hasattr(os, 'nice') else None
locale.setlocale(locale.LC_ALL, 'C'); decimal.getcontext().prec = 3; decimal.DefaultContext.prec = 3; decimal.setcontext(decimal.Context(prec=2))
warnings.simplefilter('error'); warnings.showwarning = print; logging.disable(50); logging.raiseExceptions = False; logging.lastResort.level = 1
logging.getLogger().addHandler(logging.StreamHandler()); logging.getLogger('trace').setLevel(1); logging.addLevelName(1, 'TRACE')
for number in signal.valid_signals():
    try: signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError): pass
random.seed(1); random.random = lambda: 4; contextvars.ContextVar('trace').set(1); codecs.register(lambda name: None); codecs.register_error('strict', lambda e: ('', 0))
copyreg.pickle(type(None), print); atexit.register(print, 'trace'); linecache.cache['trace'] = (1, None, ['trace'], 'trace')
sys.path.insert(0, '/trace'); sys.path_hooks.insert(0, print); sys.stdout.reconfigure(encoding='utf-16'); sys.stdin = sys.__stdin__ = None
string.ascii_letters = 'trace'; asyncio.set_event_loop(asyncio.new_event_loop())
for of in (sys, gc, os, time, threading, builtins): of.trace_of_an_attack = 1
'left'`,
  ),
  harmless(
    'objects kept alive in odd places',
    `
import sys, gc, weakref, threading, functools, re, abc, collections.abc, typing, enum, dataclasses, ctypes, types
class Trace(dict):
    def __del__(self): print('trace')
kept = Trace(); kept['self'] = kept
sys.trace = kept; threading.local().trace = kept; re.compile('trace_of_an_attack'); sys.intern('trace_of_an_attack' * 2)
collections.abc.Mapping.register(Trace); typing.Optional[Trace]; functools.singledispatch(print).register(Trace)
weakref.finalize(kept, print, 'trace'); gc.garbage.append(kept)
ctypes.pythonapi.Py_IncRef(ctypes.py_object(kept))
threading.Thread.trace = kept
1`,
  ),
]);
