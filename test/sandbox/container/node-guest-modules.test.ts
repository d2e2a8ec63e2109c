/** What JavaScript and TypeScript programs find in the image `node`: `cordon`, processes, modules; and what their stacks say. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type NodeRunOptions, openNodeGuest } from './node-guest-bench.ts';

let guest: Awaited<ReturnType<typeof openNodeGuest>>;
beforeAll(async () => {
  guest = await openNodeGuest();
  guest.bake();
});
afterAll(() => guest.close());

const js = (code: string, options?: NodeRunOptions) => guest.run('javascript', code, options);
const ts = (code: string, options?: NodeRunOptions) => guest.run('typescript', code, options);

/** The result of a run that must succeed. */
const result = async (code: string, options?: NodeRunOptions, run = js) => {
  const { end, stderr } = await run(code, options);
  expect([end?.error, stderr]).toEqual([undefined, '']);
  return end.result;
};
const stack = async (code: string, options?: NodeRunOptions, run = js) => {
  const { end } = await run(code, options);
  expect(end.status).toBe('failed');
  return end.error.stack?.split('\n');
};

describe('what a program has', () => {
  test('input: the global and the import', async () => {
    expect(
      await result('import { input as i } from "cordon"; [i.a, input.a, i === input]', { input: { a: 1 } }),
    ).toEqual([1, 1, true]);
    expect(await result('export default (given) => given.a', { input: { a: 2 } })).toBe(2);
    expect(await result('typeof input')).toBe('undefined');
    expect(
      await result('const { input, memory } = require("cordon"); [input, typeof memory.get]', { input: 3 }),
    ).toEqual([3, 'function']);
    expect(await result('import cordon from "cordon"; Object.keys(cordon)')).toEqual(['input', 'memory', 'display']);
  });
  test('memory', async () => {
    const code = `import { memory } from "cordon"; const r1 = await memory.set("a/1", { x: [1] }); await memory.set("a/2", null); let mismatch;
      try { await memory.set("a/1", 1, { ifRevision: null }) } catch (e) { mismatch = [e.name, e instanceof Error] }
      const all = await Promise.all(Array.from({ length: 50 }, (_, n) => memory.set("many", n)));
      export default [r1, await memory.get("a/1"), await memory.get("a/2"), await memory.get("none") === undefined, mismatch, (await memory.list("a/")).length, await memory.delete("a/1"), await memory.delete("a/1"), all.at(-1)]`;
    expect(await result(code)).toEqual([1, { x: [1] }, null, true, ['RevisionMismatch', true], 2, true, false, 50]);
  });
  test('display, in its place among the output', async () => {
    const code = `import { display } from "cordon"; console.log("a"); display("<b>", "text/html"); console.error("b"); display({ _repr_svg_: () => "<svg/>" });
      display({ a: 1 }); display("t"); display(new Uint8Array([1]), "image/png"); await null; setTimeout(() => display("late"), 5)`;
    const { displays, seen } = await js(code);
    expect(displays).toEqual([
      { mime: 'text/html', data: '<b>' },
      { mime: 'image/svg+xml', data: '<svg/>' },
      { mime: 'application/json', data: '{"a":1}' },
      { mime: 'text/plain', data: 't' },
      { mime: 'image/png', data: 'AQ==' },
      { mime: 'text/plain', data: 'late' },
    ]);
    expect(seen.slice(0, 4)).toEqual(['stdout a\n', 'display <b>', 'stderr b\n', 'display <svg/>']);
  });
  test('an environment, arguments and a working directory of its own', async () => {
    const code = `import { fileURLToPath } from "node:url"; [Object.keys(process.env).sort().join(), process.argv.length, process.argv[1] === fileURLToPath(import.meta.url), import.meta.main, process.cwd() === import.meta.dirname, typeof globalThis.cordon]`;
    expect(await result(code)).toEqual(['HOME,LANG,PATH,TMPDIR', 2, true, true, true, 'undefined']);
  });
  test('child processes and worker threads, with TypeScript and `cordon`', async () => {
    const files = {
      'worker.ts':
        'import { parentPort } from "node:worker_threads"; import { memory } from "cordon"; enum A { x = 5 } parentPort!.postMessage([A.x, typeof memory.get]);',
      'child.ts': 'import { n } from "./n"; process.send!(n as number);',
      'n.ts': 'export const n: number = 6;',
    };
    const code = `import { Worker } from "node:worker_threads"; import { execSync, fork } from "node:child_process";
      const message = (from) => new Promise((ok, no) => from.on("message", ok).on("error", no));
      export default [await message(new Worker(new URL("./worker.ts", import.meta.url))), await message(fork("./child.ts")), execSync("echo hi").toString()]`;
    expect(await result(code, { files })).toEqual([[5, 'function'], 6, 'hi\n']);
  });
  test('`cordon` in a Node.js process in which nothing was preloaded', async () => {
    const code = `import { execFileSync } from "node:child_process"; import fs from "node:fs";
      fs.mkdirSync("node_modules"); fs.symlinkSync(${JSON.stringify(`${guest.guest}/cordon`)}, "node_modules/cordon");
      const asked = "import { memory, display } from 'cordon'; console.log(typeof memory.get, typeof display, new Error('x').stack.includes('[eval1]:1'))";
      export default execFileSync(process.execPath, ["--input-type=module", "-e", asked]).toString()`;
    expect(await result(code)).toBe('function function true\n');
  });
  test('fetch, which has no network here to reach', async () => {
    expect(await result('try { await fetch("http://127.0.0.1:1/") } catch (e) { e.name } typeof Response')).toBe(
      'function',
    );
  });
});

