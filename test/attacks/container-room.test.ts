/** What a program in a container does to fill what there is: bytes, files, memory behind files, names, depth. */
import { expect } from 'vitest';
import type { Attack } from './attack.ts';
import { containerAttacks } from './attacks.ts';

const MiB = 1024 * 1024;

/** How long the service may take over what a run left, from its last word to its record. */
const soon = (wallMs: number) => (record: { usage: { wallMs: number } }) =>
  expect(record.usage.wallMs).toBeLessThan(wallMs);

/** After it, the agent's own files can be listed, written and removed, and another run works. */
const agentGoesOn: NonNullable<Attack['after']> = async ({ arena, agent, file }) => {
  expect((await file('GET', '')).status).toBe(200);
  const { json } = await arena.call('GET', `/v1/agents/${agent}/files/`);
  for (const { path } of json.items.slice(0, 20))
    expect((await file('DELETE', `${encodeURIComponent(path)}?recursive=true`)).status, path).toBe(204);
  expect((await file('PUT', 'after.txt', 'x')).status).toBeLessThan(300);
  const { ended, answer } = await arena.attack({ language: 'shell', code: 'cat after.txt' }, agent);
  expect([ended, answer.json.stdout]).toEqual(['succeeded', 'x']);
};

const list: Attack[] = [
  {
    name: 'bytes beyond workspaceBytes end there, uncaught',
    language: 'shell',
    code: 'set -e; head -c 100M /dev/zero > big',
    ends: 'limit_exceeded workspaceBytes',
    after: agentGoesOn,
  },
  {
    name: 'bytes beyond workspaceBytes by fallocate, copy_file_range, sendfile, O_DIRECT and mmap are refused alike',
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
    source = os.open('/usr/lib/python3/dist-packages/numpy/core/_multiarray_umath.cpython-311-x86_64-linux-gnu.so', os.O_RDONLY) if False else os.memfd_create('s')
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
import os
fd = os.open('holes', os.O_RDWR | os.O_CREAT)
done = 0
try:
    for n in range(20_000): os.pwrite(fd, b'x', n * 8192); done += 1
except OSError: pass
done > 100`,
    limits: { workspaceBytes: 128 * MiB, cpuMs: 20_000 },
    ends: 'succeeded',
    result: true,
    look: soon(20_000),
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
  {
    name: 'a tree of 3000 folders one in the other, with files at its bottom, is counted, listed and removed',
    language: 'python',
    code: `
import os
for n in range(3000):
    os.mkdir('d' * 20)
    os.chdir('d' * 20)
with open('bottom', 'w') as file: file.write('x')
'deep'`,
    limits: { files: 4000, workspaceBytes: 64 * MiB, cpuMs: 20_000 },
    ends: 'succeeded',
    result: 'deep',
    after: agentGoesOn,
    look: soon(30_000),
    underGvisor: 'what is deeper than a path can say is not carried out',
  },
  {
    name: 'twenty thousand files are counted, named and removed',
    language: 'python',
    code: `
import os
for n in range(20_000):
    if n % 1000 == 0: os.mkdir(f'd{n}'); folder = f'd{n}'
    fd = os.open(f'{folder}/{n}', os.O_CREAT | os.O_WRONLY); os.write(fd, b'x'); os.close(fd)
'made'`,
    limits: { files: 25_000, workspaceBytes: 256 * MiB, cpuMs: 30_000, wallMs: 60_000 },
    ends: 'succeeded',
    result: 'made',
    async after(scene) {
      expect(scene.record.filesChanged).toHaveLength(20_000);
      await agentGoesOn(scene);
    },
    underGvisor: 'twenty thousand files are some hundred thousand calls there: more than hostCalls of this suite',
  },
  {
    name: 'hard links without end to one file are one file, and neither fill nor slow down the service',
    language: 'python',
    code: `
import errno, os
open('a', 'w').write('x' * 1000)
made, why = 0, ''
try:
    for n in range(70_000): os.link('a', f'link-{n}'); made += 1
except OSError as error: why = errno.errorcode[error.errno]
[made > 1000, why in ('', 'EMLINK', 'ENOSPC')]`,
    limits: { workspaceBytes: 32 * MiB, cpuMs: 20_000 },
    ends: 'succeeded',
    result: [true, true],
    look: soon(30_000),
    underGvisor: 'links are copied as files there',
  },
  {
    name: 'names that are no UTF-8, hold line ends, control characters, or are as long as names can be',
    language: 'python',
    code: String.raw`
import os
names = [b'\xff\xfe', b'a\nb', b'\x1b[31mred', b'-rf', b'..a', b' ', b'\xe2\x80\xae', b'%2e%2e', b'a' * 255, '\u00e9'.encode(), 'e\u0301'.encode(), b'CON', b'a\\b', b'"; rm', b'\x7f']
for name in names:
    with open(name, 'w') as file: file.write('x')
os.mkdir(b'\xc3\x28'); open(b'\xc3\x28/inside', 'w').close()
len(names)`,
    ends: 'succeeded',
    result: 15,
    async after({ file, arena, agent, record }) {
      const { json, status } = await file('GET', '');
      expect(status).toBe(200);
      const names = json.items.map((item: { path: string }) => item.path);
      expect(names).toContain('..a');
      for (const name of names) expect((await file('GET', encodeURIComponent(name))).text, name).toBe('x');
      for (const { path } of record.filesChanged) expect(names).toContain(path);
      const { ended } = await arena.attack({ language: 'shell', code: 'ls -1q | wc -l; rm -rf -- *' }, agent);
      expect(ended).toBe('succeeded');
    },
    underGvisor: 'a name that is no UTF-8 is not carried out',
  },
  {
    name: 'a workspace without permissions, and folders without, stand in the way of nobody but their run',
    language: 'shell',
    code: 'mkdir d; echo x >d/f; chmod 000 d; echo y >f; chmod 000 f; chmod 000 /workspace',
    ends: 'succeeded',
    async after(scene) {
      expect((await scene.file('GET', 'f')).text).toBe('y\n');
      expect((await scene.file('GET', 'd/f')).text).toBe('x\n');
      await agentGoesOn(scene);
    },
  },
  {
    name: 'access lists and attributes that shut the guest out stand in the way of nobody but their run',
    language: 'python',
    code: String.raw`
import os, struct
entry = lambda tag, perm, who=0xffffffff: struct.pack('<HHI', tag, perm, who)
nobody = struct.pack('<I', 2) + entry(1, 0) + entry(2, 0, 10001) + entry(4, 0) + entry(0x10, 0) + entry(0x20, 0)
done = []
for path in ('/workspace',):
    for name in ('system.posix_acl_access', 'system.posix_acl_default'):
        try: os.setxattr(path, name, nobody); done.append(name)
        except OSError: pass
try:
    for n in range(100): os.setxattr('/workspace', f'user.{n}', b'x' * 3000)
except OSError: pass
'set'`,
    ends: 'succeeded',
    result: 'set',
    after: agentGoesOn,
  },
];

containerAttacks('containers: room', list);
