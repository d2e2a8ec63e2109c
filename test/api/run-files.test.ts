/** Files that come with a run: their encoding, their sizes, and that a long queue of them is not in memory. */
import { type IncomingMessage, request } from 'node:http';
import { text } from 'node:stream/consumers';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Service, startService } from './service.ts';

const MiB = 1024 * 1024;
let service: Service;
beforeAll(async () => {
  service = await startService();
});
afterAll(() => service.close());

describe('base64', () => {
  const send = (content: string) =>
    service.run("import fs from 'node:fs'; fs.statSync('f').size", {
      files: [{ path: 'f', content, encoding: 'base64' }],
    });

  test.each([
    ['', 0],
    ['AA==', 1],
    ['+/A=', 2],
    ['AAAA', 3],
    ['AAAAAA==', 4],
  ])('%j is a file', async (content, size) => {
    expect((await send(content)).json).toMatchObject({ status: 'succeeded', result: size });
  });

  test.each([
    '*',
    'A',
    'AAA',
    'A===',
    '====',
    '=',
    'AA=A',
    'AA==AAAA',
    'AA AA AA',
    'AAA\n',
    'AA-_',
    'AAAÀ',
    'AAAA=',
  ])('%j is refused', async (content) => {
    const { status, json } = await send(content);
    expect([status, json.errors?.[0]?.field]).toEqual([400, 'files.0.content']);
  });

  test('as large as files may be', { timeout: 120_000 }, async () => {
    const { json } = await send(Buffer.alloc(32 * MiB, 7).toString('base64'));
    expect(json).toMatchObject({ status: 'succeeded', result: 32 * MiB });
    const { status } = await send(Buffer.alloc(32 * MiB + 1, 7).toString('base64'));
    expect(status).toBe(413);
  });
});

test(
  'runs that wait with large files are on the disk, not in memory, and have them when they start',
  { timeout: 180_000 },
  async () => {
    const quotas = { concurrentRuns: 1, workspaceBytes: 100 * MiB };
    expect((await service.call('POST', '/v1/agents', { body: { id: 'queue', quotas } })).status).toBe(201);
    const untilGo = `import { memory } from 'cordon';
    while (!(await memory.get('go'))) await new Promise((ok) => setTimeout(ok, 100));`;
    const submit = async (code: string, more: object) =>
      (await service.run(code, { agent: 'queue', ...more }, { headers: { prefer: 'respond-async' } })).json.id;
    await submit(untilGo, {});
    const content = Buffer.alloc(16 * MiB, 7).toString('base64');
    const ids: string[] = [];
    for (let n = 0; n < 24; n++)
      ids.push(
        await submit("import fs from 'node:fs'; [fs.readFileSync('f').every((byte) => byte === 7), input]", {
          input: n,
          files: [{ path: 'f', content, encoding: 'base64' }],
        }),
      );
    await expect.poll(() => process.memoryUsage().arrayBuffers / MiB, { timeout: 30_000 }).toBeLessThan((24 * 16) / 2);
    expect((await service.call('PUT', '/v1/agents/queue/memory/go', { body: true })).status).toBe(201);
    for (const [n, id] of ids.entries())
      await expect
        .poll(async () => (await service.call('GET', `/v1/runs/${id}`)).json, { timeout: 60_000 })
        .toMatchObject({ status: 'succeeded', result: [true, n] });
  },
);

test(
  'large bodies that arrive together take turns: no turn of the event loop has them all',
  { timeout: 120_000 },
  async () => {
    const content = Buffer.alloc(8 * MiB, 7).toString('base64');
    const files = [{ path: 'f', content, encoding: 'base64' }];
    const body = Buffer.from(JSON.stringify({ language: 'javascript', code: '1', files }));
    const headers = { prefer: 'respond-async' };
    let over = false;
    const turns: number[] = [];
    const watching = (async () => {
      while (!over) {
        const before = process.threadCpuUsage();
        await nextTurn();
        const { user, system } = process.threadCpuUsage(before);
        turns.push(user + system);
      }
    })();
    const send = () => service.call('POST', '/v1/runs', { body, headers });
    const answers = await Promise.all(Array.from({ length: 16 }, send));
    over = true;
    await watching;
    expect(answers.map(({ status }) => status)).toEqual(Array(16).fill(202));
    // One turn is that in which this test makes the requests.
    expect(Math.max(...turns)).toBeLessThan(turns.reduce((sum, one) => sum + one) / 2);
  },
);

test('callers that wait for their runs do not keep what they sent', { timeout: 180_000 }, async () => {
  setFlagsFromString('--expose-gc');
  const collectGarbage = runInNewContext('gc') as () => void;
  const held = () => {
    collectGarbage();
    const { arrayBuffers, heapUsed } = process.memoryUsage();
    return (arrayBuffers + heapUsed) / MiB;
  };
  const quotas = { concurrentRuns: 1, workspaceBytes: 100 * MiB };
  expect((await service.call('POST', '/v1/agents', { body: { id: 'patient', quotas } })).status).toBe(201);
  const untilGo = `import { memory } from 'cordon';
    while (!(await memory.get('go'))) await new Promise((ok) => setTimeout(ok, 100));`;
  await service.run(untilGo, { agent: 'patient' }, { headers: { prefer: 'respond-async' } });
  const content = Buffer.alloc(16 * MiB, 7).toString('base64');
  const files = [{ path: 'f', content, encoding: 'base64' }];
  const body = Buffer.from(JSON.stringify({ agent: 'patient', language: 'javascript', code: '1', files }));
  const url = new URL('/v1/runs', await service.listen());
  const before = held();
  const headers = { authorization: `Bearer ${service.operator}`, 'content-length': body.length };
  const send = (accept: string) =>
    new Promise<IncomingMessage>((resolve, reject) =>
      request(url, { method: 'POST', headers: { ...headers, accept } }, resolve)
        .on('error', reject)
        .end(body),
    );
  const answers = Array.from({ length: 12 }, (_, n) => send(n % 2 === 0 ? 'application/json' : 'text/event-stream'));
  const queued = async () =>
    (await service.call('GET', '/v1/runs?agent=patient&status=queued')).json.items.length as number;
  await expect.poll(queued, { timeout: 60_000 }).toBe(12);
  // Each sent 22 MiB; 16 of them are files.
  await expect.poll(() => held() - before, { timeout: 30_000 }).toBeLessThan((12 * 22) / 4);
  await service.call('PUT', '/v1/agents/patient/memory/go', { body: true });
  for (const answer of await Promise.all(answers)) {
    expect(answer.statusCode).toBe(200);
    expect(await text(answer)).toContain('"status":"succeeded"');
  }
});
