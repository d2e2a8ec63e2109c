/** Python packages of the operator: found by import name, with all they need, or with a reason why not. */
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Json } from '../../runtime/json.ts';
import type { PythonDistribution } from '../../runtime/run/python-lock.ts';
import { createPythonPackages } from '../../runtime/run/python-packages.ts';
import { usePythonFolder } from './python-folder.ts';
import { wheel } from './wheel-file.ts';

const at = usePythonFolder();
const { call, errorOf, find, names, place, read, writeList } = at;

describe('found by import name', () => {
  test('a package is described without its bytes', async () => {
    const bytes = place('tiny-thing');
    expect(await find('tiny_thing')).toEqual({
      ok: true,
      value: {
        distributions: [
          {
            name: 'tiny-thing',
            version: '1.0',
            fileName: 'tiny_thing-1.0-py3-none-any.whl',
            bytes: bytes.length,
            imports: ['tiny_thing'],
            installDir: 'site',
          },
        ],
      },
    });
  });

  test('dependencies come first, each once, those of dependencies too', async () => {
    place('app', { depends: ['left', 'right'] });
    place('left', { depends: ['core'] });
    place('right', { depends: ['core'] });
    place('core');
    expect(await names('app')).toEqual(['core', 'left', 'right', 'app']);
    expect(await names('right')).toEqual(['core', 'right']);
  });

  test('what the run has is left out', async () => {
    place('app', { depends: ['left', 'core'] });
    place('left', { depends: ['deep'] });
    place('core');
    place('deep');
    expect(await names('app', ['left', 'deep'])).toEqual(['core', 'app']);
    expect(await names('app', ['left', 'core', 'deep', 'app', 'unknown'])).toEqual([]);
  });

  test('a circle of dependencies ends', async () => {
    place('chicken', { depends: ['egg'] });
    place('egg', { depends: ['chicken'] });
    expect(await names('chicken')).toEqual(['egg', 'chicken']);
  });

  test('a dependency that is not listed is left out', async () => {
    place('app', { depends: ['windows-only'] });
    expect(await names('app')).toEqual(['app']);
  });

  test('packages that share a namespace come together', async () => {
    place('space-a', { imports: ['space'] });
    place('space-b', { imports: ['space'] });
    place('user', { depends: ['space-b'] });
    expect(await names('space')).toEqual(['space-a', 'space-b']);
    expect(await names('user')).toEqual(['space-b', 'user', 'space-a']);
  });

  test('a chain of ten thousand dependencies is no stack overflow', async () => {
    place('p0');
    const [first] = at.listed as [PythonDistribution];
    const named = (number: number) => ({ name: `p${number}`, fileName: `p${number}-1-py3-none-any.whl` });
    const chain = Array.from({ length: 9999 }, (_, index) => ({
      ...first,
      ...named(index + 1),
      imports: index === 9998 ? ['last'] : [],
      depends: [`p${index}`],
    }));
    at.listed.push(...chain);
    writeList();
    expect(await names('last')).toBe('ImportError');
  });
});

describe('what is not there', () => {
  test('the error says what there is and how to get more', async () => {
    place('attrs', { imports: ['attr', 'attrs'] });
    const { name, message, code } = errorOf(await find('numpy'));
    expect([name, code]).toEqual(['ModuleNotFoundError', 'ERR_MODULE_NOT_FOUND']);
    expect(message).toMatch(/^No module named 'numpy'\. .*standard library and the packages attrs\./);
    expect(message).toMatch(/CORDON_PYTHON_PACKAGES .*npm run python:add numpy.*driver "container"/);
  });

  test('many packages are counted', async () => {
    for (let number = 10; number < 40; number++) place(`p${number}`);
    expect(errorOf(await find('numpy')).message).toContain('p29 and 10 more.');
  });

  test('the name of a package instead of its module is answered with the module', async () => {
    place('pyyaml', { imports: ['yaml'] });
    expect(errorOf(await find('PyYAML')).message).toBe(
      "No module named 'PyYAML'. The package pyyaml is here and is imported as yaml.",
    );
  });

  test('without a folder, and with one that does not exist, there is only the standard library', async () => {
    for (const none of [undefined, join(at.base, 'none')]) {
      const reply = await find('numpy', [], createPythonPackages(none));
      expect(errorOf(reply).message).toMatch(/^No module named 'numpy'\. There is Python's standard library\. numpy/);
    }
  });

  test.each([
    ['..'],
    ['a.b'],
    ['a/b'],
    [''],
    ['__proto__'],
    ['constructor'],
    ['x'.repeat(1_000_000)],
    ["a'\n"],
  ])('%j is not found', async (name) => {
    place('a');
    const { name: errorName, message } = errorOf(await find(name.slice(0, 1_000_000)));
    expect(errorName).toBe('ModuleNotFoundError');
    expect(message.length).toBeLessThan(1000);
  });

  test('a wheel that lies there without being listed is not served, and the error says why', async () => {
    place('listed');
    writeFileSync(join(at.folder, 'dropped_in-1.0-py3-none-any.whl'), wheel('dropped_in', '1.0', []));
    expect(errorOf(await find('dropped_in')).message).toMatch(
      /not in cordon-python\.json.*npm run python:add FILE\.whl/,
    );
    expect(errorOf(await read('dropped_in-1.0-py3-none-any.whl')).message).toBe('no such file is listed');
  });

  test('a listed file that is gone is named', async () => {
    place('gone');
    rmSync(join(at.folder, 'gone-1.0-py3-none-any.whl'));
    const { name, message } = errorOf(await find('gone'));
    expect(name).toBe('ImportError');
    expect(message).toContain('gone-1.0-py3-none-any.whl');
    expect(errorOf(await read('gone-1.0-py3-none-any.whl')).message).toContain('cannot be read');
  });
});

describe('arguments', () => {
  test.each<[string, Json]>([
    ['module.python', null],
    ['module.python', []],
    ['module.python', {}],
    ['module.python', { name: 5 }],
    ['module.python', { name: 'a', have: 'b' }],
    ['module.python', { name: 'a', have: [1] }],
    ['module.python', { name: 'a', more: 1 }],
    ['module.pythonFile', { fileName: 'a.whl' }],
    ['module.pythonFile', { fileName: 'a.whl', offset: -1, length: 1 }],
    ['module.pythonFile', { fileName: 'a.whl', offset: 0.5, length: 1 }],
    ['module.pythonFile', { fileName: 'a.whl', offset: 0, length: 8 * 1024 * 1024 + 1 }],
    ['module.pythonFile', { fileName: ['a.whl'], offset: 0, length: 1 }],
    ['module.other', {}],
    ['constructor', {}],
  ])('%s %j is a TypeError', async (op, args) => {
    expect(errorOf(await call(op, args)).name).toBe('TypeError');
  });
});
