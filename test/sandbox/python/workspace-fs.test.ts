import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createFileLocks } from '../../../runtime/run/file-locks.ts';
import { createWorkspaces, type Workspace } from '../../../runtime/workspace/workspace.ts';
import { bytes, MiB, owner, text } from '../../workspace/scratch.ts';
import { type PythonThread, startPython } from './python-thread.ts';

// Two runs of one agent. Every test has files of its own.
let root: string;
let workspace: Workspace;
let python: PythonThread;
let other: PythonThread;
const locks = createFileLocks();
const quota = { bytes: 1024 * MiB, files: 10_000 };

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'cordon-python-'));
  workspace = await createWorkspaces({ root }).open(owner);
  [python, other] = await Promise.all([startPython({ workspace, locks }), startPython({ workspace, locks })]);
});

afterAll(async () => {
  await Promise.all([python?.end(), other?.end()]);
  rmSync(root, { recursive: true, force: true });
});

const write = (path: string, content: string) => workspace.write(path, bytes(content), { quota });

async function result(program: string, thread = python): Promise<unknown> {
  const ran = await thread.run(program);
  expect(ran.error).toBeUndefined();
  return ran.result;
}

/** The errors of expressions, by type and errno's name. */
const errorsOf = (expressions: string[]) =>
  result(`
import os, errno, fcntl, pathlib, shutil
result = []
for make in [${expressions.map((expression) => `lambda: ${expression}`).join(', ')}]:
    try: result.append(['no error', repr(make())])
    except OSError as error: result.append([type(error).__name__, errno.errorcode[error.errno]])
`);

test('files are read and written as in any Python', async () => {
  await write('from-outside.txt', 'älter\n');
  expect(
    await result(`
import os, pathlib
here = pathlib.Path('plain')
here.mkdir()
(here / 'a.txt').write_text('eins\\nzwei\\n')
with open('plain/a.txt', 'a') as f: f.write('drei\\n')
with open('plain/a.txt', 'r+') as f:
    f.seek(5); f.write('ZWEI'); f.seek(0); lines = f.readlines()
with open('plain/hole', 'wb') as f: f.seek(100_000); f.write(b'end')
with open('plain/hole', 'r+b') as f: f.truncate(100_001); hole = f.read()
os.truncate('plain/hole', 10)
result = [open('from-outside.txt').read(), lines, len(hole), hole[-2:] == b'\\0e', os.stat('plain/hole').st_size,
          (here / 'a.txt').stat().st_size, sorted(p.name for p in here.iterdir())]
`),
  ).toEqual(['älter\n', ['eins\n', 'ZWEI\n', 'drei\n'], 100_001, true, 10, 15, ['a.txt', 'hole']]);
  expect(await text(workspace, 'plain/a.txt')).toBe('eins\nZWEI\ndrei\n');
});

test('errors are those of a file system', async () => {
  await result(`import os; os.makedirs('errors/full/sub'); open('errors/f', 'w').close()`);
  expect(
    await errorsOf([
      `open('errors/none')`,
      `open('errors/f', 'x')`,
      `open('errors/full', 'w')`,
      `open('errors/f/below')`,
      `os.listdir('errors/f')`,
      `os.mkdir('errors/full')`,
      `os.rmdir('errors/full')`,
      `os.rmdir('errors/f')`,
      `os.unlink('errors/full')`,
      `os.rename('errors/none', 'errors/x')`,
      `os.rename('errors/f', 'errors/full')`,
      `os.rename('errors/full', 'errors/full/sub/x')`,
      `os.rename('errors/f', '/tmp/f')`,
      `os.symlink('f', 'errors/link')`,
      `open('errors/new\\nline', 'w')`,
      `open('errors/' + 'n' * 256, 'w')`,
      `os.write(os.open('errors/f', os.O_RDONLY), b'x')`,
      `os.read(os.open('errors/f', os.O_WRONLY), 1)`,
    ]),
  ).toEqual([
    ['FileNotFoundError', 'ENOENT'],
    ['FileExistsError', 'EEXIST'],
    ['IsADirectoryError', 'EISDIR'],
    ['NotADirectoryError', 'ENOTDIR'],
    ['NotADirectoryError', 'ENOTDIR'],
    ['FileExistsError', 'EEXIST'],
    ['OSError', 'ENOTEMPTY'],
    ['NotADirectoryError', 'ENOTDIR'],
    ['IsADirectoryError', 'EISDIR'],
    ['FileNotFoundError', 'ENOENT'],
    ['IsADirectoryError', 'EISDIR'],
    ['OSError', 'EINVAL'],
    ['OSError', 'EXDEV'],
    ['PermissionError', 'EPERM'],
    ['OSError', 'EINVAL'],
    ['OSError', 'ENAMETOOLONG'],
    ['OSError', 'EBADF'],
    ['OSError', 'EBADF'],
  ]);
});

