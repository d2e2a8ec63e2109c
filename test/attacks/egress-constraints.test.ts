/** Ways around a grant's constraints and operations. What is not plainly within the grant must not arrive. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { namesAnotherMethod } from '../../runtime/permission/method-override.ts';
import { type Crm, crmHost, crmOperations, startCrm } from '../outbound/crm.ts';
import { askRaw, denied, type RawRequest } from '../outbound/raw-ask.ts';

const url = `https://${crmHost}/v1/messages`;
const json: [string, string] = ['content-type', 'application/json'];
const form: [string, string] = ['content-type', 'application/x-www-form-urlencoded'];

let crm: Crm;
let seen = 0;

beforeAll(async () => {
  crm = await startCrm(({ path }) => (path.startsWith('/v1/') ? { body: { ok: true } } : undefined));
  await crm.agent('poster', [{ operations: ['messages.post'], constraints: { channel: { equals: 'sales' } } }]);
  await crm.agent('reader', [{ operations: ['contacts.get'], constraints: { contact: { pattern: 'c[0-9]+' } } }]);
  await crm.agent('open', [{ operations: ['*'] }]);
});
afterAll(() => crm.close());
beforeEach(() => {
  seen = crm.standIn.requests.length;
});
const arrived = () => crm.standIn.requests.slice(seen);

test('a body that some service reads with another channel is refused', async () => {
  const post = (body: string, ...headers: [string, string][]): RawRequest => ({ url, method: 'POST', headers, body });
  const requests: RawRequest[] = [
    post('{"channel":"sales","channel":"board"}', json),
    post('{"channel":"sales","Channel":"board"}', json),
    post('{"channel":"sales","ch\\u0061nnel":"board"}', json),
    post('{"channel":["sales","board"]}', json),
    post('{"channel":{"equals":"sales"}}', json),
    post('[{"channel":"sales"},{"channel":"board"}]', json),
    post('[{"channel":"sales"},{"text":"no channel"}]', json),
    post('{"channel":"sales","__proto__":{"channel":"board"}}', json),
    post('{"channel":"sales"} {"channel":"board"}', json),
    post('{"channel":"sales",}', json),
    post('{"channel":"sales\\u0000"}', json),
    post('{"channel":"sales "}', json),
    post('{"channel":"ｓales"}', json),
    post('\ufeff{"channel":"sales"}', json),
    post('{"channel":"sales"}', ['content-type', 'application/json; charset=utf-16']),
    post('{"channel":"sales"}', ['content-type', 'application/json; charset=utf-8; charset=utf-7']),
    post('{"channel":"sales"}', ['content-type', 'application/json, text/plain']),
    post('{"channel":"sales"}', ['content-type', 'text/plain']),
    post('{"channel":"sales"}', ['content-type', 'application/octet-stream']),
    post('{"channel":"sales"}'),
    post('{"channel":"sales"}', json, ['content-encoding', 'gzip']),
    post('{"channel":"sales"}', json, ['content-encoding', 'identity, gzip']),
    post('{"channel":"sales"}', json, ['content_type', 'application/x-www-form-urlencoded']),
    post('{"channel":"sales"}', json, ['x-http-method-override', 'PUT']),
    post('{"channel":"sales","_method":"DELETE"}', json),
    post('channel=sales&channel=board', form),
    post('channel=sales&channel[]=board', form),
    post('channel=sales&channel[0]=board', form),
    post('channel=sales&Channel=board', form),
    post('channel=sales&%63hannel=board', form),
    post('channel=sales;channel=board', form),
    post('channel=sales&channel[=board', form),
    post('channel=sales& channel=board', form),
    post('channel=sales&+channel=board', form),
    post('channel=sales&channel%00x=board', form),
    post('channel=sales&channel.x=board', form),
    post('channel=sales%00', form),
    post('channel=sales&channel=%ff', form),
    post('--b\r\nContent-Disposition: form-data; name="channel"\r\n\r\nsales\r\n--b--\r\n', [
      'content-type',
      'multipart/form-data; boundary=b',
    ]),
    post('text=no+channel', form),
    post(''),
    ...['?channel=board', '?channel[]=board', '?Channel=board', '?channel=sales&channel=board', '?chann%65l=board'].map(
      (query) => ({ ...post('{"channel":"sales"}', json), url: url + query }),
    ),
    { ...post('', json), url: `${url}?channel=sales` },
  ];
  const told = await askRaw(crm, 'poster', requests);
  expect(requests.filter((_, at) => told[at] !== 'EgressDenied').map(({ url: asked, body }) => [asked, body])).toEqual(
    [],
  );
  expect(arrived()).toEqual([]);
  expect(await askRaw(crm, 'poster', [post('{"channel":"sales"}', json), post('channel=sales', form)])).toEqual([
    200, 200,
  ]);
});

test("a key that an earlier body makes the engine misread is still the service's key", async () => {
  const post = (body: string): RawRequest => ({ url, method: 'POST', headers: [json], body });
  // Allowed as it stands. Its second key looks like the first characters of how the next body writes `channel`.
  for (const shape of ['{"channel":"sales","\\\\u0063h":0}', '{"text":"","channel":"sales","\\\\u0063h":0}'])
    expect(await askRaw(crm, 'poster', [post(shape), post(shape), post(shape)])).toEqual([200, 200, 200]);
  seen = crm.standIn.requests.length;
  const second = '{"channel":"sales","\\u0063hannel":"board"}';
  const third = '{"text":"","channel":"sales","\\u0063hannel":"board"}';
  expect(await askRaw(crm, 'poster', [post(second), post(third), post(second)])).toEqual(denied(3));
  expect(arrived()).toEqual([]);
});

test('a value in the path is judged whole', async () => {
  const paths = ['c1%0a', 'c1%20', 'x', 'c1%3fx=1', 'c1%23', 'c1.json', 'c1,c2', 'c1&x', '%631', 'c1%e2%80%8b', 'C1'];
  const requests = paths.map((path) => ({ url: `https://${crmHost}/v1/contacts/${path}` }));
  expect(await askRaw(crm, 'reader', requests)).toEqual(denied(paths.length));
  expect(arrived()).toEqual([]);
});

/** By these a service acts for somebody else than the credential says (Kubernetes, GitLab, Stripe, Zendesk, Dropbox, Intuit). */
const impersonating = [
  'Impersonate-User',
  'Impersonate-Group',
  'Sudo',
  'Stripe-Account',
  'X-On-Behalf-Of',
  'X-Zendesk-On-Behalf-Of',
  'Dropbox-API-Select-User',
  'Dropbox-API-Select-Admin',
  'X-Remote-User',
  'X-Forwarded-User',
  'X-Authenticated-User',
];

