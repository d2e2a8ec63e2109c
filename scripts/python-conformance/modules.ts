/** CPython's test modules that are run: data types, files, text, formats, asyncio, and what an isolate cannot have. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

export const groups: Record<string, string> = {
  'named in the goal': 'json re dict list string datetime csv pathlib itertools collections dataclasses asyncio',
  'files and the system':
    'os posix posixpath genericpath stat shutil tempfile glob fnmatch io fileio file bufio linecache ' +
    'filecmp fileinput mmap zipfile tarfile gzip bz2 lzma zlib sqlite3 shelve dbm_dumb time',
  'language and types':
    'builtin bool int float complex long str bytes set tuple range slice memoryview dictviews ordered_dict deque ' +
    'defaultdict enum types typing descr generators coroutines asyncgen contextlib contextlib_async exceptions ' +
    'exception_group except_star scope with patma fstring format functools operator weakref copy abc',
  numbers: 'math cmath decimal fractions statistics random numeric_tower bisect heapq',
  'text and formats':
    'codecs unicodedata textwrap difflib html htmlparser urlparse base64 binascii struct pickle marshal hashlib hmac ' +
    'uuid configparser argparse tomllib plistlib xml_etree minidom quopri shlex calendar pprint ' +
    'reprlib secrets graphlib logging traceback ast warnings timeit',
  'what an isolate does not have': 'threading thread queue subprocess socket select signal',
};

/**
 * CPython skips all of asyncio's tests where there are no sockets. These need none: they are run here, too. Those of the
 * modules that are about sockets, processes and signals stay skipped.
 */
export const withoutSockets = (
  'context eager_task_factory free_threading futures futures2 graph locks pep492 protocols queues runners staggered ' +
  'taskgroups tasks threads timeouts waitfor'
)
  .split(' ')
  .map((name) => `test.test_asyncio.test_${name}`)
  .concat('test.test_asyncgen', 'test.test_contextlib_async');

/** Tests whose names begin so wait for another thread without a timeout: run, each would only show the wall-clock limit. */
export const waiting = ['test.test_asyncio.test_tasks.RunCoroutineThreadsafeTests.'];

/** The modules to load for one name: a package's own test modules each, so that one run is not too long. */
export function partsOf(library: string, name: string): string[] {
  const folder = join(library, 'test', name);
  if (!existsSync(folder)) return existsSync(`${folder}.py`) ? [`test.${name}`] : [];
  const parts = readdirSync(folder)
    .map((file) => file.replace(/\.py$/, ''))
    .filter((file) => file.startsWith('test_') && existsSync(join(folder, `${file}.py`)))
    .sort()
    .map((file) => `test.${name}.${file}`);
  const all = [...parts, ...nestedParts(folder, `test.${name}`)];
  return all.length > 0 ? all : [`test.${name}`];
}

function nestedParts(folder: string, name: string): string[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && existsSync(join(folder, entry.name, '__init__.py')))
    .flatMap((entry) =>
      readdirSync(join(folder, entry.name))
        .filter((file) => /^test_.*\.py$/.test(file))
        .map((file) => `${name}.${entry.name}.${file.slice(0, -3)}`),
    );
}
