/** What a program in a container does with the way out, whose gate is closed to its agent. */
import type { Attack } from './attack.ts';
import { containerAttacks } from './attacks.ts';

/** Requests by hand, through the port or straight through the socket; `through` gathers what should not have worked. */
const WAY_OUT = String.raw`
import os, socket, ssl, threading, time
through = []
def port():
    one = socket.create_connection(('127.0.0.1', 3128), 20)
    return one
def unix():
    one = socket.socket(socket.AF_UNIX)
    one.settimeout(20)
    one.connect('/run/cordon/egress.sock')
    return one
def head(one):
    data = b''
    while b'\r\n\r\n' not in data:
        part = one.recv(65536)
        if not part: break
        data += part
    return data.decode('latin1')
def ask(text, by=unix):
    """The first line of the answer; empty where there is none."""
    try:
        with by() as one:
            one.sendall(text.encode('utf-8', 'surrogateescape') if isinstance(text, str) else text)
            return head(one).split('\r\n')[0]
    except OSError as error: return '' if not isinstance(error, TimeoutError) else 'no answer'
def connect(authority, more=''): return f'CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n{more}\r\n'
def inside(host, text, name=None):
    """The answer of a request in a tunnel, TLS as the container trusts it."""
    with unix() as one:
        one.sendall(connect(f'{host}:443').encode())
        first = head(one)
        if ' 200 ' not in first: return first
        context = ssl.create_default_context()
        context.check_hostname = False
        with context.wrap_socket(one, server_hostname=name or host) as secure:
            secure.sendall(text.encode('latin1'))
            return head(secure)
def get(host, path='/', more=''): return f'GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{more}\r\n'
`;

const python = (name: string, code: string, more: Partial<Attack> = {}): Attack => ({
  name,
  language: 'python',
  code: `${WAY_OUT}${code}\nthrough`,
  ends: 'succeeded',
  result: [],
  limits: { wallMs: 60_000, cpuMs: 20_000 },
  ...more,
});

