import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { EgressError } from '../../runtime/egress/egress.ts';
import { chunks, noGrant, type ProxyRun, type Ran, run, startProxyRun } from './proxy-run.ts';

let proxied: ProxyRun;
beforeAll(async () => {
  proxied = await startProxyRun();
});
afterAll(() => proxied.close());
beforeEach(() => {
  proxied.asked.length = 0;
});

const python = `
import sys, urllib.request, urllib.error
method, url, body = sys.argv[1], sys.argv[2], sys.argv[3].encode() or None
request = urllib.request.Request(url, body, {'X-Test': 'yes'}, method=method)
try:
    with urllib.request.urlopen(request) as response:
        print(response.status, response.read().decode())
except urllib.error.HTTPError as error:
    print(error.code, error)
`;
const nodeFetch = `
const [method, url, body] = process.argv.slice(1);
const response = await fetch(url, { method, headers: { 'x-test': 'yes' }, ...(body ? { body } : {}) });
console.log(response.status, await response.text(), response.statusText);
`;
const nodeHttps = `
import { request } from 'node:https';
const [method, url, body] = process.argv.slice(1);
const sent = request(url, { method, headers: { 'x-test': 'yes' } }, async (response) => {
  let text = '';
  for await (const chunk of response) text += chunk;
  console.log(response.statusCode, text, response.statusMessage);
});
sent.end(body);
`;
const node = (program: string) => (args: string[], env: Record<string, string>) =>
  run(process.execPath, ['--input-type=module', '-e', program, '--', ...args], env);

type Client = (args: [method: string, url: string, body: string], env: Record<string, string>) => Promise<Ran>;
const clients: Record<string, Client> = {
  curl: ([method, url, body], env) =>
    run(
      'curl',
      ['-sS', '-w', ' %{http_code}', '-X', method, '-H', 'X-Test: yes', ...(body ? ['--data-binary', body] : []), url],
      env,
    ),
  "Python's urllib": (args, env) => run('python3', ['-c', python, ...args], env),
  "Node's fetch": (args, env) => node(nodeFetch)(args, env),
  "Node's https": (args, env) => node(nodeHttps)(args, env),
};

describe.each(Object.entries(clients))('%s', (_, client) => {
  it('reaches what the gate allows, with a body, and the gate sees all of it', async () => {
    proxied.answer(({ method, body }) => ({
      headers: [['content-type', 'text/plain']],
      body: chunks('you sent ', `${method} `, body ?? new Uint8Array()),
    }));
    const ran = await client(['POST', 'https://api.example.com/v1/things?a=b%2Fc&a=%20', '{"name":"ü"}'], proxied.env);
    expect(ran.stderr).toBe('');
    expect(ran.stdout).toContain('you sent POST {"name":"ü"}');
    expect(ran.stdout).toContain('200');
    expect(proxied.asked).toHaveLength(1);
    const [asked] = proxied.asked;
    expect(asked).toMatchObject({
      method: 'POST',
      url: 'https://api.example.com/v1/things?a=b%2Fc&a=%20',
      redirect: 'manual',
    });
    expect(asked?.headers).toContainEqual(['x-test', 'yes']);
    const names = asked?.headers.map(([name]) => name) ?? [];
    for (const ours of ['host', 'connection', 'content-length', 'transfer-encoding', 'proxy-connection'])
      expect(names).not.toContain(ours);
  });

  it('is told what is missing and how to ask for it', async () => {
    proxied.answer(() => {
      throw new EgressError('no_grant', noGrant);
    });
    const { stdout } = await client(['GET', 'https://slack.com/api/chat.postMessage', ''], proxied.env);
    expect(stdout).toContain('403');
    // In its JSON, or in the status line where a client shows no more.
    expect(stdout.replaceAll('\\"', '"')).toContain(noGrant);
    expect(proxied.asked).toHaveLength(1);
  });

  it('does not trust the proxy without the CA of the run', async () => {
    proxied.answer(() => ({ body: 'should not be seen' }));
    const { SSL_CERT_FILE, CURL_CA_BUNDLE, REQUESTS_CA_BUNDLE, NODE_EXTRA_CA_CERTS, ...env } = proxied.env;
    const ran = await client(['GET', 'https://slack.com/', ''], env as Record<string, string>);
    expect(ran.code).not.toBe(0);
    expect(ran.stderr).toMatch(/certificate/i);
    expect(proxied.asked).toHaveLength(0);
  });
});

