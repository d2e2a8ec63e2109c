import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { ask, killServer, run, type Server, startServer } from './server.ts';

const MiB = 1024 * 1024;
const mountPoint = mkdtempSync(join(tmpdir(), 'cordon-small-disk-'));

/** A disk of 64 MiB, or why there is none. */
function mountSmallDisk(): string | undefined {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64m', 'tmpfs', mountPoint], { stdio: 'pipe' });
    return undefined;
  } catch (error) {
    return `mounting a tmpfs is not permitted here: ${String((error as { stderr?: Buffer }).stderr ?? error).trim()}`;
  }
}
function unmounted(): boolean {
  try {
    execFileSync('umount', [mountPoint], { stdio: 'pipe' });
    return true;
  } catch {
    return false;
  }
}

const missing = process.platform === 'linux' ? mountSmallDisk() : 'needs Linux';

describe.skipIf(missing !== undefined)(`a full disk${missing ? ` (skipped: ${missing})` : ''}`, () => {
  let server: Server;
  const ballast = join(mountPoint, 'ballast');
  const empty = () => rmSync(ballast, { force: true });
  /** Leaves so many bytes free, and waits until the service has looked: it asks the disk once a second. */
  const fill = async (leave: number) => {
    empty();
    const { bavail, bsize } = statfsSync(mountPoint);
    try {
      writeFileSync(ballast, Buffer.alloc(Math.max(0, bavail * bsize - leave), 1));
    } catch {
      // Full now: the service wrote meanwhile.
    }
    await sleep(1100);
  };
  afterEach(async () => {
    empty();
    await sleep(1100);
  });

  beforeAll(async () => {
    mkdirSync(join(mountPoint, 'data'));
    server = await startServer(join(mountPoint, 'data'), { CORDON_MINIMUM_FREE_BYTES: String(8 * MiB) });
    await ask(server, 'PUT', '/v1/agents/default/memory/kept', { a: 1 });
    await ask(server, 'PUT', '/v1/agents/default/files/kept.txt', 'kept');
  });
  afterAll(async () => {
    await killServer(server);
    // What the killed service had open is closed a moment after its end.
    for (let left = 200; !unmounted() && left > 0; left--) await sleep(100);
    rmSync(mountPoint, { recursive: true, force: true });
  });

  const writes = (): [string, Promise<Awaited<ReturnType<typeof ask>>>][] => [
    ['a run', run(server, 'default', '1')],
    ['an asynchronous run', run(server, 'default', '1', { prefer: 'respond-async' })],
    ['a memory entry', ask(server, 'PUT', '/v1/agents/default/memory/new', { a: 1 })],
    ['a file', ask(server, 'PUT', '/v1/agents/default/files/new.txt', 'x'.repeat(1000))],
    ['an agent', ask(server, 'POST', '/v1/agents', { id: 'new' })],
    ['a key', ask(server, 'POST', '/v1/keys', { name: 'new', role: 'viewer', tenant: 'default' })],
  ];

  async function readsGoOn(run: string): Promise<void> {
    expect((await ask(server, 'GET', '/v1/agents/default/memory/kept')).json).toEqual({ a: 1 });
    expect((await ask(server, 'GET', '/v1/agents/default/files/kept.txt')).text).toBe('kept');
    expect((await ask(server, 'GET', `/v1/runs/${run}`)).json).toMatchObject({ status: 'succeeded', result: 5 });
    for (const path of ['/v1/runs', '/v1/agents', '/v1/keys', '/healthz', '/openapi.json'])
      expect([path, (await ask(server, 'GET', path)).status]).toEqual([path, 200]);
  }

  test.each([
    ['nearly', 4 * MiB],
    ['wholly', 0],
  ])(
    '%s full: writes answer 503 storage_full with Retry-After, reads go on, and it recovers by itself',
    { timeout: 60_000 },
    async (_how, leave) => {
      const { id } = (await run(server, 'default', '2+3')).json;
      await fill(leave);
      for (const [what, answer] of writes()) {
        const { status, json, headers } = await answer;
        expect([what, status, json.code, Number(headers.get('retry-after')) > 0]).toEqual([
          what,
          503,
          'storage_full',
          true,
        ]);
      }
      await readsGoOn(id);
      empty();
      await expect
        .poll(async () => (await run(server, 'default', '7')).json, { timeout: 10_000 })
        .toMatchObject({ status: 'succeeded', result: 7 });
      expect((await ask(server, 'PUT', '/v1/agents/default/memory/after', { n: leave })).status).toBeLessThan(300);
      await readsGoOn(id);
    },
  );

  test('a run that is on when the disk fills is recorded when there is room again', { timeout: 60_000 }, async () => {
    const code = "await new Promise((ok) => setTimeout(ok, 600)); 'ended'";
    const { id } = (await run(server, 'default', code, { prefer: 'respond-async' })).json;
    await fill(0);
    expect((await ask(server, 'GET', '/healthz')).status).toBe(200);
    empty();
    await expect
      .poll(async () => (await ask(server, 'GET', `/v1/runs/${id}`)).json, { timeout: 10_000 })
      .toMatchObject({ status: 'succeeded', result: 'ended' });
  });

  /** Resolves when a run that goes on has shown this text. */
  async function shows(id: string, text: string): Promise<void> {
    const headers = { authorization: `Bearer ${server.key}` };
    const { body } = await fetch(`${server.url}/v1/runs/${id}/events`, { headers });
    const decoder = new TextDecoder();
    let seen = '';
    for await (const chunk of body ?? []) {
      seen += decoder.decode(chunk, { stream: true });
      if (seen.includes(text)) return;
    }
    throw new Error(`the run ended without ${text}: ${seen}`);
  }

  test(
    'a guest that writes meets ENOSPC, not a crash, and its end is recorded when there is room',
    { timeout: 60_000 },
    async () => {
      await fill(12 * MiB);
      const code = `import fs from 'node:fs';
let told = 'none';
try { for (let n = 0; n < 40; n++) fs.writeFileSync('big' + n, 'x'.repeat(1 << 20)); } catch (e) { told = e.code; }
console.log('told ' + told);
export default told`;
      const { status, json } = await run(server, 'default', code, { prefer: 'respond-async' });
      expect(status).toBe(202);
      await shows(json.id, 'told ENOSPC');
      await sleep(2000);
      expect((await ask(server, 'GET', '/healthz')).status).toBe(200);
      empty();
      const record = async () => (await ask(server, 'GET', `/v1/runs/${json.id}`)).json;
      await expect.poll(record, { timeout: 10_000 }).toMatchObject({ status: 'succeeded', result: 'ENOSPC' });
    },
  );
});
