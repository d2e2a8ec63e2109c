import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { slowCode } from './service.ts';

/** Starts a run and answers when it runs. */
async function startRun(url: string, key: string, code: string) {
  const headers = { authorization: `Bearer ${key}` };
  const body = JSON.stringify({ language: 'javascript', code });
  const answer = fetch(`${url}/v1/runs`, { method: 'POST', headers, body });
  answer.catch(() => {});
  await expect
    .poll(
      async () =>
        ((await (await fetch(`${url}/v1/runs?status=running`, { headers })).json()) as { items: [] }).items.length,
      {
        timeout: 10_000,
      },
    )
    .toBe(1);
  return { answer };
}

const root = new URL('../..', import.meta.url).pathname;
let dir: string;
const children: ChildProcess[] = [];
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'cordon-main-'));
});
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  rmSync(dir, { recursive: true, force: true });
});

/** The service as a process of its own. */
function start(env: Record<string, string> = {}) {
  const child = spawn(process.execPath, ['api/main.ts'], {
    cwd: root,
    env: {
      ...process.env,
      CORDON_DATA: join(dir, 'data'),
      CORDON_PORT: '0',
      CORDON_BLANK_WORKERS: '1',
      CORDON_ENGINE: 'none',
      ...env,
    },
  });
  children.push(child);
  const output = { stdout: '', stderr: '' };
  child.stdout.on('data', (text) => {
    output.stdout += text;
  });
  child.stderr.on('data', (text) => {
    output.stderr += text;
  });
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  const ready = async () => {
    await expect.poll(() => /^curl .*$/m.test(output.stdout), { timeout: 15_000 }).toBe(true);
    return { curl: /^curl .*$/m.exec(output.stdout)?.[0] ?? '', url: /http:\/\/[^/ ]+/.exec(output.stdout)?.[0] ?? '' };
  };
  return { child, output, ended, ready };
}

test('it prints a curl line that works when pasted, and never the key', async () => {
  const service = start();
  const { curl } = await service.ready();
  const answer = JSON.parse(execFileSync('bash', ['-c', curl], { cwd: root, encoding: 'utf8' }));
  expect(answer).toMatchObject({ status: 'succeeded', result: 42 });
  const file = join(dir, 'data', 'admin-key');
  expect(statSync(file).mode & 0o777).toBe(0o600);
  service.child.kill('SIGTERM');
  expect(await service.ended).toBe(0);
  expect(service.output.stdout + service.output.stderr).not.toContain(readFileSync(file, 'utf8').trim());
  for (const line of service.output.stderr.trim().split('\n')) JSON.parse(line);
}, 30_000);

test.each([
  ['a port that is none', { CORDON_PORT: 'seven' }, /CORDON_PORT/],
  ['a word that is not known', { CORDON_DURABILITY: 'maybe' }, /CORDON_DURABILITY/],
  ['a key that is too short', { CORDON_ADMIN_KEY: 'short' }, /CORDON_ADMIN_KEY/],
  ['an address that is not of this machine', { CORDON_HOST: '192.0.2.1' }, /CORDON_HOST/],
  ['a wall that does not exist', { CORDON_REQUIRE_WALLS: 'jail,jial' }, /CORDON_REQUIRE_WALLS names jial.*jail/],
  ['a folder of packages that is not there', { CORDON_JS_PACKAGES: '/nope' }, /CORDON_JS_PACKAGES .*\/nope/],
  ['a folder of packages that is a file', { CORDON_PYTHON_PACKAGES: '/etc/hosts' }, /CORDON_PYTHON_PACKAGES .*hosts/],
  ['a data directory that cannot be one', { CORDON_DATA: '/dev/null/x' }, /./],
])(
  '%s is one clear line and exit code 1',
  async (_what, env, words) => {
    const { ended, output } = start(env as Record<string, string>);
    expect(await ended).toBe(1);
    const said = output.stderr.split('\n').filter((line) => line.startsWith('cordon: '));
    expect(said).toHaveLength(1);
    expect(said[0]).toMatch(words);
    expect(output.stderr).not.toMatch(/^\s+at /m);
    expect(output.stderr).not.toContain('short\n');
  },
  30_000,
);

test('a port in use is one clear line and exit code 1', async () => {
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  const { port } = other.address() as { port: number };
  const { ended, output } = start({ CORDON_PORT: String(port) });
  expect(await ended).toBe(1);
  expect(output.stderr).toContain(`cordon: port ${port} of 127.0.0.1 is in use; set CORDON_PORT to another one\n`);
  other.close();
}, 30_000);

test('a data directory that another Cordon uses is one clear line and exit code 1', async () => {
  await start().ready();
  const { ended, output } = start();
  expect(await ended).toBe(1);
  expect(output.stderr.split('\n').filter((line) => line.startsWith('cordon: '))).toHaveLength(1);
}, 30_000);

test('a setting that does not exist is a warning that names it', async () => {
  const service = start({ CORDON_PROT: '1' });
  await service.ready();
  await expect.poll(() => service.output.stderr).toMatch(/"level":"warn".*CORDON_PROT/);
}, 30_000);

test('SIGTERM lets a running run end and its caller have the answer, then exits with 0', async () => {
  const service = start();
  const { url } = await service.ready();
  const key = readFileSync(join(dir, 'data', 'admin-key'), 'utf8').trim();
  const answer = (await startRun(url, key, slowCode(1500))).answer;
  service.child.kill('SIGTERM');
  const response = await answer;
  const { status, result } = (await response.json()) as { status: string; result: unknown };
  expect([response.status, status, result]).toEqual([200, 'succeeded', 'slow']);
  const begin = performance.now();
  expect(await service.ended).toBe(0);
  expect(performance.now() - begin).toBeLessThan(10_000);
  await expect(fetch(`${url}/healthz`)).rejects.toThrow();
}, 30_000);

test('a second signal ends it at once', async () => {
  const service = start();
  const { url } = await service.ready();
  const key = readFileSync(join(dir, 'data', 'admin-key'), 'utf8').trim();
  await startRun(url, key, slowCode(20_000));
  service.child.kill('SIGTERM');
  await new Promise((resolve) => setTimeout(resolve, 500));
  const begin = performance.now();
  service.child.kill('SIGTERM');
  expect(await service.ended).toBe(1);
  expect(performance.now() - begin).toBeLessThan(2000);
}, 30_000);