test('a header by which the service would act for somebody else does not travel', async () => {
  const requests = impersonating.map((name) => ({
    url: `https://${crmHost}/v1/contacts`,
    headers: [[name, 'admin']] as [string, string][],
  }));
  await askRaw(crm, 'open', requests);
  const names = arrived().flatMap(({ headers }) => Object.keys(headers));
  expect(impersonating.filter((name) => names.includes(name.toLowerCase()))).toEqual([]);
});

/** Where services read tokens besides the usual places: CircleCI, Figma, Datadog, Fastly, Linode, Mattermost, GitLab, Azure SAS. */
const foreign = [
  'Token',
  'X-Token',
  'Circle-Token',
  'X-Figma-Token',
  'DD-Application-Key',
  'Fastly-Key',
  'X-Auth',
  'X-Key',
  // As servers that hand headers on as variables see X-Api-Key and its like.
  'X_Api_Key',
  'X_Auth_Token',
  'Private.Token',
];
const foreignQueries = ['private_token=x', 'sig=x&sv=1', 'hapikey=x', 'sudo=root'];

test('a credential of the guest does not travel where a service would read one', async () => {
  const target = `https://${crmHost}/v1/contacts`;
  const requests: RawRequest[] = [
    ...foreign.map((name): RawRequest => ({ url: target, headers: [[name, 'of-another-workspace']] })),
    ...foreignQueries.map((query) => ({ url: `${target}?${query}` })),
    // RFC 6750, section 2.2.
    { url: target, method: 'POST', headers: [form], body: 'access_token=of-another-workspace' },
  ];
  const told = await askRaw(crm, 'open', requests);
  const passed = requests.filter((_, at) => told[at] !== 'EgressDenied');
  expect(passed.map(({ url: asked, headers, body }) => headers?.[0]?.[0] ?? body ?? asked)).toEqual([]);
});

test('a grant does not follow an operation to another path', async () => {
  const own = await startCrm();
  try {
    await own.agent('reader', [{ operations: ['contacts.list'] }]);
    const operations = crmOperations
      .filter(({ name }) => name !== 'contacts.get')
      .map((one) => (one.name === 'contacts.list' ? { ...one, path: '/v1/{rest+}' } : one));
    const body = { hosts: [crmHost], auth: { type: 'bearer' }, operations };
    expect((await own.service.call('PUT', '/v1/connectors/crm', { body })).status).toBe(200);
    expect(await askRaw(own, 'reader', [{ url: `https://${crmHost}/v1/secrets/all` }])).toEqual(['EgressDenied']);
    expect(own.standIn.requests).toEqual([]);
  } finally {
    await own.close();
  }
});

test('looking for another method in a large body does not hold up the service', () => {
  const body = Buffer.from('\\u0061'.repeat((32 * 1024 * 1024) / 6));
  const before = process.threadCpuUsage();
  namesAnotherMethod(new URL(url), [json], body);
  const { user, system } = process.threadCpuUsage(before);
  expect((user + system) / 1000).toBeLessThan(2000);
});
