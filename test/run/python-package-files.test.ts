/** Files of Python packages: what the list names is served, whole and unchanged, and nothing else. */
import { rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { usePythonFolder } from './python-folder.ts';

const at = usePythonFolder();
const { errorOf, find, names, place, read, writeList } = at;

describe('bytes', () => {
  const file = 'big-1.0-py3-none-any.whl';

  test('come in ranges, and past the end there are none', async () => {
    const bytes = place('big');
    const parts: Uint8Array[] = [];
    for (let at = 0; at < bytes.length; at += 100) {
      const reply = await read(file, at, 100);
      if (reply.ok) parts.push(reply.bytes as Uint8Array);
    }
    expect(Buffer.concat(parts).equals(bytes)).toBe(true);
    expect(await read(file, bytes.length, 10)).toMatchObject({ ok: true, bytes: Buffer.alloc(0) });
    expect(await read(file, Number.MAX_SAFE_INTEGER, 10)).toMatchObject({ ok: true, bytes: Buffer.alloc(0) });
  });

  test('of a file that is not what the list says are refused, each range of it, and logged once', async () => {
    const bytes = place('big');
    bytes[40] = (bytes[40] as number) ^ 1;
    writeFileSync(join(at.folder, file), bytes);
    for (const offset of [0, 100, 0]) {
      const { name, message, code } = errorOf(await read(file, offset));
      expect([name, code]).toEqual(['ImportError', 'ERR_PACKAGE']);
      expect(message).toMatch(/SHA-256 differs.*npm run python:add/);
    }
    expect(at.logged).toEqual([`a Python package is not served ${file}`]);
  });

  test('of a file that is changed after a part was read are refused, with its old size and time too', async () => {
    const bytes = place('big');
    const path = join(at.folder, file);
    const { atime, mtime } = statSync(path);
    expect((await read(file)).ok).toBe(true);
    bytes[40] = (bytes[40] as number) ^ 1;
    writeFileSync(path, bytes);
    utimesSync(path, atime, mtime);
    expect(errorOf(await read(file)).message).toContain('SHA-256 differs');
    bytes[40] = (bytes[40] as number) ^ 1;
    writeFileSync(path, bytes);
    expect((await read(file)).ok).toBe(true);
  });

  test.each([
    ['../packages/big-1.0-py3-none-any.whl'],
    ['./big-1.0-py3-none-any.whl'],
    ['/etc/hostname'],
    ['cordon-python.json'],
    ['big-1.0-py3-none-any.whl\0'],
    ['BIG-1.0-py3-none-any.whl'],
    ['__proto__'],
    [''],
  ])('there are none of %j', async (name) => {
    place('big');
    expect(errorOf(await read(name)).message).toBe('no such file is listed');
  });

  test('a list that points out of its folder is not used at all', async () => {
    place('good');
    for (const fileName of ['../secret.whl', '/etc/hostname', 'a/b.whl', '.hidden.whl', 'x.json', 'a\\b.whl']) {
      writeList({ format: 1, distributions: [...at.listed, { ...at.listed[0], name: 'bad', fileName }] });
      expect(await names('good')).toBe('ImportError');
      expect(errorOf(await read(fileName)).message).toBe('no such file is listed');
    }
    expect(at.logged.length).toBe(6);
  });
});

describe('the list', () => {
  test('is read again when it changes', async () => {
    place('first');
    expect(await names('second')).toBe('ModuleNotFoundError');
    place('second');
    expect(await names('second')).toEqual(['second']);
    at.listed = at.listed.slice(0, 1);
    writeList();
    expect(await names('second')).toBe('ModuleNotFoundError');
    rmSync(join(at.folder, 'cordon-python.json'));
    expect(await names('first')).toBe('ModuleNotFoundError');
  });

  test.each([
    ['no JSON', '{"format":1,'],
    ['another format', { format: 2, distributions: [] }],
    ['a hash that is none', { sha256: 'aa' }],
    ['an unknown field', { extra: 1 }],
    ['a name that is not normal', { name: 'Good' }],
    ['a place that is none', { installDir: '/usr' }],
  ])('with %s serves nothing, says so to guests and once to the log', async (_, wrong) => {
    place('good');
    const isList = typeof wrong === 'string' || 'format' in wrong;
    writeList(isList ? wrong : { format: 1, distributions: [{ ...at.listed[0], ...wrong }] });
    expect(errorOf(await find('good')).message).toContain('cannot be used');
    expect(errorOf(await find('other')).name).toBe('ImportError');
    expect(at.logged.length).toBe(1);
    writeList();
    expect(await names('good')).toEqual(['good']);
  });

  test('that names one package or one file twice is not used', async () => {
    place('good');
    for (const change of [{ name: 'other' }, { fileName: 'other-1-py3-none-any.whl' }]) {
      writeList({ format: 1, distributions: [at.listed[0], { ...at.listed[0], ...change }] });
      expect(await names('good')).toBe('ImportError');
    }
  });
});
