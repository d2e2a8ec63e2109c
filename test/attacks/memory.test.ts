import { expect } from 'vitest';
import type { Attack } from './attack.ts';
import { attacks } from './attacks.ts';

const atRam = 'limit_exceeded ramBytes';
const ram = (name: string, code: string, more: Partial<Attack> = {}): Attack => ({
  name: `${name} ends at ramBytes`,
  code,
  ends: atRam,
  ...more,
  limits: { cpuMs: 8000, wallMs: 40_000, ...more.limits },
});
/** `(module (memory 1 65536) (export "m" (memory 0)))` */
const wasmModule = 'new WebAssembly.Module(new Uint8Array([0,97,115,109,1,0,0,0,5,6,1,1,1,128,128,4,7,5,1,1,109,2,0]))';

attacks('memory', [
  ram('an array without an end', 'const a = []; for (;;) a.push({ n: a.length });'),
  ram('arrays of arrays', 'const a = []; for (;;) a.push(new Array(1000).fill(1.5));'),
  ram('strings that are each another', 'const a = []; for (let n = 0; ; n++) a.push(String(n).repeat(1000) + n);', {
    ends: /^limit_exceeded (ramBytes|cpuMs)$/,
    name: 'strings that are each another end at ramBytes or cpuMs',
    limits: { cpuMs: 1000 },
  }),
  ram(
    'a string that doubles and is flattened',
    "let s = 'xy'; const keep = []; for (;;) { s += s; keep.push(s.charCodeAt(1), JSON.parse(JSON.stringify(s))); }",
    {
      ends: /^(limit_exceeded ramBytes|failed RangeError)$/,
      name: 'a string that doubles ends at ramBytes or as RangeError',
    },
  ),
  ram('a list of a billion characters', "[...'a'.repeat(500_000_000), ...'b'.repeat(500_000_000)]"),
  ram('a split of a long string', "'a'.repeat(100_000_000).split('')"),
  ram('typed arrays', 'const a = []; for (;;) a.push(new Float64Array(100_000).fill(1));'),
  ram(
    'ArrayBuffers that are written',
    'const a = []; for (;;) { const b = new ArrayBuffer(1 << 20); new Uint8Array(b).fill(1); a.push(b); }',
  ),
  ram('one huge ArrayBuffer', 'new ArrayBuffer(2 ** 33)', {
    inContainer: { ends: /^limit_exceeded (ramBytes|resultBytes)$/, why: 'memory that nobody touches is none' },
  }),
  ram(
    'a resizable ArrayBuffer that grows',
    'const b = new ArrayBuffer(1, { maxByteLength: 2 ** 30 }); for (let n = 1; ; n *= 2) { b.resize(n); new Uint8Array(b).fill(1); }',
    {
      ends: /^(limit_exceeded ramBytes|failed RangeError)$/,
      name: 'a resizable ArrayBuffer that grows ends at ramBytes or as RangeError',
    },
  ),
  ram('Buffers', "const { Buffer } = require('node:buffer'); const a = []; for (;;) a.push(Buffer.alloc(1 << 20, 1));"),
  ram(
    'WebAssembly memories',
    `const empty = ${wasmModule}; const a = []; for (;;) { const { m } = new WebAssembly.Instance(empty).exports; m.grow(255); new Uint8Array(m.buffer).fill(1); a.push(m); }`,
  ),
  ram(
    'one WebAssembly memory that grows',
    'const m = new WebAssembly.Memory({ initial: 1, maximum: 65536 }); for (;;) { m.grow(64); new Uint8Array(m.buffer).fill(1); }',
  ),
  ram(
    'a WebAssembly memory of 4 GiB',
    'const m = new WebAssembly.Memory({ initial: 65536 }); const v = new Uint8Array(m.buffer); for (let n = 0; n < v.length; n += 4096) v[n] = 1;',
  ),
  ram(
    'WebAssembly tables',
    'const a = []; for (;;) a.push(new WebAssembly.Table({ initial: 1_000_000, element: "anyfunc" }));',
  ),
  ram('WebAssembly modules', `const a = []; for (;;) a.push(${wasmModule});`, {
    ends: /^limit_exceeded (ramBytes|cpuMs)$/,
    name: 'WebAssembly modules without an end end at ramBytes or cpuMs',
    limits: { cpuMs: 800 },
  }),
  ram('a Map', 'const m = new Map(); for (let n = 0; ; n++) m.set(n, { n });', {
    ends: /^(limit_exceeded ramBytes|failed RangeError)$/,
  }),
  ram('a Set of symbols', 'const s = new Set(); for (;;) s.add(Symbol());', {
    ends: /^(limit_exceeded ramBytes|failed RangeError)$/,
  }),
  ram('properties of one object', 'const o = {}; for (let n = 0; ; n++) o[`key${n}`] = n;', {
    ends: /^limit_exceeded (ramBytes|cpuMs)$/,
    name: 'properties of one object end at ramBytes or cpuMs',
    limits: { cpuMs: 1000 },
  }),
  ram(
    'closures',
    'let f = () => 0; for (;;) { const g = f; const data = new Array(100).fill(0); f = () => (data, g); }',
  ),
  ram(
    'regular expressions',
    'const a = []; for (let n = 0; ; n++) { const r = new RegExp(`(${n}|a){1,9}`.repeat(20)); r.test("a"); a.push(r); }',
    {
      ends: /^limit_exceeded (ramBytes|cpuMs)$/,
      name: 'regular expressions end at ramBytes or cpuMs',
      limits: { cpuMs: 1500 },
    },
  ),
  ram('big integers', 'const a = []; for (;;) a.push(1n << 1_000_000n);'),
  ram('a flood of promises', 'const a = []; for (;;) a.push(new Promise(() => {}));'),
  ram('a flood of resolved promises', 'for (;;) Promise.resolve().then(() => {});'),
  ram(
    'errors with deep stacks',
    'const a = []; const f = (n) => (n ? f(n - 1) : a.push(new Error("x".repeat(1000)))); for (;;) f(50);',
  ),
  ram('functions by eval', 'const a = []; for (let n = 0; ; n++) a.push(eval(`(function f${n}() { return ${n} })`));', {
    ends: /^limit_exceeded (ramBytes|cpuMs)$/,
    name: 'functions by eval end at ramBytes or cpuMs',
    limits: { cpuMs: 800 },
  }),
  ram('structured clones', 'const a = []; let o = [1]; for (;;) { o = structuredClone([o, o]); a.push(o); }', {
    ends: /^limit_exceeded (ramBytes|cpuMs)$/,
    name: 'structured clones of clones end at ramBytes or cpuMs',
    limits: { cpuMs: 1000 },
  }),
  ram(
    'parsed JSON',
    'const a = []; const text = JSON.stringify(new Array(10_000).fill({ a: 1 })); for (;;) a.push(JSON.parse(text));',
  ),
  ram('an array with a hole of four billion', 'const a = new Array(2 ** 32 - 1); a.fill(1);'),
  ram('Array.from of a huge length', 'Array.from({ length: 2 ** 32 })', {
    ends: /^(limit_exceeded ramBytes|failed RangeError)$/,
  }),
  ram('a join of a huge array', "new Array(2 ** 27).fill('x').join('yyyyyyyy')", {
    ends: /^(limit_exceeded ramBytes|failed RangeError)$/,
  }),
  ram('a padStart beyond all bounds', "'x'.padStart(2 ** 29)", {
    ends: 'failed RangeError',
    name: 'a string longer than V8 allows is a RangeError of the guest',
  }),
  ram('a repeat of two billion characters', "'x'.repeat(2 ** 31)", {
    ends: 'failed RangeError',
    name: 'a repeat of two billion characters is a RangeError of the guest',
  }),
  ram(
    'an allocation failure that the guest catches',
    'let told = ""; try { new ArrayBuffer(2 ** 40); } catch (e) { told = e.name; } told',
    { ends: 'succeeded', result: 'RangeError', name: 'an allocation failure that the guest catches does not end it' },
  ),
  ram('a flood of timers', 'for (;;) setTimeout(() => {}, 1e6);', {
    ends: /^(limit_exceeded (ramBytes|cpuMs|hostCalls)|failed RangeError)$/,
    name: 'a flood of timers ends',
  }),
  ram('timers that make two timers each', 'const f = () => { setTimeout(f, 1); setTimeout(f, 1); }; f();', {
    ends: /^(limit_exceeded (ramBytes|cpuMs|hostCalls)|failed RangeError)$/,
    name: 'timers that make two timers each end',
    limits: { cpuMs: 1000, wallMs: 10_000 },
  }),
  ram('a flood on the console', "for (;;) console.log('x'.repeat(1000));", {
    ends: 'limit_exceeded cpuMs',
    name: 'a flood on the console is cut at outputBytes and ends at cpuMs',
    limits: { cpuMs: 300 },
    look: cut,
  }),
  ram('a megabyte in each line of the console', "const s = 'x'.repeat(1 << 20); for (;;) console.log(s);", {
    ends: 'limit_exceeded cpuMs',
    name: 'a megabyte in each line of the console is cut and ends at cpuMs',
    limits: { cpuMs: 300 },
    look: cut,
  }),
  ram('a flood of empty lines', 'for (;;) console.log();', {
    ends: 'limit_exceeded cpuMs',
    name: 'a flood of empty lines is cut and ends at cpuMs',
    limits: { cpuMs: 300 },
    look: cut,
  }),
  {
    name: 'a character on each stream in turn, as much as may be printed, is some ten thousand events at most',
    code: "for (let n = 0; n < 32_000; n++) { process.stdout.write('o'); process.stderr.write('e'); } 'printed'",
    ends: 'succeeded',
    result: 'printed',
    underGvisor: 'each character is a system call: 64,000 of them take longer there than a run of this suite may',
    async after({ arena, record }) {
      const { text } = await arena.call('GET', `/v1/runs/${record.id}/events`);
      const events = text.split('\n\n').filter((event) => /^event: std(out|err)$/m.test(event));
      expect(events.length).toBeLessThan(10_200);
      const printed = events.map((event) => JSON.parse(/^data: (.*)$/m.exec(event)?.[1] ?? '').text).join('');
      expect([...printed].sort().join('')).toBe('e'.repeat(32_000) + 'o'.repeat(32_000));
    },
  },
  ram('a flood of displays', "import { display } from 'cordon'; for (;;) display({ x: 'y'.repeat(10_000) });", {
    ends: /^(limit_exceeded (cpuMs|ramBytes|hostCalls))$/,
    name: 'a flood of displays ends',
    limits: { cpuMs: 500 },
  }),
  ram(
    'a flood of memory.set that waits for none',
    "for (let n = 0; ; n++) memory.set(`k${n}`, 'x'.repeat(100_000)).catch(() => {});",
    { ends: /^limit_exceeded (hostCalls|ramBytes|cpuMs)$/, name: 'a flood of memory.set ends' },
  ),
  ram(
    'a flood of writes that waits for none',
    "const fs = require('node:fs/promises'); for (let n = 0; ; n++) fs.writeFile('a', 'x'.repeat(500_000)).catch(() => {});",
    { ends: /^limit_exceeded (hostCalls|ramBytes|cpuMs)$/, name: 'a flood of writes ends' },
  ),
  ram(
    'a flood of reads that waits for none',
    "const fs = require('node:fs/promises'); fs.writeFile('a', 'x'.repeat(500_000)); for (let n = 0; ; n++) fs.readFile('a').catch(() => {});",
    { ends: /^limit_exceeded (hostCalls|ramBytes|cpuMs)$/, name: 'a flood of reads ends' },
  ),
  ram('random bytes', 'const a = []; for (;;) a.push(crypto.getRandomValues(new Uint8Array(65536)));'),
  ram('a flood of random ids', 'const a = []; for (;;) a.push(crypto.randomUUID());', {
    ends: /^limit_exceeded (cpuMs|ramBytes)$/,
    name: 'a flood of random ids ends',
    limits: { cpuMs: 1000 },
  }),
]);

function cut(record: { stdoutTruncated: boolean; usage: { outputBytes: number } }) {
  if (!record.stdoutTruncated || record.usage.outputBytes > 64 * 1024)
    throw new Error(`not cut: ${JSON.stringify(record.usage)}`);
}
