/** Paths and methods by which a service would do another thing than the gate believes. Nothing may arrive anywhere. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type Crm, crmHost, startCrm } from '../outbound/crm.ts';
import { askRaw, denied, type RawRequest } from '../outbound/raw-ask.ts';

let crm: Crm;
let seen = 0;

beforeAll(async () => {
  crm = await startCrm();
  await crm.agent('attacker', [{ operations: ['*'] }]);
});
afterAll(() => crm.close());
beforeEach(() => {
  seen = crm.standIn.requests.length;
});

const ask = (requests: RawRequest[]) => askRaw(crm, 'attacker', requests);
const arrived = () => crm.standIn.requests.slice(seen);

test('paths that a service could read otherwise are refused', async () => {
  const paths = [
    '//v1/contacts',
    '/v1//contacts',
    '/v1/contacts//c1',
    '/v1/./contacts',
    '/v1/x/../contacts',
    '/v1/contacts/../messages',
    '/v1/contacts/..',
    '/v1/contacts/%2e%2e/messages',
    '/v1/contacts/%2E%2E',
    '/v1/contacts/.%2e',
    '/v1/contacts/c1%2fdelete',
    '/v1/contacts/c1%2Fdelete',
    '/v1/contacts/c1%5cdelete',
    '/v1/contacts/c1%255c',
    '/v1\\contacts',
    '/v1/contacts;admin=1',
    '/v1;x/contacts',
    '/V1/contacts',
    '/v1/Contacts',
    '/v1/contacts/',
    '/v1/contact%73',
    '/%76%31/contacts',
    '/v1/contacts/%00',
    '/v1/contacts/%0d%0a',
    '/v1/contacts/%zz',
    '/v1/contacts/%',
    '/v1/contacts/é',
    '/v1/contacts/%c0%ae%c0%ae',
    '/v1/contacts.json',
    '/',
    '',
  ];
  const asked = paths.map((path) => ({ url: `https://${crmHost}${path}` }));
  const told = await ask(asked);
  // A double-encoded backslash is a plain value of `{contact}`.
  const wrong = paths.filter((path, at) => told[at] !== 'EgressDenied' && path !== '/v1/contacts/c1%255c');
  expect(wrong).toEqual([]);
  for (const { path } of arrived()) expect(path).toBe('/v1/contacts/c1%255c');
});

test('methods in other letters, unknown ones, and headers that name another are refused', async () => {
  const url = `https://${crmHost}/v1/contacts`;
  const requests: RawRequest[] = [
    ...['get', 'Get', 'TRACE', 'CONNECT', 'PURGE', 'GET /', 'GET\r\nX: y', '', 'PROPFIND'].map((method) => ({
      url,
      method,
    })),
    ...['X-HTTP-Method-Override', 'X-HTTP-Method', 'X-Method-Override'].map((name) => ({
      url,
      method: 'POST',
      headers: [[name, 'DELETE']] as [string, string][],
      body: '{}',
    })),
    { url: `${url}?_method=DELETE`, method: 'POST', body: '{}' },
  ];
  expect(await ask(requests)).toEqual(denied(requests.length));
  expect(arrived()).toEqual([]);
});
