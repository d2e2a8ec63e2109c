import type { Attack } from './attack.ts';
import { attacks } from './attacks.ts';

/** Everything that a guest can reach from its global object, through properties, prototypes and getters. */
const REACH = `
const seen = new Set();
const found = [];
const look = (value, path, depth) => {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null || seen.has(value) || depth > 6) return;
  seen.add(value);
  found.push([value, path]);
  let keys = [];
  try { keys = Reflect.ownKeys(value); } catch {}
  for (const key of keys) {
    if (value === globalThis && typeof key === 'string' && ['seen', 'found', 'look'].includes(key)) continue;
    let d;
    try { d = Reflect.getOwnPropertyDescriptor(value, key); } catch {}
    for (const part of [d?.value, d?.get, d?.set]) look(part, path + '.' + String(key), depth + 1);
    try { look(value[key], path + '.' + String(key), depth + 1); } catch {}
  }
  try { look(Object.getPrototypeOf(value), path + '.__proto__', depth + 1); } catch {}
};
`;

const nothing = (name: string, code: string, more: Partial<Attack> = {}): Attack => ({
  name: `${name} finds nothing`,
  code,
  ends: 'succeeded',
  result: [],
  ...more,
  limits: { cpuMs: 4000, wallMs: 8000, ramBytes: 128 * 1024 * 1024, ...more.limits },
});

const HOST_NAMES =
  "['process.binding', 'require.main', 'process.dlopen', 'process.mainModule', 'process.env.PATH', 'Deno', 'Bun', 'process.pid', 'process.versions', 'process.kill', 'process.getuid', 'global.process.stdout.fd', '_linkedBinding', 'process._linkedBinding', 'WebAssembly.Memory.prototype.shared', 'SharedArrayBuffer', '$post', '$rawPost', '$drain', '$ask', '$give', 'gc', 'ivm', 'transform', 'Worker', 'XMLHttpRequest', 'WebSocket', 'navigator', 'importScripts', 'process.report', 'process.permission', 'process.execPath', 'module.parent']";

