/** What a hostile or clumsy service answers: redirects, bombs, drips, reflected secrets. */
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type SeenRequest, type StandIn, type StandInAnswer, startBait, startStandIn } from '../egress/stand-in.ts';
import { type Crm, callsOf, crmHost, crmToken, startCrm } from '../outbound/crm.ts';
import { spellings } from '../outbound/secret-search.ts';

const partnerHost = 'partner.example.net';
const MiB = 1024 * 1024;

let crm: Crm;
let partner: StandIn;
let bait: Awaited<ReturnType<typeof startBait>>;

/** `/v1/contacts/NAME` answers so. */
const answers: Record<string, (request: SeenRequest) => StandInAnswer> = {
  echo: ({ headers, body }) => ({
    headers: { 'x-seen': headers.authorization ?? '' },
    body: `${headers.authorization} ${body}`,
  }),
  encoded: ({ headers }) => ({ body: spellings(headers.authorization?.slice(7) ?? '').join('\n') }),
  split: ({ headers }) => ({ body: pieces(`before ${headers.authorization} after`) }),
  compressed: ({ headers }) => ({
    headers: { 'content-encoding': 'gzip' },
    body: gzipSync(`${headers.authorization}`),
  }),
  bomb: () => ({ headers: { 'content-encoding': 'gzip' }, body: gzipSync(Buffer.alloc(200 * MiB)) }),
  nested: () => ({ headers: { 'content-encoding': 'gzip, gzip' }, body: gzipSync(gzipSync(Buffer.alloc(200 * MiB))) }),
  endless: () => ({ body: endless() }),
  drip: () => ({ body: drip() }),
  broken: () => ({ headers: { 'content-encoding': 'gzip' }, body: 'this is no gzip' }),
  headers: () => ({ headers: { 'x-large': 'a'.repeat(60_000) }, body: 'x' }),
  cookie: () => ({ headers: { 'set-cookie': ['session=1; Path=/'] }, body: 'x' }),
  loop: () => ({ status: 302, headers: { location: `https://${crmHost}/v1/contacts/loop` } }),
  'to-partner': () => ({ status: 307, headers: { location: `https://${partnerHost}/v1/anything` } }),
};

