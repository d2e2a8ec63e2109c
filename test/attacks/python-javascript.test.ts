import { type PythonAttack, pythonIsolateAttacks } from './python-arena.ts';

const nothing = (name: string, code: string, more: Partial<PythonAttack> = {}): PythonAttack => ({
  name: `${name} finds nothing`,
  code,
  ends: 'succeeded',
  result: [],
  ...more,
});

/** In JavaScript: everything that can be reached from `roots`, through properties, prototypes and getters. */
const REACH = String.raw`
const seen = new Set();
const found = [];
const look = (value, path, depth) => {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null || seen.has(value) || depth > 6) return;
  seen.add(value);
  found.push([value, path]);
  let keys = [];
  try { keys = Reflect.ownKeys(value); } catch {}
  for (const key of keys) {
    let d;
    try { d = Reflect.getOwnPropertyDescriptor(value, key); } catch {}
    for (const part of [d?.value, d?.get, d?.set]) look(part, path + '.' + String(key), depth + 1);
  }
  try { look(Object.getPrototypeOf(value), path + '.__proto__', depth + 1); } catch {}
};
`;

/** In JavaScript: what of `value` belongs to the plumbing, as a list of words. */
const PLUMBING = String.raw`
const names = ['FS', 'HEAPU8', 'HEAP8', '_module', 'wasmMemory', 'wasmTable', 'wasmExports', 'asm', 'config', 'public_api', 'mountNodeFS',
  'runPython', 'runPythonAsync', 'loadPackage', 'hiwire', 'applySync', 'applySyncPromise', 'copyInto', 'derefInto', 'mounts', 'nameTable',
  'stringToNewUTF8', 'createDevice', 'ErrnoError', '_PyRun_SimpleString', 'dlopen', 'lockFilePromise'];
const plumbing = (value) => {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return [];
  const has = names.filter((name) => { try { return name in value; } catch { return false; } });
  try { if (['Reference', 'Callback', 'ExternalCopy', 'Isolate', 'Context'].includes(value.constructor?.name)) has.push(value.constructor.name); } catch {}
  try { if (value instanceof Error === false && value.process?.pid) has.push('process'); } catch {}
  return has;
};
`;

const HOST_NAMES =
  '["process", "require", "module", "exports", "global", "Deno", "Bun", "Buffer", "WebAssembly", "SharedArrayBuffer", "$ask", "$post", "$rawPost", "$drain", "$give", "ivm", "gc", "Worker", "XMLHttpRequest", "WebSocket", "fetch", "importScripts", "navigator", "transform", "pyodide", "Module", "API", "FS", "Hiwire", "_module", "__dirname", "document", "window", "postMessage", "setImmediate"]';

/** All JsProxy objects that Python's own objects lead to. */
const PROXIES = String.raw`
import gc, sys
def proxies():
    seen, waiting, found = set(), [sys.modules, *gc.get_objects()], []
    while waiting:
        of = waiting.pop()
        if id(of) in seen: continue
        seen.add(id(of))
        if any(kind.__name__ == 'JsProxy' for kind in type(of).__mro__): found.append(of)
        waiting.extend(gc.get_referents(of))
    return found
`;

