/** Which wheels fit the interpreter, and what is refused as a wheel. */
import { describe, expect, test } from 'vitest';
import { readWheel } from '../../scripts/python-packages/wheel.ts';
import { type Member, wheel, zipFile } from '../run/wheel-file.ts';

const interpreter = { abi: '2026_0', platform: 'emscripten_5_0_3', python: '3.14.2' };
const module: Member = { name: 'a/__init__.py', content: '' };
const good = wheel('a', '1.0', [module]);

describe('a wheel', () => {
  test.each([
    'a-1.0-py3-none-any.whl',
    'a-1.0-1build-py3-none-any.whl',
    'a-1.0-py2.py3-none-any.whl',
    'a-1.0-py310-none-any.whl',
    'a-1.0-cp314-cp314-pyemscripten_2026_0_wasm32.whl',
    'a-1.0-cp314-cp314-pyodide_2026_0_wasm32.whl',
    'a-1.0-cp314-cp314-emscripten_5_0_3_wasm32.whl',
    'a-1.0-cp37-abi3-pyemscripten_2026_0_wasm32.whl',
    'a-1.0-py3-none-pyemscripten_2026_0_wasm32.whl',
  ])('%s fits', (name) => {
    expect(readWheel(name, good, interpreter)).toMatchObject({ name: 'a', version: '1.0', imports: ['a'] });
  });

  test.each([
    'a-1.0-py2-none-any.whl',
    'a-1.0-py315-none-any.whl',
    'a-1.0-cp314-cp314-manylinux_2_28_x86_64.whl',
    'a-1.0-cp313-cp313-pyemscripten_2026_0_wasm32.whl',
    'a-1.0-cp314-cp314-pyemscripten_2025_0_wasm32.whl',
    'a-1.0-cp315-abi3-pyemscripten_2026_0_wasm32.whl',
    'a-1.0-cp314-cp314t-pyemscripten_2026_0_wasm32.whl',
    'a-1.0-cp314-cp314-emscripten_4_0_9_wasm32.whl',
    'a-1.0-cp314-cp314-any.whl',
  ])('%s is refused', (name) => {
    const reason = /is made for .*py3-none-any.*pyemscripten_2026_0_wasm32/;
    expect(() => readWheel(name, good, interpreter)).toThrow(reason);
  });

  test.each<[string, string, Buffer, RegExp]>([
    ['no wheel by its name', 'a.whl', good, /not that of a wheel/],
    ['of another package than its name says', 'b-1.0-py3-none-any.whl', good, /METADATA is that of "a"/],
    ['no zip', 'a-1.0-py3-none-any.whl', Buffer.from('PK no zip'), /not a zip file/],
    ['empty', 'a-1.0-py3-none-any.whl', Buffer.alloc(0), /not a zip file/],
    ['cut off', 'a-1.0-py3-none-any.whl', good.subarray(0, -10), /not a zip file/],
    ['without its first part', 'a-1.0-py3-none-any.whl', good.subarray(50), /broken/],
    ['without METADATA', 'a-1.0-py3-none-any.whl', zipFile([module]), /one \.dist-info folder/],
    [
      'a bomb in METADATA',
      'a-1.0-py3-none-any.whl',
      zipFile([{ name: 'a-1.0.dist-info/METADATA', content: Buffer.alloc(64 * 1024 * 1024), declaredBytes: 100 }]),
      /larger|buffer/i,
    ],
    [
      'encrypted',
      'a-1.0-py3-none-any.whl',
      zipFile([{ name: 'a-1.0.dist-info/METADATA', content: 'Name: a', encrypted: true }]),
      /encrypted/,
    ],
  ])('%s: refused', (_, name, bytes, reason) => {
    expect(() => readWheel(name, bytes, interpreter)).toThrow(reason);
  });
});
