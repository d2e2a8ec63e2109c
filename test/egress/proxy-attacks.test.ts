import { once } from 'node:events';
import { connect as connectTls } from 'node:tls';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { EgressError } from '../../runtime/egress/egress.ts';
import { everything, type ProxyRun, run, startProxyRun } from './proxy-run.ts';

let proxied: ProxyRun;
beforeAll(async () => {
  proxied = await startProxyRun({
    isServed: async (host, port) => host === 'api.example.com' && port === 8443,
    limits: { newConnections: { perSecond: 1000, burst: 1000, longestMs: 1000 } },
  });
  proxied.answer(() => ({ body: 'REACHED' }));
});
afterAll(() => proxied.close());
beforeEach(() => {
  proxied.asked.length = 0;
});

const get = (path = '/', more = '', host = 'slack.com') => `GET ${path} HTTP/1.1\r\nHost: ${host}\r\n${more}\r\n`;
const connect = (authority: string, more = '') => `CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n${more}\r\n`;

describe('CONNECT', () => {
  it.each([
    'slack.com:80',
    'slack.com:22',
    'slack.com:8443',
    '10.0.0.1:5432',
    '[::1]:6379',
    'api.example.com:8444',
  ])('to %s is refused, and says which port is carried', async (authority) => {
    expect(await proxied.raw(connect(authority))).toMatch(/^HTTP\/1\.1 403 no connector is at port \d+ of .* 443 is/);
  });

  it('to the port of a connector is accepted, of its host alone', async () => {
    const text = await proxied.inside(
      'api.example.com:8443',
      get('/x', 'Connection: close\r\n', 'api.example.com:8443'),
    );
    expect(text).toContain('REACHED');
    expect(proxied.asked[0]?.url).toBe('https://api.example.com:8443/x');
    // The same connection under the name of the usual port.
    expect(await proxied.inside('api.example.com:8443', get('/', 'Connection: close\r\n', 'api.example.com'))).toMatch(
      /^HTTP\/1\.1 421 /,
    );
  });

  it.each([
    'slack.com',
    'slack.com:',
    'slack.com:0',
    'slack.com:0443',
    'slack.com:65536',
    'slack.com:443:443',
    'user@slack.com:443',
    'slack.com.:443',
    '.slack.com:443',
    'sl..ack.com:443',
    'slack.com%2eevil.com:443',
    'ѕlack.com:443',
    'slack.com/x:443',
    '-slack.com:443',
    `${'a'.repeat(64)}.com:443`,
    '[fe80::1%25eth0]:443',
    '[127.0.0.1]:443',
    '::1:443',
    ':443',
    '/var/run/docker.sock:443',
    'https://slack.com:443',
  ])('to %s is not understood', async (authority) => {
    const text = await proxied.raw(connect(authority).replace(/Host: .*/, 'Host: slack.com'));
    expect(text).toMatch(/^HTTP\/1\.1 400 /);
  });

  it.each([
    '169.254.169.254',
    '127.0.0.1',
    '2130706433',
    '0x7f.1',
    '[::ffff:169.254.169.254]',
    'localhost',
  ])('to %s gets TLS, so that the refusal of the gate can be read', async (host) => {
    proxied.answer(({ url }) => {
      throw new EgressError('address_refused', `${url} is no public address`);
    });
    const secure = await proxied.tunnel(`${host}:443`, { servername: /^\d+\.|:/.test(host) ? false : host });
    secure.write(get('/latest/meta-data', 'Connection: close\r\n', host));
    const text = await everything(secure);
    proxied.answer(() => ({ body: 'REACHED' }));
    expect(text).toMatch(/^HTTP\/1\.1 403 /);
    expect(text).toContain('"reason":"address_refused"');
    expect(proxied.asked.map(({ url }) => url)).toEqual([`https://${host}/latest/meta-data`]);
  });

  it('with a body, or with bytes that do not wait for the answer, is refused', async () => {
    for (const sent of [
      connect('slack.com:443', 'Content-Length: 5\r\n'),
      connect('slack.com:443', 'Transfer-Encoding: chunked\r\n'),
      `${connect('slack.com:443')}hello`,
    ])
      expect(await proxied.raw(sent)).toMatch(/^HTTP\/1\.1 400 /);
  });

  it('inside a tunnel is refused', async () => {
    expect(await proxied.inside('slack.com:443', connect('evil.com:443'))).toMatch(/^HTTP\/1\.1 403 a tunnel inside/);
  });

  it('leads nowhere for what is not TLS', async () => {
    const socket = await proxied.connect();
    socket.write(connect('slack.com:443'));
    await once(socket, 'data');
    socket.write(get());
    expect(await everything(socket)).not.toContain('REACHED');
    expect(proxied.asked).toHaveLength(0);
  });

  it('leads nowhere for TLS that speaks HTTP/2 alone, or is too old', async () => {
    for (const options of [
      { ALPNProtocols: ['h2'] },
      { maxVersion: 'TLSv1.1', minVersion: 'TLSv1', ciphers: 'ALL:@SECLEVEL=0' },
    ] as const) {
      const socket = await proxied.connect();
      socket.write(connect('slack.com:443'));
      await once(socket, 'data');
      const secure = connectTls({ socket, ca: proxied.caPem, servername: 'slack.com', ...(options as object) });
      await expect(once(secure, 'secureConnect')).rejects.toThrow(/alert|protocol|version|reset|disconnected/i);
    }
  });
});