async function* pieces(text: string) {
  for (const character of text) {
    yield Buffer.from(character);
    await new Promise((resolve) => setImmediate(resolve));
  }
}
async function* endless() {
  for (;;) yield Buffer.alloc(64 * 1024, 'x');
}
async function* drip() {
  for (;;) {
    yield Buffer.from('.');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

beforeAll(async () => {
  bait = await startBait();
  partner = await startStandIn({ names: [partnerHost], handler: () => ({ body: 'partner' }) });
  crm = await startCrm(
    (request) => {
      const name = request.path.split('/').at(-1) ?? '';
      if (name.startsWith('go-'))
        return { status: 302, headers: { location: Buffer.from(name.slice(3), 'base64url').toString() } };
      return answers[name]?.(request);
    },
    { CORDON_EGRESS_CALL_MS: '3000' },
  );
  await crm.agent('reader', [{ operations: ['contacts.*'] }]);
});
afterAll(async () => {
  await crm.close();
  await partner.close();
  await bait.close();
});

/** [status, text, headers] or [name, message]. */
async function get(name: string, more: Record<string, unknown> = {}) {
  const code = `
    const { url, init } = input;
    const got = await fetch(url, init)
      .then(async (response) => [response.status, await response.text(), [...response.headers].join()])
      .catch((error) => [error.name, error.message]);
    got`;
  const input = { url: `https://${crmHost}/v1/contacts/${name}`, ...more };
  const record = await crm.run('reader', code, { input, limits: { ramBytes: 512 * MiB, resultBytes: 4 * MiB } });
  return { record, result: record.result as [number | string, string, string] };
}

test.each([
  'echo',
  'encoded',
  'split',
  'compressed',
])('a secret that the service sends back (%s) is scrubbed', async (name) => {
  const { record, result } = await get(name, { init: { method: 'GET' } });
  expect(result[0]).toBe(200);
  expect(result[1]).toContain('*');
  for (const spelling of spellings(crmToken)) expect(JSON.stringify(record)).not.toContain(spelling);
});

test.each(['bomb', 'nested', 'endless'])('a body without end (%s) is cut off at the limit', async (name) => {
  const { result, record } = await get(name);
  expect(result[0]).toBe('QuotaExceeded');
  const [call] = await callsOf(crm.service, record.id);
  expect(call).toMatchObject({ allowed: true, reason: 'limit' });
  // Absent when it was refused before its first byte.
  expect(call?.responseBytes ?? 0).toBeLessThanOrEqual(33 * MiB);
});

test('a body that drips for ever ends with the time of a call', async () => {
  const { result } = await get('drip');
  expect(result).toEqual(['QuotaExceeded', expect.stringMatching(/3000 ms/)]);
});

test.each(['broken', 'headers'])('an answer that is none (%s) is an error, not a fault of Cordon', async (name) => {
  const { result } = await get(name);
  expect(result[0]).toBe('EgressFailed');
  expect(crm.service.lines.join('\n')).not.toMatch(/"level":"error"/);
});

test('cookies of the service do not reach the guest', async () => {
  const { result } = await get('cookie');
  expect(result[2]).not.toContain('session');
});

test('a redirect to a private address, to http or to a host without a grant is judged as any call', async () => {
  const before = crm.standIn.requests.length;
  const targets = [
    `https://127.0.0.1:${bait.port}/`,
    `http://127.0.0.1:${bait.port}/`,
    `https://[::1]:${bait.port}/`,
    'https://169.254.169.254/latest/meta-data/',
    `http://${crmHost}/v1/contacts`,
    `https://${crmHost}:8443/v1/contacts`,
    `https://user@${crmHost}/v1/contacts`,
    `https://${partnerHost}/v1/anything`,
    'file:///etc/passwd',
    `//${partnerHost}/x`,
  ];
  for (const target of targets) {
    const { result } = await get(`go-${Buffer.from(target).toString('base64url')}`);
    expect([target, result[0]]).toEqual([target, 'EgressDenied']);
  }
  expect(crm.standIn.requests.length).toBe(before + targets.length);
  expect(bait.hits).toBe(0);
  expect(partner.requests).toEqual([]);
});

test('a redirect that may be followed goes without the credential of the first host', async () => {
  const made = await crm.service.call('POST', '/v1/connectors', {
    body: {
      id: 'partner',
      hosts: [partnerHost],
      auth: { type: 'none' },
      operations: [{ name: 'anything', method: 'GET', path: '/v1/anything', effect: 'read' }],
      connectTo: partner.connectTo,
    },
  });
  expect(made.status).toBe(201);
  await crm.service.call('POST', '/v1/agents/reader/grants', {
    body: { connector: 'partner', operations: ['anything'] },
  });
  await crm.activate('reader');
  const { result, record } = await get('to-partner');
  expect(result.slice(0, 2)).toEqual([200, 'partner']);
  expect(partner.requests.map(({ headers }) => headers.authorization)).toEqual([undefined]);
  expect((await callsOf(crm.service, record.id)).map(({ connector, status }) => [connector, status])).toEqual([
    ['crm', 307],
    ['partner', 200],
  ]);
});

test('redirects in a circle end', async () => {
  const { result, record } = await get('loop');
  expect(result[0]).toBe('EgressFailed');
  expect(record.usage.egressRequests).toBeLessThanOrEqual(21);
});

test('taking the grant or the credential away ends a response that is still coming', async () => {
  for (const [what, name] of [
    ['grant', 'no_grant'],
    ['credential', 'credential_revoked'],
  ] as const) {
    const agent = `loses-${what}`;
    await crm.agent(agent, [{ operations: ['contacts.get'] }]);
    const going = crm.run(agent, 'await fetch(input).then((r) => r.text()).catch((error) => error.name)', {
      input: `https://${crmHost}/v1/contacts/drip`,
    });
    const before = crm.standIn.requests.length;
    for (let tries = 0; crm.standIn.requests.length === before && tries < 200; tries++)
      await new Promise((resolve) => setTimeout(resolve, 20));
    const path = what === 'grant' ? `/v1/agents/${agent}/grants` : '/v1/credentials';
    const { items } = (await crm.service.call('GET', path)).json;
    const id = items.find((one: any) => what === 'grant' || one.holder.agent === agent).id;
    expect((await crm.service.call('DELETE', `${path}/${id}`)).status).toBe(204);
    const record = await going;
    expect(record.result).toBe('EgressDenied');
    expect(await callsOf(crm.service, record.id)).toMatchObject([{ reason: name }]);
  }
});