describe('a client', () => {
  it('that does not know CONNECT asks for an https URL in the plain, and is judged alike', async () => {
    proxied.answer(() => ({ body: 'hello' }));
    const text = await proxied.raw(
      'GET https://slack.com/api/x?y HTTP/1.1\r\nHost: slack.com\r\nConnection: close\r\n\r\n',
    );
    expect(text).toMatch(/^HTTP\/1\.1 200 /);
    expect(text).toContain('hello');
    expect(proxied.asked[0]?.url).toBe('https://slack.com/api/x?y');
    const other = await proxied.raw('GET https://slack.com/x HTTP/1.1\r\nHost: evil.com\r\nConnection: close\r\n\r\n');
    expect(other).toMatch(/^HTTP\/1\.1 421 /);
  });

  it('is told to use https where it asks for http', async () => {
    const { stdout } = await run('curl', ['-sS', '-w', ' %{http_code}', 'http://slack.com/api/x'], proxied.env);
    expect(JSON.parse(stdout.replace(/ \d+$/, ''))).toEqual({
      error: { name: 'EgressDenied', message: expect.stringContaining('https'), reason: 'invalid_request' },
    });
    expect(stdout).toMatch(/ 403$/);
    const urllib = await run('python3', ['-c', python, 'GET', 'http://slack.com/', ''], proxied.env);
    expect(urllib.stdout).toContain('only https is carried');
    expect(proxied.asked).toHaveLength(0);
  });

  it('gets a redirect as it is: it follows it itself', async () => {
    proxied.answer(({ url }) =>
      url.endsWith('/old') ? { status: 302, headers: [['location', 'https://other.example/new']] } : { body: 'moved' },
    );
    const { stdout } = await run('curl', ['-sSL', 'https://slack.com/old'], proxied.env);
    expect(stdout).toBe('moved');
    expect(proxied.asked.map(({ url }) => url)).toEqual(['https://slack.com/old', 'https://other.example/new']);
  });

  it('gets status, reason, repeated headers, and no body where there is none', async () => {
    proxied.answer(({ method }) => ({
      status: method === 'HEAD' ? 200 : 404,
      statusText: 'Nothing Here',
      headers: [
        ['link', '<a>; rel=next'],
        ['link', '<b>; rel=last'],
        ['content-length', '4'],
        ['date', 'Mon, 01 Jan 2024 00:00:00 GMT'],
      ],
      body: method === 'HEAD' ? '' : 'none',
    }));
    const got = await run('curl', ['-sSi', 'https://slack.com/'], proxied.env);
    expect(got.stdout).toContain('HTTP/1.1 404 Nothing Here\r\n');
    expect(got.stdout).toContain('link: <a>; rel=next\r\nlink: <b>; rel=last\r\n');
    expect(got.stdout.match(/^date:/gim)).toHaveLength(1);
    expect(got.stdout.endsWith('\r\n\r\nnone')).toBe(true);
    const head = await run('curl', ['-sSI', 'https://slack.com/'], proxied.env);
    expect(head.stdout).toContain('content-length: 4');
    expect(head.code).toBe(0);
  });

  it('uses one connection for several requests', async () => {
    proxied.answer(({ url }) => ({ body: url }));
    const secure = await proxied.tunnel('slack.com:443');
    for (const path of ['/a', '/b', '/c']) {
      secure.write(`GET ${path} HTTP/1.1\r\nHost: slack.com\r\n\r\n`);
      let text = '';
      while (!text.includes('0\r\n\r\n')) {
        text += await new Promise<string>((resolve) => secure.once('data', (chunk) => resolve(String(chunk))));
      }
      expect(text).toContain(`https://slack.com${path}`);
    }
    secure.destroy();
    expect(proxied.asked).toHaveLength(3);
  });

  it('that waits for leave to send a large body gets it, or hears at once that it is too large', async () => {
    proxied.answer(({ body }) => ({ body: `${body?.length} bytes` }));
    const expecting = ['-sS', '-H', 'Expect: 100-continue', '--expect100-timeout', '50', 'https://slack.com/'];
    const fits = await run('curl', [...expecting, '--data-binary', 'x'.repeat(100_000)], proxied.env);
    expect(fits.stdout).toBe('100000 bytes');
    const head = 'POST / HTTP/1.1\r\nHost: slack.com\r\nExpect: 100-continue\r\nContent-Length: 9999999\r\n\r\n';
    const refused = await proxied.inside('slack.com:443', head);
    expect(refused).toMatch(/^HTTP\/1\.1 413 a request body has at most 1048576 bytes/);
    expect(refused).not.toContain('100 Continue');
  });
});
