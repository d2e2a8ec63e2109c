import { describe, expect, test } from 'vitest';
import { createTransformer, run } from './harness.ts';

const stack = async (code: string, path: string, files = {}) => {
  const ended = await run(code, { path, files });
  expect(ended.status).toBe('failed');
  return ended.error?.stack?.split('\n');
};

describe('stacks name the guest’s own lines and columns', () => {
  test('JavaScript, first line, last expression', async () => {
    expect(await stack('null.x', '/workspace/main.js')).toEqual(['    at /workspace/main.js:1:6']);
  });
  test('JavaScript, functions', async () => {
    const code = 'function inner() {\n  throw new TypeError("no");\n}\nconst outer = () => inner();\nouter();';
    expect(await stack(code, '/workspace/main.js')).toEqual([
      '    at inner (/workspace/main.js:2:9)',
      '    at outer (/workspace/main.js:4:21)',
      '    at /workspace/main.js:5:1',
    ]);
  });
  test('TypeScript with types only', async () => {
    const code = 'interface A { x: number }\nconst f = (a: A | undefined): number => a!.x;\nf(undefined as any);';
    expect(await stack(code, '/workspace/main.ts')).toEqual([
      '    at f (/workspace/main.ts:2:44)',
      '    at /workspace/main.ts:3:1',
    ]);
  });
  test('TypeScript with enum, namespace and parameter properties', async () => {
    const code =
      'enum E { A = 1, B }\nnamespace N {\n  export const z = 3;\n}\n\nclass P {\n  constructor(public x: number) {\n    if (x === E.B + N.z) throw new Error("boom");\n  }\n}\n\nnew P(5);';
    const frames = await stack(code, '/workspace/main.ts');
    expect(frames?.[0]).toMatch(/new P \(\/workspace\/main\.ts:8:3[0-9]\)/);
    expect(frames?.[1]).toMatch(/\/workspace\/main\.ts:12:1/);
  });
  test('a module, behind imports and live bindings', async () => {
    const files = { '/workspace/a.ts': 'export let n = 1;\nexport function fail() { throw new Error("a") }' };
    expect(
      await stack('import { n, fail } from "./a.ts";\nconst list = [n, n]; fail();', '/workspace/main.ts', files),
    ).toEqual(['    at fail (/workspace/a.ts:2:32)', '    at /workspace/main.ts:2:22']);
  });
  test('error.stack, as the guest reads it, has nothing of the host', async () => {
    const ended = await run('const e = new Error("x"); e.stack', { path: '/workspace/main.js' });
    expect(ended.result).toBe('Error: x\n    at /workspace/main.js:1:11');
  });
  test('causes and the errors of an AggregateError come with their own lines, however deep or circular', async () => {
    const cause =
      'function root() {\n  return new TypeError("root");\n}\nthrow new Error("outer", { cause: new Error("inner", { cause: root() }) });';
    expect(await stack(cause, '/workspace/main.js')).toEqual([
      '    at /workspace/main.js:4:7',
      '[cause]: Error: inner',
      '    at /workspace/main.js:4:35',
      '[cause]: TypeError: root',
      '    at root (/workspace/main.js:2:10)',
      '    at /workspace/main.js:4:63',
    ]);
    const many = 'throw new AggregateError([new Error("a"), "text"], "many")';
    expect((await stack(many, '/workspace/main.js'))?.slice(1)).toEqual([
      '[errors.0]: Error: a',
      '    at /workspace/main.js:1:27',
      "[errors.1]: 'text'",
    ]);
    const circular = 'const e = new Error("e"); e.cause = e; throw e';
    expect((await stack(circular, '/workspace/main.js'))?.length).toBeLessThan(30);
    const hostile =
      'const e = new Error("e"); e.cause = new Proxy(e, { get() { throw 1 }, getPrototypeOf() { throw 2 } }); e.errors = { length: 1e9 }; throw e';
    const ended = await run(hostile, { path: '/workspace/main.js' });
    expect(ended).toMatchObject({ status: 'failed', error: { name: 'Error', message: 'e' } });
  });
  test('after an await', async () => {
    const frames = await stack(
      'async function f() {\n  await null;\n  throw new Error("late");\n}\nawait f();',
      '/workspace/main.js',
    );
    expect(frames).toEqual(['    at f (/workspace/main.js:3:9)', '    at async /workspace/main.js:5:1']);
  });
  test('in a timer', async () => {
    expect((await stack('setTimeout(() => {\n  throw new Error("t");\n}, 1)', '/workspace/main.js'))?.[0]).toContain(
      '/workspace/main.js:2:9',
    );
  });
  test('in an unhandled rejection', async () => {
    const ended = await run('const p = Promise.reject(\n  new RangeError("u"));\n1', { path: '/workspace/main.js' });
    expect(ended).toMatchObject({
      status: 'failed',
      error: { name: 'RangeError', message: 'u', stack: '    at /workspace/main.js:2:3' },
    });
  });
});

