import { describe, expect, test } from 'vitest';
import { run } from './harness.ts';

const js = (code: string, options = {}) => run(code, { path: '/workspace/main.js', ...options });

describe('nothing of the bridge is reachable', () => {
  test('no object of isolated-vm and none of the worker’s functions in the graph of globalThis', async () => {
    const ended = await js(`
      for (const name of ['$post', '$ask', '$give']) if (name in globalThis) console.log('global', name);
      await import('node:fs'); await import('node:util'); await import('cordon'); await import('node:events'); new URL('a:b'); fetch; crypto; Buffer; process; console.log({});
      const seen = new Set(); const queue = [[globalThis, 'globalThis']]; const bad = [];
      const add = (value, path) => { if ((typeof value === 'object' || typeof value === 'function') && value !== null && !seen.has(value)) { seen.add(value); queue.push([value, path]); } };
      add(new Error('x'), 'error'); add(setTimeout(() => {}, 1), 'timer'); add((async () => {})(), 'promise'); add((function* () {})(), 'generator'); add(await import('cordon'), 'cordon'); add(await import('node:fs'), 'fs'); add(require('util'), 'util');
      while (queue.length > 0) {
        const [value, path] = queue.pop();
        let name; try { name = value.constructor?.name } catch {}
        if (/^(Reference|ExternalCopy|Callback|Isolate|Context|Script|Module|Dereference|CopyInto)$/.test(name) && !(value instanceof WebAssembly.Module) && value !== WebAssembly.Module.prototype) bad.push(path + ' ' + name);
        try { if (typeof value.applySyncPromise === 'function' || typeof value.copyInto === 'function' || typeof value.derefInto === 'function') bad.push(path); } catch {}
        let keys = []; try { keys = Reflect.ownKeys(value) } catch {}
        for (const key of keys) {
          const descriptor = Object.getOwnPropertyDescriptor(value, key); if (!descriptor) continue;
          const inner = path + '.' + String(key);
          if (path.length > 200) continue;
          if ('value' in descriptor) add(descriptor.value, inner); else { add(descriptor.get, inner + ':get'); add(descriptor.set, inner + ':set'); try { add(value[key], inner) } catch {} }
        }
        try { add(Object.getPrototypeOf(value), path + '.__proto__') } catch {}
      }
      console.log('objects', seen.size > 1500, 'bad', JSON.stringify(bad));
    `);
    expect(ended.error).toBeUndefined();
    expect(ended.stdout).toContain('objects true bad []');
    expect(ended.stdout).not.toContain('global $');
  });

  test('SharedArrayBuffer is absent, also behind WebAssembly', async () => {
    const ended = await js(`
      const seen = [typeof SharedArrayBuffer];
      const attempt = (name, body) => { try { seen.push(name + ' ' + Object.prototype.toString.call(body())) } catch (e) { seen.push(name + ' ' + e.name) } };
      const shared = () => new WebAssembly.Memory({ initial: 1, maximum: 2, shared: true });
      attempt('buffer', () => shared().buffer);
      attempt('subclass', () => new (class extends WebAssembly.Memory {})({ initial: 1, maximum: 2, shared: true }).buffer);
      attempt('fixed', () => shared().toFixedLengthBuffer());
      attempt('resizable', () => shared().toResizableBuffer());
      // (module (memory (export "m") 1 1 shared))
      const bytes = new Uint8Array([0,97,115,109,1,0,0,0,5,4,1,3,1,1,7,5,1,1,109,2,0]);
      attempt('module', () => new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports.m.buffer);
      attempt('plain', () => new WebAssembly.Memory({ initial: 1 }).buffer);
      seen`);
    expect(ended.error).toBeUndefined();
    const seen = ended.result as string[];
    expect(seen[0]).toBe('undefined');
    expect(seen.filter((line) => line.includes('Shared'))).toEqual([]);
    expect(seen).toContain('module TypeError');
    expect(seen).toContain('plain [object ArrayBuffer]');
  });

  test('WebAssembly.compile and instantiate settle', async () => {
    const ended = await js(
      'const b = new Uint8Array([0,97,115,109,1,0,0,0]); const m = await WebAssembly.compile(b); const { instance } = await WebAssembly.instantiate(b); [m instanceof WebAssembly.Module, instance instanceof WebAssembly.Instance]',
    );
    expect(ended.result).toEqual([true, true]);
  });
});

