import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { listProcesses, workerPids } from '../attacks/processes.ts';
import { ask, killServer, run, type Server, startServer } from './server.ts';

let dataDir: string;
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'cordon-drain-'));
});
afterEach(() => rmSync(dataDir, { recursive: true, force: true }));

const nap = (ms: number) => `await new Promise((ok) => setTimeout(ok, ${ms})); 'done'`;

/** Starts it again and looks at what was recorded. */
async function recorded(ids: string[]) {
  const again = await startServer(dataDir);
  const records = [];
  for (const id of ids) records.push((await ask(again, 'GET', `/v1/runs/${id}`)).json);
  return { again, records };
}

async function begin(server: Server, code: string): Promise<string> {
  const { json } = await run(server, 'default', code, { prefer: 'respond-async' });
  await expect.poll(async () => (await ask(server, 'GET', `/v1/runs/${json.id}`)).json.status).toBe('running');
  return json.id;
}

describe('SIGTERM', () => {
  test('lets running runs end and answers who waits for them, takes no new ones, and leaves nothing', async () => {
    const server = await startServer(dataDir, { CORDON_DRAIN_MS: '10000' });
    const waiting = run(server, 'default', nap(4000));
    const id = await begin(server, nap(4000));
    const workers = workerPids(server.pid);
    server.child.kill('SIGTERM');
    await sleep(100);
    const late = await run(server, 'default', '1');
    expect([late.status, late.json.code]).toEqual([503, 'shutting_down']);
    const ready = await ask(server, 'GET', '/readyz');
    expect([ready.status, ready.json.checks[0]]).toEqual([503, { name: 'accepting', ok: false, detail: 'draining' }]);
    // What goes on can be asked for, on new connections too.
    expect((await ask(server, 'GET', `/v1/runs/${id}`)).json.status).toBe('running');
    expect((await waiting).json).toMatchObject({ status: 'succeeded', result: 'done' });
    expect(await server.exited).toEqual({ code: 0, signal: null });
    expect(listProcesses().filter(({ pid }) => workers.includes(pid))).toEqual([]);
    const { again, records } = await recorded([id]);
    expect(records[0]).toMatchObject({ status: 'succeeded', result: 'done' });
    await killServer(again);
  });

  test('ends what does not end in time as interrupted, and what only waited runs after the next start', async () => {
    const server = await startServer(dataDir, { CORDON_DRAIN_MS: '300' });
    await ask(server, 'PATCH', '/v1/agents/default', { quotas: { concurrentRuns: 1 } });
    const running = await begin(server, nap(60_000));
    const queued = (await run(server, 'default', nap(1), { prefer: 'respond-async' })).json.id;
    const began = performance.now();
    server.child.kill('SIGTERM');
    expect(await server.exited).toEqual({ code: 0, signal: null });
    expect(performance.now() - began).toBeLessThan(6000);
    const { again, records } = await recorded([running]);
    expect(records[0]).toMatchObject({ status: 'interrupted', error: { name: 'ServiceRestarted' } });
    await expect
      .poll(async () => (await ask(again, 'GET', `/v1/runs/${queued}`)).json)
      .toMatchObject({ status: 'succeeded', result: 'done' });
    await killServer(again);
  });
});
