import { describe, expect, test } from 'vitest';
import { run } from './harness.ts';

/** [expression, result, resultType] */
const table: [string, unknown, string | undefined][] = [
  ['6 * 7', 42, undefined],
  ['"text"', 'text', undefined],
  ['true', true, undefined],
  ['null', null, undefined],
  ['undefined', undefined, undefined],
  ['-0', 0, undefined],
  ['NaN', 'NaN', 'number'],
  ['Infinity', 'Infinity', 'number'],
  ['-Infinity', '-Infinity', 'number'],
  ['12345678901234567890n', '12345678901234567890', 'bigint'],
  ['new Date(0)', '1970-01-01T00:00:00.000Z', 'date'],
  [
    'new Map([["a", 1], [{ k: 2 }, [3]]])',
    [
      ['a', 1],
      [{ k: 2 }, [3]],
    ],
    'map',
  ],
  ['new Set([1, "b"])', [1, 'b'], 'set'],
  ['new Uint8Array([1, 2, 255])', 'AQL/', 'bytes'],
  ['Buffer.from("hé")', 'aMOp', 'bytes'],
  ['new ArrayBuffer(2)', 'AAA=', 'bytes'],
  ['(function named() {})', '[Function: named]', 'function'],
  ['(class Point {})', '[class Point]', 'function'],
  ['Symbol("s")', 'Symbol(s)', 'symbol'],
  ['class Point { x = 1 }; new Point()', 'Point { x: 1 }', 'Point'],
  ['const o = { a: 1 }; o.self = o; o', '<ref *1> { a: 1, self: [Circular *1] }', 'cyclic'],
  ['const m = new Map(); m.set("m", m); m', "<ref *1> Map(1) { 'm' => [Circular *1] }", 'cyclic'],
  ['/x/g', '/x/g', 'RegExp'],
  ['[1, [2, { a: null }]]', [1, [2, { a: null }]], undefined],
  ['({ a: 1, u: undefined })', { a: 1 }, undefined],
  ['[undefined, , 3]', [null, null, 3], 'array'],
  [
    '({ when: new Date(0), big: 1n, not: NaN, f() {} })',
    { when: '1970-01-01T00:00:00.000Z', big: '1', not: 'NaN', f: '[Function: f]' },
    'object',
  ],
  ['Object.create(null, { a: { value: 1, enumerable: true } })', { a: 1 }, undefined],
  ['({ toJSON() { return "no" } })', { toJSON: '[Function: toJSON]' }, 'object'],
  ['({ get x() { throw new TypeError("no") }, y: 1 })', { x: '[Getter threw TypeError: no]', y: 1 }, 'object'],
  ['JSON.parse(\'{"__proto__": 1}\').__proto__', 1, undefined],
  ['const shared = [1]; ({ a: shared, b: shared })', { a: [1], b: [1] }, undefined],
];

describe('the result table', () => {
  for (const [code, result, type] of table) {
    test(code, async () => {
      const ended = await run(code, { path: '/workspace/main.js' });
      expect(ended.error).toBeUndefined();
      expect(ended.status).toBe('succeeded');
      expect(ended.result).toEqual(result);
      expect('result' in ended).toBe(result !== undefined);
      expect(ended.resultType).toBe(type);
    });
  }
});

describe('where the result comes from', () => {
  test('a default value wins over the last expression', async () => {
    expect((await run('export default 1; 2')).result).toBe(1);
  });
  test('a default function is called with the input, and its promise awaited', async () => {
    expect((await run('export default async (n: number) => n + 1', { input: 41 })).result).toBe(42);
  });
  test('a promise as last expression is awaited', async () => {
    expect((await run('new Promise((r) => setTimeout(r, 5, "late"))')).result).toBe('late');
  });
  test('a last statement that is no expression gives no result', async () => {
    const ended = await run('1; const x = 2;');
    expect(ended.status).toBe('succeeded');
    expect('result' in ended).toBe(false);
  });
  test('input is a global and an import', async () => {
    expect((await run('import { input as i } from "cordon"; [i.a, input.a]', { input: { a: 1 } })).result).toEqual([
      1, 1,
    ]);
  });
  test('a result above resultBytes ends the run with that limit', async () => {
    const ended = await run('"é".repeat(600)', { limits: { resultBytes: 1000 } });
    expect(ended.status).toBe('limit_exceeded');
    expect(ended.error?.limit).toBe('resultBytes');
  });
});

describe('hostile results end cleanly', () => {
  const cases: Record<string, string> = {
    'proxy whose traps throw':
      '[new Proxy({}, { get() { throw 1 }, ownKeys() { throw 2 }, getPrototypeOf() { throw 3 } })]',
    'endless nesting': 'let o = {}; for (let n = 0; n < 1e5; n++) o = { o }; o',
    'nested revoked proxy': 'const r = Proxy.revocable([], {}); r.revoke(); ({ a: r.proxy })',
    'throwing inspect': 'class A { [Symbol.for("nodejs.util.inspect.custom")]() { throw 1 } } new A()',
    'a hostile constructor name': 'class A { static get name() { throw 1 } } new A()',
  };
  for (const [name, code] of Object.entries(cases)) {
    test(name, async () => {
      const ended = await run(code, { path: '/workspace/main.js' });
      expect(ended.status).toBe('succeeded');
      expect(ended.resultType).toBeDefined();
    });
  }
  test('a value that cannot even be awaited is the program’s error', async () => {
    const ended = await run('const { proxy, revoke } = Proxy.revocable({}, {}); revoke(); proxy', {
      path: '/workspace/main.js',
    });
    expect(ended).toMatchObject({ status: 'failed', error: { name: 'TypeError' } });
  });
  test('a huge sparse array is a limit', async () => {
    const ended = await run('const a = []; a.length = 4e9; a', { path: '/workspace/main.js' });
    expect(ended.error?.limit).toBe('resultBytes');
  });
});
