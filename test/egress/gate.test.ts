/** What the gate does when what it stands on fails, or answers in an odd way. */
import { expect, test } from 'vitest';
import type { CleanRequest } from '../../runtime/egress/auth/foreign-credential.ts';
import { ask, gateWith } from './gate-with.ts';

const call = { method: 'PUT', url: 'https://c.example.com/x', headers: [] as [string, string][] };

test('a credential that the service refused once is taken out of the next answer too', async () => {
  const tokens = ['first-token-7f3e9a1d', 'second-token-5b20c846'];
  const given: string[] = [];
  const open = gateWith({
    authenticator: {
      async authenticate({ clean: { headers, url } }: { clean: CleanRequest }) {
        const token = tokens[given.length] as string;
        given.push(token);
        return { headers, url, secrets: [token] };
      },
      forget: () => given.length === 1,
    },
    upstream: {
      send: async () => ({
        ...{ status: given.length === 1 ? 401 : 200, statusText: '', headers: [['x-was', tokens[0]]] },
        body: (async function* () {
          yield Buffer.from(tokens.join(' '));
        })(),
      }),
    },
  });
  const answer = await open('t').request(call, { redirect: 'manual' });
  const chunks: Uint8Array[] = [];
  for await (const chunk of answer.body) chunks.push(chunk);
  expect(given).toEqual(tokens);
  expect(answer.status).toBe(200);
  const told = JSON.stringify([answer.headers, Buffer.concat(chunks).toString()]);
  for (const token of tokens) expect(told).not.toContain(token);
  expect(told).toContain('*'.repeat(20));
});

test('a fault of its own is logged with its cause, and the guest learns nothing of it', async () => {
  const logged: any[] = [];
  const cause = new Error('the key file of the vault is gone');
  const open = gateWith({
    log: { error: (fields: object) => void logged.push(fields) },
    vault: { lease: () => Promise.reject(cause) },
  });
  const told = await open('t')
    .request(call, { redirect: 'manual' })
    .catch((error) => error);
  expect(told).toMatchObject({ reason: 'upstream', message: 'the call could not be made' });
  expect(logged).toEqual([{ runId: 'run_1', error: cause }]);
});

test('a call to a host without a connector is told what is known, and nothing of grants that were not looked at', async () => {
  const open = gateWith({ connectors: { forOrigin: async () => [] } });
  const refused = await open('t')
    .request({ ...call, url: 'https://gone.example.com/x' }, { redirect: 'manual' })
    .catch((error) => error);
  expect(refused.reason).toBe('no_connector');
  expect(refused.message).toContain('to https://gone.example.com: no connector serves it');
  expect(refused.message).not.toContain('no grant exists');
  expect(refused.message).toContain('The grants of agent a in force are for c: GET /v1/agents/a/preflight');
});

test('what the service or the grant refuses is no fault, and is not logged', async () => {
  const logged: unknown[] = [];
  const open = gateWith({ log: { error: (fields: object) => void logged.push(fields) } });
  const refused = await open('t')
    .request({ ...call, url: 'http://c.example.com/x' }, { redirect: 'manual' })
    .catch((error) => error);
  expect(refused.reason).toBe('invalid_request');
  expect(await ask(open('t'))).toBe('answered');
  expect(logged).toEqual([]);
});
