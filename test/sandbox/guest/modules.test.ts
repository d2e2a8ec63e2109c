import { describe, expect, test } from 'vitest';
import { run } from './harness.ts';

const result = async (code: string, files: Record<string, string> = {}, path = '/workspace/main.ts') => {
  const ended = await run(code, { path, files });
  expect(ended.error).toBeUndefined();
  return ended.result;
};

describe('relative modules', () => {
  test('.js, .ts, .json, without an extension, in folders', async () => {
    const files = {
      '/workspace/a.js': 'export const a = 1; export default "A"',
      '/workspace/lib/b.ts': 'import { a } from "../a.js"; export const b: number = a + 1;',
      '/workspace/c.json': '{"c": 3}',
    };
    expect(
      await result(
        'import A, { a } from "./a.js"; import { b } from "./lib/b"; import c from "./c.json"; [A, a, b, c.c]',
        files,
      ),
    ).toEqual(['A', 1, 2, 3]);
  });
  test('bindings are live, also where a name is shadowed', async () => {
    const files = { '/workspace/n.js': 'export let n = 0; export function inc() { n++; }' };
    const code =
      'import { n, inc } from "./n.js"; const before = n; inc(); const f = (n) => n; const o = { n }; { let n = "inner"; before; } [before, n, f("own"), o.n, `${n}`]';
    expect(await result(code, files)).toEqual([0, 1, 'own', 1, '1']);
  });
  test('cycles: hoisted functions work before their module has run', async () => {
    const files = {
      '/workspace/a.js': 'import { b } from "./b.js"; export function a() { return "a"; } export const fromB = b();',
      '/workspace/b.js':
        'import { a, fromB } from "./a.js"; export function b() { return a() + "b"; } export const late = () => fromB;',
    };
    expect(
      await result('import { fromB } from "./a.js"; import { late } from "./b.js"; [fromB, late()]', files),
    ).toEqual(['ab', 'ab']);
  });
  test('a cycle that reads a constant too early is a ReferenceError', async () => {
    const files = {
      '/workspace/a.js': 'import "./b.js"; export const x = 1;',
      '/workspace/b.js': 'import { x } from "./a.js"; x;',
    };
    expect(await run('import "./a.js"', { files })).toMatchObject({
      status: 'failed',
      error: { name: 'ReferenceError' },
    });
  });
  test('every form of export', async () => {
    const files = {
      '/workspace/all.js': `export * from "./star.js"; export * as ns from "./star.js"; export { s as renamed, default as d } from "./star.js";
        const [p, { q, ...rest }] = [1, { q: 2, r: 3 }]; export { p, q as "a string", rest }; export class K {} export async function f() {} export default function () { return "anonymous" }`,
      '/workspace/star.js': 'export const s = "s"; export default class { static n = 1 }',
    };
    const code =
      'import fn, * as all from "./all.js"; import { "a string" as q } from "./all.js"; [Object.keys(all), fn(), fn.name, all.d.n, all.d.name, all.ns.s, all.renamed, q]';
    expect(await result(code, files)).toEqual([
      ['K', 'a string', 'd', 'default', 'f', 'ns', 'p', 'renamed', 'rest', 's'],
      'anonymous',
      'default',
      1,
      'default',
      's',
      's',
      2,
    ]);
  });
  test.each([
    ['let x = 1\nexport default (function () { return x })', 1],
    ['export default /* ( */ { a: 1 }', { a: 1 }],
    ['const a = 2\nexport { a as default }', 2],
    ['export default async () => 3', 3],
    ['import d from "./d.js"\n[d].map(String)[0]', 'd'],
    ['import fs = require("node:fs"); fs.existsSync("d.js")', true],
  ])('%s', async (code, value) => {
    expect(await result(code, { '/workspace/d.js': 'export default "d"' })).toEqual(value);
  });
  test('top-level await in a dependency', async () => {
    const files = { '/workspace/slow.js': 'export const v = await new Promise((r) => setTimeout(r, 5, "slow"));' };
    expect(await result('import { v } from "./slow.js"; v', files)).toBe('slow');
  });
  test('dynamic import, import.meta', async () => {
    const files = {
      '/workspace/lib/m.js': 'export const here = [import.meta.url, import.meta.filename, import.meta.dirname];',
    };
    expect(await result('(await import("./lib/" + "m.js")).here', files)).toEqual([
      'file:///workspace/lib/m.js',
      '/workspace/lib/m.js',
      '/workspace/lib',
    ]);
  });
  test('a module runs once', async () => {
    const files = { '/workspace/once.js': 'globalThis.count = (globalThis.count ?? 0) + 1; export const x = 1;' };
    expect(
      await result(
        'import "./once.js"; import { x } from "./once.js"; await import("./once.js"); require("./once.js"); count',
        files,
      ),
    ).toBe(1);
  });
});

describe('CommonJS', () => {
  test('require and import of a CommonJS file, require of an ECMAScript module', async () => {
    const files = {
      '/workspace/c.js': 'module.exports = { x: 1, where: [__filename, __dirname], again: () => require("./c.js").x };',
      '/workspace/e.js': 'export const y = 2; export default "E";',
    };
    expect(
      await result(
        'import c, { x } from "./c.js"; const e = require("./e.js"); [c.x, x, c.where, c.again(), e.y, e.default]',
        files,
      ),
    ).toEqual([1, 1, ['/workspace/c.js', '/workspace'], 1, 2, 'E']);
  });
  test('require of a module with top-level await says what to do', async () => {
    const ended = await run('require("./t.js")', { files: { '/workspace/t.js': 'export const v = await 1;' } });
    expect(ended.error?.message).toContain('import()');
  });
  test('a main program in CommonJS', async () => {
    expect(
      await result('const path = require("path"); exports.x = 1; path.basename(__filename)', {}, '/workspace/main.js'),
    ).toBe('main.js');
  });
  test('sloppy code that is no module still runs', async () => {
    expect(await result('var o = { a: 010 }; with (o) { a }\no.a', {}, '/workspace/main.js')).toBe(8);
  });
});

describe('what is missing says what there is', () => {
  test.each([
    'import http from "node:http"',
    'import _ from "lodash"',
    'require("child_process")',
    'await import("react")',
  ])('%s', async (code) => {
    const ended = await run(code);
    expect(ended.status).toBe('failed');
    expect(ended.error?.message).toMatch(/http|lodash|child_process|react/);
    expect(ended.error?.message).toContain('node:fs');
    expect(ended.error?.message).toContain('cordon');
  });
  test('a missing file', async () => {
    expect((await run('import "./no.js"')).error?.message).toContain("'./no.js'");
  });
  test('a missing export', async () => {
    const ended = await run('import { nope } from "./a.js"; nope', {
      files: { '/workspace/a.js': 'export const a = 1' },
    });
    expect(ended.error).toMatchObject({
      name: 'SyntaxError',
      message: "The requested module './a.js' does not provide an export named 'nope'",
    });
  });
  test('an import of a type only needs no export', async () => {
    const files = { '/workspace/t.ts': 'export interface T { a: number } export const v = 1' };
    expect(await result('import { T, v } from "./t.ts"; const t: T = { a: 1 }; v + t.a', files)).toBe(2);
  });
  test('an error inside a module keeps its place', async () => {
    const ended = await run('import "./bad.ts"', { files: { '/workspace/bad.ts': 'const x: any = null;\nx.y;' } });
    expect(ended.error?.stack).toContain('/workspace/bad.ts:2:3');
  });
});