describe('modules', () => {
  test('.js, .ts, .json, without an ending, in folders', async () => {
    const files = {
      'a.js': 'export const a = 1; export default "A"',
      'lib/b.ts': 'import { a } from "../a.js"; export const b: number = a + 1;',
      'c.json': '{"c": 3}',
      'd/index.ts': 'export enum D { x = 4 }',
      'e.ts': 'export const e = 5;',
    };
    const code =
      'import A, { a } from "./a.js"; import { b } from "./lib/b"; import c from "./c.json"; import { D } from "./d"; import { e } from "./e.js"; [A, a, b, c.c, D.x, e, require("./c.json").c, require("./lib/b").b]';
    for (const run of [js, ts]) expect(await result(code, { files }, run)).toEqual(['A', 1, 2, 3, 4, 5, 3, 2]);
  });
  test('a type that is imported like a value needs no export', async () => {
    const files = {
      't.ts': 'export interface T { a: number }\nexport type U = T; export const v = 1; export default interface D {}',
    };
    const code =
      'import D, { T, type U, v as w } from "./t.ts";\nimport * as all from "./t.ts";\nconst t: T = { a: 1 }; const d: D = {}; (w + t.a) * all.v';
    expect(await result(code, { files }, ts)).toBe(2);
  });
  test('CommonJS: a main program, and files in both directions', async () => {
    const files = {
      'c.js': 'exports.x = 1; exports.again = () => require("./c.js").x;',
      'e.js': 'export const y = 2; export default "E";',
      't.cts': 'const n: number = require("./c.js").x + 2; export = { n };',
    };
    const code =
      'import c, { x } from "./c.js"; import t from "./t.cts"; const e = require("./e.js"); [c.x, x, c.again(), e.y, e.default, t.n]';
    expect(await result(code, { files })).toEqual([1, 1, 1, 2, 'E', 3]);
    expect(
      await result(
        'const path = require("path"); exports.x = 1; [path.basename(__filename), require.main === module, require("./c").x]',
        { files },
      ),
    ).toEqual(['main.js', true, 1]);
    expect(await result('var o = { a: 010 }; with (o) { a }\no.a')).toBe(8);
    expect(await result('import fs = require("node:fs"); fs.existsSync("c.js")', { files }, ts)).toBe(true);
    expect(await result('const n: number = 2; module.exports = { n }; n', {}, ts)).toBe(2);
  });
  test('packages of the workspace, by name, in both ways', async () => {
    const files = {
      'node_modules/esm/package.json': '{"name":"esm","type":"module","exports":"./i.js"}',
      'node_modules/esm/i.js':
        'export const name = "esm"; export const fail = () => { throw new Error("in package") };',
      'node_modules/cjs/package.json': '{"name":"cjs"}',
      'node_modules/cjs/index.js': 'exports.name = "cjs";',
    };
    expect(
      await result(
        'import { name } from "esm"; import cjs from "cjs"; [name, cjs.name, require("cjs").name, require("esm").name]',
        { files },
      ),
    ).toEqual(['esm', 'cjs', 'cjs', 'esm']);
    expect(await stack('import { fail } from "esm";\nfail()', { files })).toEqual([
      '    at fail (/workspace/node_modules/esm/i.js:1:62)',
      '    at /workspace/main.js:2:1',
    ]);
  });
  test('bindings are live, cycles work, a module runs once', async () => {
    const files = {
      'n.js': 'export let n = 0; export function inc() { n++; } globalThis.runs = (globalThis.runs ?? 0) + 1;',
      'a.js': 'import { b } from "./b.js"; export function a() { return "a"; } export const fromB = b();',
      'b.js': 'import { a, fromB } from "./a.js"; export function b() { return a() + "b"; }',
    };
    const code =
      'import { n, inc } from "./n.js"; import { fromB } from "./a.js"; const before = n; inc(); await import("./n.js"); require("./n.js"); [before, n, fromB, runs]';
    expect(await result(code, { files })).toEqual([0, 1, 'ab', 1]);
  });
  test.each([
    ['a package', 'import _ from "lodash"', /lodash.*There are: cordon, the modules of Node\.js/],
    ['a package, required', 'require("lodash")', /lodash.*There are: cordon/],
    ['a file', 'import "./no.js"', /no\.js/],
    ['a builtin', 'import x from "node:nothing"', /node:nothing/],
    ['an export', 'import { nope } from "./a.js"; nope', /'\.\/a\.js' does not provide an export named 'nope'/],
  ])('what is missing is told: %s', async (_what, code, message) => {
    const { end } = await js(code, { files: { 'a.js': 'export const a = 1' } });
    expect(end).toMatchObject({ status: 'failed' });
    expect(end.error.message).toMatch(message);
  });
});

