/** `npm run python:add`: whole files with the right hash, or nothing and a reason. The index is a server of this test. */
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createPythonPackages } from '../../runtime/run/python-packages.ts';
import { type Member, sha256, wheel } from '../run/wheel-file.ts';

const root = join(import.meta.dirname, '../..');
const base = mkdtempSync(join(tmpdir(), 'cordon-python-add-'));
const lockFile = join(base, 'pyodide-lock.json');

/** What the index has: pandas-like `frames` needs `numbers` (native) and `dates`, which needs `six`. */
const packages: [string, string[], string?][] = [
  ['frames', ['numbers', 'dates'], 'cp314-cp314-pyemscripten_2026_0_wasm32'],
  ['numbers', [], 'cp314-cp314-pyemscripten_2026_0_wasm32'],
  ['dates', ['six']],
  ['six', [], 'py2.py3-none-any'],
];
const fileNames = new Map(packages.map(([name, , tag = 'py3-none-any']) => [name, `${name}-1.0-${tag}.whl`]));
const published = new Map<string, Buffer>();
const fileName = (name: string) => fileNames.get(name) as string;
const module = (name: string): Member => ({ name: `${name}/__init__.py`, content: `NAME = '${name}'\n` });

let server: Server;
let url: string;
let requests: string[];
let folder: string;
let count = 0;

