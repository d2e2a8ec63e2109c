/** What a program in a container does to fill what there is: bytes, files, memory behind files. */
import { expect } from 'vitest';
import { agentGoesOn, soon } from './agent-goes-on.ts';
import type { Attack } from './attack.ts';
import { containerAttacks } from './attacks.ts';

const MiB = 1024 * 1024;

const list: Attack[] = [
  {
    name: 'bytes beyond workspaceBytes end there, uncaught',
    language: 'shell',
    code: 'set -e; head -c 100M /dev/zero > big',
    ends: 'limit_exceeded workspaceBytes',
    after: agentGoesOn,
  },
  {
    name: 'bytes beyond workspaceBytes by fallocate, sendfile, O_DIRECT and behind a mapping are refused alike',
    language: 'python',
    code: `
import errno, mmap, os
why = []
def attempt(body):
    try: body(); why.append('took it')
    except OSError as error: why.append(errno.errorcode[error.errno])
def open_new(name, flags=0): return os.open(name, os.O_RDWR | os.O_CREAT | flags, 0o600)
attempt(lambda: os.posix_fallocate(open_new('a'), 0, 50_000_000)); os.unlink('a')
def copied():
    source = os.memfd_create('s')
    os.ftruncate(source, 50_000_000)
    target, done = open_new('b'), 0
    while done < 50_000_000: done += os.sendfile(target, source, done, 1_000_000)
attempt(copied); os.unlink('b')
def direct():
    fd, page = open_new('c', os.O_DIRECT), mmap.mmap(-1, 1 << 20)
    for n in range(50): os.pwrite(fd, page, n << 20)
attempt(direct); os.unlink('c')
def mapped():
    fd = open_new('d')
    os.ftruncate(fd, 50_000_000)
    os.posix_fallocate(fd, 0, 50_000_000)
attempt(mapped)
why`,
    ends: 'succeeded',
    result: ['ENOSPC', 'ENOSPC', 'ENOSPC', 'ENOSPC'],
    after: agentGoesOn,
    underGvisor: 'the workspace is copied in and out there',
  },
  {
    name: 'pages written through a mapping where the disk ends: the program dies of it, its agent goes on',
    language: 'python',
    code: `
import mmap, os
fd = os.open('sparse', os.O_RDWR | os.O_CREAT)
os.ftruncate(fd, 64 << 20)
with mmap.mmap(fd, 64 << 20) as pages:
    for at in range(0, 64 << 20, 4096): pages[at:at + 4] = b'evil'`,
    ends: /^(failed ExitCode|limit_exceeded workspaceBytes)$/,
    after: agentGoesOn,
    underGvisor: 'the workspace is copied in and out there',
  },
  {
    name: 'files beyond files end there, uncaught: plain ones, folders, links, FIFOs',
    language: 'shell',
    code: 'set -e; for n in $(seq 30); do : >f$n; ln -s x l$n; mkdir d$n; mkfifo p$n; done',
    ends: 'limit_exceeded files',
    after: agentGoesOn,
  },
  {
    name: 'files that are unlinked but open hold their bytes until the run is over, not longer',
    language: 'python',
    code: `
import errno, os
kept = []
try:
    for n in range(100):
        fd = os.open('f', os.O_RDWR | os.O_CREAT)
        os.unlink('f')
        os.write(fd, b'x' * 100_000)
        kept.append(fd)
except OSError as error: why = errno.errorcode[error.errno]
why`,
    ends: 'succeeded',
    result: 'ENOSPC',
    after: agentGoesOn,
    underGvisor: 'the workspace is copied in and out there',
  },
  {
    name: 'a sparse file of 10 GB ends soon, is not read through, and can be removed',
    language: 'shell',
    code: 'truncate -s 10G big; echo x >small; cordon result 1',
    ends: /^(succeeded|limit_exceeded workspaceBytes)$/,
    async after(scene) {
      const { record, file } = scene;
      soon(15_000)(record);
      expect(record.filesChanged.map(({ path }) => path)).not.toContain('big');
      expect((await file('GET', 'small')).text).toBe('x\n');
      await agentGoesOn(scene);
    },
  },
  {
    name: 'a thousand sparse files of 15 TB end soon',
    language: 'python',
    code: `
import os
for n in range(1000):
    fd = os.open(f'f{n}', os.O_RDWR | os.O_CREAT)
    try: os.ftruncate(fd, 15 << 40)
    except OSError: os.ftruncate(fd, 1 << 40)
    os.close(fd)
'made'`,
    limits: { files: 1100 },
    ends: /^(succeeded|failed OSError|limit_exceeded workspaceBytes)$/,
    look: soon(20_000),
    underGvisor: 'a workspace in memory has no files of terabytes',
  },
  {
    name: 'a file of extents, one block in two, does not slow the end down',
    language: 'python',
    code: `
import os, time
fd = os.open('holes', os.O_RDWR | os.O_CREAT)
done = 0
try:
    for n in range(20_000): os.pwrite(fd, b'x', n * 8192); done += 1
except OSError: pass
print(time.time())
done > 100`,
    limits: { workspaceBytes: 128 * MiB, cpuMs: 20_000, wallMs: 90_000 },
    ends: 'succeeded',
    result: true,
    // From its last word: to make the file takes a busy machine as long.
    look: ({ stdout, finishedAt }) =>
      expect(Date.parse(finishedAt ?? '') - Number(stdout) * 1000, stdout).toBeLessThan(20_000),
    underGvisor: 'a file is copied out whole, holes and all',
  },
  {
    name: '/tmp filled with bytes ends at ramBytes: it is memory',
    language: 'shell',
    code: 'head -c 1G /dev/zero > /tmp/big',
    ends: /^limit_exceeded ramBytes$/,
  },
  {
    name: '/tmp filled up to its size is no limit of the run: the program is told and fails',
    language: 'shell',
    code: 'set -e; head -c 1G /dev/zero > /tmp/big',
    limits: { ramBytes: 512 * MiB },
    ends: 'failed ExitCode',
  },
  {
    name: '/tmp filled with files: the program is told and fails, and its end still counts',
    language: 'python',
    code: `
import os
os.mkdir('/tmp/many')
for n in range(100_000): os.close(os.open(f'/tmp/many/{n}', os.O_CREAT | os.O_WRONLY))`,
    limits: { cpuMs: 20_000 },
    ends: 'failed OSError',
    underGvisor: 'a tmpfs has no bound on files there: they are memory',
  },
  {
    name: 'shared memory filled: the program is told and fails, and its end still counts',
    language: 'python',
    code: "with open('/dev/shm/big', 'wb') as file:\n    while True: file.write(b'x' * 1_000_000)",
    ends: 'failed OSError',
    underGvisor: '/dev/shm has no size there: it is memory',
  },
  {
    name: 'shared memory of System V, message queues and semaphores are the container’s own, and end at a limit',
    language: 'python',
    code: `
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
libc.shmat.restype = ctypes.c_void_p
kept = 0
while True:
    key = libc.shmget(0, 4_000_000, 0o1600)
    if key < 0: break
    at = libc.shmat(key, None, 0)
    if at in (None, ctypes.c_void_p(-1).value): break
    ctypes.memset(at, 1, 4_000_000)
    kept += 1
    if kept > 200: break
queues = 0
while libc.msgget(0, 0o1600) >= 0 and queues < 40_000: queues += 1
kept`,
    ends: 'limit_exceeded ramBytes',
    limits: { cpuMs: 10_000 },
  },
];

containerAttacks('containers: room', list);