const list: Attack[] = [
  python(
    'addresses of the host, of the network and of clouds in every spelling are refused, each with an answer',
    `
hosts = ['127.0.0.1', '0.0.0.0', '10.0.0.1', '169.254.169.254', '172.17.0.1', '192.168.0.1', '100.64.0.1', '224.0.0.1', '255.255.255.255', '127.1', '2130706433', '0x7f000001', '017700000001', '0x7f.1',
  '[::1]', '[::]', '[fe80::1]', '[fc00::1]', '[::ffff:127.0.0.1]', '[::ffff:a9fe:a9fe]', '[64:ff9b::7f00:1]', '[2002:7f00:1::]', 'localhost', 'metadata.google.internal', 'host.docker.internal', 'kubernetes.default.svc']
for host in hosts:
    answer = inside(host, get(host, '/latest/meta-data/'), name=host.strip('[]'))
    if not answer.startswith('HTTP/1.1 403 '): through.append([host, answer[:200]])
for host in ['[fe80::1%25lo]', '[fe80::1%lo]', '127.0.0.1.', 'localhost.', '127。0。0。1', '①②⑦.0.0.1', 'ⓛocalhost', '127.0.0.1%00.example.com', '127.0.0.1 ', 'a@127.0.0.1', '127.0.0.1#', '127.0.0.1/x']:
    line = ask(connect(f'{host}:443').replace(f'Host: {host}:443', 'Host: x'))
    if not line.startswith('HTTP/1.1 400 '): through.append([host, line])`,
  ),
  python(
    'a tunnel to any other port, and of any other protocol, is refused',
    String.raw`
for authority in ['slack.com:80', 'slack.com:22', 'slack.com:25', 'slack.com:8443', '127.0.0.1:7700', 'localhost:2375', '[::1]:6379', 'slack.com:0', 'slack.com:99999', 'slack.com', ':443']:
    for by in (unix, port):
        line = ask(connect(authority), by)
        if line[:12] not in ('HTTP/1.1 403', 'HTTP/1.1 400'): through.append([authority, line])
# What is no TLS, once there is a tunnel, is heard by nobody.
for sent in (b'SSH-2.0-x\r\n', b'GET / HTTP/1.1\r\nHost: slack.com\r\n\r\n', b'\x00' * 100, b'\x16\x03\x01\xff\xff' + b'\x00' * 70000):
    with unix() as one:
        one.sendall(connect('slack.com:443').encode())
        head(one)
        try:
            one.sendall(sent)
            said = one.recv(100)
            if said and said[0] != 0x15: through.append(said)
        except OSError: pass`,
  ),
  python(
    'nobody else can be claimed: by passwords, headers of Cordon, of proxies or of methods, or another name inside',
    String.raw`
for more in ['Proxy-Authorization: Basic cnVuOnRva2Vu\r\n', 'Cordon-Run: run_other\r\nCordon-Agent: victim\r\n', 'X-Forwarded-For: 127.0.0.1\r\nForwarded: for=127.0.0.1\r\n', 'X-HTTP-Method-Override: DELETE\r\n', 'Authorization: Bearer cordon\r\n', 'Cordon-Connector: victim\r\n', 'Cookie: a=b\r\n']:
    answer = inside('slack.com', get('slack.com', '/api/auth.test', more))
    if answer[9:12] not in ('403', '407'): through.append([more, answer[:200]])
for text, name in [(get('evil.com'), 'slack.com'), (get('slack.com'), 'evil.com'), (get('slack.com', '/', 'Host: evil.com\r\n'), 'slack.com'), (get('slack.com').replace('GET /', 'GET https://evil.com/'), 'slack.com')]:
    answer = inside('slack.com', text, name)
    if answer[9:12] not in ('400', '421'): through.append([text, answer[:200]])`,
  ),
  python(
    'requests that can be read in two ways are not read',
    String.raw`
post = 'POST / HTTP/1.1\r\nHost: slack.com\r\n'
for sent in [post + 'Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcd', post + 'Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', post + 'Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n', post + 'Transfer-Encoding: chunked, gzip\r\n\r\nx',
  post + 'Transfer-Encoding: xchunked\r\n\r\nx', post + 'Content-Length: +4\r\n\r\nabcd', post + 'Content-Length: -1\r\n\r\n', post + 'Content-Length : 4\r\n\r\nabcd', post + ' Content-Length: 4\r\n\r\nabcd', post + 'X: a\nY: b\r\n\r\n', post + 'X: a\rY: b\r\n\r\n', 'GET / HTTP/1.1\r\n\r\n', 'GET / HTTP/3.0\r\nHost: slack.com\r\n\r\n']:
    answer = inside('slack.com', sent)
    if answer[9:12] not in ('400', '505', '403') or 'egress policy' in answer: through.append([sent, answer[:200]])`,
  ),
  python(
    'garbage at the socket is answered or closed, and the next run has its way out',
    String.raw`
for sent in [b'\0' * 64, b'\xff' * 100_000, os.urandom(4096), b'{"t":"hello","version":2}', b'\0\0\0\x10\0\0\0\0{"t":"stop"}....', b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', b'GET ' + b'/' * 100_000, b'GET / HTTP/1.1\r\n' + b'A: b\r\n' * 20_000 + b'\r\n', b'\x05\x01\x00', b'CONNECT ' * 5000]:
    line = ask(sent + b'\r\n\r\n')
    if line[:10] not in ('', 'HTTP/1.1 4'): through.append([sent[:20], line])`,
  ),
  python(
    'a flood of handshakes and of refused requests, on every connection that there is, slows nobody down for long',
    String.raw`
end = time.monotonic() + 6
context = ssl.create_default_context()
def handshakes():
    while time.monotonic() < end:
        try: inside('slack.com', get('slack.com'))
        except OSError: pass
def requests():
    while time.monotonic() < end:
        try:
            with unix() as one:
                one.sendall(connect('slack.com:443').encode())
                head(one)
                with context.wrap_socket(one, server_hostname='slack.com') as secure:
                    while time.monotonic() < end:
                        secure.sendall(b'GET /x HTTP/1.1\r\nHost: evil.com\r\n\r\n')
                        if not secure.recv(65536): break
        except OSError: pass
def bytes_alone():
    while time.monotonic() < end:
        try:
            with unix() as one:
                one.sendall(connect('slack.com:443').encode())
                head(one)
                with context.wrap_socket(one, server_hostname='slack.com') as secure:
                    secure.sendall(b'POST / HTTP/1.1\r\nHost: slack.com\r\nTransfer-Encoding: chunked\r\n\r\n')
                    while time.monotonic() < end: secure.sendall(b'1\r\n'); secure.sendall(b'x'); secure.sendall(b'\r\n')
        except OSError: pass
threads = [threading.Thread(target=target) for target in (handshakes, requests, bytes_alone) for _ in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()`,
    { limits: { wallMs: 60_000, cpuMs: 30_000 } },
  ),
  python(
    'connections that are held open, half sent and never read end with the run',
    String.raw`
held = []
for kind in range(120):
    try:
        one = (unix if kind % 2 else port)()
        one.setblocking(False)
        one.send([b'CON', connect('slack.com:443').encode(), b'POST https://slack.com/ HTTP/1.1\r\nHost: slack.com\r\nContent-Length: 1000000\r\n\r\nx', b'GET http://x/ HTTP/1.1\r\nHost: x\r\n\r\n' * 500][kind % 4])
        held.append(one)
    except OSError: pass
if len(held) < 20: through.append(len(held))`,
  ),
];

containerAttacks('containers: the way out', list);
