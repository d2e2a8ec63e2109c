import { execFileSync } from 'node:child_process';
import {
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createGate } from '../../../runtime/workspace/gate.ts';
import { survey } from '../../../runtime/workspace/sized/survey.ts';
import { bytes, codeOf, owner, text } from '../scratch.ts';
import { free, guest, MiB, needsMounts, quota, sized } from './sized.ts';

needsMounts();

test('links, FIFOs, sockets and devices are seen by nobody, followed by nobody, and removed', async () => {
  const s = await sized();
  const a = await s.attach();
  await a.mark();
  await guest(
    a.path,
    `ln -s /etc/passwd link; ln -s /etc dir; mkfifo fifo; echo x > real; ln real hard; python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("sock")'`,
  );
  expect((await guest(a.path, 'mknod null c 1 3; echo $?')).said).toMatch(/^1\n/);
  // A device that root made in the image: its file system is mounted without devices.
  execFileSync('mknod', [join(a.path, 'null'), 'c', '1', '3']);
  execFileSync('chmod', ['666', join(a.path, 'null')]);
  expect((await guest(a.path, 'echo x > null; cat null')).said).toContain('Permission denied');
  execFileSync('cp', ['/bin/true', join(a.path, 'setuid')]);
  execFileSync('chmod', ['4755', join(a.path, 'setuid')]);
  const { changed, cut } = await a.detach();
  expect({ changed, cut }).toEqual({ changed: ['setuid'], cut: false });
  const w = s.workspace;
  expect((await w.list('/workspace')).map(({ path }) => path)).toEqual(['setuid']);
  expect(w.usage().files).toBe(7);
  for (const [path, code] of [
    ['link', 'ELOOP'],
    ['dir/passwd', 'ENOTDIR'],
    ['fifo', 'EACCES'],
    ['sock', 'EACCES'],
    ['null', 'EACCES'],
    ['hard', 'EACCES'],
  ] as const) {
    expect([path, await codeOf(w.open(path))]).toEqual([path, code]);
    expect([path, await codeOf(w.append(path, bytes('x'), { quota }))]).toEqual([path, code]);
  }
  for (const path of ['link', 'dir', 'fifo', 'sock', 'null', 'hard', 'real', 'setuid']) await w.remove(path, { quota });
  expect(w.usage()).toEqual({ bytes: 0, files: 0 });
  expect(readFileSync('/etc/passwd', 'utf8')).toContain('root');
});

test('names that no text can say, names of 255 bytes and trees deeper than paths go are counted and removed', async () => {
  const s = await sized();
  const a = await s.attach({ growth: { bytes: 16 * MiB, files: 900 } });
  await a.mark();
  const long = 'n'.repeat(255);
  await guest(
    a.path,
    `touch $'\\xff\\xfe' $'a\\nb' '..\\\\x' ${long}; mkdir $'\\xff'd; touch $'\\xff'd/in; mkdir -p deep; python3 -c 'import os; os.chdir("deep")
for i in range(800): os.mkdir("${'d'.repeat(50)}"); os.chdir("${'d'.repeat(50)}")
open("bottom", "w").write("x\\n")'`,
  );
  const { changed, cut } = await a.detach();
  expect({ changed, cut }).toEqual({ changed: [long], cut: false });
  expect(s.workspace.usage()).toEqual({ bytes: 2, files: 4 + 2 + 1 + 800 + 1 });
  expect((await s.workspace.list('/workspace')).map(({ path }) => path)).toEqual(['deep', long]);
  await s.workspace.remove('deep', { quota, recursive: true });
  expect(s.workspace.usage().files).toBe(6);
  await s.workspaces.close();
  expect((await s.start().open(owner)).usage().files).toBe(6);
});

