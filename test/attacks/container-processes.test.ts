/** What a program in a container does with processes and threads, and with memory through them. */
import { expect } from 'vitest';
import type { Attack } from './attack.ts';
import { containerAttacks } from './attacks.ts';
import { listProcesses } from './processes.ts';

const MiB = 1024 * 1024;
const atCpu = 'limit_exceeded cpuMs';
/** It counts the processes of its guests as none of ours, and an old one falls over when they are too many. */
const bombUnderGvisor = /^(succeeded|limit_exceeded (cpuMs|ramBytes)|timed_out wallMs|interrupted WorkerLost)$/;

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
    underGvisor: { ends: bombUnderGvisor },
    limits: { wallMs: 15_000 },
  },
  {
    name: 'a fork bomb of a shell that ends itself is gone with its run',
    language: 'shell',
    code: ':() { :|:& }; :; sleep 0.2; exit 0',
    // The shell itself waits longer and longer for a place among its own processes.
    ends: /^(succeeded|limit_exceeded cpuMs|timed_out wallMs)$/,
    underGvisor: { ends: bombUnderGvisor },
    limits: { wallMs: 15_000 },
  },
  {
    name: 'a fork bomb that catches every refusal ends at cpuMs',
    language: 'python',
    code: 'import os\nwhile True:\n    try: os.fork()\n    except OSError: pass',
    ends: atCpu,
    underGvisor: { ends: bombUnderGvisor },
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
import os, time
def fork():
    # At \`processes\` until the orphans that wait are taken.
    while True:
        try: return os.fork()
        except BlockingIOError: time.sleep(0.01)
for n in range(1000):
    child = fork()
    if child == 0:
        if fork() == 0: os._exit(0)
        os._exit(0)
    os.waitpid(child, 0)
'done'`,
    limits: { cpuMs: 20_000, wallMs: 60_000 },
    ends: 'succeeded',
    result: 'done',
    underGvisor: 'a fork takes 20 ms of CPU time there',
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
while :; do sleep 0.02; n=$(pgrep -fc ${marker('again')}); [ "\${n:-9}" -gt 8 ] || setsid bash again.sh ${marker('again')} >/dev/null 2>&1 & done
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
];

containerAttacks('containers: processes', list);