describe('what a guest patches does not reach the bridge', () => {
  const canary =
    'const heard = []; const hear = (name, args) => { for (const a of args) heard.push(name, typeof a); };';
  const attacks: Record<string, string> = {
    'Array.prototype index setters':
      'for (const n of [0, 1, 2, 3]) Object.defineProperty(Array.prototype, n, { set(v) { hear("set", [v]) }, get() { return undefined }, configurable: true });',
    'Array.prototype methods and iterator':
      'for (const n of ["push", "map", "join", "slice", "forEach"]) Array.prototype[n] = function (...a) { throw new Error("patched " + n) }; Array.prototype[Symbol.iterator] = function () { throw new Error("iterator") };',
    'Object.prototype setters':
      'for (const n of ["json", "bytes", "value", "error", "reference", "result", "copy", "externalCopy", "ok", "id", "op", "shifts", "mappings", "limit"]) Object.defineProperty(Object.prototype, n, { __proto__: null, set(v) { hear(n, [v]) }, get() { hear(n, [1]); return true }, configurable: true });',
    'Object.prototype.toJSON and then':
      'Object.prototype.toJSON = function () { heard.push("toJSON"); return "stolen" }; String.prototype.toJSON = Array.prototype.toJSON = Object.prototype.toJSON;',
    'Promise.prototype.then and constructor':
      'Promise.prototype.then = function (...a) { hear("then", a); throw new Error("then") }; Object.defineProperty(Promise.prototype, "constructor", { get() { heard.push("ctor"); throw new Error("constructor") } });',
    'Function.prototype.call, apply, bind':
      'Function.prototype.call = Function.prototype.apply = Function.prototype.bind = function (...a) { hear("call", a); throw new Error("call") };',
    JSON: 'JSON.stringify = (...a) => { hear("json", a); return "{}" }; JSON.parse = () => ({ ok: false, id: 1 });',
    'RegExp.prototype.exec and String methods':
      'RegExp.prototype.exec = RegExp.prototype.test = function () { throw new Error("exec") }; for (const n of ["indexOf", "slice", "replace", "split", "startsWith", "endsWith", "includes"]) String.prototype[n] = function () { throw new Error(n) };',
    'Map, Set and WeakMap':
      'for (const C of [Map, Set, WeakMap]) for (const n of ["get", "set", "has", "delete"]) if (C.prototype[n]) C.prototype[n] = function (...a) { hear(n, a); throw new Error("map") };',
    globals:
      'globalThis.JSON = globalThis.Promise = globalThis.Map = globalThis.Reflect = globalThis.Object = globalThis.String = globalThis.Error = globalThis.eval = undefined;',
    Reflect: 'Reflect.apply = Reflect.ownKeys = (...a) => { hear("reflect", a); throw new Error("reflect") };',
  };
  for (const [name, attack] of Object.entries(attacks)) {
    test(name, async () => {
      const ended = await js(`
        const { memory } = await import('cordon'); const fs = await import('node:fs'); fs.writeFileSync('a.txt', 'x'); const { log } = console;
        ${canary}
        ${attack}
        log('still here', 1);
        setTimeout(() => log('timer'), 1);
        let heardText = ''; for (let n = 0; n < heard.length; n++) heardText += heard[n] + ' ';
        export default heardText;`);
      expect(ended.status).toBe('succeeded');
      expect(ended.stdout).toBe('still here 1\ntimer\n');
      expect(ended.result).toBe('');
    });
    test(`${name}: an error is still told`, async () => {
      const ended = await js(`${canary} ${attack}\n(() => { throw new TypeError("told") })();`);
      expect(ended).toMatchObject({ status: 'failed', error: { message: 'told' } });
      expect(ended.error?.stack).toContain('/workspace/main.js:2:');
    });
  }
});

describe('a run is over when it is over', () => {
  test('process.exit ends at once, also inside a task', async () => {
    const ended = await js('console.log("a"); try { process.exit(3) } catch {} console.log("b"); for (;;);');
    expect(ended).toMatchObject({ status: 'failed', exitCode: 3, stdout: 'a\n', error: { name: 'ExitCode' } });
    expect(await js('setTimeout(() => {}, 1e6); process.exit(0)')).toMatchObject({ status: 'succeeded' });
  });
  test('timers, intervals and host calls that nobody awaits are waited for; unref is not', async () => {
    const ended = await js(
      'let n = 0; const i = setInterval(() => { console.log(++n); if (n === 3) clearInterval(i) }, 1); setTimeout(() => {}, 1e6).unref(); require("fs").promises.writeFile("a", "b").then(() => console.log("written")); 1',
    );
    expect(ended.status).toBe('succeeded');
    expect(ended.stdout).toContain('3\n');
    expect(ended.stdout).toContain('written\n');
  });
  test('long chains of microtasks without timers are waited for', async () => {
    const ended = await js(
      'async function main() { for (let n = 0; n < 5000; n++) await n; console.log("end") } main(); const x = 1;',
    );
    expect(ended.stdout).toBe('end\n');
  });
  test('a promise that never settles never ends', async () => {
    expect((await js('await new Promise(() => {})', { timeoutMs: 150 })).status).toBe('timed_out');
  });
  test('an error in a timer and one in a microtask fail the run', async () => {
    expect(
      await js('setTimeout(() => { throw new RangeError("t") }, 1); setTimeout(() => console.log("never"), 5000)'),
    ).toMatchObject({ status: 'failed', stdout: '', error: { name: 'RangeError' } });
    expect(await js('queueMicrotask(() => { throw new RangeError("m") })')).toMatchObject({
      status: 'failed',
      error: { message: 'm' },
    });
  });
  test('a rejection handled in time is no error', async () => {
    expect(await js('const p = Promise.reject(new Error("x")); try { await p } catch { "fine" }')).toMatchObject({
      status: 'succeeded',
    });
  });
  test('a flood of output stops travelling once the limit is passed', async () => {
    const ended = await js(
      'for (let n = 0; n < 1e5; n++) console.log("x".repeat(100)); console.log("y".repeat(1e7)); 1',
      { limits: { outputBytes: 1000 } },
    );
    expect(ended.status).toBe('succeeded');
    expect(ended.stdout.length).toBeGreaterThan(1000);
    expect(ended.stdout.length).toBeLessThan(1200);
  });
  test('a flood of timers is refused in the guest', async () => {
    const ended = await js(
      'try { for (;;) setTimeout(() => {}, 1e6).unref() } catch (e) { console.log(e.name) } process.exit()',
      { timeoutMs: 20000 },
    );
    expect(ended).toMatchObject({ status: 'succeeded', stdout: 'RangeError\n' });
  });
  test('output stays in order between streams', async () => {
    const ended = await js('for (let n = 0; n < 3000; n++) (n % 2 ? console.error : console.log)(n)');
    expect(ended.output.map(({ text }) => text).join('')).toBe(
      Array.from({ length: 3000 }, (_, n) => `${n}\n`).join(''),
    );
  });
});
