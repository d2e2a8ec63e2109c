/** Requests that hostile code makes of the gate: addresses, hosts, credentials, headers. Nothing may arrive anywhere. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { startBait } from '../egress/stand-in.ts';
import { type Crm, crmHost, crmToken, startCrm } from '../outbound/crm.ts';
import { askRaw, denied, type RawRequest } from '../outbound/raw-ask.ts';

let crm: Crm;
let bait: Awaited<ReturnType<typeof startBait>>;
let seen = 0;

beforeAll(async () => {
  bait = await startBait();
  crm = await startCrm();
  // All that can be had, so that only the gate's own rules refuse.
  await crm.agent('attacker', [{ operations: ['*'] }]);
});
afterAll(async () => {
  await crm.close();
  await bait.close();
});
beforeEach(() => {
  seen = crm.standIn.requests.length;
});

const ask = (requests: RawRequest[]) => askRaw(crm, 'attacker', requests);
const arrived = () => crm.standIn.requests.slice(seen);

test('the gate is open to what is granted: the attacks below fail for what they are', async () => {
  expect(await ask([{ url: `https://${crmHost}/v1/contacts` }])).toEqual([200]);
});

const ways = (port: number) => [
  `127.0.0.1:${port}`,
  `localhost:${port}`,
  `localhost.:${port}`,
  `LOCALHOST:${port}`,
  `127.1:${port}`,
  `127.0.1:${port}`,
  `2130706433:${port}`,
  `0x7f000001:${port}`,
  `0x7f.0.0.1:${port}`,
  `0177.0.0.1:${port}`,
  `017700000001:${port}`,
  `00000177.0.0.1:${port}`,
  `127.0.0.1.:${port}`,
  `0:${port}`,
  `0.0.0.0:${port}`,
  `[::1]:${port}`,
  `[::]:${port}`,
  `[0:0:0:0:0:0:0:1]:${port}`,
  `[::ffff:127.0.0.1]:${port}`,
  `[::ffff:7f00:1]:${port}`,
  `[::127.0.0.1]:${port}`,
  `[64:ff9b::7f00:1]:${port}`,
  `[64:ff9b:1::7f00:1]:${port}`,
  `[2002:7f00:1::]:${port}`,
  `[fe80::1%25lo]:${port}`,
  `[::1%25lo]:${port}`,
  `１２７.０.０.１:${port}`,
  `①②⑦.0.0.1:${port}`,
  `127。0。0。1:${port}`,
  `%31%32%37.0.0.1:${port}`,
  `lоcalhost:${port}`,
];

describe('addresses', () => {
  test('loopback in every spelling is refused, by https and by http', async () => {
    const urls = ways(bait.port).flatMap((host) => [`https://${host}/`, `http://${host}/`]);
    expect(await ask(urls.map((url) => ({ url })))).toEqual(denied(urls.length));
    expect(bait.hits).toBe(0);
  });

  test('metadata, link-local and private addresses are refused', async () => {
    const hosts = [
      '169.254.169.254',
      '2852039166',
      '0xa9fea9fe',
      '0251.0376.0251.0376',
      '169.254.169.254.',
      '[::ffff:169.254.169.254]',
      '[fd00:ec2::254]',
      '[fe80::a9fe:a9fe]',
      'metadata.google.internal',
      'metadata',
      '100.100.100.200',
      '10.0.0.1',
      '172.16.0.1',
      '192.168.0.1',
      '192.0.0.192',
      '198.18.0.1',
      '224.0.0.1',
      '255.255.255.255',
    ];
    const urls = hosts.flatMap((host) => [`https://${host}/latest/meta-data/`, `http://${host}/latest/meta-data/`]);
    expect(await ask(urls.map((url) => ({ url })))).toEqual(denied(urls.length));
  });

  test('other schemes are refused', async () => {
    const urls = [
      'file:///etc/passwd',
      'ftp://crm.example.com/',
      'gopher://127.0.0.1:1/',
      'data:text/plain,x',
      'ws://crm.example.com/',
      `unix:/var/run/docker.sock`,
      'javascript:1',
      '',
    ];
    expect(await ask(urls.map((url) => ({ url })))).toEqual(denied(urls.length));
  });
});

test('hosts that only look like the granted one are refused', async () => {
  const urls = [
    `https://${crmHost}@127.0.0.1:${bait.port}/v1/contacts`,
    `https://user:pass@${crmHost}/v1/contacts`,
    `https://127.0.0.1:${bait.port}#@${crmHost}/v1/contacts`,
    `https://127.0.0.1:${bait.port}\\@${crmHost}/v1/contacts`,
    `https://${crmHost}.evil.test/v1/contacts`,
    `https://${crmHost}./v1/contacts`,
    `https://${crmHost}:8443/v1/contacts`,
    `https://${crmHost}:0/v1/contacts`,
    `https://${crmHost}:99999/v1/contacts`,
    `https://${crmHost.replace('.', '。')}/v1/contacts`,
    `https://crm%2eexample.com/v1/contacts`,
    `https://ｃrm.example.com/v1/contacts`,
    `https://crm.exаmple.com/v1/contacts`,
    `https:/${crmHost}/v1/contacts`,
    `https:${crmHost}/v1/contacts`,
    `https:///${crmHost}/v1/contacts`,
    `https:\\\\${crmHost}\\v1\\contacts`,
    `http://${crmHost}/v1/contacts`,
    ` https://${crmHost}/v1/contacts`,
    `https://${crmHost}/v1/contacts `,
    `https://${crmHost}/v1\t/contacts`,
    `https://${crmHost}/v1/\r\ncontacts`,
    `https://${crmHost}\u0000/v1/contacts`,
    `//${crmHost}/v1/contacts`,
  ];
  expect(await ask(urls.map((url) => ({ url })))).toEqual(denied(urls.length));
  expect(arrived()).toEqual([]);
  expect(bait.hits).toBe(0);
});

test('a guest that brings a credential or a host of its own is refused', async () => {
  const url = `https://${crmHost}/v1/contacts`;
  const headers: [string, string][] = [
    ['Authorization', 'Bearer stolen-from-somewhere'],
    ['authorization', 'Basic dXNlcjpwYXNz'],
    ['AUTHORIZATION', `Bearer ${'x'.repeat(40)}`],
    ['Cookie', 'session=abc'],
    ['Proxy-Authorization', 'Basic dXNlcjpwYXNz'],
    ['X-Api-Key', 'abc'],
    ['Host', '127.0.0.1'],
    ['Host', 'other.example.com'],
    ['host', `${crmHost}:444`],
  ];
  const requests = headers.map((header) => ({ url, headers: [header] }));
  expect(await ask(requests)).toEqual(denied(requests.length));
  expect(arrived()).toEqual([]);
});

test('the placeholder of clients that insist on a token is taken out', async () => {
  const url = `https://${crmHost}/v1/contacts`;
  expect(await ask([{ url, headers: [['Authorization', 'Bearer cordon']] }])).toEqual([200]);
  expect(arrived().map(({ headers }) => headers.authorization)).toEqual([`Bearer ${crmToken}`]);
});

test('headers that would smuggle a second request are refused or never travel', async () => {
  const url = `https://${crmHost}/v1/contacts`;
  const refused: [string, string][] = [
    ['X-A', 'b\r\nAuthorization: Bearer x'],
    ['X-A', 'b\nHost: x'],
    ['X-A\r\nHost', 'x'],
    ['X A', 'b'],
    ['X-A:', 'b'],
    ['', 'b'],
    ['X-A', 'b\u0000'],
    ['X-Ä', 'b'],
  ];
  expect(await ask(refused.map((header) => ({ url, headers: [header] })))).toEqual(denied(refused.length));
  expect(arrived()).toEqual([]);

  const smuggled = 'GET /v1/contacts/c1 HTTP/1.1\r\nHost: x\r\n\r\n';
  await ask([
    {
      url,
      method: 'POST',
      headers: [
        ['Transfer-Encoding', 'chunked'],
        ['Content-Length', '4'],
        ['content-type', 'application/json'],
      ],
      body: `{"a": "0\\r\\n\\r\\n${smuggled.length}"}`,
    },
    {
      url,
      method: 'POST',
      headers: [
        ['Content-Length', '0'],
        ['content-type', 'application/json'],
      ],
      body: '{"b": 1}',
    },
    {
      url,
      method: 'POST',
      headers: [
        ['Connection', 'upgrade'],
        ['Upgrade', 'h2c'],
        ['Expect', '100-continue'],
        ['content-type', 'application/json'],
      ],
      body: '{"c": 1}',
    },
  ]);
  for (const { method, path, body, headers } of arrived()) {
    expect([method, path]).toEqual(['POST', '/v1/contacts']);
    expect(headers['transfer-encoding'] === undefined || headers['content-length'] === undefined).toBe(true);
    expect(headers.upgrade).toBeUndefined();
    expect(() => JSON.parse(body.toString())).not.toThrow();
  }
});

test('too many and too large headers, and a body beyond the limit, are refused', async () => {
  const url = `https://${crmHost}/v1/contacts`;
  const told = await ask([
    { url, headers: [['X-A', 'a'.repeat(100_000)]] },
    { url, headers: Array.from({ length: 1000 }, (_, at): [string, string] => [`X-${at}`, 'a']) },
    { url: `${url}?q=${'a'.repeat(100_000)}` },
  ]);
  expect(told).toEqual(denied(3));
  const code =
    "await fetch(input.url, { method: 'POST', body: 'x'.repeat(34_000_000) }).then(() => 'sent', (error) => error.name)";
  const record = await crm.run('attacker', code, { input: { url }, limits: { ramBytes: 512 * 1024 * 1024 } });
  expect(record.result).toBe('QuotaExceeded');
  expect(arrived()).toEqual([]);
});
