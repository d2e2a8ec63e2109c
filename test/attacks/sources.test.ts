import type { Attack } from './attack.ts';
import { attacks } from './attacks.ts';

/** Room for the parser: its time counts as the run's. */
const roomy = { cpuMs: 2000, wallMs: 20_000, ramBytes: 128 * 1024 * 1024, hostCalls: 20_000 };
const syntax = (name: string, code: string, more: Partial<Attack> = {}): Attack => ({
  name,
  code,
  ends: 'failed SyntaxError',
  limits: roomy,
  ...more,
});
const either = /^(succeeded|failed (SyntaxError|RangeError)|limit_exceeded (cpuMs|ramBytes|resultBytes))$/;
const brackets = `${'('.repeat(5000)}1${')'.repeat(5000)}`;
const chain = Array.from({ length: 200 }, (_, n) => ({
  path: `m${n}.js`,
  content: n === 199 ? 'export default 199;' : `export { default } from './m${n + 1}.js';`,
}));
const many = Array.from({ length: 900 }, (_, n) => ({ path: `m/m${n}.js`, content: `export const v${n} = ${n};` }));

attacks('sources', [
  { name: '10 KB of nested brackets in JavaScript end alone', code: brackets, ends: either, limits: roomy },
  {
    name: '10 KB of nested brackets in TypeScript end alone',
    code: brackets,
    language: 'typescript',
    ends: either,
    limits: roomy,
  },
  {
    name: '10 KB of nested brackets before an enum in TypeScript end alone',
    code: `enum A { x = ${brackets} }`,
    language: 'typescript',
    ends: either,
    limits: roomy,
  },
  {
    name: '100 KB of nested arrays end alone',
    code: '['.repeat(50_000) + ']'.repeat(50_000),
    ends: either,
    limits: roomy,
  },
  {
    name: '100 KB of nested blocks end alone',
    code: '{'.repeat(50_000) + '}'.repeat(50_000),
    ends: either,
    limits: roomy,
  },
  {
    name: '100 KB of open brackets in TypeScript are a SyntaxError or a limit',
    code: '('.repeat(100_000),
    language: 'typescript',
    ends: /^(failed SyntaxError|limit_exceeded (cpuMs|ramBytes))$/,
    limits: roomy,
  },
  {
    name: 'nested types in TypeScript end alone',
    code: `type A = ${'Array<'.repeat(5000)}1${'>'.repeat(5000)}; 1`,
    language: 'typescript',
    ends: either,
    limits: roomy,
  },
  {
    name: 'nested conditional types in TypeScript end alone',
    code: `type A = ${'1 extends 1 ? '.repeat(3000)}1${' : 2'.repeat(3000)}; 1`,
    language: 'typescript',
    ends: either,
    limits: roomy,
  },
  {
    name: '5,000 nested functions end alone',
    code: 'function f(){'.repeat(5000) + '}'.repeat(5000),
    ends: either,
    limits: roomy,
  },
  {
    name: '5,000 nested templates end alone',
    code: `${'`${'.repeat(5000)}1${'}`'.repeat(5000)}`,
    ends: either,
    limits: roomy,
  },
  {
    name: '5,000 nested classes end alone',
    code: `x = ${'class { static x = '.repeat(5000)}1${'}'.repeat(5000)}`,
    ends: either,
    limits: roomy,
  },
  { name: '20,000 operators in a row end alone', code: `1${' + 1'.repeat(20_000)}`, ends: either, limits: roomy },
  {
    name: '20,000 calls in a row end alone',
    code: `let f = () => f; f${'()'.repeat(20_000)}; 1`,
    ends: either,
    limits: roomy,
  },
  { name: '20,000 else-ifs end alone', code: `${'if (0) {} else '.repeat(20_000)}{} 1`, ends: either, limits: roomy },
  {
    name: 'one line of a megabyte runs',
    code: `"${'x'.repeat(1_000_000)}".length`,
    ends: 'succeeded',
    result: 1_000_000,
    limits: roomy,
  },
  {
    name: 'a megabyte of statements ends alone',
    code: `let a;${'a=1;'.repeat(260_000)}`,
    ends: either,
    limits: { ...roomy, cpuMs: 2000 },
  },
  {
    name: 'a megabyte of newlines runs',
    code: `${'\n'.repeat(1_000_000)}7`,
    ends: 'succeeded',
    result: 7,
    limits: roomy,
  },
  {
    name: 'a megabyte of comments runs',
    code: `/*${'*'.repeat(500_000)}*/ //${'/'.repeat(400_000)}\n 7`,
    ends: 'succeeded',
    result: 7,
    limits: roomy,
  },
  {
    name: 'a megabyte of identifiers ends alone',
    code: Array.from({ length: 60_000 }, (_, n) => `var v${n};`).join(''),
    ends: either,
    limits: roomy,
  },
  { name: 'more than a megabyte is refused before it runs', code: `"${'x'.repeat(1 << 20)}"`, ends: '413 code' },
  {
    name: 'a template of 100,000 parts ends alone',
    code: `\`${'${1}'.repeat(100_000)}\`.length`,
    ends: either,
    limits: roomy,
  },
  syntax('a regular expression with 10,000 open groups is a SyntaxError', `/${'('.repeat(10_000)}/`),
  {
    name: 'a regular expression with 30,000 groups ends alone',
    code: `/${'(a)'.repeat(30_000)}/.test('a')`,
    ends: either,
    limits: roomy,
  },
  {
    name: 'a regular expression with huge repetitions ends alone',
    code: '/((((a{1,1000}){1,1000}){1,1000}){1,1000}){1,1000}/.test("a".repeat(100))',
    ends: either,
    limits: roomy,
  },
  syntax('an invalid regular expression is a SyntaxError', '/(?<a>.)(?<a>.)/'),
  ...(
    [
      ['an open bracket', 'f('],
      ['an open string', '"abc'],
      ['an open template', '`abc${'],
      ['an open comment', '/* abc'],
      ['an open regular expression', 'let a = /abc'],
      ['a reserved word', 'let class = 1'],
      ['a redeclaration', 'let a; let a;'],
      ['await in a function', 'function f() { await 1 }'],
      ['an illegal break', 'break'],
      ['a bad escape', "'\\u{110000}'"],
      ['a bad number', '1__0'],
      ['an import inside', 'if (1) { import a from "a" }'],
      ['an export twice', 'export default 1; export default 2'],
      ['an export of nothing', 'export { nothing }'],
      ['NUL', '\u0000'],
      ['a private name outside', 'a.#b'],
      ['a bad assignment', '1 = 2'],
      ['closing the wrapper', '}); 1; (() => {'],
      ['closing the async wrapper', '})(); (async function () {'],
    ] as const
  ).map(([name, code]) => syntax(`${name} is a SyntaxError with the guest's line`, `\n\n${code}`, { look: guestLine })),
  ...(
    [
      ['an open type', 'type A = {'],
      ['an open enum', 'enum A {'],
      ['closing the wrapper', '}); 1; (() => {'],
    ] as const
  ).map(([name, code]) => syntax(`${name} in TypeScript is a SyntaxError`, code, { language: 'typescript' })),
  { name: 'lone surrogates in source are refused', code: '"\ud800".length', ends: '400 code' },
  { name: 'a byte order mark and exotic spaces run', code: '\ufeff\u2028\u00a07', ends: 'succeeded', result: 7 },
  { name: 'a hashbang runs', code: '#!/usr/bin/env node\n7', ends: 'succeeded', result: 7 },
  {
    name: 'a sourceURL cannot name a file of the host',
    code: 'throw new Error("x")\n//# sourceURL=/etc/passwd',
    ends: 'failed Error',
    look: (record) => {
      if (/etc/.test(record.error?.stack ?? '')) throw new Error(record.error?.stack);
    },
  },
  {
    name: 'a sourceMappingURL is not fetched',
    code: 'let u = 1\n//# sourceMappingURL=http://127.0.0.1:1/x.map\nthrow new Error("x")',
    ends: 'failed Error',
  },
  {
    name: 'modules that import each other load',
    code: "import { a } from './a.js'; a()",
    files: [
      { path: 'a.js', content: "import { b } from './b.js'; export const a = () => b(); export const c = 5;" },
      { path: 'b.js', content: "import { c } from './a.js'; export const b = () => c;" },
    ],
    ends: 'succeeded',
    result: 5,
  },
  {
    name: 'a module that imports itself loads',
    code: "import { x } from './self.js'; x",
    files: [{ path: 'self.js', content: "import * as me from './self.js'; export const x = typeof me;" }],
    ends: 'succeeded',
    result: 'object',
  },
  {
    name: 'a main file that imports itself ends',
    code: "import './main.js'; 1",
    ends: /^(succeeded|failed \w*Error)$/,
  },
  {
    name: 'a cycle of awaits between modules ends at wallMs or settles',
    code: "import './a.js'; 1",
    files: [
      { path: 'a.js', content: "await import('./b.js');" },
      { path: 'b.js', content: "await import('./a.js');" },
    ],
    limits: { wallMs: 600 },
    ends: /^(succeeded|timed_out wallMs|failed \w*Error)$/,
  },
  {
    name: 'a chain of 200 modules loads',
    code: "import last from './m0.js'; last",
    files: chain,
    ends: 'succeeded',
    result: 199,
    limits: { ...roomy, files: 500 },
  },
  {
    name: '900 modules load',
    code: `${many.map(({ path }, n) => `import { v${n} } from './${path}';`).join('\n')}\nv0 + v899`,
    files: many,
    ends: 'succeeded',
    result: 899,
    limits: { ...roomy, files: 2000 },
  },
  {
    name: '900 modules without the host calls for it end at hostCalls',
    code: `${many.map(({ path }) => `import './${path}';`).join('\n')} 1`,
    files: many,
    ends: 'limit_exceeded hostCalls',
    limits: { ...roomy, files: 2000, hostCalls: 100 },
    inContainer: { ends: /^(succeeded|limit_exceeded hostCalls)$/, why: 'a file is no call where it is mounted' },
  },
  {
    name: 'an endless chain of modules that write the next ends',
    code: "const fs = require('node:fs'); for (let n = 0; ; n++) { fs.writeFileSync(`x${n % 40}.js`, 'export default ' + n); await import(`./x${n % 40}.js?${n}`); }",
    ends: /^limit_exceeded (cpuMs|hostCalls|ramBytes|files)$|^failed Error$/,
  },
  {
    name: 'a module with a hostile name is not found',
    code: "const bad = []; for (const n of ['./a\\0b', './\\ud800', './' + 'x'.repeat(300), './..%2f..%2fetc/passwd', './.', './', 'cordon:prelude', 'lazy/modules', '__proto__', 'constructor', 'cordon/../x']) { try { await import(n); bad.push(n); } catch {} } export default bad",
    ends: 'succeeded',
    result: [],
  },
  {
    name: 'a folder of 100 levels imports from its root only',
    code: `try { await import('${'../'.repeat(100)}etc/passwd'); 'read' } catch { 'refused' }; 1`,
    ends: 'succeeded',
    result: 1,
  },
  {
    name: 'JSON that is not JSON is an error of the guest',
    code: "import data from './a.json' with { type: 'json' }; data",
    files: [{ path: 'a.json', content: '{' }],
    ends: /^failed SyntaxError$/,
  },
  {
    name: 'JSON with __proto__ is data',
    code: "import data from './a.json' with { type: 'json' }; [Object.hasOwn(data, '__proto__'), ({}).x === undefined]",
    files: [{ path: 'a.json', content: '{"__proto__":{"x":1}}' }],
    ends: 'succeeded',
    result: [true, true],
  },
]);

function guestLine(record: { error?: { stack?: string } }) {
  if (!/\/workspace\/main\.(js|ts):\d+/.test(record.error?.stack ?? ''))
    throw new Error(`no line of the guest: ${JSON.stringify(record.error)}`);
}
