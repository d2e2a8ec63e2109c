/** The programs of the driver contract in JavaScript and TypeScript, and what values answer. */
import { expect } from 'vitest';
import type { ContractPrograms, DriverUnderTest } from '../driver-contract.ts';

export const javascriptPrograms: ContractPrograms = {
  prints: "console.log('out 1'); console.error('err 1'); console.log('out 2');",
  printsAndSleeps: "console.log('first'); await new Promise((ok) => setTimeout(ok, 1000)); console.log('second');",
  sleeps: 'await new Promise((ok) => setTimeout(ok, input)); input',
  computes: 'for (;;);',
  waitsForHost: "import fs from 'node:fs'; fs.readFileSync('a');",
  allocates: 'const a = []; for (;;) a.push(new Array(1000).fill({}));',
  writesBytes:
    "import fs from 'node:fs'; fs.writeFileSync('first', 'x'.repeat(input)); fs.writeFileSync('second', 'x'.repeat(input));",
  makesFiles: "import fs from 'node:fs'; for (let n = 0; ; n++) fs.writeFileSync(`file${n}`, 'x');",
  callsHost: "import { memory } from 'cordon'; for (;;) await memory.get('k');",
  catchesBytes:
    "import fs from 'node:fs'; let told; try { fs.writeFileSync('first', 'x'.repeat(input)); } catch (e) { told = e.code; } export default told",
  catchesFiles:
    "import fs from 'node:fs'; let told; try { for (let n = 0; ; n++) fs.writeFileSync(`file${n}`, 'x'); } catch (e) { told = e.code; } export default told",
  catchesCalls:
    "import { memory } from 'cordon'; let told; try { for (;;) await memory.get('k'); } catch (e) { told = e.name; } export default told",
  printsMuch: "process.stdout.write('x'.repeat(input)); 'after'",
  answersMuch: "console.log('before'); 'x'.repeat(input)",
  leavesTraces: `
import fs from 'node:fs';
const leave = (trace) => { try { trace(); } catch {} };
globalThis.trace = 1; var traceVar = 1; leave(() => { fs.trace = 1; }); leave(() => { console.trace2 = 1; }); leave(() => { process.trace = 1; });
for (const proto of [Object, Array, String, Promise, Function, Map, Error, RegExp, Date].map((make) => make.prototype)) proto.trace = 1;
JSON.stringify = () => 'trace'; Math.random = () => 4; Error.prepareStackTrace = () => 'trace';
setTimeout(() => console.log('trace'), 200).unref(); setInterval(() => console.log('trace'), 50).unref();
new Promise(() => {}); globalThis.pending = new Promise((ok) => { globalThis.release = ok; }).then(() => console.log('trace'));
Symbol.for('trace'); leave(() => Object.freeze(Array.prototype));
export default 'left';`,
  findsTraces: `
import fs from 'node:fs';
await new Promise((ok) => setTimeout(ok, 250));
const found = [];
for (const name of ['trace', 'traceVar', 'pending', 'release']) if (name in globalThis) found.push(name);
for (const make of [Object, Array, String, Promise, Function, Map, Error, RegExp, Date]) if ('trace' in make.prototype) found.push(make.name);
if (fs.trace || console.trace2 || process.trace) found.push('module');
if (JSON.stringify([1]) !== '[1]' || Math.random() === 4) found.push('builtin');
if (new Error('x').stack === 'trace' || Object.isFrozen(Array.prototype)) found.push('realm');
export default found;`,
  throwsOnLine3: `
function fails() {
  throw new TypeError('mine');
}
fails();`,
  exits3: 'process.exit(3); 1',
  exits0: 'process.exit(0); 1',
  failsLater: [
    ['RangeError', "Promise.reject(new RangeError('mine')); 1"],
    ['TypeError', 'setTimeout(() => null.x, 5); 1'],
    ['UnhandledRejection', "Promise.reject('text'); 1"],
    ['SyntaxError', "(async () => { throw new SyntaxError('mine'); })(); 1"],
    ['UncaughtValue', 'throw 5'],
  ],
};

export const javascriptResults: DriverUnderTest['results'] = [
  ['an expression', '6 * 7', 42],
  ['text with every kind of character', '"é\\u0000\\ud83d\\ude00\\u2028"', 'é\u0000😀\u2028'],
  ['null', 'null', null],
  ['nested data', '({ a: [1, { b: true }], c: null })', { a: [1, { b: true }], c: null }],
  ['nothing, after a declaration', 'const a = 1', undefined],
  ['nothing, for undefined', 'undefined', undefined],
  ['nothing, of an empty program', '', undefined],
  ['an exported value before the last expression', 'export default 1; 2', 1],
  ['an exported function, called', 'export default () => 3', 3],
  ['an exported async function, awaited', 'export default async () => { await null; return 4; }', 4],
  ['a promise, settled', 'Promise.resolve({ a: 1 })', { a: 1 }],
  ['top-level await', 'const a = await Promise.resolve(5); a', 5],
  [
    'the end of timers, not only of the top level',
    'let n = 0; setTimeout(() => { n = 7; o.n = n; }, 30); const o = {}; o',
    { n: 7 },
  ],
  ['a bigint', '2n ** 70n', '1180591620717411303424', 'bigint'],
  ['a date', 'new Date(0)', '1970-01-01T00:00:00.000Z', 'date'],
  ['NaN', 'NaN', 'NaN', 'number'],
  ['minus infinity', '-Infinity', '-Infinity', 'number'],
  ['a map', "new Map([['a', 1]])", [['a', 1]], 'map'],
  ['a set', 'new Set([1, 2])', [1, 2], 'set'],
  ['bytes', 'new Uint8Array([1, 2, 3])', 'AQID', 'bytes'],
  ['a function', 'function mine() {} mine', (text: unknown) => expect(text).toContain('mine'), 'function'],
  ['a symbol', "Symbol('mine')", (text: unknown) => expect(text).toContain('mine'), 'symbol'],
  ['a cycle', 'const a = {}; a.a = a; a', (text: unknown) => expect(text).toContain('Circular'), 'cyclic'],
  [
    'an instance of a class',
    'class Point { x = 1 } new Point()',
    (text: unknown) => expect(text).toContain('Point'),
    'Point',
  ],
];

export const typescriptPrograms: ContractPrograms = {
  ...javascriptPrograms,
  throwsOnLine3: `enum Kind { A = 'a' }
function fails(kind: Kind): never {
  throw new TypeError('mine');
}
fails(Kind.A);`,
};

export const typescriptResults: DriverUnderTest['results'] = [
  ['an expression with types', 'const n: number = 6; (n as number) * 7', 42],
  ['an enum', 'enum A { x = 1, y } A.y', 2],
  ['a namespace', 'namespace A { export const x = 5; } A.x', 5],
  ['parameter properties', 'class A { constructor(readonly x: number) {} } new A(3).x', 3],
  ['an exported function with types', 'export default (given: unknown): string => typeof given', 'undefined'],
];