describe('whose run it is', () => {
  it('is known by the connection: a password for the proxy, such as of another run, is refused', async () => {
    const password = 'Proxy-Authorization: Basic cnVuX290aGVyOnRva2Vu\r\n';
    expect(await proxied.raw(connect('slack.com:443', password))).toMatch(/^HTTP\/1\.1 407 /);
    expect(await proxied.raw(get('http://slack.com/', password))).toMatch(/^HTTP\/1\.1 407 /);
    expect(await proxied.raw(get('https://slack.com/', password))).toMatch(/^HTTP\/1\.1 407 /);
    expect(await proxied.inside('slack.com:443', get('/', `${password}Connection: close\r\n`))).toMatch(
      /^HTTP\/1\.1 407 /,
    );
    const { port } = proxied;
    const { stderr } = await run(
      'curl',
      ['-sS', '-x', `http://run_x:token@127.0.0.1:${port}`, 'https://slack.com/'],
      proxied.env,
    );
    expect(stderr).toContain('407');
    expect(proxied.asked).toHaveLength(0);
  });
});

describe('one name for a request', () => {
  it.each([
    'evil.com',
    'slack.com:8443',
    'slack.com.',
    'slack.com@evil.com',
    'files.slack.com',
    '[slack.com]',
    'a b',
  ])('Host: %s on a connection to slack.com is misdirected', async (host) => {
    const text = await proxied.inside('slack.com:443', get('/', 'Connection: close\r\n', host));
    expect(text).toMatch(/^HTTP\/1\.1 421 this connection leads to slack\.com/);
    expect(proxied.asked).toHaveLength(0);
  });

  it('is the same in capital letters and with the usual port', async () => {
    for (const host of ['SLACK.com', 'slack.com:443'])
      expect(await proxied.inside('Slack.Com:443', get('/', 'Connection: close\r\n', host))).toContain('REACHED');
    expect(proxied.asked.map(({ url }) => url)).toEqual(['https://slack.com/', 'https://slack.com/']);
  });

  it('none or two Host headers are refused', async () => {
    const two = get('/', 'Host: evil.com\r\nConnection: close\r\n');
    for (const sent of [two, 'GET / HTTP/1.1\r\nConnection: close\r\n\r\n'])
      expect(await proxied.inside('slack.com:443', sent)).toMatch(/^HTTP\/1\.1 400 /);
    expect(proxied.asked).toHaveLength(0);
  });

  it('TLS for another name, or for none, is misdirected', async () => {
    for (const servername of ['evil.com', false] as const)
      expect(await proxied.inside('slack.com:443', get(), { servername })).toMatch(/^HTTP\/1\.1 421 /);
    const fronted = ['-sSk', '--connect-to', 'slack.com:443:evil.com:443', 'https://slack.com/'];
    expect((await run('curl', fronted, proxied.env)).stdout).toContain('this connection leads to evil.com');
    expect(proxied.asked).toHaveLength(0);
  });

  it.each([
    'https://evil.com/',
    'http://slack.com/',
    '*',
    'evil.com:443',
    '/#/../admin',
    '//evil.com/',
  ])('the target %s is not another host, and no part of it is lost', async (target) => {
    const text = await proxied.inside('slack.com:443', get(target, 'Connection: close\r\n'));
    // What begins with a slash is a path, for the gate to judge as it is written.
    if (target === '//evil.com/') expect(proxied.asked[0]?.url).toBe('https://slack.com//evil.com/');
    else expect([text.slice(0, 12), proxied.asked.length]).toEqual(['HTTP/1.1 400', 0]);
  });
});