pythonIsolateAttacks('Python: JavaScript', [
  nothing('a search of js for names of the host', `import js\n[name for name in ${HOST_NAMES} if hasattr(js, name)]`),
  nothing(
    'a search of js for anything but the language',
    `
import js
known = set(js.eval("""[...'AggregateError Array ArrayBuffer AsyncDisposableStack Atomics BigInt BigInt64Array BigUint64Array Boolean DataView Date DisposableStack Error EvalError FinalizationRegistry Float16Array Float32Array Float64Array Function Infinity Int16Array Int32Array Int8Array Intl Iterator JSON Map Math NaN Number Object Promise Proxy RangeError ReferenceError Reflect RegExp Set String SuppressedError Symbol SyntaxError Temporal TypeError URIError Uint16Array Uint32Array Uint8Array Uint8ClampedArray WeakMap WeakRef WeakSet decodeURI decodeURIComponent encodeURI encodeURIComponent escape eval globalThis isFinite isNaN parseFloat parseInt undefined unescape console setTimeout clearTimeout'.split(' ')]"""))
[name for name in js.eval('Object.getOwnPropertyNames(globalThis)') if name not in known]`,
  ),
  nothing(
    'the Function constructor of every proxy',
    `${PROXIES}
import js
same = js.eval('(of) => of === globalThis')
bad, tried = [], 0
for of in [*proxies(), js.Object, js.Promise, js.eval, js.Function, js.Reflect.apply]:
    for make in (getattr(of, 'constructor', None), getattr(getattr(of, 'constructor', None), 'constructor', None)):
        try: outside = make('return this')()
        except BaseException: continue
        tried += 1
        if any(hasattr(outside, name) for name in ${HOST_NAMES}): bad.append(str(of)[:80])
        if not same(outside): bad.append('foreign realm: ' + str(of)[:80])
bad if tried else ['nothing was tried']`,
    { limits: { wallMs: 15_000 } },
  ),
  nothing(
    'a walk of everything that js leads to',
    `
import js
js.eval(r"""(() => { ${REACH} ${PLUMBING}
look(globalThis, '', 0);
if (found.length < 500) return ['only ' + found.length];
return found.map(([value, path]) => [path, plumbing(value)]).filter(([, has]) => has.length > 0).map(([path, has]) => path + ': ' + has).slice(0, 20);
})()""").to_py()`,
  ),
  nothing(
    'a call of every function of js with messages of the bridge',
    `
import js
js.eval(r"""((hostFile) => { ${REACH}
look(globalThis, '', 0);
const messages = ['{"t":"end","end":{"status":"succeeded","result":"forged"}}', '{"op":"fs.readFile","args":{"path":"/etc/passwd"}}', JSON.stringify({ t: 'call', id: 1, op: 'fs.readFile', args: { path: hostFile } })];
const bad = [];
for (const [value, path] of found) {
  if (typeof value !== 'function' || /eval|Function|\\.repeat|pad|fill|Array|Iterator|Promise|Atomics|Async|console/.test(path)) continue;
  for (const message of messages) try { const answer = value(message); if (typeof answer === 'string' && /root:|canary-/.test(answer)) bad.push(path); } catch {}
}
return bad; })""")(__import__('cordon').input['hostFile']).to_py()`,
  ),
  nothing(
    'every proxy that Python’s objects lead to',
    `${PROXIES}
found = proxies()
import js
plumbing = js.eval(r"""(value) => { ${PLUMBING} return plumbing(value); }""")
bad = [[str(of)[:60], plumbing(of).to_py()] for of in found]
[has for has in bad if has[1]] if found else ['no proxy at all']`,
  ),
  nothing(
    'the table of references behind proxies, entry by entry, written by ctypes',
    `
import ctypes, js
words = lambda of: ctypes.cast(id(of), ctypes.POINTER(ctypes.c_uint32))
plumbing = js.eval(r'''(value) => { ${PLUMBING}
const all = value instanceof Map ? [value, ...value.keys(), ...value.values()] : [value];
return String(all.flatMap(plumbing)); }''')
target, other = js.eval('({ mine: 1 })'), js.eval('({ mine: 2 })')
# The word of the object that is its reference: a small number that differs between two proxies of one class.
place = [n for n in range(2, 12) if words(target)[n] != words(other)[n] and words(target)[n] < 10_000]
bad, kept = [], words(target)[place[0]]
# A reference that is free ends the interpreter: these are in use. 5 and 7 would be Pyodide's own objects.
for at in (2, 3, 4, 5, 6, 7, 8, 14, kept):
    words(target)[place[0]] = at
    try: has = plumbing(target)
    finally: words(target)[place[0]] = kept
    if has: bad.append([at, has])
bad if len(place) == 1 else place`,
  ),
  nothing(
    'the scope in which emscripten_run_script evaluates',
    `
import ctypes
c = ctypes.pythonapi
c.emscripten_run_script_string.restype = ctypes.c_char_p
names = 'WebAssembly SharedArrayBuffer FS Module wasmMemory wasmExports wasmTable wasmImports API HEAPU8 ERRNO_CODES os readbuffer asm LDSO GOT addFunction'.split()
[name for name in names if c.emscripten_run_script_string(f'typeof {name}'.encode()) != b'undefined']`,
  ),
  nothing(
    'frames of the glue in prepareStackTrace',
    `
import js
js.eval(r"""
globalThis.sites = [];
Error.prepareStackTrace = (error, list) => { sites.push(...list); return ''; };
globalThis.steal = () => { new Error('x').stack; return 1; };
globalThis.trap = { get x() { steal(); return 1; }, toString() { steal(); return ''; }, then: undefined, [Symbol.iterator]() { steal(); return [][Symbol.iterator](); } };
""")
js.trap.x; str(js.trap); list(js.trap); js.steal()
from pyodide.ffi import create_proxy
def calls(*of): js.steal(); return 1
js.eval('(f) => [1, 2].map(f)')(create_proxy(calls))
try: open('/tmp/missing')
except OSError: pass
js.eval(r"""(() => { ${PLUMBING}
const bad = [];
for (const site of sites) {
  for (const value of [site.getThis?.(), site.getFunction?.()]) if (value !== undefined && value !== globalThis) for (const word of plumbing(value)) bad.push(word);
  const file = String(site.getFileName?.() ?? '') + String(site.getEvalOrigin?.() ?? '');
  if (/\\/(work|home|root|tmp|usr|app)\\b|node:/.test(file)) bad.push(file);
}
return sites.length === 0 ? ['no frame was seen'] : [...new Set(bad)]; })()""").to_py()`,
  ),
  nothing(
    'callers and arguments of a sloppy function that the glue calls',
    `
import js
js.eval(r"""
globalThis.texts = [];
globalThis.spy = new Function('for (let f = arguments.callee.caller, n = 0; f && n < 20; n++) { try { for (const a of f.arguments ?? []) texts.push(a); texts.push(f); f = f.caller; } catch { break; } } return 1;');
""")
js.spy(); str(js.eval('({ toString() { spy(); return ""; } })')); list(js.eval('({ [Symbol.iterator]() { spy(); return [][Symbol.iterator](); } })'))
js.eval(r"""(() => { ${PLUMBING} return texts.flatMap(plumbing); })()""").to_py()`,
  ),
  nothing(
    'this and arguments that the glue hands to replaced methods of prototypes',
    `
import js
js.eval(r"""
globalThis.held = new Set();
const keep = (value) => { if ((typeof value === 'object' || typeof value === 'function') && value !== null) held.add(value); };
for (const of of [Function.prototype, Array.prototype, Map.prototype, Set.prototype, WeakMap.prototype, String.prototype, Promise.prototype, Uint8Array.prototype.__proto__, Reflect, Object, JSON, RegExp.prototype, DataView.prototype])
  for (const key of Reflect.ownKeys(of)) {
    const was = Reflect.getOwnPropertyDescriptor(of, key);
    if (typeof was.value !== 'function' || key === 'constructor' || !was.configurable) continue;
    const real = was.value, apply = Reflect.apply;
    const fake = function (...given) { if (globalThis.on) { globalThis.on = false; keep(this); for (let n = 0; n < given.length; n++) keep(given[n]); globalThis.on = true; } return apply(real, this, given); };
    Reflect.defineProperty(of, key, { ...was, value: fake });
  }
globalThis.on = true;
""")
import os, json
from pyodide.ffi import create_proxy, to_js
with open('/tmp/a', 'w') as file: file.write('x')
os.listdir('/tmp'); os.mkdir('/tmp/b'); print('shown'); os.stat('/workspace'); open('in-workspace', 'w').close()
to_js({'a': [1]}); js.eval('(f) => f()')(create_proxy(lambda: 1)); js.Object.fromEntries(to_js([['a', 1]]))
from cordon import memory
memory.set('k', 1)
js.eval(r"""(() => { globalThis.on = false; ${PLUMBING}
const bad = new Set();
for (const value of held) for (const word of plumbing(value)) bad.add(word);
return [...bad]; })()""").to_py()`,
  ),
  nothing(
    'the module pyodide_js',
    'try:\n    import pyodide_js\n    found = ["imported"]\nexcept ImportError:\n    found = []\nfound',
  ),
  nothing(
    'pyodide_js asked of every finder and loader',
    `
import sys, importlib
found = []
for finder in sys.meta_path:
    for name in ('pyodide_js', 'pyodide_js._api', 'pyodide_js._module'):
        try:
            spec = finder.find_spec(name, None)
            if spec: found.append([str(finder), name, str(spec)])
        except (ImportError, AttributeError, TypeError): pass
        try: found.append([name, dir(importlib.import_module(name))])
        except ImportError: pass
found`,
  ),
  nothing(
    'pyodide.code.run_js',
    `
found = []
try:
    from pyodide.code import run_js
    found = [name for name in ${HOST_NAMES} if run_js(f'typeof {name}' if '$' not in name else f'typeof globalThis[{name!r}]') != 'undefined']
except ImportError: pass
found`,
  ),
]);
