import { type PythonAttack, pythonIsolateAttacks } from './python-arena.ts';

const MiB = 1024 * 1024;

const nothing = (name: string, code: string, more: Partial<PythonAttack> = {}): PythonAttack => ({
  name: `${name} finds nothing`,
  code,
  ends: 'succeeded',
  result: [],
  ...more,
});

/** An attack that the run itself survives. */
const harmless = (name: string, code: string, more: Partial<PythonAttack> = {}): PythonAttack => ({
  name: `${name} harms nobody`,
  code,
  ends: 'succeeded',
  ...more,
});

/** `raw(header, data)` sends one message to the device as the harness does; `reply()` reads what it answers. */
const DOOR = String.raw`
import json, os, struct
door = os.open('/dev/cordon', os.O_RDWR)
def raw(header, data=b''):
    head = header if isinstance(header, bytes) else json.dumps(header).encode()
    return os.write(door, struct.pack('<I', len(head)) + head + data)
def reply():
    lengths = os.read(door, 8)
    if len(lengths) < 8: return None
    head, size = struct.unpack('<II', lengths)
    return json.loads(os.read(door, head)), os.read(door, size)
`;

pythonIsolateAttacks('Python: descriptors and the door', [
  {
    name: 'every descriptor closed: the run goes on, prints into nothing and answers',
    code: `
import os
os.closerange(0, 4096)
for fd in range(20):
    try: os.close(fd)
    except OSError: pass
from cordon import memory
[memory.set('k', 1) > 0, memory.get('k'), open('/tmp/a', 'w').write('x')]`,
    ends: 'succeeded',
    result: [true, 1, 1],
  },
  harmless(
    'other files put over every descriptor',
    `
import os
evil = os.open('/tmp/evil', os.O_RDWR | os.O_CREAT)
for fd in range(40):
    if fd != evil: os.dup2(evil, fd)
print('into the file')
from cordon import memory
try: told = memory.get('k')
except Exception as error: told = type(error).__name__
told`,
  ),
  harmless(
    'the door put over every descriptor',
    `
import os
door = os.open('/dev/cordon', os.O_RDWR)
for fd in range(40):
    if fd != door: os.dup2(door, fd)
for n in range(100):
    try: print('garbage', n, flush=True)
    except OSError: pass
1`,
  ),
  {
    name: 'all descriptors used up: the run still ends as it says',
    code: `
import os
held = []
try:
    while len(held) < 100_000: held.append(os.open('/dev/null', os.O_RDONLY))
except OSError: pass
'many' if len(held) > 100 else len(held)`,
    ends: 'succeeded',
    result: 'many',
  },
  {
    name: 'garbage on the door is refused',
    code: `${DOOR}
refused = 0
for garbage in (b'', b'\\0', b'\\0' * 4, b'\\xff' * 8, b'\\xff' * 4, struct.pack('<I', 2**31), struct.pack('<I', 5) + b'{', struct.pack('<I', 2) + b'[]', struct.pack('<I', 4) + b'null',
                struct.pack('<I', 2) + b'\\xff\\xfe', struct.pack('<I', 200_000) + b'[' * 200_000, struct.pack('<I', 2) + b'{}', struct.pack('<I', 1) + b'5'):
    try: os.write(door, garbage)
    except OSError: refused += 1
for header in ({'t': 'x'}, {'t': None}, {'t': {}}, {'t': 'ask', 'op': 5}, {'t': 'ask', 'op': None, 'args': 5}, {'t': ['end']}, {'__proto__': {'t': 'start'}}, {'t': 'limit'}, {'t': 'limit', 'errno': {}}):
    try: raw(header)
    except OSError: refused += 1
    try: reply()
    except (OSError, ValueError): pass
from cordon import memory
[refused > 8, memory.set('k', 1) > 0]`,
    ends: 'succeeded',
    result: [true, true],
  },
  nothing(
    'every operation of the host with paths and keys of others',
    `${DOOR}
from cordon import input
told = []
paths = [input['hostFile'], '../victim/secret.txt', '/workspace/../../victim/secret.txt', '/etc/passwd', '../../..' + input['hostFile'], input['dataDir'] + '/admin-key', '\\0', 'a' * 100_000]
ops = ['fs.readFile', 'fs.stat', 'fs.readdir', 'fs.open', 'fs.read', 'fs.readRange', 'fs.lock', 'fs.writeFile', 'fs.rename', 'fs.rm', 'fs.mkdir', 'fs.truncate', 'memory.get', 'memory.list', 'module.package', 'module.python', 'module.pythonFile', 'fetch', '__proto__', 'constructor', 'toString', 'fs.__proto__']
for op in ops:
    for path in paths:
        raw({'t': 'ask', 'op': op, 'args': {'path': path, 'from': path, 'to': path, 'key': path, 'prefix': path, 'name': path, 'fileName': path, 'specifier': path, 'url': 'file://' + path, 'offset': 0, 'length': 100, 'owner': {'tenant': 'default', 'agent': 'victim'}, 'agent': 'victim'}}, b'evil')
        answer = reply()
        if answer and ('canary-' in str(answer) or 'root:' in str(answer)): told.append([op, path])
told`,
    { limits: { wallMs: 20_000 } },
  ),
  ...["{'t': 'ask', 'op': 'exit', 'args': {}}", "{'t': 'ask'}", "{'t': 'ask', 'op': {}, 'args': []}"].map(
    (header): PythonAttack => ({
      name: `the question ${header} is refused, or the run waits until wallMs`,
      code: `${DOOR}\ntry: raw(${header}); reply()\nexcept OSError: pass\n1`,
      limits: { wallMs: 1500 },
      ends: /^(timed_out wallMs|succeeded)$/,
    }),
  ),
  {
    name: 'an operation with a long name is refused',
    code: `${DOOR}\ntold = False\ntry:\n    raw({'t': 'ask', 'op': 'x' * 10_000, 'args': {}})\n    told = reply()[0]['ok']\nexcept OSError: pass\ntold`,
    ends: 'succeeded',
    result: false,
  },
  harmless(
    'JavaScript’s own operation module.load',
    `${DOOR}
told = []
for args in ({}, {'specifier': 'node:fs'}, {'specifier': './a.js', 'from': '/workspace/main.py', 'kind': 'import'}, {'specifier': '../../../etc/passwd', 'referrer': '/workspace/x.js'}, None, 5, []):
    raw({'t': 'ask', 'op': 'module.load', 'args': args})
    told.append(str(reply())[:200])
1`,
    { limits: { wallMs: 10_000 } },
  ),
  {
    name: 'a forged end before the true one does not count',
    code: `${DOOR}\nraw({'t': 'end', 'end': {'status': 'succeeded', 'result': 'forged'}})\n'true'`,
    ends: 'succeeded',
    result: 'true',
  },
  ...(
    [
      ['no object', '5'],
      ['an unknown status', "{'status': 'evil'}"],
      ['a result of 10 MB', "{'status': 'succeeded', 'result': 'x' * 10_000_000}"],
      [
        'a name and a message of 10 MB',
        "{'status': 'failed', 'error': {'name': 'x' * 10_000_000, 'message': 'y' * 10_000_000, 'stack': ['z']}}",
      ],
      ['an end of the host', "{'status': 'cancelled', 'error': {'name': 'Cancelled', 'message': 'x'}}"],
      ['an unknown limit', "{'status': 'limit_exceeded', 'error': {'name': 5, 'message': {}, 'limit': 'evil'}}"],
      [
        'more fields than there are',
        "{'status': 'succeeded', 'result': 1, 'usage': {'cpuMs': -1}, 'stdout': 'evil', 'tenant': 'evil', 'agent': 'victim', 'id': 'x', 'filesChanged': ['evil'], '__proto__': {'a': 1}}",
      ],
    ] as const
  ).map(
    ([name, end]): PythonAttack => ({
      name: `a forged last end with ${name} ends this run alone, within its limits`,
      code: `${DOOR}
import _cordon.door
real = _cordon.door.end
def forged(text):
    global door
    door = os.open('/dev/cordon', os.O_RDWR)
    raw({'t': 'end', 'end': ${end}})
_cordon.door.end = forged
1`,
      limits: { wallMs: 15_000 },
      ends: /^(succeeded|failed \w+|limit_exceeded resultBytes|interrupted WorkerLost)$/,
      look: (record) => {
        if (JSON.stringify(record.result ?? null).length > 70_000) throw new Error('the result is above resultBytes');
        if (JSON.stringify(record.error ?? null).length > 100_000) throw new Error('the error is not bounded');
        if (record.agent === 'victim' || record.stdout === 'evil' || record.usage.cpuMs < 0) throw new Error('forged');
      },
    }),
  ),
  {
    name: 'messages of 60 MB to the host are refused or fail',
    code: `${DOOR}
told = []
for op in ('memory.set', 'fs.writeFile', 'fetch'):
    raw(json.dumps({'t': 'ask', 'op': op, 'args': {'key': 'k', 'path': 'a', 'value': 'x' * 20_000_000}}).encode())
    answer = reply()
    told.append(answer[0]['ok'] if answer else False)
told`,
    limits: { ramBytes: 256 * MiB, wallMs: 15_000 },
    ends: /^(succeeded|failed \w+|limit_exceeded \w+|interrupted WorkerLost)$/,
  },
  {
    name: 'a deep argument of a host call is refused',
    code: `${DOOR}
raw(b'{"t":"ask","op":"memory.set","args":{"key":"k","value":' + b'[' * 50_000 + b']' * 50_000 + b'}}')
told = reply()
'refused' if not told or not told[0]['ok'] else told`,
    ends: /^(succeeded|failed OSError|timed_out wallMs)$/,
    limits: { wallMs: 5000 },
  },
  {
    name: 'a flood of displays ends or is cut',
    code: `${DOOR}\nwhile True: raw({'t': 'display', 'mime': 'text/html', 'data': 'x' * 10_000})`,
    limits: { cpuMs: 250, wallMs: 15_000 },
    ends: /^limit_exceeded \w+$/,
  },
  {
    name: 'displays with odd types are text or nothing',
    code: `${DOOR}
for mime in (None, 5, {}, [], '', 'text/html\\r\\nx: y', 'x' * 100_000, 'text/html'):
    for data in (None, 5, {}, [], 'x', {'toString': 1}):
        try: raw({'t': 'display', 'mime': mime, 'data': data})
        except OSError: pass
1`,
    ends: 'succeeded',
    result: 1,
  },
]);
