/** Container runs over the interface, on a real engine: what a caller can choose, and that all else is as for isolates. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { engineAddress, noEngine } from '../sandbox/container/engine.ts';
import { type Service, startService } from './service.ts';

const wait = { timeout: 60_000 };

describe.skipIf(noEngine !== undefined)('containers over the interface', () => {
  let service: Service;
  beforeAll(async () => {
    service = await startService({ CORDON_ENGINE: engineAddress, CORDON_WARM_CONTAINERS: '0' });
  }, 60_000);
  afterAll(() => service.close(), 60_000);

  const run = async (body: object) => (await service.call('POST', '/v1/runs', { body })).json;

  test('shell takes a container by itself, and its record says so', wait, async () => {
    const record = await run({ language: 'shell', code: 'echo hi; echo oops >&2; pwd; exit 3' });
    expect(record).toMatchObject({
      driver: 'container',
      language: 'shell',
      status: 'failed',
      exitCode: 3,
      error: { name: 'ExitCode' },
      stdout: 'hi\n/workspace\n',
      stderr: 'oops\n',
      usage: { filesChanged: 0, memoryOps: 0 },
    });
    expect(record.walls).toEqual(
      expect.arrayContaining(['container', 'no-network', 'seccomp', 'read-only-root', 'cgroup']),
    );
    expect(record.usage.cpuMs).toBeGreaterThan(0);
    expect(record.usage.ramPeakBytes).toBeGreaterThan(1_000_000);
  });

  test.each([
    [
      'python',
      'from cordon import input, memory\nmemory.set("n", input["n"])\nimport numpy\nint(numpy.arange(input["n"]).sum())',
    ],
    [
      'javascript',
      'import { memory } from "cordon"; await memory.set("n", input.n); import("node:os").then((os) => os.userInfo().uid - 9956)',
    ],
    [
      'typescript',
      'import { memory } from "cordon"; enum N { a = 45 } await memory.set("n", (input as { n: number }).n); N.a',
    ],
    ['shell', 'cordon memory set n "$(cordon input | jq .n)"; cordon result 45'],
  ])('%s has its input and the memory', wait, async (language, code) => {
    const agent = `five-${language}`;
    await service.call('POST', '/v1/agents', { body: { id: agent } });
    const record = await run({ agent, language, driver: 'container', code, input: { n: 10 } });
    expect(record).toMatchObject({ status: 'succeeded', result: 45, driver: 'container', usage: { memoryOps: 1 } });
    expect((await service.call('GET', `/v1/agents/${agent}/memory/n`)).json).toBe(10);
  });

  test('files are the same for requests, containers, isolates and the files’ routes', wait, async () => {
    await service.call('POST', '/v1/agents', { body: { id: 'files' } });
    const common = { agent: 'files', limits: { workspaceBytes: 1_000_000 } };
    await run({
      ...common,
      language: 'javascript',
      code: "import fs from 'node:fs'; fs.writeFileSync('isolate.txt', 'i');",
    });
    const record = await run({
      ...common,
      language: 'shell',
      files: [{ path: 'in/request.txt', content: 'r' }],
      code: 'cat in/request.txt isolate.txt; mkdir out; printf 12345 >out/made.txt; chmod 600 out/made.txt; rm in/request.txt; ln -s /etc/passwd link',
    });
    expect(record).toMatchObject({
      status: 'succeeded',
      stdout: 'ri',
      filesChanged: [
        { path: 'out/made.txt', bytes: 5, sha256: '5994471abb01112afcc18159f6cc74b4f511b99806da59b3caf5a9c173cacfc5' },
      ],
    });
    expect((await service.call('GET', '/v1/agents/files/files/out/made.txt')).text).toBe('12345');
    expect((await service.call('GET', '/v1/agents/files/files/link')).status).toBeGreaterThanOrEqual(400);
    expect((await service.call('GET', '/v1/agents/files/files/in/request.txt')).status).toBe(404);
    await service.call('PUT', '/v1/agents/files/files/out/made.txt', {
      body: 'changed',
      headers: { 'content-type': 'application/octet-stream' },
    });
    const again = await run({
      ...common,
      language: 'python',
      driver: 'container',
      code: "import os\nopen('out/made.txt', 'a').write('!')\n[os.stat('out/made.txt').st_uid == os.getuid(), open('out/made.txt').read()]",
    });
    expect(again).toMatchObject({
      status: 'succeeded',
      result: [true, 'changed!'],
      filesChanged: [{ path: 'out/made.txt' }],
    });
    const isolate = await run({
      ...common,
      language: 'javascript',
      code: "import fs from 'node:fs'; fs.readFileSync('out/made.txt', 'utf8')",
    });
    expect(isolate).toMatchObject({ status: 'succeeded', result: 'changed!' });
  });

  test('an agent can stand for containers, and for an image', wait, async () => {
    const made = await service.call('POST', '/v1/agents', {
      body: { id: 'boxed', driver: 'container', image: 'python' },
    });
    expect([made.status, made.json.driver, made.json.image]).toEqual([201, 'container', 'python']);
    const shell = await run({ agent: 'boxed', language: 'shell', code: 'python3 -c "import pandas; print(1)"' });
    expect(shell).toMatchObject({ status: 'succeeded', stdout: '1\n', driver: 'container', image: 'python' });
    // The image has no Node.js: the usual one for the language serves.
    const script = await run({ agent: 'boxed', language: 'javascript', code: 'process.version' });
    expect(script).toMatchObject({ status: 'succeeded', driver: 'container' });
    expect(script.result).toMatch(/^v26\./);
    expect((await run({ agent: 'boxed', language: 'javascript', code: '1', driver: 'isolate' })).driver).toBe(
      'isolate',
    );
    const patched = await service.call('PATCH', '/v1/agents/boxed', { body: { driver: null, image: null } });
    expect([patched.json.driver, patched.json.image]).toEqual([undefined, undefined]);
    expect((await run({ agent: 'boxed', language: 'javascript', code: '1' })).driver).toBe('isolate');
  });

  test.each([
    ['an image that nobody allowed', { language: 'shell', code: '', image: 'debian:latest' }, 400, 'image'],
    ['an image without the language', { language: 'javascript', code: '', image: 'base' }, 400, 'image'],
    ['an image for an isolate', { language: 'javascript', code: '', driver: 'isolate', image: 'node' }, 400, 'image'],
    ['a runtime of its own', { language: 'shell', code: '', runtime: 'runc' }, 400, 'runtime'],
    ['a mount', { language: 'shell', code: '', mounts: ['/:/host'] }, 400, 'mounts'],
    ['a user', { language: 'shell', code: '', user: 'root' }, 400, 'user'],
    ['shell in an isolate', { language: 'shell', code: '', driver: 'isolate' }, 400, 'driver'],
  ])('a run cannot ask for %s', async (_what, body, status, field) => {
    const answer = await service.call('POST', '/v1/runs', { body });
    expect([answer.status, answer.json.errors?.[0]?.field]).toEqual([status, field]);
  });

  test.each([
    ['driver', 'vm'],
    ['image', 'debian'],
    ['runtime', 'crun'],
  ])('an agent cannot have another %s', async (field, value) => {
    const answer = await service.call('POST', '/v1/agents', { body: { id: 'wrong', [field]: value } });
    expect([answer.status, answer.json.errors?.[0]?.field]).toEqual([400, field]);
  });

  test('output is streamed while a container runs', wait, async () => {
    const { text } = await service.call('POST', '/v1/runs', {
      body: { language: 'shell', code: 'echo one; sleep 1; echo two' },
      headers: { accept: 'text/event-stream' },
    });
    const events = [...text.matchAll(/^data: (.*)$/gm)].map((match) => JSON.parse(match[1] as string));
    const shown = events.filter(({ type }) => type === 'stdout');
    expect(shown.map((event) => event.text)).toEqual(['one\n', 'two\n']);
    expect(Date.parse(shown[1].at) - Date.parse(shown[0].at)).toBeGreaterThan(200);
    expect(events.at(-1)).toMatchObject({ type: 'finished', run: { status: 'succeeded' } });
  });

  test('the drivers’ page tells of engine, images and runtimes', async () => {
    const { items } = (await service.call('GET', '/v1/drivers')).json;
    expect(items.map((item: { driver: string }) => item.driver)).toEqual(['isolate', 'container']);
    expect(items[1]).toMatchObject({ available: true, engine: { address: engineAddress } });
    expect(items[1].images.map(({ name }: { name: string }) => name)).toEqual(['base', 'python', 'node']);
    expect(items[1].images[1].versions).toMatchObject({ pandas: expect.any(String), numpy: expect.any(String) });
    expect(items[1].runtimes[0]).toMatchObject({ name: 'runc', usable: true });
  });
});

test('without an engine container runs are 503 with what to do, and all else works', async () => {
  const service = await startService({ CORDON_ENGINE: 'unix:///nonexistent/docker.sock' });
  try {
    const refused = await service.call('POST', '/v1/runs', { body: { language: 'shell', code: 'true' } });
    expect([refused.status, refused.json.code]).toEqual([503, 'driver_unavailable']);
    expect(refused.json.detail).toMatch(/No container engine answers .*CORDON_ENGINE/);
    expect(refused.text).not.toContain('nonexistent');
    expect(refused.headers.get('retry-after')).toBe('60');
    const isolate = await service.call('POST', '/v1/runs', { body: { language: 'javascript', code: '6 * 7' } });
    expect(isolate.json).toMatchObject({ status: 'succeeded', result: 42 });
    expect((await service.call('GET', '/readyz')).status).toBe(200);
    const { items } = (await service.call('GET', '/v1/drivers')).json;
    expect(items[1]).toMatchObject({ driver: 'container', available: false, languages: [] });
  } finally {
    await service.close();
  }
});
