import type { Attack } from './attack.ts';
import { attacks } from './attacks.ts';

const NEST = (open: string, close: string, levels = 100_000) =>
  `let v = 1; for (let n = 0; n < ${levels}; n++) v = ${open}v${close}; v`;

const shown = (name: string, code: string, more: Partial<Attack> = {}): Attack => ({
  name,
  code,
  ends: 'succeeded',
  ...more,
  limits: { cpuMs: 3000, ...more.limits },
});

attacks('results', [
  shown('a cyclic object is shown as text', 'const a = { b: {} }; a.b.a = a; a', { resultType: 'cyclic' }),
  shown('a cyclic array is shown as text', 'const a = []; a.push(a); a', { resultType: 'cyclic' }),
  shown('a cycle through a Map is shown as text', 'const m = new Map(); m.set("m", m); m'),
  shown('an array 100,000 levels deep is shown as text', NEST('[', ']'), { resultType: 'array' }),
  shown('an object 100,000 levels deep is shown as text', NEST('({ v: ', '})'), { resultType: 'object' }),
  shown('a Map 100,000 levels deep is shown', NEST('new Map([[1, ', ']])')),
  shown(
    'an error with 100,000 causes is cut',
    "let e = new Error('0'); for (let n = 0; n < 100_000; n++) e = new Error('x', { cause: e }); throw e",
    {
      ends: 'failed Error',
      limits: { cpuMs: 3000, ramBytes: 256 * 1024 * 1024 },
      look: (record) => small(record, 100_000),
    },
  ),
  shown('a string of a megabyte ends at resultBytes', "'x'.repeat(1 << 20)", { ends: 'limit_exceeded resultBytes' }),
  shown('an array of a million numbers ends at resultBytes', 'Array.from({ length: 1e6 }, (_, n) => n)', {
    ends: 'limit_exceeded resultBytes',
    limits: { ramBytes: 128 * 1024 * 1024, cpuMs: 3000 },
  }),
  shown('a sparse array of four billion ends at resultBytes', 'const a = []; a.length = 2 ** 32 - 1; a', {
    ends: 'limit_exceeded resultBytes',
    limits: { cpuMs: 3000 },
  }),
  shown('a string of escapes is measured as JSON', "'\\u0000'.repeat(20_000)", { ends: 'limit_exceeded resultBytes' }),
  shown('a string of three-byte characters is measured in bytes', "'\u20ac'.repeat(30_000)", {
    ends: 'limit_exceeded resultBytes',
  }),
  shown('a million bytes as base64 end at resultBytes', 'new Uint8Array(1e6)', { ends: 'limit_exceeded resultBytes' }),
  shown(
    'an object that refers to one part a million times ends at resultBytes',
    "const part = 'x'.repeat(100); Array.from({ length: 1e5 }, () => part)",
    { ends: 'limit_exceeded resultBytes', limits: { cpuMs: 3000 } },
  ),
  shown(
    'a doubling tree (2^40 leaves) ends at resultBytes',
    'let v = [1, 2]; for (let n = 0; n < 40; n++) v = [v, v]; v',
    { ends: 'limit_exceeded resultBytes' },
  ),
  shown(
    'a getter that answers a new object for ever ends',
    'const make = () => ({ get next() { return make(); } }); make()',
    { ends: /^(succeeded|limit_exceeded (resultBytes|cpuMs))$/ },
  ),
  shown(
    'a proxy that has every key ends',
    "new Proxy({}, { ownKeys: () => Array.from({ length: 1e5 }, (_, n) => 'k' + n), getOwnPropertyDescriptor: () => ({ value: 1, enumerable: true, configurable: true }) })",
    { ends: /^(succeeded|limit_exceeded (resultBytes|cpuMs))$/ },
  ),
  shown(
    'an array that grows while it is read ends',
    'const a = []; Object.defineProperty(a, 0, { enumerable: true, get() { a.push(1, 2, 3); return 1; } }); for (let n = 1; n < 9; n++) Object.defineProperty(a, n, { enumerable: true, get() { a.length += 1000; return 1; } }); a',
    { ends: /^(succeeded|limit_exceeded (resultBytes|cpuMs))$/ },
  ),
  shown('a BigInt is its digits', '2n ** 64n', { result: '18446744073709551616', resultType: 'bigint' }),
  shown('a BigInt of a million digits ends', '10n ** 1_000_000n', {
    ends: /^limit_exceeded (resultBytes|cpuMs)$/,
    limits: { cpuMs: 1500 },
  }),
  shown('NaN is text', 'NaN', { result: 'NaN', resultType: 'number' }),
  shown(
    'a revoked proxy fails as it does when it is awaited',
    'const { proxy, revoke } = Proxy.revocable({}, {}); revoke(); proxy',
    { ends: 'failed TypeError' },
  ),
  shown(
    'a revoked proxy inside an object is text',
    'const { proxy, revoke } = Proxy.revocable([], {}); revoke(); ({ proxy })',
  ),
  shown('a getter that throws is told in its place', "({ get x() { throw new Error('mine'); }, y: 1 })", {
    look: (record) => has(record, 'mine'),
  }),
  shown('a toJSON is not called', "({ toJSON() { return 'forged'; }, a: 1 })", {
    look: (record) => hasNot(record, '"result":"forged"'),
  }),
  shown(
    'a result with an own __proto__ stays plain data',
    'JSON.parse(\'{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}\')',
    {
      look: () => {
        if (({} as { polluted?: boolean }).polluted) throw new Error('the service was polluted');
      },
    },
  ),
  shown(
    'a result that looks like an end is data',
    "({ status: 'limit_exceeded', error: { name: 'x', message: 'y', limit: 'cpuMs' }, result: 1 })",
    { result: { status: 'limit_exceeded', error: { name: 'x', message: 'y', limit: 'cpuMs' }, result: 1 } },
  ),
  shown('lone surrogates in a result survive as they are', "'\\ud800x'", { result: '\ud800x' }),
  shown('lone surrogates in keys are data', "({ ['\\udc00']: 1 })"),
  shown('a key of 60,000 characters is data', "({ ['k'.repeat(60_000)]: 1 })"),
  shown('a symbol is text', "Symbol('mine')", { resultType: 'symbol' }),
  shown(
    'a class instance whose constructor lies is text',
    "class A {} Object.defineProperty(A.prototype, 'constructor', { get() { throw 1; } }); Object.defineProperty(A, 'name', { get() { throw 1; } }); new A()",
  ),
  shown(
    'a function whose toString lies is text',
    'const f = () => 1; f.toString = () => { for (;;); }; f[Symbol.toPrimitive] = f.toString; f',
    { resultType: 'function' },
  ),
  shown('a Date out of range is text', 'new Date(NaN)', { resultType: 'date' }),
  shown(
    'a Date whose methods loop is text',
    'const d = new Date(0); d.toISOString = d.toJSON = () => { for (;;); }; d',
    { result: '1970-01-01T00:00:00.000Z', resultType: 'date' },
  ),
  shown(
    'a detached buffer is no crash',
    'const b = new ArrayBuffer(8); const v = new Uint8Array(b); structuredClone(b, { transfer: [b] }); v',
  ),
  shown(
    'a typed array whose length lies is read by its own length',
    "const v = new Uint8Array(4); Object.defineProperty(v, 'length', { get: () => 2 ** 31 }); v",
    { result: 'AAAAAA==', resultType: 'bytes' },
  ),
  shown(
    'a subclass of Map whose forEach loops is data',
    'class M extends Map { forEach() { for (;;); } [Symbol.iterator]() { for (;;); } } new M([[1, 2]])',
    { result: [[1, 2]], resultType: 'map' },
  ),
  shown('a thrown value of a megabyte is cut', "throw 'x'.repeat(1 << 20)", {
    ends: 'failed UncaughtValue',
    look: (record) => small(record, 20_000),
  }),
  shown('a thrown cyclic object is text', 'const a = {}; a.a = a; throw a', { ends: 'failed UncaughtValue' }),
  shown('undefined thrown is text', 'throw undefined', { ends: 'failed UncaughtValue' }),
  shown('null rejected is text', 'Promise.reject(null); 1', { ends: 'failed UnhandledRejection' }),
  shown(
    'a display of a megabyte and of a cycle ends well',
    "import { display } from 'cordon'; const a = {}; a.a = a; try { display(a); } catch {} try { display('x'.repeat(1 << 20)); } catch {} 1",
    { result: 1, limits: { cpuMs: 2000 } },
  ),
  shown(
    'output in half characters comes whole',
    "process.stdout.write('\\ud83d'); process.stdout.write('\\ude00'); 1",
    {
      look: (record) => {
        if (record.stdout !== '\u{1f600}') throw new Error(JSON.stringify(record.stdout));
      },
    },
  ),
  shown('output of a lone half is replaced', "process.stdout.write('a\\ud83d'); 1", {
    look: (record) => {
      if (record.stdout !== 'a\ufffd') throw new Error(JSON.stringify(record.stdout));
    },
  }),
]);

function small(record: unknown, most: number) {
  const { length } = JSON.stringify(record);
  if (length > most) throw new Error(`the record has ${length} characters`);
}

function has(record: unknown, text: string) {
  if (!JSON.stringify(record).includes(text)) throw new Error(`${text} is not in ${JSON.stringify(record)}`);
}

function hasNot(record: unknown, text: string) {
  if (JSON.stringify(record).includes(text)) throw new Error(`${text} is in ${JSON.stringify(record)}`);
}
