/** What a program in a container does to its supervisor, to itself, and against being ended. */
import { expect } from 'vitest';
import type { Attack } from './attack.ts';
import { containerAttacks } from './attacks.ts';

const list: Attack[] = [
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
    // Its first process is one like the others to an old gVisor: such a run is lost, and nothing else.
    underGvisor: { ends: /^(succeeded|interrupted WorkerLost)$/, result: undefined },
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

containerAttacks('containers: the supervisor', list);
