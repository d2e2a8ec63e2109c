/** The same program in every language against the same service: refused, allowed, narrowed; and where its secret is. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Crm, callsOf, crmHost, crmToken, startCrm } from './crm.ts';
import { filesWith, spellings } from './secret-search.ts';

const list = `https://${crmHost}/v1/contacts?limit=3`;

/** Each answers [status, body] or [name, message]. */
const programs = {
  javascript: (method: string, url: string, body?: unknown) => `
    try {
      const response = await fetch(${JSON.stringify(url)}, {
        method: '${method}',
        ${body === undefined ? '' : `headers: { 'content-type': 'application/json' }, body: ${JSON.stringify(JSON.stringify(body))},`}
      });
      result = [response.status, await response.json()];
    } catch (error) { result = [error.name, error.message]; }
    export default result; var result;`,
  python: (method: string, url: string, body?: unknown) => `
import json, urllib.request, urllib.error
request = urllib.request.Request(${JSON.stringify(url)}, method='${method}'${
    body === undefined
      ? ''
      : `, data=${JSON.stringify(JSON.stringify(body))}.encode(), headers={'content-type': 'application/json'}`
  })
try:
    with urllib.request.urlopen(request) as response:
        result = [response.status, json.load(response)]
except urllib.error.HTTPError as error:
    result = [error.code, json.load(error)]
except urllib.error.URLError as error:
    result = [type(error.reason).__name__, str(error.reason)]
except OSError as error:
    result = [type(error).__name__, str(error)]
result`,
};

let crm: Crm;
beforeAll(async () => {
  crm = await startCrm();
  await crm.agent('reader', [{ operations: ['contacts.*:read'] }]);
  await crm.agent('poster', [
    { operations: ['messages.post'], constraints: { channel: { oneOf: ['sales', 'support'] } } },
  ]);
  await crm.agent('draft', [{ operations: ['contacts.list'] }], { draft: true });
  await crm.agent('empty', []);
});
afterAll(() => crm.close());

describe.each(['javascript', 'python'] as const)('%s', (language) => {
  const run = async (agent: string, method: string, url: string, body?: unknown) => {
    const record = await crm.run(agent, programs[language](method, url, body), { language });
    expect(record.error).toBeUndefined();
    return { result: record.result, calls: await callsOf(crm.service, record.id), usage: record.usage };
  };

  test('is refused without a grant, and told how to ask for it', async () => {
    const { result, calls, usage } = await run('empty', 'GET', list);
    expect(result[0]).toBe('EgressDenied');
    expect(result[1]).toMatch(/contacts\.list.*POST \/v1\/agents\/empty\/grants/s);
    expect(calls).toMatchObject([
      { allowed: false, reason: 'no_grant', connector: 'crm', operation: 'contacts.list', host: crmHost },
    ]);
    expect(usage.egressRequests).toBe(1);
  });

  test('is refused while its agent is a draft, whatever its grants', async () => {
    const { result, calls } = await run('draft', 'GET', list);
    expect(result[0]).toBe('EgressDenied');
    expect(result[1]).toMatch(/POST \/v1\/agents\/draft\/activate/);
    expect(calls).toMatchObject([{ allowed: false, reason: 'draft' }]);
  });

  test('of an agent that has nothing yet is told of both steps', async () => {
    const { result } = await run('default', 'GET', list);
    expect(result[1]).toMatch(
      /contacts\.list.*POST \/v1\/agents\/default\/grants.*POST \/v1\/agents\/default\/activate/s,
    );
  });

  test('is refused where no connector is', async () => {
    const { result, calls } = await run('reader', 'GET', 'https://elsewhere.example.com/');
    expect(result[0]).toBe('EgressDenied');
    expect(calls).toMatchObject([{ allowed: false, reason: 'no_connector', host: 'elsewhere.example.com' }]);
  });

  test('is allowed with a grant; the credential is added on the way', async () => {
    const before = crm.standIn.requests.length;
    const { result, calls } = await run('reader', 'GET', list);
    expect(result).toEqual([200, { contacts: [{ id: 'c1', name: 'Ada' }] }]);
    expect(
      crm.standIn.requests.slice(before).map(({ method, path, headers }) => [method, path, headers.authorization]),
    ).toEqual([['GET', '/v1/contacts?limit=3', `Bearer ${crmToken}`]]);
    expect(calls).toMatchObject([
      {
        allowed: true,
        connector: 'crm',
        operation: 'contacts.list',
        effect: 'read',
        method: 'GET',
        host: crmHost,
        path: '/v1/contacts',
        status: 200,
        as: 'agent',
      },
    ]);
    expect(Object.keys(calls[0] as object)).toEqual(expect.arrayContaining(['grant', 'ms', 'responseBytes']));
    expect(JSON.stringify(calls)).not.toContain('limit=3');
  });

  test('what the grant does not name stays refused', async () => {
    const before = crm.standIn.requests.length;
    const { result, calls } = await run('reader', 'DELETE', `https://${crmHost}/v1/contacts/c1`);
    expect(result[0]).toBe('EgressDenied');
    expect(calls).toMatchObject([{ allowed: false, reason: 'no_grant', operation: 'contacts.delete' }]);
    expect(crm.standIn.requests.length).toBe(before);
  });

  test('a parameter that the grant does not allow is refused', async () => {
    const post = `https://${crmHost}/v1/messages`;
    const before = crm.standIn.requests.length;
    const allowed = await run('poster', 'POST', post, { channel: 'sales', text: 'hello' });
    expect(allowed.result).toEqual([200, { ok: true, channel: 'sales', text: 'hello' }]);
    const refused = await run('poster', 'POST', post, { channel: 'board', text: 'hello' });
    expect(refused.result[0]).toBe('EgressDenied');
    expect(refused.result[1]).toMatch(/channel/);
    expect(refused.calls).toMatchObject([{ allowed: false, reason: 'constraint', operation: 'messages.post' }]);
    expect(crm.standIn.requests.length).toBe(before + 1);
  });
});

