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

pythonAttacks('Python: programs, processes and signals of the host', [
  nothing(
    'each way to start a program or a process',
    `
import os, subprocess, pty, multiprocessing, asyncio, sys
ran = []
def attempt(name, call):
    try: value = call()
    except (OSError, RuntimeError, ImportError, AttributeError, NotImplementedError, ValueError): return
    ran.append([name, repr(value)[:100]])
attempt('system', lambda: os.system('echo evil > /tmp/evil'))
attempt('popen', lambda: os.popen('id').read())
attempt('run', lambda: subprocess.run(['id'], capture_output=True))
attempt('shell', lambda: subprocess.check_output('id', shell=True))
for name in ('fork', 'forkpty', 'vfork'): attempt(name, lambda: getattr(os, name)())
for name in ('execv', 'execvp'): attempt(name, lambda: getattr(os, name)('/bin/sh', ['sh']))
attempt('execve', lambda: os.execve('/bin/sh', ['sh'], {}))
attempt('posix_spawn', lambda: os.posix_spawn('/bin/sh', ['sh'], {}))
attempt('spawnl', lambda: os.spawnl(os.P_WAIT, '/bin/sh', 'sh'))
attempt('pty', lambda: pty.spawn('sh'))
attempt('multiprocessing', lambda: multiprocessing.Process(target=print).start())
attempt('asyncio', lambda: asyncio.run(asyncio.create_subprocess_shell('id')))
attempt('startfile', lambda: os.startfile('/bin/sh'))
ran`,
  ),
  nothing(
    'the functions of a fresh module posix, and _posixsubprocess',
    `
import importlib, sys, os
for name in ('posix', 'os', 'subprocess', '_posixsubprocess'): sys.modules.pop(name, None)
ran = []
try:
    import posix
    spec = importlib.util.find_spec('posix')
    fresh = importlib._bootstrap._load(spec)
    for module in (posix, fresh):
        for name, given in (('system', ('id',)), ('fork', ()), ('execv', ('/bin/sh', ['sh'])), ('posix_spawn', ('/bin/sh', ['sh'], {})), ('kill', (${process.pid}, 9)), ('killpg', (1, 9)), ('getppid', ()), ('setuid', (0,))):
            f = getattr(module, name, None)
            if f is None: continue
            try: value = f(*given)
            except BaseException: continue
            if name == 'getppid' and value in (0, 1, 42): continue
            if isinstance(value, int) and value not in (0, 1) and name == 'system': continue
            ran.append([name, repr(value)])
except ImportError: pass
[of for of in ran if of[0] not in ('kill', 'killpg', 'setuid')]`,
  ),
  nothing(
    'kills of processes of the host',
    `
import os, signal
from cordon import input
killed = []
for pid in (input['pid'], 1, 2, -input['pid'], os.getppid()):
    if pid == os.getpid(): continue
    try: os.kill(pid, 0); killed.append(pid)
    except (OSError, BaseException) as error:
        if not isinstance(error, (OSError, OverflowError)): killed.append([pid, repr(error)])
[pid for pid in killed if pid != os.getppid()]`,
  ),
  harmless(
    'every signal raised, caught and ignored',
    `
import signal
seen = []
for number in sorted(signal.valid_signals()):
    try: signal.signal(number, lambda n, f: seen.append(n))
    except (OSError, ValueError): continue
    try: signal.raise_signal(number)
    except BaseException: pass
len(seen)`,
  ),
  harmless(
    'alarms and timers of signals',
    `
import signal
for call in (lambda: signal.alarm(1), lambda: signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)):
    try: call()
    except (AttributeError, OSError): pass
1`,
  ),
  nothing(
    'a look at /proc, /sys, /etc, /dev and /root',
    String.raw`
import os
bad = []
for path in ('/etc/passwd', '/etc/hostname', '/proc/1/environ', '/proc/self/environ', '/proc/self/cmdline', '/proc/version', '/sys', '/root', '/dev/mem', '/dev/kmsg', '/dev/sda', '/proc/self/root', '/proc/self/maps', '/proc/self/mem', '/dev/tcp', '/run', '/var/run/docker.sock'):
    if os.path.lexists(path): bad.append(path)
for path in ('/proc', '/dev'):
    for folder, folders, names in os.walk(path):
        for name in names + folders:
            if name not in 'self fd 0 1 2 3 4 5 null zero random urandom tty tty1 shm tmp cordon stdin stdout stderr full'.split(): bad.append(os.path.join(folder, name))
bad += [name for name in os.listdir('/') if name not in 'tmp home dev proc lib usr workspace'.split()]
bad`,
  ),
  nothing(
    'the environment, the user, the machine',
    `
import os, socket, platform, getpass, sys
from cordon import input
known = [str(part) for part in (input['cwd'], input['dataDir'], input['bait'])]
told = [*os.environ.items(), platform.uname(), socket.gethostname(), sys.path, sys.prefix, sys.executable, os.getcwd(), os.ctermid(), sys.argv, sys.orig_argv]
[part for part in known if part in str(told)]`,
  ),
  nothing(
    'connections to a port of the host by every way there is',
    String.raw`
import asyncio, http.client, socket, ssl, urllib.request, sys
from cordon import input
port = input['port']
reached = []
def attempt(name, call):
    try: value = call()
    except (OSError, RuntimeError, NotImplementedError, ValueError, TypeError, AttributeError, ImportError, http.client.HTTPException): return
    reached.append([name, repr(value)[:80]])
attempt('create_connection', lambda: socket.create_connection(('127.0.0.1', port), 1))
def direct(make):
    s = make()
    try:
        s.connect(('127.0.0.1', port))
        s.send(b'evil')
        return s.recv(1)
    finally: s.close()
attempt('socket', lambda: direct(socket.socket))
import _socket
attempt('_socket', lambda: direct(_socket.socket))
attempt('_socket udp', lambda: direct(lambda: _socket.socket(_socket.AF_INET, _socket.SOCK_DGRAM)))
attempt('raw', lambda: _socket.socket(_socket.AF_INET, 3, 1))
attempt('unix', lambda: _socket.socket(getattr(_socket, 'AF_UNIX', 1), 1).connect('/run/x'))
attempt('socketpair', lambda: socket.socketpair())
attempt('bind', lambda: socket.create_server(('127.0.0.1', 0)))
attempt('connect_ex', lambda: socket.socket().connect_ex(('127.0.0.1', port)))
attempt('asyncio', lambda: asyncio.run(asyncio.open_connection('127.0.0.1', port)))
for host in ('127.0.0.1', 'localhost', '[::1]', '0', '2130706433', '127.1', '0.0.0.0'):
    attempt(host, lambda: urllib.request.urlopen(f'http://{host}:{port}/', timeout=1).read())
attempt('http', lambda: http.client.HTTPConnection('127.0.0.1', port).request('GET', '/'))
attempt('https', lambda: http.client.HTTPSConnection('127.0.0.1', port).request('GET', '/'))
attempt('getaddrinfo', lambda: socket.getaddrinfo('localhost', port))
for scheme in ('file', 'ftp', 'gopher', 'data'):
    if scheme != 'data': attempt(scheme, lambda: urllib.request.urlopen(f'{scheme}://' + ('127.0.0.1:%d' % port if scheme != 'file' else input['hostFile'])).read())
try:
    from pyodide.http import pyfetch, open_url
    attempt('open_url', lambda: open_url(f'http://127.0.0.1:{port}/'))
    attempt('pyfetch', lambda: asyncio.run(pyfetch(f'http://127.0.0.1:{port}/')))
except ImportError: pass
# connect of a socket that is not blocking says "in progress" without a word on the wire: the canary counts connections.
[of for of in reached if of[0] != 'raw']`,
    { limits: { wallMs: 15_000 } },
  ),
]);
