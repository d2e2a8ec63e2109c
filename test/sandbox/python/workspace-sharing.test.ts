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

test('sqlite3: two connections, a rollback, and a journal that a killed run left', async () => {
  expect(
    await result(`
import sqlite3, os
one = sqlite3.connect('kept.db'); two = sqlite3.connect('kept.db', timeout=0.01)
one.execute('create table t(n)'); one.executemany('insert into t values(?)', [(n,) for n in range(5000)]); one.commit()
result = [two.execute('select count(*), sum(n) from t').fetchone()]
one.execute('update t set n = n + 1')
result.append(os.path.exists('kept.db-journal'))
try: two.execute('delete from t')
except sqlite3.OperationalError as error: result.append(str(error))
one.rollback()
result.append(two.execute('select sum(n) from t').fetchone()[0])
one.close(); two.close()
`),
  ).toEqual([[5000, 12_497_500], true, 'database is locked', 12_497_500]);
  const killed = await startPython({ workspace, locks });
  await result(
    `
import sqlite3
kept['c'] = c = sqlite3.connect('kept.db')
c.execute('pragma cache_size = 2'); c.execute('pragma synchronous = off'); c.execute('update t set n = 0')
`,
    killed,
  );
  const look = `
import sqlite3
c = sqlite3.connect('kept.db', timeout=0.01)
try: result = c.execute('select sum(n) from t').fetchone()[0]
except sqlite3.OperationalError as error: result = str(error)
`;
  expect(await result(look)).toBe('database is locked');
  await killed.end();
  expect(await result(look)).toBe(12_497_500);
});

test('sqlite3 in two runs loses no change', async () => {
  const count = `
import sqlite3
for i in range(15):
    c = sqlite3.connect('counted.db', timeout=20, isolation_level=None)
    c.execute('begin immediate')
    c.execute('create table if not exists t(n)')
    n = c.execute('select coalesce(max(n), 0) from t').fetchone()[0]
    c.execute('insert into t values(?)', (n + 1,)); c.execute('commit'); c.close()
`;
  await Promise.all([result(count), result(count, other)]);
  expect(
    await result(`
import sqlite3
c = sqlite3.connect('counted.db')
result = c.execute('select count(*), max(n), count(distinct n) from t').fetchone() + c.execute('pragma integrity_check').fetchone()
`),
  ).toEqual([30, 30, 30, 'ok']);
});

test('sqlite3 with a write-ahead log, which one run has at a time', async () => {
  expect(
    await result(`
import sqlite3, os
c = sqlite3.connect('wal.db'); mode = c.execute('pragma journal_mode=wal').fetchone()
c.execute('create table t(n)'); c.executemany('insert into t values(?)', [(n,) for n in range(1000)]); c.commit()
d = sqlite3.connect('wal.db'); seen = d.execute('select count(*) from t').fetchone()
c.close(); d.close()
result = [mode, seen, os.path.exists('wal.db-wal')]
`),
  ).toEqual([['wal'], [1000], false]);
  const lock = (thread: PythonThread) =>
    result(
      `
import fcntl
kept['shm'] = f = open('x-shm', 'w+')
try: fcntl.lockf(f, fcntl.LOCK_SH | fcntl.LOCK_NB, 1, 128); result = 'locked'
except BlockingIOError: result = 'busy'
`,
      thread,
    );
  expect([await lock(python), await lock(other)]).toEqual(['locked', 'busy']);
});

test('locks hold between runs, wait for each other and go when the file is closed', async () => {
  const count = (lock: string) => `
import fcntl
for i in range(40):
    with open('counter-${lock}', 'a+') as f:
        fcntl.${lock}(f, fcntl.LOCK_EX)
        f.seek(0); n = int(f.read() or 0); f.truncate(0); f.write(str(n + 1))
`;
  for (const lock of ['flock', 'lockf']) {
    // The buffer is written before the file is closed, and the lock goes with the file.
    await Promise.all([result(count(lock)), result(count(lock), other)]);
    expect(await text(workspace, `counter-${lock}`)).toBe('80');
  }
  await result(`
import fcntl
kept['l'] = f = open('locked', 'w+'); fcntl.lockf(f, fcntl.LOCK_EX, 10, 5); fcntl.flock(f, fcntl.LOCK_SH)`);
  const attempts = `
import fcntl, os, struct
f = open('locked', 'r+')
result = []
for attempt in (lambda: fcntl.lockf(f, fcntl.LOCK_EX | fcntl.LOCK_NB, 5, 0), lambda: fcntl.lockf(f, fcntl.LOCK_SH | fcntl.LOCK_NB, 1, 14),
                lambda: fcntl.flock(f, fcntl.LOCK_SH | fcntl.LOCK_NB), lambda: fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)):
    try: attempt(); result.append('locked')
    except BlockingIOError: result.append('busy')
asked = fcntl.fcntl(f, fcntl.F_GETLK, struct.pack('hhxxxxqqi4x', fcntl.F_WRLCK, 0, 0, 0, 0))
result.append(struct.unpack('hhxxxxqqi4x', asked)[:4])
f.close()
`;
  expect(await result(attempts, other)).toEqual(['locked', 'busy', 'locked', 'busy', [1, 0, 5, 10]]);
  // Another descriptor of the same file drops the byte ranges, as in POSIX, but not what flock took.
  await result(`open('locked').close()`);
  expect(await result(attempts, other)).toEqual(['locked', 'locked', 'locked', 'busy', [2, 0, 0, 0]]);
  await result(`kept.pop('l').close()`);
  expect(await result(attempts, other)).toEqual(['locked', 'locked', 'locked', 'locked', [2, 0, 0, 0]]);
});