describe('stacks name the guest’s own lines and columns', () => {
  const places: [string, typeof js, string, string[], Record<string, string>?][] = [
    ['first line, last expression', js, 'null.x', ['    at /workspace/main.js:1:6']],
    [
      'functions',
      js,
      'function inner() {\n  throw new TypeError("no");\n}\nconst outer = () => inner();\nouter();',
      [
        '    at inner (/workspace/main.js:2:9)',
        '    at outer (/workspace/main.js:4:21)',
        '    at /workspace/main.js:5:1',
      ],
    ],
    [
      'types only',
      ts,
      'interface A { x: number }\nconst f = (a: A | undefined): number => a!.x;\nf(undefined as any);',
      ['    at f (/workspace/main.ts:2:44)', '    at /workspace/main.ts:3:1'],
    ],
    [
      'after an await',
      js,
      'async function f() {\n  await null;\n  throw new Error("late");\n}\nawait f();',
      ['    at f (/workspace/main.js:3:9)', '    at async /workspace/main.js:5:1'],
    ],
    [
      'an unhandled rejection',
      js,
      'const p = Promise.reject(\n  new RangeError("u"));\n1',
      ['    at /workspace/main.js:2:3'],
    ],
    [
      'modules',
      ts,
      'import { n, fail } from "./a.ts";\nconst list = [n, n]; fail();',
      ['    at fail (/workspace/a.ts:2:32)', '    at /workspace/main.ts:2:22'],
      { 'a.ts': 'export let n = 1;\nexport function fail() { throw new Error("a") }' },
    ],
    ['a syntax error', js, 'const a = 1;\nconst b = ;', ['    at /workspace/main.js:2:11']],
    ['a syntax error in TypeScript', ts, 'const a: number = 1;\nlet x: = 3;', ['    at /workspace/main.ts:2:8']],
    [
      'a syntax error in an imported file',
      js,
      'import "./bad.js"',
      ['    at /workspace/bad.js:2:1'],
      { 'bad.js': 'ok();\n}' },
    ],
    [
      'a syntax error in imported TypeScript',
      js,
      'import "./bad.ts"',
      ['    at /workspace/bad.ts:2:8'],
      { 'bad.ts': 'ok();\nlet x: = 3;' },
    ],
  ];
  test.each(places)('%s', async (_what, run, code, frames, files = {}) => {
    expect(await stack(code, { files }, run)).toEqual(frames);
  });
  test('TypeScript that is rewritten', async () => {
    const code =
      'enum E { A = 1, B }\nnamespace N {\n  export const z = 3;\n}\n\nclass P {\n  constructor(public x: number) {\n    if (x === E.B + N.z) throw new Error("boom");\n  }\n}\n\nnew P(5);';
    const [first, second] = await stack(code, {}, ts);
    expect(first).toMatch(/new P \(\/workspace\/main\.ts:8:3[0-9]\)/);
    expect(second).toMatch(/\/workspace\/main\.ts:12:1/);
  });
  test('error.stack, as the program reads it', async () => {
    expect(await result('const e = new Error("x"); e.stack')).toBe('Error: x\n    at /workspace/main.js:1:11');
  });
  test.each([
    ['throw null', 'UncaughtValue', 'null'],
    ['throw { code: 7 }', 'UncaughtValue', '{ code: 7 }'],
    ['class MyError extends Error { name = "MyError" } throw new MyError("mine")', 'MyError', 'mine'],
    ['setTimeout(() => { throw new Proxy(new Error("x"), { get() { throw 1 } }) })', 'Error', ''],
    ['throw new Error("m".repeat(1e6))', 'Error', 'mmm'],
    ['Promise.reject({ a: 1 }); 1', 'UnhandledRejection', '{ a: 1 }'],
    ['(', 'SyntaxError', 'Unexpected token'],
  ])('%s', async (code, name, message) => {
    const { end } = await js(code);
    expect(end).toMatchObject({ status: 'failed', error: { name } });
    expect(end.error.message).toContain(message);
    expect(end.error.message.length).toBeLessThanOrEqual(8192);
  });
});
