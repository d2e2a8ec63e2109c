/** The way out that the supervisor keeps for its guest: a port of the loopback, handed on to Cordon's second socket. */
import { readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, test } from 'vitest';
import { closeSupervised, missing, open, type Supervised } from './supervisor-bench.ts';

if (missing) console.warn(`Tests of the supervisor are skipped: ${missing}`);

const MiB = 1024 ** 2;
const caPem = '-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n';
afterEach(closeSupervised);

/** What every program below begins with. */
const prelude = `
import os, socket, sys, threading, time
address = ('127.0.0.1', int(os.environ['https_proxy'].rpartition(':')[2]))
def call():
    made = socket.create_connection(address)
    made.settimeout(20)
    return made
def rest(made):
    parts = []
    while part := made.recv(1 << 16): parts.append(part)
    return b''.join(parts)
`;
const run = (supervised: Supervised, code: string) => supervised.run('python', prelude + code, { caPem });
const echo = (socket: Socket) => void socket.pipe(socket);

/** CPU time of the supervisor so far, in milliseconds. */
function cpuMs({ pid }: Supervised): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const [user, system] = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .slice(11, 13)
    .map(Number);
  return ((user ?? 0) + (system ?? 0)) * 10;
}

/** It waits instead of turning in its loop, and keeps little. */
async function standsStill(supervised: Supervised): Promise<void> {
  await sleep(500);
  const before = cpuMs(supervised);
  await sleep(800);
  expect(cpuMs(supervised) - before).toBeLessThan(200);
  expect(supervised.status('VmRSS')).toBeLessThan(16 * MiB);
}

