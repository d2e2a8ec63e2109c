/** Links, devices and races that a guest leaves in its workspace for the host to fall into, over the files API. */
import { expect } from 'vitest';
import type { Attack, Scene } from './attack.ts';
import { containerAttacks } from './attacks.ts';

/** Ways in by which a caller names a file. None of them may lead out of the agent's folder, nor wait for ever. */
async function tryAll({ arena, file, agent }: Scene, path: string): Promise<string[]> {
  const said: string[] = [];
  const seen = ({ text, json }: { text: string; json: any }) => {
    expect(text, path).not.toContain(arena.secret);
    expect(text, path).not.toContain('root:x:0');
    said.push(json?.code ?? '');
  };
  for (const name of [path, `${path}/`, `${path}/secret.txt`, `${path}/passwd`, `${path}/host.txt`]) {
    seen(await file('GET', name));
    seen(await file('PUT', name, 'written through'));
  }
  const { ended, answer } = await arena.attack(
    { language: 'shell', code: 'true', files: [{ path: `${path}/planted.txt`, content: 'written through' }] },
    agent,
  );
  expect(ended).toMatch(/^(succeeded|interrupted \w+|failed \w+|400 .*|409 .*)$/);
  seen({ text: JSON.stringify(answer.json), json: {} });
  seen(await file('GET', ''));
  seen(await file('DELETE', `${path}?recursive=true`));
  return said;
}

/** What a planted thing is, how it is made, and by which name the host meets it. */
const plants: [what: string, code: string][] = [
  ['a link to a file of the host', 'ln -s "$(cordon input hostFile --raw)" x'],
  ['a link to a folder of the host', 'ln -s "$(cordon input bait --raw)" x'],
  ['a link to /etc', 'ln -s /etc x'],
  ['a link to the root', 'ln -s / x'],
  ['a link to the files of another agent', 'ln -s ../../victim/files x'],
  ['a link to the mounted files of another agent', 'ln -s ../../../victim/volume/files x'],
  ['a link to the data directory', 'ln -s "$(cordon input dataDir --raw)" x'],
  ['a link up and out', 'ln -s ../../../../../../../../../../etc x'],
  ['a link to the descriptors of whoever reads it', 'ln -s /proc/self/fd x'],
  ['a link to the root of whoever reads it', 'ln -s /proc/self/root x'],
  ['a link to the working directory of whoever reads it', 'ln -s /proc/self/cwd x'],
  ['a chain of links', 'ln -s /etc a; ln -s a b; ln -s b x'],
  ['a link to itself', 'ln -s x x'],
  ['a link to nothing', 'ln -s /nowhere/at/all x'],
  ['a folder that is a link below a folder', 'mkdir d; ln -s /etc d/e; ln -s d/e x'],
  ['a FIFO', 'mkfifo x'],
  ['a socket', 'python3 -c "import socket; socket.socket(1).bind(\'x\')"'],
  ['a whiteout of overlayfs', 'mknod x c 0 0 || mkfifo x'],
];