test('a large file costs what is read of it', async () => {
  await workspace.write('large', bytes('start'), { quota });
  await workspace.truncate('large', 100 * MiB, { quota });
  await workspace.writeRange('large', 60 * MiB, bytes('middle'), { quota });
  const opened = await python.run(`kept['f'] = open('large', 'rb', buffering=0)`);
  expect(opened.calls).toEqual({ 'fs.stat': 1 });
  const read = await python.run(`f = kept['f']; f.seek(${60 * MiB}); result = f.read(6).decode(); f.seek(0)`);
  expect(read.result).toBe('middle');
  expect(read.calls['fs.readFile']).toBe(1);
  const streamed = await python.run(`
f = kept['f']; result = 0
for i in range(512): result += len(f.read(16384))`);
  expect(streamed.result).toBe(8 * MiB);
  expect(streamed.calls['fs.readFile']).toBeLessThan(20);
  const whole = await python.run(`result = len(open('large', 'rb').read())`);
  expect(whole.result).toBe(100 * MiB);
});

test('what was flushed is there, what was not is not', async () => {
  await result(`kept['flush'] = f = open('flushed', 'w'); f.write('on disk'); f.flush(); f.write(' in a buffer')`);
  expect(await text(workspace, 'flushed')).toBe('on disk');
  const synced = await python.run(
    `import os; f = kept['flush']; f.flush(); os.fsync(f.fileno()); os.fdatasync(f.fileno())`,
  );
  expect(synced.calls['fs.sync']).toBe(2);
  expect(await text(workspace, 'flushed')).toBe('on disk in a buffer');
  await result(`kept.pop('flush').close()`);
});

test('trees are walked, copied, moved and removed', async () => {
  const ran = await python.run(`
import os, shutil, pathlib
os.makedirs('tree/a/b')
for i in range(30): pathlib.Path(f'tree/a/b/{i:02}').write_text('x' * i)
shutil.copytree('tree', 'copy')
shutil.move('copy/a', 'moved')
os.replace('moved/b/01', 'moved/b/02')
shutil.rmtree('tree')
walked = [(path, sorted(names), len(files)) for path, names, files in os.walk('moved')]
result = [walked, os.path.exists('tree'), os.listdir('copy'), open('moved/b/02').read(), shutil.disk_usage('.').total > 0]
`);
  expect(ran.error).toBeUndefined();
  expect(ran.result).toEqual([
    [
      ['moved', ['b'], 0],
      ['moved/b', [], 29],
    ],
    false,
    [],
    'x',
    true,
  ]);
  const listed = await python.run(`
import os
result = [sum(entry.is_file() for entry in os.scandir('moved/b')), os.stat('moved').st_mode, os.stat('moved/b/05').st_mode]`);
  expect(listed.result).toEqual([29, 0o40755, 0o100644]);
  expect(listed.calls['fs.readdir']).toBe(1);
  // What was listed is not what is there.
  const removed = `import os; d = os.open('/workspace', os.O_RDONLY); listed = os.listdir('/workspace'); os.rmdir('copy')`;
  expect(await result(`${removed}; result = ['copy' in listed, os.path.exists('copy')]; os.close(d)`)).toEqual([
    true,
    false,
  ]);
  expect(listed.calls['fs.stat']).toBeLessThan(6);
});

test('times and modes are taken, inode numbers stay', async () => {
  expect(
    await result(`
import os, shutil
open('times', 'w').write('x')
first = os.stat('times')
os.utime('times', (1000, 2000.5)); os.chmod('times', 0o600)
shutil.copy2('times', 'times2'); os.rename('times2', 'times3')
now = os.stat('times')
result = [now.st_mtime, now.st_atime, os.stat('times3').st_mtime, now.st_ino == first.st_ino,
          os.stat('times3').st_ino != now.st_ino, os.access('times', os.R_OK | os.W_OK), os.access('times', os.X_OK)]
open('times', 'a').write('y')
result.append(os.stat('times').st_mtime > 1e9)
`),
  ).toEqual([2000.5, 1000, 2000.5, true, true, true, false, true]);
});

test('csv, json and zip files', async () => {
  expect(
    await result(`
import csv, json, zipfile, os
rows = [['a', '1'], ['b, c', 'ü']]
with open('t.csv', 'w', newline='') as f: csv.writer(f).writerows(rows)
with open('t.json', 'w') as f: json.dump(rows, f)
with zipfile.ZipFile('t.zip', 'w', zipfile.ZIP_DEFLATED) as z:
    z.writestr('long', 'x' * 300_000); z.write('t.csv', 'in/t.csv')
with zipfile.ZipFile('t.zip', 'a') as z: z.write('t.json')
with zipfile.ZipFile('t.zip') as z:
    z.extractall('unzipped'); checked = [z.namelist(), z.testzip()]
result = [list(csv.reader(open('unzipped/in/t.csv', newline=''))) == rows, json.load(open('unzipped/t.json')) == rows,
          os.path.getsize('unzipped/long'), *checked]
`),
  ).toEqual([true, true, 300_000, ['long', 'in/t.csv', 't.json'], null]);
});