describe.skipIf(missing)('a run that may call out', () => {
  test('has a CA, and the variables that programs know', async () => {
    const supervised = await open();
    const { end, stderr } = await supervised.run(
      'python',
      `import os
own = {'PATH', 'HOME', 'TMPDIR', 'LANG', 'USER', 'SHELL'}
ca = os.environ['SSL_CERT_FILE']
[{k: v for k, v in os.environ.items() if k not in own}, open(ca).read(), oct(os.stat(ca).st_mode)]`,
      { caPem },
    );
    expect(stderr).toBe('');
    const proxy = `http://127.0.0.1:${supervised.proxyPort}`;
    const ca = `${supervised.folder}/run/ca.pem`;
    const around = 'localhost,127.0.0.1,::1';
    expect(end).toMatchObject({
      result: [
        {
          http_proxy: proxy,
          https_proxy: proxy,
          HTTP_PROXY: proxy,
          HTTPS_PROXY: proxy,
          no_proxy: around,
          NO_PROXY: around,
          SSL_CERT_FILE: ca,
          REQUESTS_CA_BUNDLE: ca,
          CURL_CA_BUNDLE: ca,
          GIT_SSL_CAINFO: ca,
          AWS_CA_BUNDLE: ca,
          NODE_EXTRA_CA_CERTS: ca,
          NODE_USE_ENV_PROXY: '1',
        },
        caPem,
        '0o100400',
      ],
    });
  });

  test('reaches Cordon byte for byte, both ways at once, and either side may end first', async () => {
    const supervised = await open();
    supervised.answerEgress(echo);
    const { stdout, stderr } = await run(
      supervised,
      `sent = os.urandom(5_000_000)
made = call()
def send():
    made.sendall(sent)
    made.shutdown(socket.SHUT_WR)
threading.Thread(target=send).start()
print(rest(made) == sent)`,
    );
    expect([stdout, stderr]).toEqual(['True\n', '']);
    await closeSupervised();
    const second = await open();
    second.answerEgress((socket) => socket.end('x'.repeat(3_000_000)));
    expect((await run(second, 'print(len(rest(call())))')).stdout).toBe('3000000\n');
  });

  test('has 64 connections at once; further ones wait for their turn', async () => {
    const supervised = await open();
    let now = 0;
    let most = 0;
    supervised.answerEgress((socket) => {
      most = Math.max(most, ++now);
      // Before its end is answered: that frees its place, and Node may accept the next before it tells 'close'.
      socket.once('end', () => now--);
      echo(socket);
    });
    const { stdout, stderr } = await run(
      supervised,
      `made = [call() for _ in range(100)]
for one in made: one.sendall(b'ping')
print(sum(one.recv(9) == b'ping' for one in made[:64]))
for one in made[:64]: one.close()
print(sum(one.recv(9) == b'ping' for one in made[64:]))`,
    );
    expect([stdout, stderr, most]).toEqual(['64\n36\n', '', 64]);
  });

  test('is small while nobody reads, on either side, and stands still', async () => {
    const supervised = await open();
    const held: Socket[] = [];
    supervised.answerEgress((socket) => {
      held.push(socket);
      socket.pause();
      socket.write(Buffer.alloc(4 * MiB));
    });
    const { stdout } = await supervised.run(
      'python',
      `${prelude}
made = [call() for _ in range(64)]
for one in made:
    one.setblocking(False)
    try:
        while True: one.send(bytes(1 << 16))
    except BlockingIOError: pass
print('full', flush=True)
time.sleep(6)`,
      { caPem, meanwhile: () => standsStill(supervised) },
    );
    expect(stdout).toBe('full\n');
    expect(held).toHaveLength(64);
  });

  test('hang-ups of any kind do not keep it busy', async () => {
    const supervised = await open();
    let count = 0;
    supervised.answerEgress((socket) => {
      // In turn: gone at once, gone with something unread, ended and never closed, half of an answer and then silence.
      const kind = count++ % 4;
      if (kind === 0) socket.destroy();
      else if (kind === 1) socket.write(Buffer.alloc(2 * MiB), () => socket.destroy());
      else if (kind === 2) socket.end('bye');
      else socket.write('half');
    });
    const { stdout, ended } = await supervised.run(
      'python',
      `${prelude}
import struct
made = [call() for _ in range(60)]
time.sleep(0.3)
for number, one in enumerate(made):
    try:
        if number % 3 == 0: one.shutdown(socket.SHUT_WR)
        elif number % 3 == 1:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
            one.close()
        else: one.sendall(b'x' * 100)
    except OSError: pass
print('hung up', flush=True)
time.sleep(6)
for one in made: one.close()`,
      { caPem, meanwhile: () => standsStill(supervised) },
    );
    expect([stdout, ended]).toEqual(['hung up\n', { exitCode: 0 }]);
  });

  test('a flood of connections leaves it as it was, and the run goes on', async () => {
    const supervised = await open();
    supervised.answerEgress(echo);
    const { stdout, stderr, ended } = await run(
      supervised,
      `for _ in range(3000):
    one = socket.socket()
    one.setblocking(False)
    one.connect_ex(address)
    one.close()
for _ in range(300):
    one = call()
    one.sendall(b'x' * 1000)
    one.close()
print('said while it is flooded', flush=True)
one = call()
one.sendall(b'still there')
print(one.recv(99))`,
    );
    expect([stdout, stderr]).toEqual(["said while it is flooded\nb'still there'\n", '']);
    expect(ended).toMatchObject({ exitCode: 0 });
    expect(supervised.status('VmHWM')).toBeLessThan(20 * MiB);
  });

  test('output comes and a stop works while connections are busy', async () => {
    const supervised = await open();
    supervised.answerEgress(echo);
    const { stdout, ended } = await supervised.run(
      'python',
      `${prelude}
def busy():
    one = call()
    threading.Thread(target=lambda: [one.recv(1 << 16) for _ in iter(int, 1)], daemon=True).start()
    while True: one.sendall(bytes(1 << 16))
for _ in range(4): threading.Thread(target=busy, daemon=True).start()
print('started', flush=True)
while True: time.sleep(1)`,
      {
        caPem,
        meanwhile: async ({ stop }) => {
          await sleep(300);
          stop();
        },
      },
    );
    expect([stdout, ended]).toEqual(['started\n', { signal: 9 }]);
  });

  test('a call that Cordon does not take is closed, not left waiting', async () => {
    const supervised = await open();
    const { stdout } = await run(supervised, `try: print(rest(call()))\nexcept ConnectionError: print(b'')`);
    expect(stdout).toBe("b''\n");
  });
});

describe.skipIf(missing)('a run that may call nothing', () => {
  test('has no port, no CA and none of the variables', async () => {
    const supervised = await open();
    const { end } = await supervised.run(
      'python',
      `import os, socket
try: seen = socket.create_connection(('127.0.0.1', ${supervised.proxyPort}))
except ConnectionRefusedError: seen = 'refused'
[sorted(os.environ), seen, os.path.exists('${supervised.folder}/run/ca.pem')]`,
    );
    expect(end).toMatchObject({ result: [['HOME', 'LANG', 'PATH', 'SHELL', 'TMPDIR', 'USER'], 'refused', false] });
    expect(supervised.status('VmRSS')).toBeLessThan(12 * MiB);
  });
});
