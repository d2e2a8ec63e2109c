/** What a program in a container leaves for the host to list, count and remove: depth, numbers, names, permissions. */
import { expect } from 'vitest';
import { agentGoesOn, soon } from './agent-goes-on.ts';
import type { Attack } from './attack.ts';
import { containerAttacks } from './attacks.ts';

const MiB = 1024 * 1024;

const list: Attack[] = [
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
    underGvisor: 'what the guest may not read is not copied out',
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

containerAttacks('containers: trees', list);
