/** The same calls as in one-gate.test.ts from programs in containers, with what every image has: curl, urllib, requests, fetch. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { engineAddress, noEngine } from '../sandbox/container/engine.ts';
import { type Crm, callsOf, crmHost, crmToken, startCrm } from './crm.ts';
import { filesWith, spellings } from './secret-search.ts';

const url = `https://${crmHost}/v1/contacts`;

/** Each prints the status and the body. */
const programs: Record<
  string,
  { language: string; get: (url: string) => string; post: (url: string, json: string) => string }
> = {
  curl: {
    language: 'shell',
    get: (url) => `curl -sS -w ' %{http_code}' '${url}'`,
    post: (url, json) => `curl -sS -w ' %{http_code}' -H 'content-type: application/json' -d '${json}' '${url}'`,
  },
  requests: {
    language: 'python',
    get: (url) => `import requests\nr = requests.get('${url}')\nprint(r.text, r.status_code)`,
    post: (url, json) =>
      `import requests\nr = requests.post('${url}', data='${json}', headers={'content-type': 'application/json'})\nprint(r.text, r.status_code)`,
  },
  urllib: {
    language: 'python',
    get: (url) =>
      `import urllib.request, urllib.error\ntry:\n    r = urllib.request.urlopen('${url}')\nexcept urllib.error.HTTPError as e:\n    r = e\nprint(r.read().decode(), r.status)`,
    post: (url, json) =>
      `import urllib.request, urllib.error\ntry:\n    r = urllib.request.urlopen(urllib.request.Request('${url}', data=b'${json}', headers={'content-type': 'application/json'}))\nexcept urllib.error.HTTPError as e:\n    r = e\nprint(r.read().decode(), r.status)`,
  },
  fetch: {
    language: 'javascript',
    get: (url) => `const r = await fetch('${url}'); console.log(await r.text(), r.status);`,
    post: (url, json) =>
      `const r = await fetch('${url}', { method: 'POST', headers: { 'content-type': 'application/json' }, body: '${json}' }); console.log(await r.text(), r.status);`,
  },
};

describe.skipIf(noEngine !== undefined)(`containers${noEngine === undefined ? '' : ` (skipped: ${noEngine})`}`, () => {
  let crm: Crm;
  beforeAll(async () => {
    crm = await startCrm(() => undefined, { CORDON_ENGINE: engineAddress });
    // Their files are file systems that are searched whole.
    const quotas = { workspaceBytes: 16 * 1024 * 1024, workspaceFiles: 100 };
    await crm.agent('reader', [{ operations: ['contacts.*:read'] }], { quotas });
    await crm.agent('poster', [{ operations: ['messages.post'], constraints: { channel: { equals: 'sales' } } }], {
      quotas,
    });
    await crm.agent('empty', [], { quotas });
  }, 60_000);
  afterAll(() => crm?.close());

  test.each(Object.entries(programs))('%s', { timeout: 180_000 }, async (_name, { language, get, post }) => {
    const run = async (agent: string, code: string) => {
      const record = await crm.run(agent, code, { language, driver: 'container' });
      return { said: record.stdout as string, record, calls: await callsOf(crm.service, record.id) };
    };
    const refused = await run('empty', get(url));
    expect(refused.said).toMatch(/no grant.*POST \/v1\/agents\/empty\/grants.* 403\s*$/s);
    expect(refused.calls).toMatchObject([{ allowed: false, reason: 'no_grant', operation: 'contacts.list' }]);

    const allowed = await run('reader', get(url));
    expect(allowed.said).toMatch(/"name":\s*"Ada".* 200\s*$/s);
    expect(allowed.calls).toMatchObject([{ allowed: true, operation: 'contacts.list', status: 200 }]);
    expect(allowed.record.usage.egressRequests).toBe(1);
    expect(crm.standIn.requests.at(-1)?.headers.authorization).toBe(`Bearer ${crmToken}`);

    const messages = `https://${crmHost}/v1/messages`;
    const narrowed = await run('poster', post(messages, '{"channel": "board", "text": "x"}'));
    expect(narrowed.said).toMatch(/channel.* 403\s*$/s);
    expect(narrowed.calls).toMatchObject([{ allowed: false, reason: 'constraint' }]);
    const posted = await run('poster', post(messages, '{"channel": "sales", "text": "x"}'));
    expect(posted.said).toMatch(/"ok":\s*true.* 200\s*$/s);
  });

  test('the secret is nowhere in a container, nor in what is kept of its run', { timeout: 120_000 }, async () => {
    // Everything of its own that a guest can read: processes, files, what it was answered.
    const code = `curl -sSi ${url} > answer.txt; env > env.txt; cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline > processes.txt 2>/dev/null
      find / -xdev -type f -newer /proc/1 -size -1000k -exec cat {} + > files.txt 2>/dev/null; cat /tmp/.cordon/* >> files.txt; wc -c < files.txt`;
    const record = await crm.run('reader', code, { language: 'shell', driver: 'container' });
    expect(Number(record.stdout)).toBeGreaterThan(100);
    const kept: string[] = [JSON.stringify(record)];
    for (const name of ['answer.txt', 'env.txt', 'processes.txt', 'files.txt'])
      kept.push((await crm.service.call('GET', `/v1/agents/reader/files/${name}`)).text);
    expect(kept[1]).toContain('Ada');
    expect(kept.join('')).not.toContain('PRIVATE KEY');
    for (const spelling of spellings(crmToken)) expect(kept.join('\n').includes(spelling)).toBe(false);
    expect(filesWith(crm.service.dataDir, ['Ada'])).not.toEqual([]);
    expect(filesWith(crm.service.dataDir, spellings(crmToken))).toEqual([]);
  });
});
