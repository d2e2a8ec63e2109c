/** What a program in a container does with the socket that leads to Cordon. */
import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect } from 'vitest';
import type { Attack } from './attack.ts';
import { containerAttacks } from './attacks.ts';
import { python } from './door-client.ts';

setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');

const list: Attack[] = [
  python(
    'garbage, forged messages and messages of the supervisor cost their connection, and nothing else',
    String.raw`
from cordon import memory
messages = [
  b'\0' * 64, b'\xff' * 64, os.urandom(4096), b'GET / HTTP/1.1\r\n\r\n', frame(b''), frame(b'null'), frame(b'[]'), frame(b'1'), frame(b'{'), frame(b'\xff\xfe'), frame(b'{"t":1}'),
  frame(b'{"__proto__":{"t":"call"}}'), frame({'t': 'hello', 'version': 2}), frame({'t': 'ended', 'exitCode': 0}), frame({'t': 'output', 'stream': 'stdout'}, b'forged'), frame({'t': 'start', 'run': 'x', 'language': 'shell', 'code': 'true', 'limits': {}, 'carry': False}),
  frame({'t': 'stop'}), frame({'t': 'reply', 'id': 1, 'reply': {'ok': True}}), frame({'t': 'call'}), frame({'t': 'call', 'id': -1, 'op': 'memory.get', 'args': {}}), frame({'t': 'call', 'id': 1.5, 'op': 'memory.get', 'args': {}}),
  frame({'t': 'call', 'id': 1, 'op': 'x' * 1000, 'args': {}}), frame({'t': 'call', 'id': 1, 'op': 'memory.get', 'args': {}, 'more': 1}), frame({'t': 'end', 'id': 1}), frame({'t': 'end', 'id': 1, 'end': {}}), frame({'t': 'display', 'id': 1, 'mime': 'a/b', 'data': 1}),
  frame(b'{"t":"call","id":1,"op":"memory.get","args":' + b'[' * 100_000 + b']' * 100_000 + b'}'), frame(b'{"t":"call","id":1e999,"op":"memory.get","args":{}}'),
]
print([n for n, data in enumerate(messages) if not refused(data)])
memory.set('a', 1)
memory.get('a')`,
    {
      result: 1,
      look: ({ stdout }) => expect(stdout).toBe('[]\n'),
      limits: { wallMs: 40_000 },
    },
  ),
  python(
    'frames that announce gigabytes, and halves of frames that never end, take no memory and hold nothing up',
    String.raw`
from cordon import memory
held = []
print(refused(frame(b'{}', head=0xffffffff)), refused(frame(b'{}', size=0xffffffff)), refused(frame(b'{}', head=2**31)), refused(frame(b'{}', size=49 * 2**20)))
for n in range(40):
    one = connect()
    one.settimeout(0.2)
    try: one.sendall(struct.pack('>II', 40 * 2**20, 0) + b'{' * (4 * 2**20))
    except OSError: pass
    held.append(one)
slow = connect()
slow.sendall(b'\0')
memory.set('a', 2)
memory.get('a')`,
    { result: 2, look: ({ stdout }) => expect(stdout).toBe('True True True True\n'), limits: { wallMs: 40_000 } },
  ),
  python(
    'a value as deep as memory takes it is answered, and none is kept that the service could not encode',
    String.raw`
one = connect()
def ask(op, args):
    one.sendall(frame(b'{"t":"call","id":1,"op":"memory.' + op + b'","args":' + args + b'}'))
    head, size = struct.unpack('>II', read(one, 8))
    return b'"ok":true' in read(one, head)
def keeps(depth): return ask(b'set', b'{"key":"deep","value":' + b'{"1":' * depth + b'0' + b'}' * depth + b'}')
# What the service runs often it runs compiled, with smaller frames on its stack.
for n in range(3000): keeps(1)
low, high = 1, 6000
while high - low > 1:
    middle = (low + high) // 2
    if keeps(middle): low = middle
    else: high = middle
[low, keeps(low), ask(b'get', b'{"key":"deep"}'), keeps(100_000), keeps(1)]`,
    { result: [998, true, true, false, true], limits: { wallMs: 120_000 } },
  ),
  python(
    'frames of millions of objects or keys are refused unread, and the service answers others meanwhile',
    String.raw`
objects = frame(b'{"t":"call","id":1,"op":"memory.set","args":[' + b'{},' * (13 * 2**20) + b'0]}')
keys = frame(b'{"t":"end","id":1,' + b','.join(b'"%d":0' % n for n in range(1_000_000)) + b'}')
largest = frame(b'{"t":"call","id":1,"op":"memory.set","args":[' + b'{},' * 340_000 + b'0]}')
until, said = time.monotonic() + 5, set()
while time.monotonic() < until:
    for data in (objects, keys, largest): said.add(refused(data))
list(said)`,
    {
      result: [true],
      limits: { wallMs: 60_000, ramBytes: 512 * 1024 ** 2 },
      async meanwhile() {
        let most = 0;
        for (const until = performance.now() + 7000; performance.now() < until; ) {
          const before = process.threadCpuUsage();
          await sleep(10);
          const { user, system } = process.threadCpuUsage(before);
          most = Math.max(most, user + system);
        }
        // Of one turn of the event loop: one such frame took seconds when it was parsed.
        expect(most / 1000).toBeLessThan(1000);
      },
    },
  ),
  python(
    'a byte after each large message, and messages byte by byte, take no more memory than they have bytes',
    String.raw`
held = []
large = frame({'t': 'call', 'id': 1, 'op': 'memory.get', 'args': {}}, b'x' * (40 * 2**20)) + b'\0'
for n in range(12):
    one = connect()
    one.settimeout(20)
    one.sendall(large)
    held.append((one, answer(one)['reply']['ok']))
slow = connect()
slow.sendall(struct.pack('>II', 10, 20 * 2**20))
for n in range(30_000): slow.send(b'x')
time.sleep(3)
from cordon import memory
memory.set('over', True)
[ok for one, ok in held]`,
    {
      result: Array(12).fill(false),
      limits: { wallMs: 120_000 },
      async meanwhile({ arena, agent }) {
        let most = 0;
        const isOver = async () => (await arena.call('GET', `/v1/agents/${agent}/memory/over`)).status === 200;
        for (const until = performance.now() + 120_000; performance.now() < until && !(await isOver()); ) {
          await sleep(1000);
          collectGarbage();
          most = Math.max(most, process.memoryUsage().arrayBuffers);
        }
        // Below 12 times 40 MiB; other doors of this process may hold 64 MiB each meanwhile.
        expect(most).toBeLessThan(450 * 1024 ** 2);
      },
    },
  ),
  python(
    'a flood of connections is refused at a number, and the program’s own way stays when they are gone',
    String.raw`
from cordon import memory
memory.set('a', 3)
held, failed = [], 0
for n in range(2000):
    one = socket.socket(socket.AF_UNIX)
    one.setblocking(False)
    try:
        one.connect('/run/cordon/door.sock')
        one.send(frame({'t': 'call', 'id': 1, 'op': 'memory.list', 'args': {'prefix': ''}}))
    except OSError: failed += 1
    held.append(one)
for one in held: one.close()
time.sleep(0.5)
memory.get('a')`,
    { result: 3, limits: { wallMs: 40_000 } },
  ),
  python(
    'a flood of calls that nobody reads the answers of ends at hostCalls or waits, and takes no memory of the service',
    String.raw`
from cordon import memory
memory.set('large', 'x' * 500_000)
one = connect()
one.settimeout(3)
call = frame({'t': 'call', 'id': 1, 'op': 'memory.get', 'args': {'key': 'large'}})
sent = 0
try:
    while sent < 100_000: one.sendall(call); sent += 1
except OSError: pass
'sent'`,
    { result: 'sent', limits: { wallMs: 60_000, hostCalls: 1000 } },
  ),
  python(
    'every operation of the host with paths and keys of others answers with what is the agent’s own, or refuses',
    String.raw`
one = connect()
number = 0
def ask(op, args):
    global number
    number += 1
    one.sendall(frame({'t': 'call', 'id': number, 'op': op, 'args': args}))
    return answer(one)['reply']
got = []
for op in ('fs.readFile', 'fs.stat', 'fs.readdir', 'fs.writeFile', 'fs.rm', 'fs.mkdir', 'fs.rename', 'fs.copyFile', 'import', 'require', 'fetch', 'constructor', '__proto__', 'toString', 'memory', 'fs', ''):
    for path in ('/etc/passwd', '../../victim/files/secret.txt', '/workspace/../../etc/passwd', 'secret.txt', '/proc/self/environ'):
        reply = ask(op, {'path': path, 'from': path, 'to': 'a', 'url': path})
        if reply['ok']: got.append([op, path, str(reply)[:80]])
for key in ('secret', '../victim/secret', 'victim/secret', '/default/victim/secret', '__proto__', 'constructor'):
    reply = ask('memory.get', {'key': key})
    if reply['ok'] and reply['value'].get('found'): got.append(['memory', key])
    for more in ({'agent': 'victim'}, {'tenant': 'default'}, {'owner': {'agent': 'victim'}}):
        reply = ask('memory.get', {'key': 'secret', **more})
        if reply['ok'] and reply['value'].get('found'): got.append(['memory', more])
reply = ask('memory.list', {'prefix': ''})
if reply['ok'] and reply['value']: got.append(str(reply))
got`,
    { result: [] },
  ),
  python(
    'the sockets cannot be removed, replaced or moved, and nothing else can be put beside them',
    `
through = []
def attempt(label, body):
    try: body()
    except OSError: return
    through.append(label)
for path in ('/run/cordon/door.sock', '/run/cordon/egress.sock'):
    attempt('unlink', lambda: os.unlink(path)); attempt('rename', lambda: os.rename(path, '/run/cordon/other')); attempt('move', lambda: os.rename(path, '/tmp/other'))
    attempt('link', lambda: os.link(path, '/tmp/link')); attempt('symlink', lambda: os.symlink('/tmp/x', '/run/cordon/x')); attempt('write', lambda: open('/run/cordon/x', 'w'))
    attempt('chmod', lambda: os.chmod(path, 0)); attempt('chmod folder', lambda: os.chmod('/run/cordon', 0)); attempt('utime', lambda: os.utime(path))
def bind():
    one = socket.socket(socket.AF_UNIX)
    one.bind('/run/cordon/y')
attempt('bind', bind)
if sorted(os.listdir('/run/cordon')) != ['door.sock', 'egress.sock']: through.append(os.listdir('/run/cordon'))
through`,
    { result: [] },
  ),
  python(
    'an end forged by hand is the end that the program told last: its own, and of no other limit than it has',
    String.raw`
one = connect()
one.sendall(frame({'t': 'end', 'id': 1, 'end': json.dumps({'status': 'interrupted', 'error': {'name': 'WorkerLost', 'message': 'x'}})}))
try: answer(one)
except OSError: pass
os._exit(0)`,
    { ends: /^(succeeded|failed \S+|interrupted WorkerLost)$/ },
  ),
  python(
    'an end that says too much, or is none, ends the run in a way that API.md knows',
    String.raw`
one = connect()
one.sendall(frame({'t': 'end', 'id': 1, 'end': '{"status":"succeeded","result":' + '[' * 50_000 + ']' * 50_000 + ',"walls":["all"],"usage":{"cpuMs":0}}'}))
try: answer(one)
except OSError: pass
os._exit(0)`,
    {
      ends: /^(succeeded|failed \S+|interrupted WorkerLost)$/,
      look: ({ walls }) => expect(walls).not.toContain('all'),
    },
  ),
  python(
    'a result larger than resultBytes, told past the harness, ends at resultBytes',
    String.raw`
one = connect()
one.sendall(frame({'t': 'end', 'id': 1, 'end': json.dumps({'status': 'succeeded', 'result': 'x' * 1_000_000})}))
answer(one)
os._exit(0)`,
    { ends: 'limit_exceeded resultBytes' },
  ),
  python(
    'processes that go on calling after the end are not heard',
    String.raw`
from cordon import memory
memory.set('a', 'before')
if os.fork() == 0:
    os.setsid()
    while True:
        try:
            one = connect()
            for n in range(1000):
                one.sendall(frame({'t': 'call', 'id': n, 'op': 'memory.set', 'args': {'key': 'late', 'value': n}}))
                answer(one)
        except OSError: pass
while memory.get('late') is None: time.sleep(0.01)
'done'`,
    {
      result: 'done',
      limits: { hostCalls: 1_000_000, cpuMs: 10_000 },
      async after({ arena, agent }) {
        const path = `/v1/agents/${agent}/memory/late`;
        const first = (await arena.call('GET', path)).text;
        await sleep(300);
        expect((await arena.call('GET', path)).text).toBe(first);
      },
    },
  ),
  python(
    'displays without end are bounded, as output is',
    String.raw`
from cordon import display
sent = 0
try:
    for n in range(3000): display('x' * 100_000); sent += 1
except Exception as error: print(type(error).__name__)
'shown'`,
    {
      ends: /^(succeeded|failed \S+|limit_exceeded \w+|timed_out wallMs)$/,
      limits: { wallMs: 60_000, cpuMs: 20_000 },
      look: (record) => expect(JSON.stringify(record).length).toBeLessThan(80 * 1024 * 1024),
    },
  ),
  python(
    'the code, the input and the limits of the run are its own only, and no other run’s are there',
    `
found = sorted(os.listdir('/tmp/.cordon'))
through = [name for name in found if name not in ('main.py', 'input.json', 'limits.json', 'barrier', 'ca.pem')]
for name in found:
    for way in (lambda path: os.close(os.open(path, os.O_WRONLY)), os.unlink):
        # They are the guest's own: what it does to them is its own affair, and no later run's.
        try: way(f'/tmp/.cordon/{name}')
        except OSError: pass
through`,
    { result: [] },
  ),
];

containerAttacks('containers: the door', list);
