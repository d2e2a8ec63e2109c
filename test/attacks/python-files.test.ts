import { type PythonAttack, pythonAttacks } from './python-arena.ts';

const nothing = (name: string, code: string, more: Partial<PythonAttack> = {}): PythonAttack => ({
  name: `${name} finds nothing`,
  code,
  ends: 'succeeded',
  result: [],
  ...more,
});

/** An attack that the run itself survives. */
const harmless = (name: string, code: string, more: Partial<PythonAttack> = {}): PythonAttack => ({
  name: `${name} harms nobody`,
  code,
  ends: 'succeeded',
  ...more,
});

pythonAttacks('Python: files', [
  nothing(
    'a path that leads out of the workspace',
    String.raw`
import os, pathlib
from cordon import input
target = input['hostFile']
read = []
up = '../' * 20
paths = [target, up + target.lstrip('/'), '/workspace/' + up + target, '/workspace/../' + target, './' + up + target, '/proc/self/root' + target,
         '/proc/1/root' + target, '/proc/self/cwd/' + up + target, '/dev/fd/../../' + target, '//' + target, target + '/.', '/workspace//..//' + target,
         target + '\0', 'a\0/../' + target, '/tmp/../' + target, '~/' + up + target, target.replace('/', '\\'), '/workspace/%2e%2e/' + target,
         '../victim/secret.txt', '/workspace/../victim/secret.txt', '/workspace/victim/secret.txt', input['dataDir'], input['dataDir'] + '/admin-key',
         '\u2025/' + target, '\udcff/../' + target, b'/workspace/\xff/../..' + target.encode()]
for path in paths:
    for call in (lambda: open(path, 'rb').read(), lambda: os.listdir(path), lambda: os.stat(path), lambda: os.open(path, os.O_RDONLY), lambda: pathlib.Path(os.fsdecode(path)).read_text(),
                 lambda: os.readlink(path), lambda: os.scandir(path).close(), lambda: os.chdir(path)):
        try: value = call()
        except (OSError, ValueError): continue
        read.append([repr(path), repr(value)[:80]])
    try:
        # What this makes is a file of the run's own scratch system; the canaries look at the host's.
        with open(path, 'x') as file: file.write('evil')
    except (OSError, ValueError): pass
read`,
    { files: [{ path: 'mine.txt', content: 'mine' }] },
  ),
  nothing(
    'links to files of the host and of others',
    String.raw`
import os
from cordon import input
read = []
def attempt(name, call):
    try: value = call()
    except (OSError, ValueError, NotImplementedError): return
    if value: read.append([name, repr(value)[:80]])
for n, target in enumerate((input['hostFile'], '../../../../' + input['hostFile'], '../victim/secret.txt', '/etc/passwd', '/workspace/../' + input['hostFile'])):
    for folder in ('/workspace', '/tmp'):
        for make in (os.symlink, os.link):
            name = f'{folder}/link{n}{make.__name__}'
            try: make(target, name)
            except (OSError, NotImplementedError): continue
            attempt(name, lambda: open(name).read())
            attempt(name + ' listed', lambda: os.listdir(name))
            attempt(name + ' written', lambda: open(name, 'w').write('evil'))
            attempt(name + ' real', lambda: os.path.exists(name))
# A link from the scratch folders to itself, in rounds.
os.symlink('/tmp/round', '/tmp/round')
attempt('round', lambda: open('/tmp/round').read())
os.symlink('/tmp', '/tmp/again')
attempt('deep', lambda: open('/tmp' + '/again' * 100 + '/missing').read())
read`,
    {
      ends: /^(succeeded|failed \w+)$/,
      result: { asymmetricMatch: (value: unknown) => !String(JSON.stringify(value)).includes('canary') },
    },
  ),
  nothing(
    'directories of other mounts through descriptors',
    `
import os
from cordon import input
read = []
for folder in ('/', '/workspace', '/tmp', '/dev', '/proc'):
    fd = os.open(folder, os.O_RDONLY)
    for path in ('..' + input['hostFile'], input['hostFile'].lstrip('/'), '../' * 9 + input['hostFile'], '../victim/secret.txt'):
        try: read.append([folder, path, os.open(path, os.O_RDONLY, dir_fd=fd)])
        except (OSError, NotImplementedError): pass
    try: os.fchdir(fd); os.chdir('..' + input['hostFile'].rsplit('/', 1)[0]); read.append([folder, 'entered'])
    except OSError: pass
read`,
  ),
  harmless(
    'device nodes made by the run',
    `
import os, stat
made = 0
for kind in (stat.S_IFCHR, stat.S_IFBLK, stat.S_IFIFO, stat.S_IFSOCK):
    for major in (1, 3, 5, 64, 200):
        for minor in range(6):
            path = f'/tmp/node{kind}-{major}-{minor}'
            try: os.mknod(path, kind | 0o666, os.makedev(major, minor))
            except (OSError, AttributeError): continue
            made += 1
            try:
                fd = os.open(path, os.O_RDWR | os.O_NONBLOCK)
                os.write(fd, b'evil'); os.read(fd, 10); os.close(fd)
            except OSError: pass
            try: os.mknod(f'node{made}', kind | 0o666, os.makedev(major, minor))
            except (OSError, AttributeError): pass
made`,
  ),
  {
    name: 'files that every run finds cannot be changed, by any way to write',
    code: String.raw`
import mmap, os, shutil
changed = []
def attempt(path, name, call):
    try: call()
    except (OSError, ValueError, AttributeError, BufferError): pass
def mapped(path):
    with open(path, 'r+b') as file:
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_WRITE) as memory:
            memory[0:4] = b'EVIL'
            memory.flush()
paths = ['/lib/python314.zip', '/dev/null', '/lib/python3.14', '/home', '/lib']
for path in paths:
    attempt(path, 'chmod', lambda: os.chmod(path, 0o777))
    attempt(path, 'open', lambda: open(path, 'r+b').write(b'EVIL'))
    attempt(path, 'append', lambda: open(path, 'ab').write(b'EVIL'))
    attempt(path, 'truncate', lambda: os.truncate(path, 3))
    attempt(path, 'grow', lambda: os.truncate(path, 10_000_000))
    attempt(path, 'map', lambda: mapped(path))
    attempt(path, 'allocate', lambda: os.posix_fallocate(os.open(path, os.O_RDWR), 0, 20_000_000))
    attempt(path, 'pwrite', lambda: os.pwrite(os.open(path, os.O_RDWR), b'EVIL', 0))
    attempt(path, 'times', lambda: os.utime(path, (1, 1)))
    attempt(path, 'owner', lambda: os.chown(path, 7, 7))
    attempt(path, 'link', lambda: os.link(path, '/tmp/linked' + path.replace('/', '-')))
    attempt(path, 'rename', lambda: os.rename(path, path + '.old'))
    attempt(path, 'replace', lambda: (open('/tmp/new', 'w').write('EVIL'), os.replace('/tmp/new', path)))
    attempt(path, 'unlink', lambda: os.unlink(path))
    attempt(path, 'rmtree', lambda: shutil.rmtree(path))
    attempt(path, 'make', lambda: os.makedirs(path))
for folder in ('/lib', '/proc', '/home', '/tmp', '/usr'):
    attempt(folder, 'rmtree', lambda: shutil.rmtree(folder, ignore_errors=True))
os.makedirs('/lib/python3.14/site-packages', exist_ok=True)
for path in ('/lib/python3.14/site-packages/trace_of_an_attack.py', '/lib/cordon/trace_of_an_attack.py', '/tmp/trace_of_an_attack.py', '/home/sitecustomize.py'):
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        open(path, 'w').write('1')
    except OSError: pass
'attempted'`,
    ends: 'succeeded',
    result: 'attempted',
  },
  harmless(
    'every device removed, changed or replaced',
    String.raw`
import os, shutil
for name in os.listdir('/dev'):
    for call in (lambda: os.chmod('/dev/' + name, 0), lambda: os.truncate('/dev/' + name, 5), lambda: os.rename('/dev/' + name, '/dev/x' + name), lambda: open('/dev/' + name, 'w').write('evil')):
        try: call()
        except (OSError, ValueError): pass
shutil.rmtree('/dev', ignore_errors=True)
shutil.rmtree('/', ignore_errors=True)
try:
    os.makedirs('/dev', exist_ok=True)
    open('/dev/cordon', 'w').write('evil')
    os.symlink('/tmp', '/dev/stdout')
except OSError: pass
1`,
    // Without its door a run cannot say how it ended.
    { ends: /^(succeeded|failed SystemError)$/ },
  ),
  harmless(
    'the root of the workspace moved, removed, covered',
    `
import os, shutil
for call in (lambda: os.rmdir('/workspace'), lambda: shutil.rmtree('/workspace'), lambda: os.rename('/workspace', '/tmp/w'), lambda: os.rename('/tmp', '/workspace/tmp'), lambda: os.symlink('/tmp', '/workspace'), lambda: os.chmod('/workspace', 0), lambda: os.unlink('/workspace')):
    try: call()
    except OSError: pass
os.path.isdir('/workspace')`,
  ),
  {
    name: 'a flood of files outside of the workspace is refused',
    code: `
import os
told = None
try:
    for n in range(10**7): open(f'/tmp/{n}', 'w').close()
except OSError as error: told = error.strerror
told`,
    limits: { cpuMs: 20_000, wallMs: 40_000 },
    ends: 'succeeded',
    result: 'No space left on device',
  },
  {
    name: 'a huge file outside of the workspace is refused, however it is made',
    code: String.raw`
import mmap, os
told = []
def attempt(call):
    try: call(); told.append('made')
    except (OSError, ValueError, OverflowError, MemoryError, AttributeError) as error: told.append(type(error).__name__)
def written():
    with open('/tmp/a', 'wb') as file:
        for n in range(2000): file.write(b'x' * 1_000_000)
attempt(written)
attempt(lambda: os.truncate('/tmp/a', 2**31))
attempt(lambda: os.truncate('/tmp/a', 2**40))
attempt(lambda: os.posix_fallocate(os.open('/tmp/b', os.O_RDWR | os.O_CREAT), 0, 2**30))
attempt(lambda: os.pwrite(os.open('/tmp/c', os.O_RDWR | os.O_CREAT), b'x', 2**31))
attempt(lambda: os.pwrite(os.open('/dev/shm/d', os.O_RDWR | os.O_CREAT), b'x' * 1000, 2**40))
sizes = [os.stat(f'/tmp/{name}').st_size for name in 'abc' if os.path.exists(f'/tmp/{name}')]
[[of for of in told if of == 'made'], sum(sizes) <= 64 * 2**20]`,
    // Scratch files are memory too: twice their size while one grows.
    limits: { ramBytes: 256 * 1024 * 1024, cpuMs: 10_000, wallMs: 20_000 },
    ends: 'succeeded',
    result: [[], true],
  },
  {
    name: 'deep folders, long names and renames in rounds end',
    code: `
import os
os.chdir('/tmp')
try:
    for n in range(100): os.mkdir('d' * 200); os.chdir('d' * 200)
except OSError: pass
os.chdir('/tmp')
for name in ('x' * 300, 'x' * 5000, 'x' * 100_000):
    try: open('/tmp/' + name, 'w').close()
    except OSError: pass
os.makedirs('/tmp/a/b')
try: os.rename('/tmp/a', '/tmp/a/b/c')
except OSError: pass
try:
    for folder, folders, names in os.walk('/tmp'): pass
except RecursionError: pass
'ended'`,
    limits: { cpuMs: 10_000, wallMs: 20_000 },
    ends: /^(succeeded|failed \w+|limit_exceeded (ramBytes|cpuMs))$/,
  },
  {
    name: 'a zip in the workspace whose members lead out stays inside',
    code: String.raw`
import io, os, tarfile, zipfile
from cordon import input
with zipfile.ZipFile('evil.zip', 'w') as archive:
    for name in ('../../evil', '/tmp/../evil', input['bait'] + '/writable/evil', 'a/../../../../evil'): archive.writestr(name, 'evil')
os.makedirs('out')
zipfile.ZipFile('evil.zip').extractall('out')
told = []
with tarfile.open('evil.tar', 'w') as archive:
    for name in ('../../evil', input['bait'] + '/writable/evil'):
        info = tarfile.TarInfo(name); info.size = 4
        archive.addfile(info, io.BytesIO(b'evil'))
try: tarfile.open('evil.tar').extractall('out', filter='fully_trusted')
except OSError: pass
'extracted'`,
    ends: 'succeeded',
    result: 'extracted',
  },
]);
