/** Runs in the name of a user: their own credential, by a token of a registered issuer, or nothing. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Crm, callsOf, crmHost, crmToken, startCrm } from './crm.ts';

const issuer = 'https://login.example.com';
const audience = 'cordon';
const adasToken = 'adas-own-token-93be71';

let crm: Crm;
let sign: (claims: Record<string, unknown>) => Promise<string>;
const code = 'await fetch(input).then(async (r) => [r.status, await r.text()], (e) => [e.name, e.message])';
const input = `https://${crmHost}/v1/contacts/me`;

beforeAll(async () => {
  const { privateKey, publicKey } = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, [
    'sign',
    'verify',
  ]);
  const jwk = { ...(await crypto.subtle.exportKey('jwk', publicKey)), kid: 'k1', alg: 'ES256', use: 'sig' };
  sign = async (claims) => {
    const now = Math.floor(Date.now() / 1000);
    const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const head = `${part({ alg: 'ES256', kid: 'k1' })}.${part({ iss: issuer, aud: audience, iat: now, exp: now + 600, ...claims })}`;
    const signature = await crypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, privateKey, Buffer.from(head));
    return `${head}.${Buffer.from(signature).toString('base64url')}`;
  };
  crm = await startCrm((request) => ({
    body: { as: request.headers.authorization === `Bearer ${adasToken}` ? 'ada' : 'other' },
  }));
  await crm.agent('assistant', [{ operations: ['contacts.get'], as: 'user' }]);
  const made = await crm.service.call('POST', '/v1/issuers', {
    body: { issuer, audience, jwks: { keys: [jwk] }, algorithms: ['ES256'] },
  });
  expect(made.status).toBe(201);
  const credential = await crm.service.call('POST', '/v1/credentials', {
    body: { connector: 'crm', user: { issuer, subject: 'ada' }, secret: { token: adasToken } },
  });
  expect(credential.status).toBe(201);
});
afterAll(() => crm.close());

test('with a token of the user goes with the credential of the user, and everybody is told in whose name', async () => {
  const record = await crm.run('assistant', code, { input, onBehalfOf: await sign({ sub: 'ada' }) });
  expect(record.result).toEqual([200, '{"as":"ada"}']);
  expect(record.onBehalfOf).toEqual({ issuer, subject: 'ada' });
  expect(await callsOf(crm.service, record.id)).toMatchObject([
    { allowed: true, as: 'user', onBehalfOf: { issuer, subject: 'ada' } },
  ]);
});

test("without one is refused: the agent's own never stands in", async () => {
  const before = crm.standIn.requests.length;
  const nobody = await crm.run('assistant', code, { input });
  expect(nobody.result).toEqual(['EgressDenied', expect.stringMatching(/onBehalfOf/)]);
  const bob = await crm.run('assistant', code, { input, onBehalfOf: await sign({ sub: 'bob' }) });
  expect(bob.result[0]).toBe('EgressDenied');
  expect(bob.result[1]).not.toContain(crmToken);
  expect(await callsOf(crm.service, bob.id)).toMatchObject([{ allowed: false, reason: 'credential_missing' }]);
  expect(crm.standIn.requests.length).toBe(before);
});

test('a token that is not right is 400 with the field, and no run', async () => {
  const wrong = [
    'no token',
    await sign({ sub: 'ada', aud: 'elsewhere' }),
    await sign({ sub: 'ada', iss: 'https://evil.example.com' }),
    await sign({ sub: 'ada', exp: 1 }),
    `${(await sign({ sub: 'ada' })).slice(0, -4)}AAAA`,
  ];
  for (const onBehalfOf of wrong) {
    const { status, json } = await crm.service.run(code, { agent: 'assistant', input, onBehalfOf });
    expect([status, json.errors?.[0]?.field]).toEqual([400, 'onBehalfOf']);
    expect(JSON.stringify(json)).not.toContain(onBehalfOf.slice(0, 60));
  }
});
