/** Output without end, output that is no text, and output of those who should not print any more. */
import { expect } from 'vitest';
import type { Attack } from './attack.ts';
import { containerAttacks } from './attacks.ts';

const mark = '[output cut: outputBytes is 65536]';
/** Exactly the limit and one mark. */
const cut: NonNullable<Attack['look']> = ({ stdout, stderr }) => {
  const shown = stdout + stderr;
  expect(shown).toContain(mark);
  expect(Buffer.byteLength(shown)).toBeLessThan(65536 + 200);
};

const list: Attack[] = [
  {
    name: 'a gigabyte of output is cut with a mark, and the run goes on',
    language: 'shell',
    code: 'head -c 1G /dev/zero | tr "\\0" x; cordon result 1',
    ends: 'succeeded',
    result: 1,
    look: cut,
    // Each system call costs gVisor's process that follows the guest's.
    underGvisor: { ends: /^(succeeded|limit_exceeded cpuMs)$/, result: undefined },
    limits: { cpuMs: 30_000, wallMs: 60_000 },
  },
  {
    name: 'output without end on both streams ends at cpuMs',
    language: 'shell',
    code: 'yes & yes >&2',
    ends: 'limit_exceeded cpuMs',
    look: cut,
  },
  {
    name: 'output of many processes at once, a byte at a time, is cut, and takes neither order nor time from others',
    language: 'shell',
    code: 'for n in $(seq 20); do (while :; do printf x; done) & done; sleep 1; kill $(jobs -p); cordon result 1',
    ends: /^(succeeded|limit_exceeded cpuMs)$/,
    limits: { cpuMs: 10_000 },
    look: ({ stdout }) => expect(stdout.length).toBeLessThan(65536 + 200),
  },
  {
    name: 'output that is no text, halves of characters and escape sequences are shown as text',
    language: 'shell',
    code: "head -c 3000 /dev/urandom; printf '\\360\\237'; sleep 0.05; printf '\\230\\200'; printf '\\033]0;title\\007\\0\\r\\n'; cordon result 1",
    ends: 'succeeded',
    result: 1,
    look: ({ stdout }) => expect(stdout).toContain('😀'),
  },
  {
    name: 'a run that closes its streams, its barrier and everything else it was given ends as it says',
    language: 'python',
    code: "import os\nfor fd in range(3, 64):\n    try: os.close(fd)\n    except OSError: pass\nos.close(1); os.close(2)\n'closed'",
    ends: 'succeeded',
    result: 'closed',
  },
  {
    name: 'a flood of the barrier does not hold up the supervisor',
    language: 'python',
    code: `
import os, threading
os.set_blocking(3, False)
sent = 0
while sent < 2_000_000:
    try: sent += os.write(3, b'\\0' * 65536)
    except BlockingIOError: pass
print('after')
os._exit(0)`,
    ends: 'succeeded',
    limits: { cpuMs: 10_000 },
    look: ({ stdout }) => expect(stdout).toBe('after\n'),
  },
  {
    name: 'pipes made as large as they can be do not hide output, nor keep the run open',
    language: 'python',
    code: `
import fcntl, os
for fd in (1, 2, 3):
    try: fcntl.fcntl(fd, 1031, 1 << 20)
    except OSError: pass
os.write(1, b'x' * 60_000)
'large'`,
    ends: 'succeeded',
    result: 'large',
    look: ({ stdout }) => expect(stdout).toHaveLength(60_000),
  },
  {
    name: 'streams that are given away and read back are the guest’s own loss',
    language: 'python',
    code: `
import os
for fd in (0, 1, 2, 3, 4):
    for flags in (os.O_RDONLY | os.O_NONBLOCK, os.O_WRONLY | os.O_NONBLOCK, os.O_RDWR | os.O_NONBLOCK):
        try: os.read(os.open(f'/proc/self/fd/{fd}', flags), 100)
        except OSError: pass
'read'`,
    ends: 'succeeded',
    result: 'read',
  },
];

containerAttacks('containers: output', list);
