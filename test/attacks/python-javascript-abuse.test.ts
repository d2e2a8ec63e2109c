import { pythonIsolateAttacks } from './python-arena.ts';

pythonIsolateAttacks('Python: JavaScript broken and used up', [
  {
    name: 'Object.prototype polluted through js forges no answer of the host',
    code: `
import js
from cordon import memory
js.eval("""Object.assign(Object.prototype, { ok: false, error: { name: 'Forged', message: 'x', limit: 'cpuMs' }, status: 'limit_exceeded', limit: 'ramBytes', result: 'forged', resultType: 'forged', value: 'forged', bytes: new ArrayBuffer(8) })""")
known = memory.set('k', 5) > 0
[known, memory.get('k')]`,
    ends: 'succeeded',
    result: [true, 5],
  },
  {
    name: 'getters and setters on Object.prototype see nothing of the bridge',
    code: `
import js
from cordon import memory
js.eval("""globalThis.told = []; for (const key of ['t', 'op', 'args', 'ok', 'value', 'error', 'end', 'status', 'bytes', 'path', 'limits', 'code', 'hasInput', 'mime', 'data'])
  Object.defineProperty(Object.prototype, key, { __proto__: null, configurable: true, get() { told.push('get ' + key); return undefined; }, set(v) { told.push('set ' + key); Object.defineProperty(this, key, { __proto__: null, value: v, writable: true, configurable: true, enumerable: true }); } });""")
known = memory.set('k', 5) > 0
[known, memory.get('k'), js.told.to_py()]`,
    ends: 'succeeded',
    result: [true, 5, []],
  },
  {
    name: 'JSON, Uint8Array and DataView replaced through js change no answer and no end',
    code: `
import js
from cordon import memory
js.eval("""JSON.parse = () => ({ t: 'end', end: { status: 'succeeded', result: 'forged' } }); JSON.stringify = () => '{"t":"end","end":{"status":"succeeded","result":"forged"}}';""")
known = memory.set('k', 5) > 0
[known, memory.get('k')]`,
    ends: 'succeeded',
    result: [true, 5],
  },
  {
    name: 'the prototypes of bytes broken through js break nobody but the run itself',
    code: `
import js
js.eval("""for (const of of [Uint8Array.prototype.__proto__, Array.prototype, DataView.prototype, String.prototype, Map.prototype, Function.prototype]) for (const key of Reflect.ownKeys(of)) try { if (key !== 'constructor') of[key] = () => { throw 'broken'; }; } catch {}""")
print('still')
1`,
    ends: /^(succeeded|failed \w+)$/,
  },
  {
    name: 'every function of _pyodide_core, called with odd arguments, harms the run alone',
    code: `
import _pyodide_core, js
from pyodide.ffi import create_proxy
odd = [None, 0, -1, 2**40, 'text', b'bytes', [], {}, object(), lambda *of: 1, js, js.Object, create_proxy({}), type, Exception()]
called = 0
for name in dir(_pyodide_core):
    f = getattr(_pyodide_core, name)
    if not callable(f): continue
    for count in range(4):
        for n in range(len(odd)):
            try: f(*[odd[(n + k) % len(odd)] for k in range(count)])
            except Exception: pass
            called += 1
called > 100`,
    ends: /^failed \w+$/,
  },
  {
    name: 'Python’s own plumbing for JavaScript, put elsewhere, harms the run alone',
    code: `
import _pyodide_core, _pyodide._importhook as hook, sys, js
hook.jsfinder.jsproxies['trace_of_an_attack'] = js.eval('({ trace: 1 })')
import trace_of_an_attack
hook.register_js_module('json', js.JSON) if 'register_js_module' in dir(hook) else None
js.Object.prototype.trace = 1
js.trace = 1
js.eval('globalThis.later = new Promise((ok) => { ok(1); }).then(() => { globalThis.after = 1; }); 1')
trace_of_an_attack.trace`,
    ends: 'succeeded',
    result: 1,
  },
  {
    name: 'what js got of a run is not there for the next: the end',
    code: "import js\nhasattr(js, 'trace') or hasattr(js, 'after') or hasattr(js.Object.new(), 'trace')",
    ends: 'succeeded',
    result: false,
  },
  {
    name: 'an endless loop in js.eval ends at cpuMs',
    code: "import js\njs.eval('for (;;);')",
    ends: 'limit_exceeded cpuMs',
  },
  {
    name: 'an endless chain of promises ends at cpuMs',
    code: "import js\njs.eval('const again = () => Promise.resolve().then(again); again(); 1')",
    ends: 'limit_exceeded cpuMs',
  },
  {
    name: 'a loop in a getter of a proxied result ends at cpuMs',
    code: "import js\njs.eval('({ toString() { for (;;); }, get [Symbol.toStringTag]() { for (;;); } })')",
    ends: 'limit_exceeded cpuMs',
  },
  {
    name: 'memory taken by JavaScript ends at ramBytes',
    code: "import js\njs.eval('const a = []; for (;;) a.push(new Array(1000).fill({}));')",
    limits: { wallMs: 20_000 },
    ends: 'limit_exceeded ramBytes',
  },
  {
    name: 'buffers taken by JavaScript end at ramBytes',
    code: "import js\njs.eval('const a = []; for (;;) a.push(new Uint8Array(1e6).fill(1));')",
    ends: /^(limit_exceeded ramBytes|failed JsException)$/,
  },
  {
    name: 'a thrown value of JavaScript with a hostile name is an error of the run',
    code: "import js\njs.eval('throw new Proxy({}, { get() { throw 1; }, getPrototypeOf() { throw 2; } })')",
    ends: /^failed \w+$/,
  },
  {
    name: 'an awaited promise of JavaScript that never settles ends at wallMs or at once',
    code: "import js\nawait js.eval('new Promise(() => {})')",
    limits: { wallMs: 1500 },
    ends: /^(timed_out wallMs|failed \w+)$/,
  },
]);
