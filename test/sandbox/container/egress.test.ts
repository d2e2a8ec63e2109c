/** Calls of real programs in real containers, through the run's proxy, before a gate that the test scripts. */
import { once } from 'node:events';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { EgressError } from '../../../runtime/egress/egress.ts';
import type { RuntimeChoice } from '../../../runtime/sandbox/container/runtimes.ts';
import type { Driver, GuestHost, Language, Outcome, SandboxUsage } from '../../../runtime/sandbox/driver.ts';
import { defaultLimits } from '../../../runtime/sandbox/limits.ts';
import { chunks, noGrant, type ProxyRun, startProxyRun } from '../../egress/proxy-run.ts';
import { calls } from './egress-programs.ts';
import { noEngine, noGvisor, openTestDriver } from './engine.ts';

const MiB = 1024 ** 2;
const HUNDRED_SECONDS = 100_000;

const owner = { tenant: 'egress', agent: 'one' };
const limits = { ...defaultLimits, wallMs: 60_000 };

interface Ended {
  outcome: Outcome;
  usage: SandboxUsage;
  stdout: string;
  stderr: string;
}
interface Started {
  ended: Promise<Ended>;
  /** Resolves when this text was printed. */
  printed(text: string): Promise<void>;
  stop(): void;
}

let driver: Driver;
let gate: ProxyRun;

async function start(language: Language, code: string, egress?: GuestHost['egress']): Promise<Started> {
  const lease = await driver.lease(owner, limits, new AbortController().signal, language);
  const seen = { stdout: '', stderr: '' };
  const execution = lease.execute(
    { runId: 'run_egress', language, code, input: undefined, limits },
    {
      output(output) {
        if ('text' in output) seen[output.type] += output.text;
      },
      // Where the workspace is not mounted, it is carried: there is nothing to carry.
      call: async ({ op }) =>
        op === 'fs.readdir'
          ? { ok: true, value: [] }
          : { ok: false, error: { name: 'Error', message: 'no such call' } },
      waiting() {},
      ...(egress ? { egress } : {}),
    },
  );
  const stop = () => execution.stop({ status: 'cancelled', error: { name: 'Cancelled', message: 'by the test' } });
  return {
    ended: execution.done.then((done) => ({ ...done, ...seen })),
    async printed(text) {
      while (!seen.stdout.includes(text)) await sleep(10);
    },
    stop,
  };
}
const run = async (language: Language, code: string, egress = gate.egress) =>
  (await start(language, code, egress)).ended;

const kinds: [title: string, runtime: RuntimeChoice, without: string | undefined][] = [
  ['containers', 'runc', noEngine],
  ['containers under gVisor', 'gvisor', await noGvisor()],
];