test('appends of two runs do not overwrite each other', async () => {
  const append = (letter: string) => `
with open('log', 'a') as f:
    for i in range(100): print('${letter}' * 50, file=f, flush=True)
`;
  await Promise.all([result(append('x')), result(append('y'), other)]);
  const lines = (await text(workspace, 'log')).trim().split('\n');
  expect(lines.length).toBe(200);
  expect(new Set(lines)).toEqual(new Set(['x'.repeat(50), 'y'.repeat(50)]));
});

test('only one of two runs makes a file exclusively, both make it otherwise', async () => {
  const make = (mode: string) => `
result = 0
for i in range(50):
    try: open(f'made-${mode}-{i}', '${mode}').close(); result += 1
    except FileExistsError: pass
`;
  const made = await Promise.all([result(make('x')), result(make('x'), other)]);
  expect((made[0] as number) + (made[1] as number)).toBe(50);
  expect(await Promise.all([result(make('w')), result(make('w'), other)])).toEqual([50, 50]);
});

test("others' changes are seen when a file is opened, and in an open file after a moment", async () => {
  await write('seen', 'one');
  expect(await result(`kept['s'] = open('seen'); result = kept['s'].read()`)).toBe('one');
  await write('seen', 'three');
  expect(await result(`result = open('seen').read()`)).toBe('three');
  await write('seen', 'five!');
  expect(await result(`import time; time.sleep(0.02); kept['s'].seek(0); result = kept['s'].read()`)).toBe('five!');
  await workspace.remove('seen', { quota });
  const gone = await python.run(`import time; time.sleep(0.02); kept['s'].seek(0); kept['s'].read()`);
  expect(gone.error).toMatch('Stale file handle');
  // SQLite looks so whether a journal is left of a transaction.
  await write('seen-journal', 'x');
  await result(`kept['j'] = open('seen-journal', 'rb', buffering=0)`);
  await workspace.remove('seen-journal', { quota });
  expect(await result(`import time; time.sleep(0.02); result = len(kept.pop('j').read(1))`)).toBe(0);
});

test('an open file follows its name, and outlives it', async () => {
  expect(
    await result(`
import os, tempfile
os.mkdir('open')
f = open('open/a', 'w+'); f.write('1'); f.flush()
os.rename('open', 'opened'); f.write('2'); f.flush()
result = [open('opened/a').read(), os.path.exists('open')]
os.unlink('opened/a'); f.write('3'); f.seek(0)
result += [f.read(), os.path.exists('opened/a'), os.fstat(f.fileno()).st_nlink]
open('opened/a', 'w').write('new'); f.seek(0); f.truncate(1)
result += [f.read(), open('opened/a').read()]
f.close()
g = open('opened/a'); os.replace('plain/a.txt', 'opened/a') if os.path.exists('plain/a.txt') else open('opened/b', 'w').close()
result.append(g.read())
with tempfile.TemporaryFile(dir='opened') as t:
    t.write(b'x' * 100_000); t.seek(99_999); result.append(len(t.read()))
with tempfile.NamedTemporaryFile(dir='opened') as t: result.append(os.path.exists(t.name))
with tempfile.TemporaryDirectory(dir='.') as t: open(t + '/x', 'w').close()
result.append(sorted(os.listdir('opened'))[0])
`),
  ).toEqual(['12', false, '123', false, 0, '1', 'new', 'new', 1, true, 'a']);
});

test('a mapped file is written when it is flushed or closed', async () => {
  await write('mapped', 'a'.repeat(200_000));
  expect(
    await result(`
import mmap
with open('mapped', 'r+b') as f:
    m = mmap.mmap(f.fileno(), 0)
    m[150_000:150_003] = b'xyz'; m.flush(); flushed = open('mapped', 'rb').read()[149_999:150_004].decode()
    m[0:1] = b'b'; m.close()
with open('mapped', 'rb') as f, mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ) as m:
    result = [flushed, m[:2].decode(), len(m), m.find(b'xyz')]
`),
  ).toEqual(['axyza', 'ba', 200_000, 150_000]);
});

test('a used-up limit is an OSError that says which limit', async () => {
  const small = await startPython({ workspace, locks, limits: { workspaceBytes: 1000, files: 2 } });
  const bytesUsed = await small.run(`
with open('small', 'wb', buffering=0) as f: f.write(b'x' * 900); f.write(b'x' * 900)`);
  expect([bytesUsed.error, bytesUsed.limit]).toEqual(['OSError: [Errno 51] No space left on device', 'workspaceBytes']);
  const filesUsed = await small.run(`for i in range(3): open(f'small{i}', 'w').close()`);
  expect([filesUsed.error, filesUsed.limit]).toEqual([
    "OSError: [Errno 51] No space left on device: 'small1'",
    'files',
  ]);
  expect((await workspace.stat('small')).bytes).toBe(900);
  await small.end();
});
