/** PID 1 of the images and what programs find in them, on this machine: the walls are the container's, not tested here. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, test } from 'vitest';
import { protocolVersion } from '../../../runtime/sandbox/container/messages.ts';
import type { Language } from '../../../runtime/sandbox/driver.ts';
import { cpuTicks } from '../../attacks/processes.ts';
import { closeSupervised, missing, open, type RunOptions } from './supervisor-bench.ts';

if (missing) console.warn(`Tests of the supervisor are skipped: ${missing}`);

const MiB = 1024 ** 2;
afterEach(closeSupervised);

const run = async (language: Language, code: string, options?: RunOptions) =>
  (await open()).run(language, code, options);
const shell = (code: string, options?: RunOptions) => run('shell', code, options);
const python = (code: string, options?: RunOptions) => run('python', code, options);

const isGone = (pid: number) => {
  try {
    return /State:\s+Z/.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return true;
  }
};

describe.skipIf(missing)('the supervisor', () => {
  test('is ready soon and small, with HOME as the image has it', async () => {
    const supervised = await open();
    expect(supervised.hello).toEqual({ t: 'hello', version: protocolVersion });
    expect(cpuTicks(supervised.pid) * 10).toBeLessThan(500);
    expect(supervised.readyMs).toBeLessThan(10_000);
    expect(supervised.status('VmRSS')).toBeLessThan(12 * MiB);
    expect(readFileSync(join(supervised.folder, 'home/.cache/fonts.json'), 'utf8')).toBe('{}');
  });

  test('starts a program with its files, six variables, five descriptors and its own session', async () => {
    const code = `import json, os, stat
folder = [p for p in os.scandir(os.path.dirname(os.getcwd()) + '/run')]
[sorted(os.environ), sorted(e.name for e in folder), {oct(stat.S_IMODE(e.stat().st_mode)) for e in folder},
 [fd for fd in range(40) if os.path.exists(f'/proc/self/fd/{fd}')], os.getsid(0) == os.getpid(),
 open('/proc/self/oom_score_adj').read(), os.path.basename(os.getcwd())]`;
    const { end, ended, stderr } = await python(code, { input: null });
    expect(stderr).toBe('');
    expect(end).toEqual({
      status: 'succeeded',
      resultType: 'array',
      result: [
        ['HOME', 'LANG', 'PATH', 'SHELL', 'TMPDIR', 'USER'],
        ['barrier', 'input.json', 'limits.json', 'main.py'],
        ['0o400'],
        [0, 1, 2, 3, 4],
        true,
        '1000\n',
        'workspace',
      ],
    });
    expect(ended).toMatchObject({ exitCode: 0 });
  });

  test('tells how the main process ended', async () => {
    expect((await shell('echo a; echo b >&2; exit 3')).ended).toEqual({ exitCode: 3 });
    await closeSupervised();
    expect((await shell('kill -TERM $$')).ended).toEqual({ signal: 15 });
  });

  test('a program that cannot be started is 127, with the reason on stderr', async () => {
    const { ended, stderr } = await run('javascript', '1');
    if (existsSync('/usr/local/bin/node')) return;
    expect(ended).toEqual({ exitCode: 127 });
    expect(stderr).toMatch(/could not be started: .*No such file/);
  });

  test('output comes while the program runs', async () => {
    const began = performance.now();
    let first = 0;
    await shell('echo first; sleep 1; echo second', {
      meanwhile: async () => {
        first = performance.now() - began;
      },
    });
    expect(performance.now() - began - first).toBeGreaterThan(300);
  });

  test('a flood is read and dropped beyond the limit, in little memory', async () => {
    const supervised = await open();
    const { stdout, ended } = await supervised.run('shell', 'head -c 500000000 /dev/zero; exit 4', {
      limits: { outputBytes: 1000 },
    });
    expect([stdout.length, ended]).toEqual([1000 + 65_536, { exitCode: 4 }]);
    expect(supervised.status('VmHWM')).toBeLessThan(16 * MiB);
  });

  test('while nobody takes the output, the program waits and the supervisor stays small', async () => {
    const supervised = await open();
    const done = supervised.run('shell', 'head -c 30000000 /dev/zero; echo end >&2', {
      limits: { outputBytes: 40 * MiB },
      meanwhile: async ({ control }) => {
        control.pause();
        await sleep(500);
        control.resume();
      },
    });
    await sleep(400);
    expect(supervised.status('VmRSS')).toBeLessThan(16 * MiB);
    expect((await done).stdout.length).toBe(30_000_000);
  });

  test('ends with the main process, whatever that left running', async () => {
    const { stdout, ended } = await shell(
      `(trap '' TERM HUP; setsid sleep 60 & echo $!; while :; do echo x >&2; sleep 0.02; done) &
       python3 -c 'import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        print(os.getpid(), flush=True)
        time.sleep(60)'
       sleep 2; exit 0`,
    );
    expect(ended).toEqual({ exitCode: 0 });
    const pids = stdout.trim().split('\n').map(Number);
    expect(pids).toHaveLength(2);
    expect(pids.map(isGone)).toEqual([true, true]);
  });

  test('a stop ends a program that ignores every signal', async () => {
    const { ended, stdout } = await python(
      `import signal, time
for number in range(1, 32):
    try: signal.signal(number, signal.SIG_IGN)
    except OSError: pass
print("go")
while True: time.sleep(1)`,
      { meanwhile: async ({ stop }) => void stop() },
    );
    expect([ended, stdout]).toEqual([{ signal: 9 }, 'go\n']);
  });

  test('signals from the guest do nothing to it', async () => {
    const supervised = await open();
    const { ended } = await supervised.run(
      'shell',
      `for s in 1 2 3 10 12 13 14 15 20 34 50 64; do kill -$s ${supervised.pid}; done
       for n in $(seq 5000); do kill -CHLD ${supervised.pid}; done; exit 5`,
    );
    expect(ended).toEqual({ exitCode: 5 });
  });

  test('pipes that the guest closes or fills do nothing to it', async () => {
    const { ended, stdout } = await python(`import os
for n in range(100_000): os.write(3, b'xxxx')
print('written', flush=True)
for fd in (0, 1, 2, 3, 4): os.close(fd)`);
    expect([ended, stdout]).toEqual([{ exitCode: 0 }, 'written\n']);
  });

  test('refuses system calls that no program needs, and limits for itself', async () => {
    const supervised = await open();
    const { end } = await supervised.run(
      'python',
      `import ctypes, errno, os, platform, socket, resource
libc = ctypes.CDLL(None, use_errno=True)
column = ['x86_64', 'aarch64'].index(platform.machine())
calls = {'io_uring_setup': (425, 425), 'bpf': (321, 280), 'userfaultfd': (323, 282), 'keyctl': (250, 219), 'memfd_secret': (447, 447)}
found = {name: errno.errorcode.get(libc.syscall(of[column], 0, 0, 0, 0) and ctypes.get_errno()) for name, of in calls.items()}
for name, act in {
    'vsock': lambda: socket.socket(40, socket.SOCK_STREAM),
    'alg': lambda: socket.socket(38, socket.SOCK_SEQPACKET),
    'prlimit': lambda: resource.prlimit(${supervised.pid}, resource.RLIMIT_NOFILE, (1, 1)),
    'unix': lambda: socket.socketpair() and socket.socket(socket.AF_UNIX).close(),
    'own': lambda: resource.prlimit(0, resource.RLIMIT_NOFILE, (64, 64)),
}.items():
    try: act(); found[name] = None
    except OSError as error: found[name] = errno.errorcode[error.errno]
found`,
    );
    const refused = ['io_uring_setup', 'bpf', 'userfaultfd', 'keyctl', 'memfd_secret', 'vsock', 'alg', 'prlimit'];
    expect(end).toMatchObject({
      result: { ...Object.fromEntries(refused.map((name) => [name, 'EPERM'])), unix: null, own: null },
    });
  });

  test('ends the guest and itself when Cordon is gone', async () => {
    const supervised = await open();
    let pid = 0;
    const { ended } = await supervised.run('shell', 'echo $$; sleep 60', {
      meanwhile: async ({ control, folder }) => {
        pid = Number(readdirSync('/proc').find((name) => isMain(name, folder)));
        control.destroy();
      },
    });
    expect(ended).toBeUndefined();
    expect(await supervised.exited).toBe(0);
    expect(pid).toBeGreaterThan(1);
    await expect.poll(() => isGone(pid)).toBe(true);
  });
});

const isMain = (pid: string, folder: string) => {
  try {
    return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(`${folder}/run/main.sh`);
  } catch {
    return false;
  }
};