beforeAll(async () => {
  const entries: Record<string, object> = {};
  for (const [name, depends] of packages) {
    const bytes = wheel(name, '1.0', [module(name)]);
    published.set(fileName(name), bytes);
    entries[name] = {
      name,
      version: '1.0',
      file_name: fileName(name),
      sha256: sha256(bytes),
      imports: [name],
      depends,
      install_dir: 'site',
      package_type: 'package',
      unvendored_tests: false,
    };
  }
  const info = { abi_version: '2026_0', arch: 'wasm32', platform: 'emscripten_5_0_3', python: '3.14.2' };
  writeFileSync(lockFile, JSON.stringify({ info, packages: entries }));
  server = createServer((request, response) => {
    const name = (request.url ?? '').slice('/full/'.length);
    requests.push(name);
    const bytes = published.get(name);
    if (bytes === undefined) response.writeHead(404).end('no');
    else response.end(bytes);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/full/`;
});

afterAll(() => {
  server.close();
  rmSync(base, { recursive: true });
});

beforeEach(() => {
  requests = [];
  folder = join(base, `folder-${count++}`);
});

interface Ended {
  code: number | null;
  out: string;
  error: string;
}

function command(args: string[], env: Record<string, string> = {}): Promise<Ended> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [join(root, 'scripts/python-add.ts'), ...args], {
      cwd: base,
      env: { PATH: process.env.PATH, ...env },
    });
    let out = '';
    let error = '';
    child.stdout.on('data', (chunk) => {
      out += chunk;
    });
    child.stderr.on('data', (chunk) => {
      error += chunk;
    });
    child.once('close', (code) => resolve({ code, out, error }));
  });
}

const add = (...args: string[]) => command([...args, '--folder', folder, '--lock', lockFile, '--from', url]);
const readListed = () => JSON.parse(readFileSync(join(folder, 'cordon-python.json'), 'utf8')).distributions;
const listedNames = () => readListed().map(({ name }: { name: string }) => name);

/** Files beside the folder that a test adds. */
function local(name: string, bytes: Buffer): string {
  const path = join(base, `files-${count}`, name);
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, bytes);
  return path;
}

describe('names', () => {
  test('come with all they need, and the service serves them', async () => {
    const { code, out } = await add('frames');
    expect(code).toBe(0);
    for (const [name] of packages) expect(out).toContain(`${name} 1.0: ${url}${fileName(name)}`);
    expect(readdirSync(folder).sort()).toEqual([...fileNames.values(), 'cordon-python.json'].sort());
    const service = createPythonPackages(folder);
    const found = await service.call({ op: 'module.python', args: { name: 'frames', have: [] } });
    expect(found.ok && JSON.stringify(found.value)).toMatch(/numbers-1.*six-1.*dates-1.*frames-1/);
    const { length } = published.get(fileName('dates')) as Buffer;
    const args = { fileName: fileName('dates'), offset: 0, length };
    expect(await service.call({ op: 'module.pythonFile', args })).toMatchObject({
      ok: true,
      bytes: published.get(fileName('dates')),
    });
  });

  test('are compared as Python does, and what is there is not fetched again', async () => {
    expect((await add('SIX')).code).toBe(0);
    const { out } = await add('dates');
    expect(out).toContain('six 1.0: already there');
    expect(requests).toEqual([fileName('six'), fileName('dates')]);
    expect(listedNames()).toEqual(['dates', 'six']);
  });

  test('the folder may come from CORDON_PYTHON_PACKAGES, the files from a local folder', async () => {
    const path = local(fileName('six'), published.get(fileName('six')) as Buffer);
    const env = { CORDON_PYTHON_PACKAGES: folder };
    expect((await command(['six', '--lock', lockFile, '--from', join(path, '..')], env)).code).toBe(0);
    expect(listedNames()).toEqual(['six']);
  });

  test('two commands at once lose nothing', async () => {
    const ended = await Promise.all([add('six'), add('numbers'), add('six')]);
    expect(ended.map(({ code }) => code)).toEqual([0, 0, 0]);
    expect(listedNames()).toEqual(['numbers', 'six']);
  });

  test('that Pyodide does not have are told how to be added', async () => {
    const { code, error } = await add('six', 'left-pad');
    expect(code).toBe(1);
    expect(error).toMatch(/no package left-pad\. .*PyPI.*npm run python:add -- PATH\/TO\/FILE\.whl/);
    expect(requests).toEqual([]);
  });
});

describe('nothing is written when', () => {
  const untouched = () => expect(readdirSync(folder)).toEqual([]);

  test('the index cannot be reached: the address, the reason and the way around are said', async () => {
    const gone = createServer();
    await new Promise<void>((resolve) => gone.listen(0, '127.0.0.1', resolve));
    const from = `http://127.0.0.1:${(gone.address() as AddressInfo).port}/full/`;
    await new Promise((resolve) => gone.close(resolve));
    const { code, error } = await command(['dates', '--folder', folder, '--lock', lockFile, '--from', from]);
    expect(code).toBe(1);
    expect(error).toContain(`${from}${fileName('six')} cannot be read: connect ECONNREFUSED`);
    expect(error).toContain('--from FOLDER');
    expect(error).toContain(fileName('dates'));
    untouched();
  });

  test('one of the files is missing', async () => {
    const bytes = published.get(fileName('dates')) as Buffer;
    published.delete(fileName('dates'));
    const { code, error } = await add('dates');
    published.set(fileName('dates'), bytes);
    expect([code, error]).toEqual([
      1,
      expect.stringContaining(`${fileName('dates')} cannot be read: the server answered 404`),
    ]);
    expect(requests).toEqual([fileName('six'), fileName('dates')]);
    untouched();
  });

  test('one of the files is not the right one', async () => {
    const bytes = published.get(fileName('dates')) as Buffer;
    published.set(fileName('dates'), Buffer.concat([bytes, Buffer.from('x')]));
    const { code, error } = await add('dates');
    published.set(fileName('dates'), bytes);
    expect([code, error]).toEqual([1, expect.stringContaining('is not the right file: its SHA-256 is')]);
    untouched();
  });

  test('the list that is there is broken', async () => {
    mkdirSync(folder);
    writeFileSync(join(folder, 'cordon-python.json'), '{"format":1');
    const { code, error } = await add('six');
    expect([code, error]).toEqual([1, expect.stringContaining('cordon-python.json is broken')]);
    expect(readdirSync(folder)).toEqual(['cordon-python.json']);
    expect(requests).toEqual([]);
  });
});