test('20,000 files and 60,000 links to few of them: each file is seen once, and nobody else waits for it', async () => {
  const s = await sized();
  const many = { bytes: 2048 * MiB, files: 120_000 };
  const a = await s.attach({ quota: many, growth: { bytes: 600 * MiB, files: 20_030 } });
  await a.mark();
  const program = `import os
for d in range(20):
  os.mkdir(str(d))
  for i in range(1000): os.close(os.open(f"{d}/{i}", os.O_CREAT))
os.mkdir("links"); f=None
for i in range(60000):
  if i % 12000 == 0:
    if f: os.unlink(f)
    f = f"links/file{i}"; os.close(os.open(f, os.O_CREAT))
  os.link(f, f"links/{i:0>250}")`;
  writeFileSync(join(s.base, 'many.py'), program);
  expect(await guest(a.path, `python3 - <<'E'\n${program}\nE`)).toEqual({ code: 0, said: '' });
  const before = performance.now();
  // In CPU time of this thread: others have the machine's too.
  let longest = 0;
  let last = process.threadCpuUsage();
  const pulse = setInterval(() => {
    const { user, system } = process.threadCpuUsage(last);
    longest = Math.max(longest, (user + system) / 1000);
    last = process.threadCpuUsage();
  }, 5);
  const { changed, cut } = await a.detach();
  clearInterval(pulse);
  expect({ changed: changed.length, cut }).toEqual({ changed: 20_000, cut: false });
  expect(performance.now() - before).toBeLessThan(60_000);
  expect(longest).toBeLessThan(500);
  expect(s.workspace.usage().files).toBe(20_000 + 21 + 5);
  // 60,000 names of 250 bytes: an answer that long would fill our memory.
  expect(await codeOf(s.workspace.list('links'))).toBe('EACCES');
  await s.workspace.remove('links', { quota: many, recursive: true });
  expect(s.workspace.usage().files).toBe(20_000 + 20);
}, 120_000);

test('a walk that would not end is cut, and then counts too much rather than too little', async () => {
  const s = await sized();
  const a = await s.attach();
  await guest(a.path, 'for i in $(seq 90); do echo x > f$i; done');
  const found = await survey(createGate(a.path, true), 50);
  expect(found.cut).toBe(true);
  expect(found.used.files).toBeLessThanOrEqual(50);
  await a.detach();
});

test('programs that swap folders and links while Cordon looks and works: nothing of the host is touched', async () => {
  const s = await sized();
  const canary = join(s.base, 'canary');
  mkdirSync(canary);
  writeFileSync(join(canary, 'f'), 'secret');
  execFileSync('chmod', ['755', s.base]);
  const a = await s.attach();
  await a.mark();
  const swapping = guest(
    a.path,
    `mkdir real; echo mine > real/f; end=$((SECONDS+3)); while [ $SECONDS -lt $end ]; do ln -sfn ${canary} d; rm d; mv real d; mv d real; done`,
  );
  for (let n = 0; n < 300; n++) {
    await Promise.allSettled([
      text(s.workspace, 'd/f').then((value) => expect(value).not.toContain('secret')),
      s.workspace.write('d/new', bytes('x'), { quota, parents: true, durable: false }),
      s.workspace.append('d/f', bytes('x'), { quota, durable: false }),
      s.workspace.remove('d', { quota, recursive: true, durable: false }),
      Array.fromAsync(s.workspace.walk('/workspace')),
    ]);
  }
  const b = await s.attach();
  await b.detach();
  await swapping;
  await a.detach();
  expect(readdirSync(canary)).toEqual(['f']);
  expect(readFileSync(join(canary, 'f'), 'utf8')).toBe('secret');
  expect(statSync(canary).uid).toBe(0);
});

test('a folder that is removed while a program sits in it stays behind its wall', async () => {
  const s = await sized();
  const a = await s.attach();
  const sitting = guest(
    a.path,
    'mkdir in; cd in; touch sits; sleep 2; touch late; ls ../..; ls ../../ballast; ls /proc/self/cwd/..; true',
  );
  await expect.poll(() => existsSync(join(a.path, 'in/sits'))).toBe(true);
  await s.workspace.remove('in', { quota, recursive: true });
  const { said } = await sitting;
  expect(said).not.toContain('incoming');
  expect(said).not.toMatch(/^\d+$/m);
  await a.detach();
});

test('blocks that hide in attributes and long links count against the bound', async () => {
  const s = await sized();
  symlinkSync('x'.repeat(1000), join(s.home, 'files/planted'));
  linkSync(join(s.home, 'files/planted'), join(s.home, 'files/planted2'));
  const a = await s.attach({ growth: { bytes: 40 * 1024, files: 100 } });
  const made = await guest(
    a.path,
    'n=0; while ln -s $(printf "%01000d" $n) l$n 2>/dev/null; do n=$((n+1)); done; echo $n',
  );
  expect(Number(made.said)).toBeLessThanOrEqual(10);
  expect(free(a.path).bytes).toBe(0);
  await a.detach();
});