test('the audit has each call once, with its run, and what was changed', async () => {
  const record = await crm.run('reader', programs.javascript('GET', list));
  const { json } = await crm.service.call('GET', `/v1/audit?run=${record.id}`);
  expect(json.items).toMatchObject([
    {
      kind: 'egress',
      agent: 'reader',
      run: record.id,
      detail: { allowed: true, operation: 'contacts.list', status: 200 },
    },
  ]);
  const changes = (await crm.service.call('GET', '/v1/audit?agent=reader&kind=grant')).json;
  expect(changes.items.length).toBeGreaterThan(0);
});

test('the matrix says what is granted and used', async () => {
  const { json } = await crm.service.call('GET', '/v1/agents/reader/permissions');
  const operations = json.connectors[0].operations;
  const of = (name: string) => operations.find((one: any) => one.operation === name);
  expect(of('contacts.list')).toMatchObject({ granted: 'in_force', neverUsed: false });
  expect(of('contacts.get')).toMatchObject({ granted: 'in_force', neverUsed: true, count: 0 });
  expect(of('contacts.delete')).toMatchObject({ granted: 'no' });
});

test('the secret is at the service and nowhere else: data directory, log, events, records, audit', async () => {
  const program = `
    const seen = [];
    for (const path of ['/v1/contacts', '/v1/contacts/c9']) {
      const response = await fetch('https://${crmHost}' + path);
      seen.push([...response.headers], await response.text(), response.url);
    }
    try { await fetch('https://${crmHost}/v1/contacts', { method: 'DELETE' }); } catch (error) { seen.push(error.message, error.stack); }
    console.log(JSON.stringify(seen)); export default seen;`;
  const record = await crm.run('reader', program);
  expect(record.status).toBe('succeeded');
  const events = (await crm.service.call('GET', `/v1/runs/${record.id}/events`)).text;
  const audit = (await crm.service.call('GET', '/v1/audit?limit=200')).text;
  const credentials = (await crm.service.call('GET', '/v1/credentials')).text;
  expect(crm.standIn.requests.at(-1)?.headers.authorization).toBe(`Bearer ${crmToken}`);
  for (const spelling of spellings(crmToken)) {
    for (const text of [JSON.stringify(record), events, audit, credentials, crm.service.lines.join('\n')])
      expect(text.includes(spelling)).toBe(false);
  }
  // The search works: what the record holds is found.
  expect(filesWith(crm.service.dataDir, [record.id])).not.toEqual([]);
  expect(filesWith(crm.service.dataDir, spellings(crmToken))).toEqual([]);
});
