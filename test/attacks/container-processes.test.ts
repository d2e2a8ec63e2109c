/** What a program in a container does with processes, threads and signals. */
import { expect } from 'vitest';
import type { Attack } from './attack.ts';
import { containerAttacks } from './attacks.ts';
import { listProcesses } from './processes.ts';

const MiB = 1024 * 1024;
const atCpu = 'limit_exceeded cpuMs';

/** A process that would be found on this machine by what it calls itself. */
const marker = (name: string) => `cordon-${name}-${process.pid}`;
const marked = (name: string) => listProcesses().filter(({ command }) => command.includes(marker(name)));
const expectGone = (name: string) => () => expect(marked(name)).toEqual([]);

const list: Attack[] = [
  {
    name: 'a fork bomb of a shell ends at cpuMs',
    language: 'shell',
    code: 'f() { f | f & f; }; f',
    ends: /^(limit_exceeded cpuMs|timed_out wallMs)$/,
    limits: { wallMs: 15_000 },
  },
  {
    name: 'a fork bomb of a shell that ends itself is gone with its run',
    language: 'shell',
    code: ':() { :|:& }; :; sleep 0.2; exit 0',
    ends: /^(succeeded|limit_exceeded cpuMs)$/,
    limits: { wallMs: 15_000 },
  },
  {
    name: 'a fork bomb that catches every refusal ends at cpuMs',
    language: 'python',
    code: 'import os\nwhile True:\n    try: os.fork()\n    except OSError: pass',
    ends: atCpu,
  },
  {
    name: 'a fork bomb in JavaScript ends at a limit',
    language: 'javascript',
    code: "const { spawn } = require('node:child_process'); const go = () => { const child = spawn(process.execPath, ['-e', 'for (;;);']); child.on('error', () => {}); setTimeout(go, 1); }; go();",
    ends: /^limit_exceeded (cpuMs|ramBytes)$/,
  },
  {
    name: 'forks beyond processes fail in the guest, and nothing else dies',
    language: 'python',
    code: `
import errno, os, signal, time
made, why = [], 0
try:
    while len(made) < 100:
        pid = os.fork()
        if pid == 0: time.sleep(60); os._exit(0)
        made.append(pid)
except OSError as error: why = error.errno
alive = [pid for pid in made if os.waitpid(pid, os.WNOHANG) == (0, 0)]
for pid in made: os.kill(pid, signal.SIGKILL)
for pid in made: os.waitpid(pid, 0)
child = os.fork()
if child == 0: os._exit(7)
[why == errno.EAGAIN, len(alive) == len(made), 10 <= len(made) <= 16, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])]`,
    limits: { processes: 16 },
    ends: 'succeeded',
    result: [true, true, true, 7],
    underGvisor: 'gVisor’s processes are not the host’s: pids of the cgroup do not count them',
  },
  {
    name: 'threads beyond processes fail in the guest',
    language: 'python',
    code: `
import threading
stop, made, failed = threading.Event(), 0, ''
try:
    while made < 500: threading.Thread(target=stop.wait, daemon=True).start(); made += 1
except RuntimeError as error: failed = str(error)
stop.set()
[failed, 10 <= made <= 32]`,
    limits: { processes: 32 },
    ends: 'succeeded',
    result: ["can't start new thread", true],
    underGvisor: 'gVisor’s threads are not the host’s: pids of the cgroup do not count them',
  },
  {
    name: 'a flood of children that nobody waits for ends at processes, and the program goes on',
    language: 'python',
    code: `
import os
made = 0
try:
    while made < 1000:
        if os.fork() == 0: os._exit(0)
        made += 1
except OSError: pass
made < 100`,
    ends: 'succeeded',
    result: true,
    underGvisor: 'gVisor’s processes are not the host’s: pids of the cgroup do not count them',
  },
  {
    name: 'a thousand orphans are taken by the first process of the container',
    language: 'python',
    code: `
import os
for n in range(1000):
    child = os.fork()
    if child == 0:
        if os.fork() == 0: os._exit(0)
        os._exit(0)
    os.waitpid(child, 0)
'done'`,
    limits: { cpuMs: 20_000, wallMs: 60_000 },
    ends: 'succeeded',
    result: 'done',
  },
  {
    name: 'a daemon forked twice does not outlive its run',
    language: 'python',
    code: `
import os, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        for fd in range(3): os.close(fd)
        os.execv('/bin/bash', ['${marker('daemon')}', '-c', 'trap "" TERM HUP INT; while :; do sleep 1; done', '${marker('daemon')}'])
    os._exit(0)
time.sleep(0.3)
'left'`,
    ends: 'succeeded',
    result: 'left',
    look: expectGone('daemon'),
  },
  {
    name: 'daemons that watch and start each other anew do not outlive their run',
    language: 'shell',
    code: `
cat > again.sh <<'END'
trap '' TERM HUP INT
while :; do sleep 0.02; pgrep -fc ${marker('again')} >/tmp/n; [ "$(cat /tmp/n)" -gt 8 ] || setsid bash again.sh ${marker('again')} >/dev/null 2>&1 & done
END
setsid bash again.sh ${marker('again')} >/dev/null 2>&1 &
sleep 0.5; cordon result 1`,
    ends: /^(succeeded|limit_exceeded cpuMs)$/,
    look: expectGone('again'),
    limits: { cpuMs: 5000 },
    underGvisor: 'pgrep needs statx, which Debian’s runsc does not know',
  },
  {
    name: 'a daemon that holds the output open and prints on does not hold its run open',
    language: 'shell',
    code: '(trap "" TERM; setsid bash -c "while :; do echo more; sleep 0.01; done") & sleep 0.2; cordon result 1',
    ends: 'succeeded',
    result: 1,
    limits: { wallMs: 5000 },
  },
  {
    name: 'a guest that ignores every signal ends at wallMs, soon',
    language: 'shell',
    code: 'for n in $(seq 64); do trap "" $n 2>/dev/null; done; while :; do sleep 1; done',
    limits: { wallMs: 700 },
    ends: 'timed_out wallMs',
    look: ({ usage }) => expect(usage.wallMs).toBeLessThan(6000),
  },
  {
    name: 'a guest that stops itself and all others ends at wallMs',
    language: 'shell',
    code: 'sleep 60 & kill -STOP -1; kill -STOP $$; sleep 60',
    limits: { wallMs: 700 },
    ends: 'timed_out wallMs',
  },
  {
    name: 'a guest that kills everything it may kills only itself',
    language: 'shell',
    code: 'sleep 60 & kill -KILL -1; echo survived; kill -KILL $$',
    ends: 'failed ExitCode',
    look: ({ exitCode }) => expect(exitCode).toBe(137),
  },
  {
    name: 'every signal sent to the first process of the container is in vain',
    language: 'python',
    code: `
import os, signal, time
sent = 0
for _ in range(20):
    for number in range(1, 65):
        try: os.kill(1, number); sent += 1
        except OSError: pass
for number in range(34, 65):
    try: signal.sigqueue(1, number, 1)
    except (AttributeError, OSError): pass
time.sleep(0.2)
'still here'`,
    ends: 'succeeded',
    result: 'still here',
  },
  {
    name: 'the first process of the container cannot be looked into, written to, traced or slowed down',
    language: 'python',
    code: `
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
through = []
def attempt(label, body):
    try: value = body()
    except OSError: return
    through.append([label, str(value)[:80]])
for name in ('mem', 'environ', 'maps', 'auxv', 'syscall', 'stack', 'io', 'map_files', 'fd', 'fdinfo', 'ns', 'root', 'cwd', 'exe', 'pagemap', 'smaps'):
    def look(path=f'/proc/1/{name}'):
        if os.path.isdir(path):
            found = os.listdir(path)
            if not found: raise OSError
            return found
        if os.path.islink(path): return os.readlink(path)
        found = open(path, 'rb').read(64)
        if not found: raise OSError
        return found
    attempt(name, look)
for name in ('mem', 'clear_refs', 'oom_score_adj', 'coredump_filter', 'sched', 'autogroup', 'attr/exec'):
    attempt('write ' + name, lambda: os.write(os.open(f'/proc/1/{name}', os.O_WRONLY), b'1'))
for fd in range(12): attempt(f'fd {fd}', lambda: os.open(f'/proc/1/fd/{fd}', os.O_RDWR))
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_long, ctypes.c_long]
def traced(request):
    if libc.ptrace(request, 1, 0, 0) != 0: raise OSError(ctypes.get_errno())
attempt('attach', lambda: traced(16)); attempt('seize', lambda: traced(0x4206))
class Iov(ctypes.Structure): _fields_ = [('base', ctypes.c_void_p), ('length', ctypes.c_size_t)]
buffer = ctypes.create_string_buffer(64)
def moved(call):
    here, there = Iov(ctypes.addressof(buffer), 64), Iov(0x400000, 64)
    if call(1, ctypes.byref(here), 1, ctypes.byref(there), 1, 0) < 0: raise OSError(ctypes.get_errno())
attempt('readv', lambda: moved(libc.process_vm_readv)); attempt('writev', lambda: moved(libc.process_vm_writev))
def taken():
    pidfd = os.pidfd_open(1)
    for fd in range(12):
        found = libc.syscall(438, pidfd, fd, 0)
        if found >= 0: return found
    raise OSError
attempt('pidfd_getfd', taken)
through`,
    ends: 'succeeded',
    result: [],
    underGvisor: 'gVisor shows its guests its own /proc',
  },
  {
    name: 'scheduling: a guest that makes its supervisor slow, or pins it, ends all the same',
    language: 'python',
    code: `
import os, time
def attempt(body):
    try: body()
    except OSError: pass
attempt(lambda: os.setpriority(os.PRIO_PROCESS, 1, 19))
attempt(lambda: os.setpriority(os.PRIO_USER, 10001, 19))
attempt(lambda: os.sched_setscheduler(1, os.SCHED_IDLE, os.sched_param(0)))
attempt(lambda: os.sched_setaffinity(1, {0}))
import resource
for name in ('NOFILE', 'FSIZE', 'AS', 'CPU', 'DATA', 'STACK', 'NPROC'):
    attempt(lambda: resource.prlimit(1, getattr(resource, 'RLIMIT_' + name), (0, 0)))
for _ in range(3):
    if os.fork() == 0:
        while True: pass
time.sleep(0.3)
print('x' * 1000)
'done'`,
    ends: 'succeeded',
    result: 'done',
    limits: { cpuMs: 8000 },
  },
  {
    name: 'memory taken by a child process ends at ramBytes',
    language: 'python',
    code: `
import os
child = os.fork()
if child == 0:
    kept = []
    while True: kept.append(bytearray(b'x' * 4_000_000))
os.waitpid(child, 0)
'went on'`,
    ends: 'limit_exceeded ramBytes',
  },
  {
    name: 'memory taken by many small processes together ends at ramBytes',
    language: 'python',
    code: `
import os, time
for _ in range(40):
    if os.fork() == 0:
        kept = b'x' * 8_000_000
        time.sleep(60)
time.sleep(60)`,
    limits: { ramBytes: 96 * MiB, wallMs: 30_000 },
    ends: 'limit_exceeded ramBytes',
  },
  {
    name: 'memory of shared files, sockets and pipes ends at ramBytes',
    language: 'python',
    code: `
import os
kept = []
for n in range(64):
    fd = os.memfd_create('kept')
    os.write(fd, b'x' * 4_000_000)
    kept.append(fd)
'went on'`,
    ends: 'limit_exceeded ramBytes',
  },
  {
    name: 'memory of the kernel for pipes, sockets and names ends at a limit or is refused, and is had by no neighbour',
    language: 'python',
    code: `
import os, socket
kept = []
try:
    while True:
        a, b = socket.socketpair()
        a.setblocking(False)
        kept += [a, b]
        while True:
            try: a.send(b'x' * 65536)
            except BlockingIOError: break
except OSError as error: why = error.errno
why`,
    ends: /^(succeeded|limit_exceeded ramBytes|failed \S+)$/,
  },
  {
    name: 'all descriptors used up: the program is told, and its end still counts',
    language: 'python',
    code: `
import errno, os
kept = []
try:
    while True: kept.append(os.open('/dev/null', os.O_RDONLY))
except OSError as error: why = error.errno
[why == errno.EMFILE, 1000 < len(kept) < 5000]`,
    ends: 'succeeded',
    result: [true, true],
  },
  {
    name: 'the program is replaced by another: its exit code is the end',
    language: 'python',
    code: "import os\nos.execv('/bin/bash', ['bash', '-c', 'exit 9'])",
    ends: 'failed ExitCode',
    look: ({ exitCode }) => expect(exitCode).toBe(9),
  },
  {
    name: 'a program that crashes fails with its signal',
    language: 'python',
    code: 'import ctypes\nctypes.string_at(1)',
    ends: 'failed ExitCode',
    look: ({ exitCode, error }) =>
      expect([exitCode, error?.message]).toEqual([139, 'The program was ended by SIGSEGV']),
  },
];

containerAttacks('containers: processes', list);
