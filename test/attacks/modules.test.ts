import type { Attack } from './attack.ts';
import { attacks } from './attacks.ts';

attacks('modules, process and shared memory', [
  ...[
    'node:child_process',
    'child_process',
    'node:net',
    'node:http',
    'node:worker_threads',
    'node:vm',
    'node:os',
    'node:inspector',
    'isolated-vm',
    'node:sqlite',
    'node:dns',
    '/etc/passwd',
    'file:///etc/passwd',
    'data:text/javascript,export default 1',
    'http://127.0.0.1/x.js',
    '../../../../etc/passwd',
  ].flatMap((name): Attack[] => [
    {
      name: `import of ${name} fails`,
      code: `let told; try { await import(${JSON.stringify(name)}); told = 'loaded'; } catch (error) { told = error instanceof Error; } told`,
      ends: 'succeeded',
      result: true,
    },
  ]),
  {
    name: 'require of every builtin but those of the contract fails',
    code: "export default ['child_process', 'cluster', 'dgram', 'dns', 'http', 'http2', 'https', 'inspector', 'net', 'os', 'readline', 'repl', 'sea', 'sqlite', 'test', 'tls', 'trace_events', 'tty', 'v8', 'vm', 'wasi', 'worker_threads', 'zlib', 'internal/bootstrap/realm', 'internal/test/binding'].flatMap((n) => [n, 'node:' + n]).filter((n) => { try { require(n); return true; } catch { return false; } })",
    ends: 'succeeded',
    result: [],
  },
  {
    name: 'a static import of a builtin that is not there says what is',
    code: "import net from 'node:net'; net",
    ends: /^failed \w*Error$/,
    look: (record) => {
      if (!/node:fs/.test(record.error?.message ?? ''))
        throw new Error(`does not say what there is: ${record.error?.message}`);
    },
  },
  {
    name: 'fetch of the loopback port is refused and names the policy',
    code: 'await fetch(`http://127.0.0.1:${input.port}/`).then(() => "reached", (e) => e.name)',
    ends: 'succeeded',
    result: 'EgressDenied',
  },
  {
    name: 'a shared WebAssembly memory gives no shared buffer',
    code: 'let told = []; try { const m = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true }); told.push(Object.prototype.toString.call(m.buffer)); } catch (e) { told.push(e.name); } try { told.push(typeof SharedArrayBuffer); } catch (e) { told.push(e.name); } told',
    ends: 'succeeded',
    result: ['TypeError', 'undefined'],
  },
  {
    name: 'SharedArrayBuffer is not to be had through a constructor, a view or a clone',
    code: "const bad = []; try { const m = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true }); for (const key of Reflect.ownKeys(WebAssembly.Memory.prototype)) { try { const v = m[key]; const b = typeof v === 'function' && key !== 'constructor' && key !== 'grow' ? v.call(m) : v; if (Object.prototype.toString.call(b) === '[object SharedArrayBuffer]') bad.push(String(key)); } catch {} } const i = new WebAssembly.Instance(new WebAssembly.Module(new Uint8Array([0,97,115,109,1,0,0,0,5,4,1,3,1,1,7,5,1,1,109,2,0])), {}); try { bad.push(Object.prototype.toString.call(i.exports.m.buffer)); } catch {} } catch {} export default bad",
    ends: 'succeeded',
    result: [],
  },
  {
    name: 'modules of the guest beyond the contract are its own and lead nowhere',
    code: "const bad = []; for (const n of ['module', 'process', 'perf_hooks', 'url', 'assert', 'timers', 'crypto', 'stream']) { let m; try { m = require('node:' + n); } catch { continue; } for (const k of ['_load', 'register', '_extensions', 'binding', 'dlopen', 'kill', 'monitorEventLoopDelay', 'createHistogram', 'pid', 'runMain', '_initPaths']) if (m[k] !== undefined) bad.push(n + '.' + k); if (m.createRequire) try { m.createRequire('/')('child_process'); bad.push('createRequire'); } catch {} } export default bad",
    ends: 'succeeded',
    result: [],
  },
  {
    name: 'process has nothing to kill or load with',
    code: "export default ['binding', 'dlopen', 'kill', 'abort', 'chdir', 'setuid', 'mainModule', 'pid', 'execve', 'reallyExit', '_rawDebug', 'getBuiltinModule', 'constructor.constructor'].filter((k) => k === 'constructor.constructor' ? process.constructor.constructor('return globalThis')() !== globalThis : process[k] !== undefined)",
    ends: 'succeeded',
    result: [],
  },
  {
    name: 'process.env is empty',
    code: '[Object.keys(process.env), process.env.PATH === undefined, process.env.CORDON_ADMIN_KEY === undefined]',
    ends: 'succeeded',
    result: [[], true, true],
  },
]);