describe('files', () => {
  test('are described by what is in them', async () => {
    const members: Member[] = [
      module('tiny'),
      { name: 'tiny/deep/part.py', content: '' },
      { name: 'single.py', content: '' },
      { name: '_fast.cpython-314-wasm32-emscripten.so', content: '' },
      { name: 'Tiny_Thing-2.0.data/purelib/extra/__init__.py', content: '' },
      { name: 'Tiny_Thing-2.0.data/scripts/run.py', content: '' },
      { name: 'docs/readme.txt', content: '' },
    ];
    const requires = [
      'Requires-Dist: six (>=1.0)',
      'Requires-Dist: Other.Thing[fast]>=2,',
      '  <3',
      'Requires-Dist: colorama; sys_platform == "win32"',
    ];
    const bytes = wheel('Tiny_Thing', '2.0', members, requires);
    const { code, out } = await add(local('Tiny_Thing-2.0-py3-none-any.whl', bytes));
    expect(code).toBe(0);
    expect(out).toContain('note: tiny-thing needs six, which is not in the folder: npm run python:add six');
    expect(out).toContain(
      'note: tiny-thing needs other-thing, which is not in the folder: npm run python:add FILE.whl',
    );
    expect(readListed()).toEqual([
      {
        name: 'tiny-thing',
        version: '2.0',
        fileName: 'Tiny_Thing-2.0-py3-none-any.whl',
        sha256: sha256(bytes),
        imports: ['_fast', 'extra', 'single', 'tiny'],
        depends: ['six', 'other-thing'],
        installDir: 'site',
      },
    ]);
  });

  test('that lie in the folder already are listed', async () => {
    mkdirSync(folder);
    const path = join(folder, 'dropped-1.0-py3-none-any.whl');
    writeFileSync(path, wheel('dropped', '1.0', [module('dropped')]));
    expect((await command(['--list', '--folder', folder])).out).toContain('dropped-1.0-py3-none-any.whl  NOT LISTED');
    expect((await add(path)).code).toBe(0);
    expect(listedNames()).toEqual(['dropped']);
  });

  test('that cannot be used leave nothing behind', async () => {
    const path = local('a-1.0-cp314-cp314-manylinux_2_28_x86_64.whl', wheel('a', '1.0', [module('a')]));
    const { code, error } = await add('six', path);
    expect([code, error]).toEqual([1, expect.stringMatching(/cannot be added: it is made for .*manylinux/)]);
    expect(readdirSync(folder)).toEqual([]);
  });

  test('a file that does not exist is named', async () => {
    const { code, error } = await add('/none/a-1.0-py3-none-any.whl');
    expect([code, error]).toEqual([1, expect.stringContaining('/none/a-1.0-py3-none-any.whl cannot be added: ENOENT')]);
  });
});

describe('the command', () => {
  test('--list says what is there and what is wrong with it', async () => {
    await add('frames');
    writeFileSync(join(folder, fileName('six')), 'changed');
    rmSync(join(folder, fileName('numbers')));
    const { code, out } = await command(['--list', '--folder', folder]);
    expect(code).toBe(0);
    expect(out.trim().split('\n')).toEqual([
      expect.stringMatching(/^dates 1\.0 {2}dates-1\.0-py3-none-any\.whl {2}\d+ bytes$/),
      expect.stringMatching(/^frames 1\.0 .* bytes$/),
      expect.stringMatching(/^numbers 1\.0 .* {2}MISSING$/),
      expect.stringMatching(/^six 1\.0 .* {2}CHANGED, not served$/),
    ]);
  });

  test.each([
    ['no folder', ['six'], /CORDON_PYTHON_PACKAGES/],
    ['nothing to do', ['--folder', 'f'], /names or files/],
    ['an unknown option', ['six', '--folder', 'f', '--force'], /--force/],
  ])('with %s shows its usage', async (_, args, reason) => {
    const { code, error } = await command(args);
    expect([code, error]).toEqual([2, expect.stringMatching(reason)]);
    expect(error).toContain('usage: npm run python:add');
  });

  test('knows the packages of the installed Pyodide', async () => {
    const from = join(base, 'none');
    const { code, error } = await command(['pandas', '--folder', folder, '--from', from]);
    expect(code).toBe(1);
    for (const name of ['numpy', 'python_dateutil', 'pytz', 'six', 'pandas']) expect(error).toContain(`\n  ${name}-`);
  });
});
