/** What one container takes from others: time, memory, and what the kernel counts per user and not per container. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import type { Attack, Scene } from './attack.ts';
import { containerAttacks } from './attacks.ts';

const MiB = 1024 * 1024;

/** A program that uses a little of everything that the kernel hands out, and says what it did not get. */
const NEEDS = `
import ctypes, errno, mmap, os, select, socket, threading
libc = ctypes.CDLL(None, use_errno=True)
missing = []
def need(name, body):
    try: body()
    except OSError as error: missing.append([name, errno.errorcode.get(error.errno)])
    except RuntimeError as error: missing.append([name, str(error)])
def checked(value):
    if value < 0: raise OSError(ctypes.get_errno(), '')
def large_pipe():
    read, write = os.pipe()
    os.set_blocking(write, False)
    if os.write(write, b'x' * 60_000) != 60_000: raise OSError(errno.ENOBUFS, '')
def passed():
    a, b = socket.socketpair()
    socket.send_fds(a, [b'x'], [0, 1, 2])
def fork():
    child = os.fork()
    if child == 0: os._exit(0)
    os.waitpid(child, 0)
need('inotify', lambda: checked(libc.inotify_init1(0)))
need('pipe', large_pipe)
need('epoll', lambda: select.epoll())
need('eventfd', lambda: os.eventfd(0))
need('descriptors over a socket', passed)
need('fork', fork)
need('thread', lambda: threading.Thread(target=int).start())
need('memory', lambda: mmap.mmap(-1, 8 << 20))
need('timer', lambda: checked(libc.timerfd_create(1, 0)))
def locked():
    page = mmap.mmap(-1, 4096)
    checked(libc.mlock(ctypes.c_void_p(ctypes.addressof(ctypes.c_char.from_buffer(page))), 4096))
need('locked page', locked)
need('queue', lambda: checked(libc.msgget(0, 0o1600)))
need('aio', lambda: checked(libc.syscall({"x86_64": 206}.get(os.uname().machine, 0), 1, ctypes.byref(ctypes.c_ulong(0)))))
missing`;

/**
 * What a neighbour may miss: all guests are one user to the kernel, which counts these per user (a known gap, SECURITY.md).
 * An attack takes one or several of them.
 */
const SHARED = [
  ['inotify', 'EMFILE'],
  ['pipe', 'ENOBUFS'],
  ['descriptors over a socket', 'ETOOMANYREFS'],
];

/** While an attack holds all that it can get, another agent's program gets what it needs. They agree by two files. */
async function neighbourHasAll({ arena, file }: Scene): Promise<void> {
  for (let tries = 0; (await file('GET', 'ready')).status !== 200 && tries < 300; tries++) await sleep(100);
  try {
    const { ended, answer } = await arena.attack({ language: 'python', code: NEEDS });
    expect(ended).toBe('succeeded');
    for (const missing of answer.json.result) expect(SHARED).toContainEqual(missing);
  } finally {
    await file('PUT', 'done', '');
  }
}

const UNTIL_DONE = `
open('ready', 'w').close()
end = time.monotonic() + 40
while not os.path.exists('done') and time.monotonic() < end: time.sleep(0.1)
len(kept)`;

const holds = (what: string, code: string, more: Partial<Attack> = {}): Attack => ({
  name: `all the ${what} that one container can get leave a neighbour what it needs`,
  language: 'python',
  code: `import ctypes, os, select, socket, time, mmap\nlibc = ctypes.CDLL(None, use_errno=True)\nkept = []\n${code}\n${UNTIL_DONE}`,
  ends: 'succeeded',
  meanwhile: neighbourHasAll,
  underGvisor: 'what it counts is gVisor’s own there, and the host sees no file before the end',
  ...more,
  limits: { cpuMs: 20_000, wallMs: 90_000, ...more.limits },
});

