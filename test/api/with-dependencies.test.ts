import { spawn, spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';

const script = new URL('../../scripts/with-dependencies.mjs', import.meta.url).pathname;
let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'cordon-install-'));
  project();
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

/** A project whose one package lies beside it and carries a `node` of its own, so that npm needs no network. */
function project(version = '1.0.0', readable = true) {
  mkdirSync(join(dir, 'scripts'), { recursive: true });
  mkdirSync(join(dir, 'tool'), { recursive: true });
  copyFileSync(script, join(dir, 'scripts', 'with-dependencies.mjs'));
  writeFileSync(join(dir, 'tool', 'package.json'), JSON.stringify({ name: 'tool', version, bin: { node: 'node.sh' } }));
  writeFileSync(join(dir, 'tool', 'node.sh'), '#!/bin/sh\necho "own node: $*"\n', { mode: 0o755 });
  const root = { name: 'p', version, dependencies: { tool: 'file:tool' } };
  const lock = {
    name: 'p',
    version,
    lockfileVersion: 3,
    packages: {
      '': root,
      'node_modules/tool': { resolved: 'tool', link: true },
      tool: { version, bin: { node: 'node.sh' } },
    },
  };
  writeFileSync(join(dir, 'package.json'), JSON.stringify({ ...root, scripts: { preinstall: 'echo x >> installs' } }));
  writeFileSync(join(dir, 'package-lock.json'), readable ? JSON.stringify(lock) : '{');
}
const installs = () => (existsSync(join(dir, 'installs')) ? readFileSync(join(dir, 'installs'), 'utf8').length / 2 : 0);
const argv = (args: string[]) => [join(dir, 'scripts', 'with-dependencies.mjs'), ...args];
const run = (...args: string[]) => spawnSync(process.execPath, argv(args), { cwd: dir, encoding: 'utf8' });
const runLater = (...args: string[]) => {
  const child = spawn(process.execPath, argv(args), { cwd: dir });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (text) => {
      output += text;
    });
  return {
    child,
    ended: new Promise<{ code: number | null; output: string }>((resolve) =>
      child.once('close', (code) => resolve({ code, output })),
    ),
  };
};

test('the first command installs with one line of progress and runs with the node of the packages; the second only runs', () => {
  const first = run('node', 'main.ts', 'a b');
  expect([first.status, first.stdout, installs()]).toEqual([0, 'own node: main.ts a b\n', 1]);
  expect(first.stderr.trim().split('\n')).toHaveLength(1);
  const second = run('node', 'main.ts');
  expect([second.status, second.stdout, second.stderr, installs()]).toEqual([0, 'own node: main.ts\n', '', 1]);
});

test('two commands at the same time install once', async () => {
  const outcomes = await Promise.all([runLater('node', 'a').ended, runLater('node', 'b').ended]);
  expect(outcomes.map(({ code }) => code)).toEqual([0, 0]);
  expect(outcomes.map(({ output }) => /own node: [ab]/.test(output))).toEqual([true, true]);
  expect(installs()).toBe(1);
  expect(existsSync(join(dir, '.npm-ci.lock'))).toBe(false);
});

test('a changed lock file and an install that broke off are installed again', () => {
  run('true');
  project('1.0.1');
  expect([run('true').status, installs()]).toEqual([0, 2]);
  rmSync(join(dir, 'node_modules', '.package-lock.json'));
  expect([run('true').status, installs()]).toEqual([0, 3]);
}, 120_000);

test('the lock of a command that was killed does not hold up the next', () => {
  const { pid } = spawnSync('true');
  writeFileSync(join(dir, '.npm-ci.lock'), String(pid));
  expect([run('true').status, installs()]).toEqual([0, 1]);
});

test('an install that fails says so, with npm’s own words, and runs nothing', () => {
  project('1.0.0', false);
  const { status, stdout, stderr } = run('node', 'main.ts');
  expect([status, stdout]).toEqual([1, '']);
  expect(stderr).toMatch(/npm error/);
  expect(stderr).toMatch(/cordon: npm ci failed/);
  expect(existsSync(join(dir, '.npm-ci.lock'))).toBe(false);
});

test('exit codes, variables and signals are passed on', async () => {
  expect(run('sh', '-c', 'exit 7').status).toBe(7);
  expect(run('no-such-command').status).toBe(127);
  expect(run('--env', 'A=1', '--env', 'B=x=y', 'sh', '-c', 'echo $A $B').stdout).toBe('1 x=y\n');
  expect(run('--env', 'nonsense', 'true').status).toBe(2);
  expect(run().status).toBe(2);
  const { child, ended } = runLater(
    'sh',
    '-c',
    'trap "echo caught; exit 5" TERM; echo ready; while :; do sleep 0.05; done',
  );
  await new Promise((resolve) => child.stdout.once('data', resolve));
  child.kill('SIGTERM');
  expect(await ended).toEqual({ code: 5, output: 'ready\ncaught\n' });
});

test('under npm, a command whose npm is ended ends too', async () => {
  const script = JSON.stringify({
    name: 'p',
    version: '1.0.0',
    dependencies: { tool: 'file:tool' },
    scripts: { start: `${process.execPath} scripts/with-dependencies.mjs sh run.sh` },
  });
  run('true');
  writeFileSync(join(dir, 'package.json'), script);
  writeFileSync(join(dir, 'run.sh'), 'trap "echo ended; exit 0" TERM; echo ready; while :; do sleep 0.05; done');
  const child = spawn('npm', ['start'], { cwd: dir });
  let output = '';
  child.stdout.on('data', (text) => {
    output += text;
  });
  await expect.poll(() => output, { timeout: 10_000 }).toContain('ready');
  child.kill('SIGTERM');
  await expect.poll(() => output, { timeout: 5000 }).toContain('ended');
});

test('it names no registry and uses nothing that Node.js 20 lacks', () => {
  const text = readFileSync(script, 'utf8');
  expect(text).not.toMatch(/registry|https?:/);
  for (const [, name] of text.matchAll(/from '([^']+)'/g)) expect(name).toMatch(/^node:/);
});