describe('what is thrown is told in plain strings', () => {
  test.each([
    ['throw 42', 'UncaughtValue', '42'],
    ['throw "text"', 'UncaughtValue', "'text'"],
    ['throw null', 'UncaughtValue', 'null'],
    ['throw { code: 7 }', 'UncaughtValue', '{ code: 7 }'],
    ['class MyError extends Error { name = "MyError" } throw new MyError("mine")', 'MyError', 'mine'],
    ['throw new Proxy(new Error("x"), { get() { throw 1 } })', 'Error', ''],
    ['const r = Proxy.revocable({}, {}); r.revoke(); throw r.proxy', 'UncaughtValue', ''],
    ['const e = new Error("x"); Object.defineProperty(e, "stack", { get() { throw 1 } }); throw e', 'Error', 'x'],
    [
      'const e = new Error("x"); e.toString = () => { throw 1 }; e.name = { toString() { throw 2 } }; throw e',
      'Error',
      'x',
    ],
    ['throw new Error("m".repeat(1e6))', 'Error', 'mmm'],
  ])('%s', async (code, name, message) => {
    const ended = await run(code, { path: '/workspace/main.js' });
    expect(ended.status).toBe('failed');
    expect(ended.error?.name).toBe(name);
    expect(ended.error?.message).toContain(message);
    expect(ended.error?.message.length).toBeLessThanOrEqual(8192);
  });
  test('prepareStackTrace of the guest sees no frame of the host and cannot break the report', async () => {
    const code = `Error.prepareStackTrace = (e, sites) => sites.map((s) => [s.getFileName(), typeof s.getThis(), typeof s.getFunction(), s.getScriptNameOrSourceURL()]);
      const seen = new Error("x").stack; console.log(JSON.stringify(seen)); Error.prepareStackTrace = () => { throw new Error("again") }; throw new TypeError("told")`;
    const ended = await run(code, { path: '/workspace/main.js' });
    expect(ended.error).toMatchObject({ name: 'TypeError', message: 'told' });
    expect(ended.stdout).not.toMatch(/file:|node:|harness/);
    const sites = JSON.parse(ended.stdout) as string[][];
    expect(sites.length).toBeGreaterThan(1);
    for (const [, self, callee] of sites) expect([self, callee]).toEqual(['undefined', 'undefined']);
  });
  test('the host’s limit ends an uncaught error as limit_exceeded, a caught one not', async () => {
    const full = () => {
      throw Object.assign(new Error('ENOSPC: no space left on device, open'), {
        code: 'ENOSPC',
        limit: 'workspaceBytes',
      });
    };
    const host = { 'fs.writeFile': full };
    const uncaught = await run('require("fs").writeFileSync("a", "b")', { host });
    expect(uncaught).toMatchObject({ status: 'limit_exceeded', error: { limit: 'workspaceBytes' } });
    const caught = await run('try { require("fs").writeFileSync("a", "b") } catch (e) { e.code }', { host });
    expect(caught).toMatchObject({ status: 'succeeded' });
  });
  test('what nobody handles keeps its name and limit', async () => {
    const refused = () => {
      throw Object.assign(new Error('ENOSPC: no space left on device, open'), {
        code: 'ENOSPC',
        limit: 'workspaceBytes',
      });
    };
    const ended = await run('require("fs").promises.writeFile("a", "b"); setTimeout(() => {}, 50); 1', {
      host: { 'fs.writeFile': refused },
    });
    expect(ended).toMatchObject({ status: 'limit_exceeded', error: { limit: 'workspaceBytes' } });
    expect(await run('fetch("https://a.b"); 1')).toMatchObject({ status: 'failed', error: { name: 'EgressDenied' } });
    expect(await run('Promise.reject(42); 1')).toMatchObject({
      status: 'failed',
      error: { name: 'UnhandledRejection' },
    });
    expect(await run('Promise.reject({ a: 1 }); 1')).toMatchObject({
      status: 'failed',
      error: { name: 'UnhandledRejection' },
    });
    expect(await run('const e = new TypeError("t"); e.stack; Promise.reject(e); 1')).toMatchObject({
      error: { name: 'TypeError', message: 't' },
    });
  });
  test('an allocation that was refused is ramBytes', async () => {
    const ended = await run('const all = []; for (;;) all.push(new Uint8Array(5e7))', { memoryMiB: 64 });
    expect(ended).toMatchObject({ status: 'limit_exceeded', error: { limit: 'ramBytes' } });
  });
});