attacks('escapes', [
  nothing(
    'a search for names of the host',
    `export default ${HOST_NAMES}.filter((path) => { let at = globalThis; for (const key of path.split('.')) at = at?.[key]; return at !== undefined; })`,
  ),
  nothing(
    'the Function constructor of every reachable object',
    `${REACH}
look(globalThis, '', 0);
import * as cordon from 'cordon'; import * as fs from 'node:fs'; import * as promises from 'node:fs/promises'; import * as path from 'node:path'; import * as util from 'node:util'; import * as events from 'node:events'; import * as buffer from 'node:buffer';
for (const [name, module] of Object.entries({ cordon, fs, promises, path, util, events, buffer })) look(module, name, 0);
const bad = [];
for (const [value, path] of found) {
  for (let at = value, n = 0; at !== null && at !== undefined && n < 4; at = Object.getPrototypeOf(at), n++) {
    let make; try { make = at.constructor?.constructor; } catch {}
    if (typeof make !== 'function') continue;
    let outside; try { outside = make('return this')(); } catch { continue; }
    if (outside !== globalThis && outside?.process?.pid !== undefined) bad.push(path);
    if (outside !== undefined && outside !== globalThis && typeof outside?.Object === 'function' && outside.Object !== Object) bad.push('foreign realm: ' + path);
  }
}
if (found.length < 500) bad.push('only ' + found.length + ' objects were reached');
export default bad.slice(0, 20);`,
  ),
  nothing(
    'a search for Reference, Callback, ExternalCopy and Isolate objects',
    `${REACH}
look(globalThis, '', 0);
const names = ['Reference', 'Callback', 'ExternalCopy', 'Isolate', 'Context', 'Script', 'Module', 'NativeModule'];
export default found.filter(([value]) => { try { return names.includes(value.constructor?.name) && value.constructor !== WebAssembly.Module || typeof value.applySync === 'function' || typeof value.applySyncPromise === 'function' || typeof value.copyInto === 'function'; } catch { return false; } }).map(([, path]) => path);`,
  ),
  nothing(
    'a call of every reachable function with messages of the bridge',
    `${REACH}
look(globalThis, '', 0);
const secretly = [];
const messages = ['{"t":"end","end":{"status":"succeeded","result":"forged"}}', '{"op":"fs.readFile","args":{"path":"/etc/passwd"}}', '{"op":"exit","args":{}}', JSON.stringify({ t: 'call', id: 1, op: 'fs.readFile', args: { path: input.hostFile } }), '{"id":1,"ok":true,"value":1}', '{"timer":1}', '{"unhandled":{"name":"x","message":"y"}}'];
for (const [value, path] of found) {
  if (typeof value !== 'function' || /exit|abort|^\\.console|setTimeout|setInterval|setImmediate|queueMicrotask|nextTick|Atomics|gc|structuredClone|eval|Function|fetch|Promise|\\.repeat|pad|fill|Array|\\.clear|stdout|stderr|reject|AsyncGen|require|memory|Iterator|crypto|print/.test(path)) continue;
  for (const message of messages) {
    try { const answer = value(message); Promise.resolve(answer).catch(() => {}); if (typeof answer === 'string' && /root:|canary-/.test(answer)) secretly.push(path); } catch {}
  }
}
export default secretly;`,
  ),
  nothing(
    'the frames of prepareStackTrace',
    `
const sites = [];
Error.prepareStackTrace = (error, list) => { sites.push(...list); return ''; };
const steal = () => { new Error('x').stack; };
const trap = { get x() { steal(); return 1; }, toString() { steal(); return ''; }, valueOf() { steal(); return 1; }, then: undefined };
JSON.stringify({ toJSON: steal }); console.log(trap); String(trap); setTimeout(steal, trap); [1, 2].sort(() => { steal(); return 0; });
try { structuredClone({ get x() { steal(); return 1; } }); } catch {}
try { await memory.set('a', { get x() { steal(); return 1; }, toJSON() { steal(); return 1; } }); } catch {}
try { require('node:fs').writeFileSync(trap, trap); } catch { }
await new Promise((ok) => setTimeout(() => { steal(); ok(); }, 1));
const bad = [];
for (const site of sites) {
  const held = [site.getThis?.(), site.getFunction?.()].filter((x) => x !== undefined && x !== globalThis);
  for (const value of held) {
    const text = typeof value === 'function' ? Function.prototype.toString.call(value) : '';
    if (!/steal|trap|sites/.test(text)) bad.push(String(site) + ' ' + text.slice(0, 80));
  }
  const file = String(site.getFileName?.() ?? '') + String(site.getEvalOrigin?.() ?? '');
  if (/\\/(work|home|root|tmp|usr|app)\\b|node:/.test(file)) bad.push(file);
}
export default [...new Set(bad)];`,
  ),
  nothing(
    'the frames of captureStackTrace',
    `
const bad = [];
const holder = {};
Error.stackTraceLimit = Infinity;
Error.captureStackTrace(holder);
const deep = () => { try { require('node:fs').readFileSync('missing'); } catch (error) { return error; } };
for (const stack of [holder.stack, deep().stack, (await memory.set('k', 1, { ifRevision: 77 }).catch((e) => e)).stack, (await fetch('http://127.0.0.1/').catch((e) => e)).stack, new Error('x').stack])
  if (/node:|\\/app|isolated|prelude|cordon:|file:|worker|\\/work\\//.test(String(stack).replaceAll('/workspace/', '').replace(/127.0.0.1/g, ''))) bad.push(stack);
export default bad;`,
  ),
  nothing(
    'callers of a sloppy function',
    `
const bad = [];
const spy = new Function('list', 'return function spy() { for (let f = spy.caller, n = 0; f && n < 20; n++) { list.push(String(f).slice(0, 200)); try { f = f.caller; } catch { break; } } return 1; }');
const seen = []; const f = spy(seen);
[1, 2].sort(f); JSON.stringify({ toJSON: f }); setTimeout(f, 1); console.log({ toString: f }); try { new URL({ toString: f }); } catch {}
await new Promise((ok) => setTimeout(ok, 5));
for (const text of seen) if (/hostPost|hostAsk|pending|primordial|applySync/.test(text)) bad.push(text);
export default bad;`,
  ),
  nothing(
    'arguments of a sloppy function on the stack',
    `
const bad = [];
const spy = new Function('list', 'return function spy() { const c = spy.caller; if (c) { try { if (c.arguments) list.push([...c.arguments].map(String).join()); } catch {} } }');
const seen = []; const f = spy(seen);
setTimeout(f, 1); await new Promise((ok) => setTimeout(ok, 5));
export default seen.filter((text) => /\\{"/.test(text));`,
  ),
  {
    name: 'a thenable as the result is awaited once, in the guest',
    code: "let n = 0; ({ then(ok) { n++; ok('mine ' + n); } })",
    ends: 'succeeded',
    result: 'mine 1',
  },
  {
    name: 'a thenable that resolves twice ends the run once',
    code: "({ then(ok, no) { ok(1); ok(2); no(new Error('x')); } })",
    ends: 'succeeded',
    result: 1,
  },
  {
    name: 'a chain of causes is told by name only',
    code: "throw new Error('outer', { cause: new Error('inner', { cause: { get message() { throw 1; } } }) })",
    ends: 'failed Error',
  },
  {
    name: 'a cause that is itself is no loop',
    code: "const e = new Error('a'); e.cause = e; e.errors = [e]; throw e",
    ends: 'failed Error',
  },
  {
    name: 'a thrown proxy is described without an escape',
    code: "throw new Proxy(new Error('x'), { get(t, k) { if (k === 'stack') throw new Proxy({}, {}); return Reflect.get(t, k); } })",
    ends: /^failed /,
  },
  {
    name: 'a thrown revoked proxy is described',
    code: 'const { proxy, revoke } = Proxy.revocable({}, {}); revoke(); throw proxy',
    ends: /^failed /,
  },
  {
    name: 'a rejected revoked proxy is described',
    code: 'const { proxy, revoke } = Proxy.revocable({}, {}); revoke(); Promise.reject(proxy); 1',
    ends: /^failed /,
  },
  {
    name: 'an error with a name of a megabyte is cut',
    code: "const e = new Error('m'.repeat(1e6)); e.name = 'n'.repeat(1e6); e.stack = 's'.repeat(1e6); throw e",
    ends: /^failed n{10,200}…?$/,
    look: (record) => {
      if (JSON.stringify(record).length > 50_000) throw new Error('not cut');
    },
  },
  {
    name: 'an error that names itself a limit is only failed',
    code: "throw Object.assign(new Error('forged'), { limit: 'cpuMs', code: 'ENOSPC', name: 'QuotaExceeded' })",
    ends: 'failed QuotaExceeded',
    look: (record) => {
      if (record.error?.limit) throw new Error('forged limit');
    },
  },
  {
    name: 'an error that names itself WorkerLost is only failed',
    code: "throw Object.assign(new Error('x'), { name: 'WorkerLost' })",
    ends: 'failed WorkerLost',
  },
  {
    name: 'a stack that the guest wrote shows no path of the host',
    code: "const e = new Error('x'); e.stack = 'Error: x\\n    at /etc/passwd:1:1\\n    at Object.<anonymous> (/srv/cordon/runtime/run/execute.ts:1:1)\\n    at node:internal/x:1:1'; throw e",
    ends: 'failed Error',
    look: (record) => {
      if (record.error?.stack && /passwd|runtime|node:/.test(record.error.stack)) throw new Error(record.error.stack);
    },
  },
  {
    name: 'a second context through eval, Function and generators is the same realm',
    code: "const bad = []; for (const f of [eval, Function, async function () {}.constructor, function* () {}.constructor, async function* () {}.constructor]) { const g = f === eval ? eval('globalThis') : f('return globalThis'); const r = f === eval ? g : await (f === Function ? g() : (g().next ? (await g().next()).value : g())); if (r !== globalThis) bad.push(String(f)); } export default bad",
    ends: 'succeeded',
    result: [],
  },
  {
    name: 'an async stack with a hostile thenable sees no frame of the host',
    code: "const frames = []; Error.prepareStackTrace = (e, s) => { frames.push(...s.map(String)); return 'x'; }; const evil = { then(ok) { new Error().stack; setTimeout(() => { new Error().stack; ok(1); }, 1); } }; await evil; await (async () => { await null; new Error().stack; })(); export default frames.filter((f) => /node:|\\/app\\/|worker\\.js|isolated/.test(f))",
    ends: 'succeeded',
    result: [],
  },
  {
    name: 'an unhandled rejection of a forged end is an unhandled rejection',
    code: 'Promise.reject(\'{"t":"end","end":{"status":"succeeded"}}\'); 1',
    ends: 'failed UnhandledRejection',
  },
  {
    name: 'output that looks like a frame is output',
    code: 'console.log(\'{"t":"ended","run":"x","end":"{}"}\'); process.stdout.write(\'\\u0000\\u0000\\u0000\\u0004null\'); 7',
    ends: 'succeeded',
    result: 7,
  },
  {
    name: 'process.exit inside a getter of the result ends the run once',
    code: '({ get x() { process.exit(3); } })',
    ends: 'failed ExitCode',
  },
  {
    name: 'nothing after process.exit is seen',
    code: "process.exit(0); console.log('after'); await memory.set('after', 1);",
    ends: 'succeeded',
    look: (record) => {
      if (record.stdout !== '' || record.usage.memoryOps !== 0) throw new Error('it went on');
    },
  },
  {
    name: 'process.exit in a finally of a killed loop does not win',
    code: 'try { for (;;); } finally { process.exit(0); }',
    ends: 'limit_exceeded cpuMs',
  },
  {
    name: 'a recursion without an end is a RangeError of the guest',
    code: '(function f() { f(); })()',
    ends: 'failed RangeError',
  },
  {
    name: 'a host call in the last frame of the stack does not break the bridge',
    code: "let done = 0; function f() { try { f(); } catch { try { console.log('x'); require('node:fs').existsSync('a'); done++; } catch {} } } f(); export default typeof done",
    ends: 'succeeded',
    result: 'number',
  },
  {
    name: 'a result whose getter recurses without an end fails alone',
    code: '({ get x() { return (function f() { return f(); })(); } })',
    ends: /^(succeeded|failed RangeError)$/,
    limits: { cpuMs: 2000 },
  },
]);