describe.each(kinds)('calls from %s', (_title, runtime, without) => {
  if (without !== undefined) return void test.skip(`skipped: ${without}`);

  beforeAll(async () => {
    [driver, gate] = await Promise.all([openTestDriver({ runtime, maxContainers: 6 }), startProxyRun()]);
    const lease = await driver.lease(owner, limits, new AbortController().signal, 'shell');
    expect(lease.walls.includes('gvisor')).toBe(runtime === 'gvisor');
    lease.release();
  }, HUNDRED_SECONDS);
  afterAll(async () => {
    await driver?.close();
    await gate?.close();
  }, HUNDRED_SECONDS);
  beforeEach(() => {
    gate.asked.length = 0;
    gate.answer(({ url, method, body }) => {
      if (!url.startsWith('https://api.example.com/')) throw new EgressError('no_grant', noGrant);
      return { body: chunks(`${method} ${url} `, body ?? new Uint8Array()) };
    });
  });

  test.each(calls)(
    '%s: what is granted is answered, what is not is refused with what is missing',
    async (_, language, code) => {
      const { outcome, stdout, stderr } = await run(language, code);
      expect([stderr, outcome.status]).toEqual(['', 'succeeded']);
      const [granted = '', ...refused] = stdout.trim().split('\n');
      expect(granted).toContain('GET https://api.example.com/v1/things?a=b');
      expect(granted).toContain('200');
      expect(refused.join('\n').replaceAll('\\', '')).toContain(
        'agent reporter has no grant for slack chat.postMessage',
      );
      expect(refused.join('\n')).toContain('403');
      expect(gate.asked.map(({ method, url }) => `${method} ${url}`)).toEqual([
        'GET https://api.example.com/v1/things?a=b',
        'POST https://slack.com/api/chat.postMessage',
      ]);
      expect(Buffer.from(gate.asked[1]?.body ?? []).toString()).toBe('{"channel":"C1"}');
    },
    HUNDRED_SECONDS,
  );

  test(
    'git asks the gate too',
    async () => {
      const { stderr } = await run('shell', 'cd /tmp && git clone https://github.com/a/b 2>&1 | cat >&2');
      expect(gate.asked[0]?.url).toBe('https://github.com/a/b/info/refs?service=git-upload-pack');
      expect(stderr).toContain('403');
    },
    HUNDRED_SECONDS,
  );

  test(
    'large bodies go both ways',
    async () => {
      gate.answer(({ body }) => ({ body: chunks(body ?? new Uint8Array(), Buffer.alloc(20 * MiB, 'y')) }));
      const { stdout, stderr } = await run(
        'shell',
        'head -c 1000000 /dev/zero | tr "\\0" x | curl -sS --data-binary @- https://api.example.com/ | wc -c',
      );
      expect([stdout.trim(), stderr]).toEqual([String(1_000_000 + 20 * MiB), '']);
    },
    HUNDRED_SECONDS,
  );

  test(
    'the CA is trusted in its container alone, and its key is not there',
    async () => {
      const code = `
curl -sS --cacert /etc/ssl/certs/ca-certificates.crt https://api.example.com/ 2>&1 | head -c 200; echo
grep -rlsa 'PRIVATE KEY' /tmp /run /workspace /dev/shm /proc/*/environ | grep -v main.sh; echo "keys: none"
openssl x509 -in "$SSL_CERT_FILE" -noout 2>/dev/null; grep -c BEGIN "$SSL_CERT_FILE"; grep BEGIN "$SSL_CERT_FILE"`;
      const { stdout } = await run('shell', code);
      expect(stdout).toMatch(/certificate/);
      expect(stdout).toContain('\nkeys: none\n1\n-----BEGIN CERTIFICATE-----\n');
      const other = await startProxyRun();
      other.answer(() => ({ body: 'from another run' }));
      const mixed = { caPem: gate.caPem, onConnection: other.egress.onConnection };
      const { stdout: fooled } = await run('shell', 'curl -sS https://api.example.com/ 2>&1', mixed);
      await other.close();
      expect(fooled).toMatch(/certificate/);
      expect(other.asked).toHaveLength(0);
    },
    HUNDRED_SECONDS,
  );

  test(
    'CONNECT to other ports, http, and passwords of other runs are refused',
    async () => {
      const { stdout } = await run(
        'shell',
        `for url in https://api.example.com:22/ http://api.example.com/; do curl -sS -w ' %{http_code} %{http_connect}\\n' "$url" 2>&1; done
curl -sS -x http://run_other:token@127.0.0.1:3128 https://api.example.com/ 2>&1
printf 'CONNECT 10.0.0.1:5432 HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n' | timeout 5 bash -c 'exec 3<>/dev/tcp/127.0.0.1/3128; cat >&3; head -n 1 <&3'`,
      );
      expect(stdout).toMatch(/CONNECT tunnel failed, response 403/);
      expect(stdout).toContain('only https is carried');
      expect(stdout).toMatch(/response 407/);
      expect(stdout).toContain('HTTP/1.1 403 no connector is at port 5432');
      expect(gate.asked).toHaveLength(0);
    },
    HUNDRED_SECONDS,
  );

  test(
    'nothing else can be reached: no address, no name, no port of the host',
    async () => {
      const server = createServer((socket) => socket.end('the host')).listen(0, '127.0.0.1');
      await once(server, 'listening');
      const { port } = server.address() as { port: number };
      const code = `
import socket
def tried(call):
    try: return 'reached ' + str(call())
    except OSError as error: return type(error).__name__
def tcp(address): return lambda: socket.create_connection(address, 3).recv(9)
[tried(tcp(('1.1.1.1', 443))), tried(tcp(('169.254.169.254', 80))), tried(tcp(('127.0.0.1', ${port}))), tried(tcp(('172.17.0.1', ${port}))),
 tried(lambda: socket.getaddrinfo('slack.com', 443)), tried(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('8.8.8.8', 53)))]`;
      const { outcome } = await run('python', code);
      server.close();
      expect(outcome).toMatchObject({
        status: 'succeeded',
        result: ['OSError', 'OSError', 'ConnectionRefusedError', 'OSError', 'gaierror', 'OSError'],
      });
      expect(gate.asked).toHaveLength(0);
    },
    HUNDRED_SECONDS,
  );

  test(
    'a flood of calls, half-open connections and floods of bytes end with their run alone',
    async () => {
      const code = `
import os, socket, threading
address = ('127.0.0.1', 3128)
held = []
for _ in range(200):
    one = socket.socket(); one.setblocking(False); one.connect_ex(address); held.append(one)
direct = []
for _ in range(300):
    one = socket.socket(socket.AF_UNIX)
    try: one.connect('/run/cordon/egress.sock'); one.send(b'GET ' + b'x' * 60000); direct.append(one)
    except OSError: pass
print('still here', flush=True)
for one in held + direct: one.close()
for _ in range(2000):
    one = socket.socket(); one.setblocking(False); one.connect_ex(address); one.close()
import time, urllib.request
for _ in range(50):
    try:
        print(urllib.request.urlopen('https://api.example.com/after', timeout=20).read().decode(), flush=True)
        break
    except OSError as error: time.sleep(0.2)
`;
      const { outcome, stdout, stderr } = await run('python', code);
      expect([stderr, outcome.status]).toEqual(['', 'succeeded']);
      expect(stdout).toBe('still here\nGET https://api.example.com/after \n');
      // Another run is served as ever.
      expect((await run('shell', 'curl -sS https://api.example.com/next')).stdout).toContain('/next');
    },
    HUNDRED_SECONDS,
  );

  test(
    'a run that is stopped takes its calls along',
    async () => {
      const asked = Promise.withResolvers<AbortSignal | undefined>();
      gate.answer(({ signal }) => {
        asked.resolve(signal);
        return new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason)));
      });
      const started = await start('shell', 'curl -sS https://api.example.com/slow', gate.egress);
      const signal = await asked.promise;
      started.stop();
      const { outcome } = await started.ended;
      expect(outcome.status).toBe('cancelled');
      while (!signal?.aborted) await sleep(5);
    },
    HUNDRED_SECONDS,
  );

  test(
    'before its run and without leave to call, nobody answers, and nothing more is there',
    async () => {
      const code = `
import os, socket
def tried(call):
    try: return call()
    except OSError as error: return type(error).__name__
def unix():
    one = socket.socket(socket.AF_UNIX)
    one.connect('/run/cordon/egress.sock')
    return one.recv(9).decode()
[tried(lambda: socket.create_connection(('127.0.0.1', 3128)) and 'open'), tried(unix), sorted(name for name in os.environ if 'proxy' in name.lower()),
 sorted(os.listdir('/tmp/.cordon')), len([pid for pid in os.listdir('/proc') if pid.isdigit()])]`;
      const { outcome } = await (await start('python', code)).ended;
      expect(outcome).toMatchObject({
        result: ['ConnectionRefusedError', '', [], ['barrier', 'limits.json', 'main.py'], 2],
      });
    },
    HUNDRED_SECONDS,
  );

  test(
    'leave to call costs a run no process and next to no memory until it calls',
    async () => {
      const code = 'import os\nlen([pid for pid in os.listdir("/proc") if pid.isdigit()])';
      // Of three: what starts a container may take more than the program does.
      async function smallestPeak(begin: () => Promise<Ended>) {
        const peaks: number[] = [];
        for (let n = 0; n < 3; n++) {
          const { outcome, usage } = await begin();
          expect(outcome).toMatchObject({ result: 2 });
          peaks.push(usage.ramPeakBytes);
        }
        return Math.min(...peaks);
      }
      const without = await smallestPeak(async () => (await start('python', code)).ended);
      const allowed = await smallestPeak(() => run('python', code));
      expect(allowed - without).toBeLessThan(2 * MiB);
    },
    HUNDRED_SECONDS,
  );
});
