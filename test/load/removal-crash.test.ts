import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { ask, killServer, startServer } from './server.ts';

const AGENTS = 30;

test('kill -9 while a tenant is deleted: its keys stay refused, and the next start deletes the rest', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'cordon-removal-'));
  let server = await startServer(dataDir);
  onTestFinished(async () => {
    await killServer(server);
    rmSync(dataDir, { recursive: true, force: true });
  });
  const fill = async () => {
    expect((await ask(server, 'POST', '/v1/tenants', { id: 'acme' })).status).toBe(201);
    const made = await ask(server, 'POST', '/v1/keys', { name: 'k', role: 'developer', tenant: 'acme' });
    return { ...server, key: String(made.json.key) };
  };
  const tenant = await fill();
  for (let n = 0; n < AGENTS; n++) {
    await ask(tenant, 'POST', '/v1/agents', { id: `a${n}` });
    await ask(tenant, 'PUT', `/v1/agents/a${n}/memory/k`, '"former"');
    await ask(tenant, 'PUT', `/v1/agents/a${n}/files/f`, 'former');
  }
  const waiting = {
    language: 'javascript',
    code: 'new Promise((resolve) => setTimeout(resolve, 60_000))',
    agent: 'a0',
  };
  const running = ask(tenant, 'POST', '/v1/runs', waiting).catch(() => undefined);
  const deleting = ask(server, 'DELETE', '/v1/tenants/acme').catch(() => undefined);
  for (;;) if ((await ask(tenant, 'GET', '/v1/agents')).status === 401) break;
  await killServer(server);
  await Promise.all([running, deleting]);

  server = await startServer(dataDir);
  expect((await ask({ ...server, key: tenant.key }, 'GET', '/v1/agents')).status).toBe(401);
  expect((await ask(server, 'GET', '/v1/tenants/acme')).status).toBe(404);
  const next = await fill();
  expect((await ask(next, 'GET', '/v1/runs')).json.items).toEqual([]);
  for (let n = 0; n < AGENTS; n++) {
    await ask(next, 'POST', '/v1/agents', { id: `a${n}` });
    expect((await ask(next, 'GET', `/v1/agents/a${n}/memory`)).json.items).toEqual([]);
    expect((await ask(next, 'GET', `/v1/agents/a${n}/files`)).json.items).toEqual([]);
  }
}, 120_000);
