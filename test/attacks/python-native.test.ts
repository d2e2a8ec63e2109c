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

pythonAttacks('Python: ctypes and native code', [
  alone(
    'attributes of builtin types, through the collector',
    `
import gc
for kind in (int, str, dict, list, type, object, BaseException, bytes):
    space = gc.get_referents(kind.__dict__)[0]
    space['trace'] = 1
    if kind in (str, dict): space['upper' if kind is str else 'get'] = lambda *of: 'forged'
import ctypes
ctypes.pythonapi.PyType_Modified.argtypes = [ctypes.py_object]
for kind in (int, str, dict): ctypes.pythonapi.PyType_Modified(kind)
[(1).trace, 'a'.upper()]`,
  ),
  harmless(
    'constants of builtins written by ctypes',
    `
import ctypes
for n in (1, 2, 3):
    at = ctypes.cast(id(n), ctypes.POINTER(ctypes.c_uint32))
    for word in range(2, 5):
        if at[word] == n: at[word] = 4
1`,
  ),
  alone(
    'None, True and type written over',
    'import ctypes\nfor of in (True, type, dict): ctypes.memset(id(of), 0x41, 64)\n[1, True, {}]',
  ),
  alone(
    'the whole heap written over',
    'import ctypes\nfor at in range(4096, 30_000_000, 4096): ctypes.memset(at, 0xee, 4096)\n1',
  ),
  alone('a pointer to nowhere called', 'import ctypes\nctypes.CFUNCTYPE(None)(0)()'),
  alone(
    'a pointer to anything called',
    'import ctypes\nfor n in (1, 2, 77, 1000, 5000, 2**31 - 1): ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int)(n)(5)',
  ),
  alone(
    'text read from everywhere',
    'import ctypes\nfor at in (0, 1, 8, 2**31, 2**32 - 16):\n    try: ctypes.string_at(at, 16)\n    except Exception: pass\nctypes.string_at(0, 40_000_000)',
  ),
  harmless(
    'scripts run by the C library',
    `
import ctypes
from ctypes import pythonapi as c
c.emscripten_run_script(b'globalThis.trace = 1; for (const key of Object.keys(globalThis)) globalThis[key] = 0; Object.prototype.trace = 1')
c.emscripten_run_script_string.restype = ctypes.c_char_p
c.emscripten_run_script_string(b'typeof process + typeof require').decode()`,
    { result: 'undefinedundefined' },
  ),
  alone(
    'functions of the C library that leave',
    `
import ctypes
from ctypes import pythonapi as c
for name in ('system', 'fork', 'execve', 'socket', 'getaddrinfo', 'emscripten_force_exit', 'emscripten_async_wget', 'emscripten_websocket_new'):
    try: getattr(c, name)(0, 0, 0)
    except (AttributeError, OSError): pass
1`,
  ),
  ...[
    'exit',
    '_exit',
    'abort',
    'emscripten_force_exit',
    'Py_Finalize',
    'Py_Exit',
    'raise',
    'pthread_exit',
    '__cxa_throw',
    'emscripten_unwind_to_js_event_loop',
    'emscripten_exit_with_live_runtime',
  ].map((name) =>
    alone(
      `the C function ${name}`,
      `import ctypes\ntry: f = getattr(ctypes.pythonapi, '${name}')\nexcept AttributeError: f = None\nif f: f(7, 0, 0)\n1`,
    ),
  ),
  alone('the interpreter finalized from within', 'import ctypes\nctypes.pythonapi.Py_FinalizeEx()\n1'),
  alone('a fatal error of the interpreter', 'import ctypes\nctypes.pythonapi.Py_FatalError(b"evil")'),
  harmless(
    'a reference count of nothing',
    'import ctypes\nfor n in range(100): ctypes.pythonapi.Py_DecRef(ctypes.py_object(None)); ctypes.pythonapi.Py_DecRef(ctypes.py_object(str))\nstr(1)',
  ),
  alone(
    'code made by hand that jumps out of itself',
    'f = lambda: 1\nf.__code__ = f.__code__.replace(co_code=bytes([100, 255] * 50), co_consts=(), co_stacksize=0)\nf()',
    {
      ends: /^(succeeded|failed \w+|limit_exceeded \w+)$/,
    },
  ),
  harmless('code with an endless stack', 'f = lambda: 1\nf.__code__ = f.__code__.replace(co_stacksize=2**30)\nf()'),
  harmless(
    'a subinterpreter',
    'try:\n    import _interpreters\n    i = _interpreters.create()\n    _interpreters.exec(i, "while True: pass")\nexcept (ImportError, RuntimeError): pass\n1',
    {
      ends: /^(succeeded|failed \w+|limit_exceeded cpuMs)$/,
    },
  ),
  harmless(
    'threads started past the module',
    'import _thread, sys, importlib\nsys.modules.pop("_thread")\nimport _thread\nfor call in (lambda: _thread.start_new_thread(print, ()), lambda: _thread.start_joinable_thread(print)):\n    try: call()\n    except RuntimeError: pass\n1',
  ),
  harmless(
    'faulthandler',
    'import faulthandler\nfor call in (faulthandler.enable, faulthandler.dump_traceback, lambda: faulthandler.dump_traceback_later(0.01, repeat=True), lambda: faulthandler.register(10)):\n    try: call()\n    except (AttributeError, RuntimeError, ValueError, OSError): pass\n1',
  ),
  ...['_sigsegv', '_sigabrt', '_sigfpe', '_fatal_error_c_thread'].map((name) =>
    alone(`faulthandler.${name}`, `import faulthandler\nf = getattr(faulthandler, '${name}', None)\nif f: f()\n1`),
  ),
  alone(
    'callbacks kept by the C library',
    `
import ctypes
call = ctypes.CFUNCTYPE(None)(lambda: print('trace'))
ctypes.pythonapi.atexit(call) if hasattr(ctypes.pythonapi, 'atexit') else None
ctypes.pythonapi.Py_AtExit(call)
ctypes.pythonapi.Py_AddPendingCall(ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p)(lambda of: 0), None)
ctypes.pythonapi.PyOS_setsig(10, 1) if hasattr(ctypes.pythonapi, 'PyOS_setsig') else None
1`,
  ),
]);