describe('syntax errors carry their position', () => {
  test.each([
    ['/workspace/main.js', 'const a = 1;\nconst b = ;', ':2:11'],
    ['/workspace/main.ts', 'const a: number = 1;\nlet x: = 3;', ':2:8'],
  ])('%s', async (path, code, position) => {
    const ended = await run(code, { path });
    expect(ended.error?.name).toBe('SyntaxError');
    expect(ended.error?.stack).toContain(path + position);
  });
  test('in an imported file', async () => {
    const ended = await run('import "./bad.js"', { files: { '/workspace/bad.js': 'ok();\n}' } });
    expect(ended.error).toMatchObject({ name: 'SyntaxError', stack: '    at /workspace/bad.js:2:1' });
  });
  test('nesting that no parser survives says so, and a broken TypeScript parser is reported', async () => {
    const transformer = await createTransformer();
    const deep = `${'('.repeat(20_000)}1${')'.repeat(20_000)}`;
    expect(transformer.transform('/workspace/main.js', deep, 'main').error.message).toContain('nested too deeply');
    expect(transformer.transform('/workspace/main.js', '1', 'main').ok).toBe(true);
    expect(transformer.transform('/workspace/main.ts', deep, 'main')).toMatchObject({
      ok: false,
      broken: true,
      error: { name: 'SyntaxError' },
    });
  });
});

describe('what cannot be imported is told at its import', () => {
  const files = {
    '/workspace/a.ts': 'export const a = 1',
    '/workspace/lost.js': '// none\n\nexport const b = 1; import "./gone.js"',
    '/workspace/again.js': 'const c = 1;\nexport * from "node:http"; export { c }',
  };
  test.each([
    ['a module that is not here', '// http\nimport http from "node:http";\nhttp', '/workspace/main.js:2:18'],
    ['all of it', 'const n = 1;\n\n  import * as http from "node:http"; http', '/workspace/main.js:3:25'],
    ['a name that is not there', '1;\n2; import { nope } from "cordon"; nope', '/workspace/main.js:2:25'],
    ['the second import', 'import fs from "node:fs";\nimport { nope } from "node:fs"; nope', '/workspace/main.js:2:22'],
    ['a file that is missing', 'import fs from "node:fs";\nimport "./no.js"; fs', '/workspace/main.js:2:8'],
    ['a package', '\n\nimport axios from "axios"; axios', '/workspace/main.js:3:19'],
    ['a name of a file', '\nimport { nope } from "./a.ts"; nope', '/workspace/main.js:2:22'],
    ['a name that goes on', '\nexport { nope } from "./a.ts"', '/workspace/main.js:2:22'],
    ['what a file imports', 'import "./lost.js"', '/workspace/lost.js:3:28'],
    ['what a file exports again', '\nimport { c } from "./again.js"; c', '/workspace/again.js:2:15'],
    ['after a program as Unix starts them', '#!/bin/node\nimport "./no.js"', '/workspace/main.js:2:8'],
  ])('%s', async (_what, code, place) => {
    expect(await stack(code, '/workspace/main.js', files)).toEqual([`    at ${place}`]);
  });
  test('in TypeScript, whether its types are taken out or it is rewritten', async () => {
    const typed = 'interface A { x: number }\nconst a: A = { x: 1 }; import http from "node:http"; http(a)';
    expect(await stack(typed, '/workspace/main.ts')).toEqual(['    at /workspace/main.ts:2:41']);
    const rewritten = 'enum E {\n  A,\n  B\n}\nimport { nope } from "./a.ts";\nnope(E.A)';
    expect((await stack(rewritten, '/workspace/main.ts', files))?.[0]).toMatch(/^ {4}at \/workspace\/main\.ts:5:\d+$/);
  });
  test('and a program with imports has no name that it did not give itself', async () => {
    for (const code of ['import fs from "node:fs";\nnull.x; fs', 'import { a } from "./a.ts";\nnull.x; a'])
      expect(await stack(code, '/workspace/main.js', files)).toEqual(['    at /workspace/main.js:2:6']);
  });
});
