import type { Attack } from './attack.ts';
import { attacks } from './attacks.ts';

/** The guest's own library, outside the bridge, calls these: a guest that replaces them breaks its own program. */
const harmsItself = ['Function.prototype', 'RegExp.prototype'];

attacks('pollution of what the bridge may touch', [
  ...(
    [
      ['Object.prototype', 'Object.prototype'],
      ['Array.prototype', 'Array.prototype'],
      ['Function.prototype', 'Function.prototype'],
      ['Promise.prototype', 'Promise.prototype'],
      ['String.prototype', 'String.prototype'],
      ['Map.prototype', 'Map.prototype'],
      ['RegExp.prototype', 'RegExp.prototype'],
      ['Error.prototype', 'Error.prototype'],
    ] as const
  ).map(
    ([name, path]): Attack => ({
      name: `every method of ${name} replaced changes neither result nor host calls`,
      // The guest's own code after the change uses syntax only: what breaks must be the bridge.
      code: `
const own = { get: Reflect.get, keys: Reflect.ownKeys, define: Reflect.defineProperty, apply: Reflect.apply };
let calls = 0;
const target = ${path};
const names = own.keys(target);
for (let n = 0; n < names.length; n++) {
  const key = names[n];
  const was = Reflect.getOwnPropertyDescriptor(target, key);
  if (!was.configurable || typeof was.value !== 'function' || key === 'constructor') continue;
  const value = was.value;
  own.define(target, key, { ...was, value: function (...given) { calls++; if (${path === 'Promise.prototype' ? 'true' : 'false'}) return own.apply(value, this, given); throw 'polluted'; } });
}
export default async () => ({ known: (await memory.set('polluted', { a: [1, 'x'] })) > 0, kept: await memory.get('polluted') });`,
      ...(harmsItself.includes(name)
        ? { ends: /^(succeeded|failed UncaughtValue)$/ }
        : { ends: 'succeeded', result: { known: true, kept: { a: [1, 'x'] } } }),
    }),
  ),
  {
    name: 'setters and getters on Object.prototype see nothing of the bridge and change nothing',
    code: `
const seen = [];
for (const key of ['ok', 'error', 'value', 'id', 't', 'op', 'args', 'status', 'result', 'resultType', 'copy', 'reference', 'promise', 'arguments', 'timer', 'json', 'bytes', 'get', 'set', 'then', 'limit', 'limits', 'code', 'stream', 'text', 'path', 'name', 'message', 'stack', 'toJSON', 'kind', 'end', 'unhandled', 'resultBytes', 'outputBytes'])
  Object.defineProperty(Object.prototype, key, { __proto__: null, configurable: true, get() { seen.push(['get', key]); return undefined; }, set(v) { seen.push(['set', key, typeof v]); Object.defineProperty(this, key, { __proto__: null, value: v, writable: true, configurable: true, enumerable: true }); } });
const kept = [(await memory.set('k', 5)) > 0, await memory.get('k')];
console.log('line');
await new Promise((ok) => setTimeout(ok, 1));
export default { kept, seen: seen.length };`,
    ends: 'succeeded',
    look: ({ result }) => {
      if (JSON.stringify(result) !== '{"kept":[true,5],"seen":0}')
        throw new Error(`the bridge read a polluted prototype: ${JSON.stringify(result)}`);
    },
  },
  {
    name: 'values on Object.prototype do not forge an answer or an end',
    code: `
Object.assign(Object.prototype, { ok: false, error: { name: 'Forged', message: 'x', limit: 'cpuMs' }, status: 'limit_exceeded', limit: 'ramBytes', result: 'forged', resultType: 'forged', value: 'forged', copy: false, reference: true });
export default { kept: [(await memory.set('k', 5)) > 0, await memory.get('k')] };`,
    ends: 'succeeded',
    result: { kept: [true, 5] },
    resultType: undefined as never,
  },
  {
    name: 'a replaced JSON does not touch host calls, results or output',
    code: `JSON.stringify = () => '{"t":"end","end":{"status":"succeeded","result":"forged"}}'; JSON.parse = () => ({ ok: true, value: 'forged' }); console.log('shown'); export default [(await memory.set('k', 1)) > 0, await memory.get('k')]`,
    ends: 'succeeded',
    result: [true, 1],
    look: (record) => {
      if (record.stdout !== 'shown\n') throw new Error(record.stdout);
    },
  },
  {
    name: 'a replaced Array iterator does not touch host calls',
    code: "Array.prototype[Symbol.iterator] = function* () { yield 'forged'; }; Object.getPrototypeOf([][Symbol.iterator]?.() ?? {}).next = () => ({ done: true }); export default { a: (await memory.set('k', { a: [1, 2] })) > 0, b: await memory.get('k') }",
    ends: 'succeeded',
    result: { a: true, b: { a: [1, 2] } },
  },
  {
    name: 'Symbol.species does not hand over the bytes of the host',
    code: "const fs = require('node:fs'); fs.writeFileSync('a', 'hello'); let seen = 0; class Mine extends Uint8Array { constructor(...a) { seen++; super(...a); } } Object.defineProperty(Uint8Array, Symbol.species, { get() { return Mine; } }); Object.defineProperty(ArrayBuffer, Symbol.species, { get() { seen += 100; return undefined; } }); export default [fs.readFileSync('a', 'utf8'), seen < 100]",
    ends: 'succeeded',
    result: ['hello', true],
  },
  {
    name: 'a replaced Promise does not see the worker',
    code: "const seen = []; const Real = Promise; globalThis.Promise = class extends Real { constructor(f) { seen.push('made'); super(f); } static resolve() { seen.push('resolve'); } }; Real.prototype.constructor = globalThis.Promise; export default [(await memory.set('k', 1)) > 0, 2]",
    ends: 'succeeded',
    result: [true, 2],
  },
  {
    name: 'a replaced Error does not see the host',
    code: "globalThis.Error = class Forged { constructor() { throw 'no'; } }; globalThis.TypeError = Error; let told; try { require('node:fs').readFileSync('missing'); } catch (e) { told = e.code; } export default told",
    ends: 'succeeded',
    result: 'ENOENT',
  },
]);