const list: Attack[] = [
  ...plants.map(
    ([what, code]): Attack => ({
      name: `${what} leads nowhere, by GET, PUT, DELETE, listing and files of a request`,
      language: 'shell',
      code,
      ends: /^(succeeded|failed ExitCode)$/,
      async after(scene) {
        expect(scene.record.filesChanged).toEqual([]);
        await tryAll(scene, 'x');
      },
      limits: { wallMs: 30_000 },
    }),
  ),
  {
    name: 'hard links to files of the image, of /proc and of other mounts cannot be made',
    language: 'python',
    code: `
import os
made = []
for path in ('/etc/passwd', '/etc/shadow', '/proc/self/environ', '/proc/1/environ', '/run/cordon/door.sock', '/opt/cordon/supervisor.py', '/dev/null', '/sys/kernel/uevent_seqnum'):
    for name in ('hard', '/tmp/hard'):
        try: os.link(path, name, follow_symlinks=True); made.append(path)
        except OSError: pass
made`,
    ends: 'succeeded',
    result: [],
  },
  {
    name: 'an isolate of the same agent meets the links, and is led nowhere by them',
    language: 'shell',
    code: 'ln -s /etc/passwd p; ln -s /etc e; mkfifo f; ln -s "$(cordon input hostFile --raw)" h; mkdir d; ln -s .. d/up',
    ends: 'succeeded',
    async after({ arena, agent }) {
      for (const [language, code] of [
        [
          'javascript',
          "import fs from 'node:fs'; const seen = {}; for (const name of ['p', 'e', 'e/passwd', 'f', 'h', 'd/up', 'd/up/p']) for (const way of ['readFileSync', 'readdirSync', 'realpathSync', 'unlinkSync']) { try { seen[name + way] = String(fs[way](name)).slice(0, 200); } catch (error) { seen[name + way] = error.code; } } export default seen;",
        ],
        [
          'python',
          "import os\nseen = {}\nfor name in ('p', 'e', 'e/passwd', 'f', 'h', 'd/up', 'd/up/p'):\n    for way in (lambda n: open(n).read(), os.listdir, os.path.realpath, os.readlink):\n        try: seen[name + repr(way)[:20]] = str(way(name))[:200]\n        except (OSError, ValueError) as error: seen[name] = str(error)\nseen",
        ],
      ]) {
        const { json, text } = await arena.call('POST', '/v1/runs', { agent, language, code, driver: 'isolate' });
        expect(json.status, text).toBe('succeeded');
        expect(text).not.toContain(arena.secret);
        expect(text).not.toContain('root:x:0');
      }
    },
  },
  {
    name: 'a folder that becomes a link and a folder again, while the host reads, writes and lists below it, leads nowhere',
    language: 'python',
    code: `
import ctypes, os, time
libc = ctypes.CDLL(None)
os.makedirs('real', exist_ok=True)
with open('real/passwd', 'w') as file: file.write('mine')
os.symlink('/etc', 'evil')
end = time.monotonic() + 4
turns = 0
os.makedirs('y', exist_ok=True)
with open('y/passwd', 'w') as file: file.write('mine')
while time.monotonic() < end:
    # RENAME_EXCHANGE: both names are always there.
    libc.renameat2(-100, b'y', -100, b'evil', 2)
    turns += 1
turns > 100`,
    limits: { cpuMs: 20_000, files: 500, workspaceBytes: 8 * 1024 * 1024 },
    ends: 'succeeded',
    result: true,
    async meanwhile({ arena, file }) {
      const until = performance.now() + 4000;
      for (let n = 0; performance.now() < until; n++) {
        const answers = await Promise.all([
          file('GET', 'y/passwd'),
          file('GET', 'evil/passwd'),
          file('PUT', `y/new-${n % 20}`, 'x'),
          file('GET', 'y/'),
          file('DELETE', `y/new-${(n + 7) % 20}`),
          file('GET', ''),
        ]);
        for (const { text, status } of answers) {
          expect(text).not.toContain('root:x:0');
          expect(text).not.toContain(arena.secret);
          expect(status).toBeLessThan(500);
        }
      }
    },
  },
  {
    name: 'a file that becomes a FIFO, a link or a folder while the host reads and writes it holds nobody up',
    language: 'python',
    code: `
import os, shutil, time
end = time.monotonic() + 4
n = 0
while time.monotonic() < end:
    n += 1
    try:
        if n % 4 == 0: open('n', 'w').write('mine')
        elif n % 4 == 1: os.mkfifo('n')
        elif n % 4 == 2: os.symlink('/etc/passwd', 'n')
        else: os.mkdir('n')
        os.rename('n', 'x')
    except OSError:
        for name in ('n', 'x'):
            try: shutil.rmtree(name) if os.path.isdir(name) and not os.path.islink(name) else os.unlink(name)
            except OSError: pass
n > 100`,
    limits: { cpuMs: 20_000, files: 500, workspaceBytes: 8 * 1024 * 1024 },
    ends: 'succeeded',
    result: true,
    async meanwhile({ file }) {
      const until = performance.now() + 4000;
      while (performance.now() < until) {
        const began = performance.now();
        const answers = await Promise.all([
          file('GET', 'x'),
          file('PUT', 'x', 'host'),
          file('DELETE', 'x'),
          file('GET', ''),
        ]);
        for (const { text, status } of answers) {
          expect(text).not.toContain('root:x:0');
          expect(status).toBeLessThan(500);
        }
        expect(performance.now() - began).toBeLessThan(5000);
      }
    },
  },
  {
    name: 'a tree that moves about while the host walks, deletes and hashes it ends, and nothing else goes',
    language: 'python',
    code: `
import os, time
for n in range(30):
    try: os.makedirs(f'a/b{n}/c/d'); open(f'a/b{n}/c/d/f', 'w').write('mine')
    except FileNotFoundError: pass  # the host was faster with its DELETE
end = time.monotonic() + 3
n = 0
while time.monotonic() < end:
    n += 1
    try: os.rename(f'a/b{n % 30}', 'moved'); os.rename('moved', f'a/b{n % 30}/c/d/moved' if n % 2 else f'a/b{n % 30}')
    except OSError:
        try: os.rename('moved', f'a/b{n % 30}')
        except OSError: pass
'moved'`,
    limits: { cpuMs: 20_000, files: 500, workspaceBytes: 8 * 1024 * 1024 },
    ends: 'succeeded',
    result: 'moved',
    async meanwhile({ file }) {
      const until = performance.now() + 3000;
      for (let n = 0; performance.now() < until; n++) {
        for (const { status } of await Promise.all([
          file('GET', ''),
          file('GET', 'a/'),
          file('DELETE', `a/b${n % 30}?recursive=true`),
        ]))
          expect(status).toBeLessThan(500);
      }
    },
  },
  {
    name: 'a file that a guest goes on writing while the host hashes what changed is of one length',
    language: 'shell',
    code: 'echo a >f; setsid bash -c "while :; do echo more >>f; done" & sleep 0.3; cordon result 1',
    ends: /^(succeeded|limit_exceeded \w+)$/,
    async after({ file, record }) {
      const [changed] = record.filesChanged;
      const { text } = await file('GET', 'f');
      expect(changed?.bytes).toBe(text.length);
    },
  },
  {
    name: 'a mount that a guest would make does not appear on the host, and the host’s own is not the guest’s to move',
    language: 'shell',
    code: `
mkdir -p m; mount -t tmpfs none m 2>&1; mount --bind /etc m 2>&1; umount /workspace 2>&1; umount -l /workspace 2>&1
grep -c . /proc/self/mountinfo >/dev/null; echo kept >still; cordon result 1`,
    ends: 'succeeded',
    async after({ file }) {
      expect((await file('GET', 'still')).text).toBe('kept\n');
      expect((await file('GET', 'm/')).json.items).toEqual([]);
    },
  },
];

containerAttacks('containers: links and races', list);