const list: Attack[] = [
  holds(
    'watches (inotify)',
    'while len(kept) < 5000:\n    fd = libc.inotify_init1(0)\n    if fd < 0: break\n    kept.append(fd)',
  ),
  holds(
    'pipes',
    'import fcntl\ntry:\n    while len(kept) < 2000:\n        a, b = os.pipe(); kept += [a, b]\n        try: fcntl.fcntl(b, 1031, 1 << 20)\n        except OSError: pass\nexcept OSError: pass',
  ),
  holds(
    'descriptors in flight over sockets',
    'try:\n    while len(kept) < 200:\n        pair = socket.socketpair(); kept.append(pair)\n        for n in range(30): socket.send_fds(pair[0], [b"x"], [0] * 250, socket.MSG_DONTWAIT)\nexcept OSError: pass\ntry:\n    for pair in list(kept):\n        socket.send_fds(pair[0], [b"x"], [0] * 250, socket.MSG_DONTWAIT)\nexcept OSError: pass',
  ),
  holds(
    'locked memory',
    'page = mmap.mmap(-1, 64 << 20)\nfor n in range(0, 64 << 20, 65536):\n    if libc.mlock(ctypes.c_void_p(ctypes.addressof(ctypes.c_char.from_buffer(page)) + n), 65536) < 0: break\n    kept.append(n)',
  ),
  holds(
    'signals in queues',
    'import signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, range(34, 65))\nwhile len(kept) < 200_000:\n    if libc.sigqueue(os.getpid(), 34 + len(kept) % 30, ctypes.c_void_p(0)) < 0: break\n    kept.append(0)',
  ),
  holds('message queues', 'while len(kept) < 100_000 and libc.msgget(0, 0o1600) >= 0: kept.append(0)'),
  holds(
    'asynchronous I/O',
    'context = (ctypes.c_ulong * 1)()\nwhile len(kept) < 100_000:\n    context[0] = 0\n    if libc.syscall({"x86_64": 206}.get(os.uname().machine, 0), 1000, context) < 0: break\n    kept.append(0)',
  ),
  holds(
    'epoll watches',
    'top = select.epoll()\ntry:\n    while len(kept) < 4000: fd = os.eventfd(0); kept.append(fd); top.register(fd)\nexcept OSError: pass',
  ),
  holds(
    'processes',
    'try:\n    while len(kept) < 2000:\n        pid = os.fork()\n        if pid == 0: time.sleep(60); os._exit(0)\n        kept.append(pid)\nexcept OSError: pass',
    {
      limits: { processes: 1024, ramBytes: 1024 * MiB },
    },
  ),
  {
    name: 'a container that computes with all its processes leaves a neighbour time to end soon',
    language: 'python',
    code: `
import os
for n in range(40):
    if os.fork() == 0:
        try: os.nice(-20)
        except OSError: pass
        while True: pass
while True: pass`,
    limits: { cpuMs: 6000, wallMs: 60_000 },
    ends: 'limit_exceeded cpuMs',
    async meanwhile({ arena }) {
      for (let n = 0; n < 5; n++) {
        const began = performance.now();
        const { ended } = await arena.attack({ language: 'shell', code: 'for n in $(seq 2000); do :; done' });
        expect(ended).toBe('succeeded');
        expect(performance.now() - began).toBeLessThan(45_000);
      }
    },
  },
  {
    name: 'a container at the end of its memory, again and again, ends no process of a neighbour',
    language: 'python',
    code: `
import os
for n in range(5):
    child = os.fork()
    if child == 0:
        kept = []
        while True: kept.append(b'x' * 10_000_000)
    os.waitpid(child, 0)`,
    ends: 'limit_exceeded ramBytes',
    async meanwhile({ arena }) {
      const code = 'kept = [bytes(1_000_000) for n in range(60)]\nimport time\ntime.sleep(1)\nlen(kept)';
      const { ended, answer } = await arena.attack({ language: 'python', code });
      expect([ended, answer.json.result]).toEqual(['succeeded', 60]);
    },
  },
  {
    name: 'a disk kept busy with flushes lets a neighbour write and end',
    language: 'python',
    code: `
import os, time
end = time.monotonic() + 3
fd = os.open('busy', os.O_RDWR | os.O_CREAT)
n = 0
while n < 4 or time.monotonic() < end:
    os.pwrite(fd, os.urandom(65536), (n % 10) * 65536); os.fsync(fd); n += 1
'flushed'`,
    ends: 'succeeded',
    result: 'flushed',
    limits: { cpuMs: 20_000 },
    async meanwhile({ arena }) {
      const began = performance.now();
      const { ended } = await arena.attack({ language: 'shell', code: 'set -e; echo x >f; sync f; cat f' });
      expect(ended).toBe('succeeded');
      expect(performance.now() - began).toBeLessThan(45_000);
    },
  },
  {
    name: 'runs of one agent beside each other share files, and neither ends the other nor takes its memory',
    language: 'python',
    code: 'kept = []\nwhile True: kept.append(b"x" * 4_000_000)',
    ends: 'limit_exceeded ramBytes',
    async meanwhile({ arena, agent }) {
      const { ended, answer } = await arena.attack(
        {
          language: 'python',
          code: 'import os, time\ntime.sleep(1.5)\n[int(pid) for pid in os.listdir("/proc") if pid.isdigit() and int(pid) not in (1, os.getpid())]',
        },
        agent,
      );
      expect([ended, answer.json.result]).toEqual(['succeeded', []]);
    },
  },
];

containerAttacks('containers: neighbours', list);
