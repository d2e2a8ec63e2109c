/** The image of the service, and compose.yaml: built and run on a real engine. */
import { randomBytes } from 'node:crypto';
import { chown, copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { imageDefinitions } from '../../runtime/sandbox/container/image-definitions.ts';
import { composeService, runArguments } from './compose-file.ts';
import { docker, engineAddress, findBase, must, whyNoEngine } from './docker-client.ts';

const root = resolve(import.meta.dirname, '../..');
const why = await whyNoEngine();
if (why !== undefined) console.log(`The image of the service is not tested: ${why}`);

const id = `deploy-${randomBytes(4).toString('hex')}`;
const image = `${id}-image`;
const base = `${id}-base`;
const plain = `${id}-plain`;
const composed = `${id}-composed`;
const proxied = `${id}-proxied`;
const composeFiles = ['compose.yaml', 'compose.containers.yaml'].map((name) => join(root, name));
const whyNoContainers = why ?? (await findWhyNoContainers());
if (whyNoContainers !== undefined) console.log(`Containers behind the proxy are not tested: ${whyNoContainers}`);

describe.skipIf(why !== undefined)('the image of the service', () => {
  beforeAll(async () => {
    await makeBase();
    const began = performance.now();
    await must('build', '--tag', image, '--build-arg', `BASE=${base}`, root);
    const bytes = Number(await must('image', 'inspect', '--format', '{{.Size}}', image));
    const baseBytes = Number(await must('image', 'inspect', '--format', '{{.Size}}', base));
    console.log(
      `built in ${Math.round((performance.now() - began) / 1000)} s: ${megabytes(bytes)}, of which the base ${megabytes(baseBytes)}`,
    );
    await start(composed, composeService(composeFiles.slice(0, 1), 'cordon'));
    await must('run', '--detach', '--name', plain, '--publish=127.0.0.1::7700', '--env=CORDON_ENGINE=none', image);
  }, 240_000);

  afterAll(async () => {
    await docker('rm', '--force', '--volumes', plain, composed, proxied, `${proxied}-engine`);
    await docker('volume', 'rm', '--force', `${id}-data`, `${id}-engine`);
    for (const name of [image, base]) await docker('image', 'rm', '--force', name);
  });

  test('holds the service and nothing else of the project, no key, and no program that becomes another user', async () => {
    const files = (await must('run', '--rm', '--user=0', '--entrypoint=/usr/bin/find', image, '/', '-xdev')).split(
      '\n',
    );
    const below = (folder: string) => files.filter((file) => file.startsWith(folder));
    const children = new Set(below('/app/').map((file) => file.split('/')[2]));
    expect([...children].sort()).toEqual(
      [
        'LICENSE',
        'README.md',
        'SECURITY.md',
        'api',
        'deploy',
        'node_modules',
        'package-lock.json',
        'package.json',
        'runtime',
      ]
        .concat('sandbox-images', 'scripts')
        .sort(),
    );
    for (const name of ['vitest', 'typescript', '@biomejs', 'fast-check'])
      expect(below(`/app/node_modules/${name}/`)).toEqual([]);
    expect(files.filter((file) => /\/(\.git|\.cordon|admin-key|\.npmrc|\.npm|_cacache)$/.test(file))).toEqual([]);
    expect(below('/data/')).toEqual([]);
    expect(below('/app/node_modules/.cache/cordon/python-').length).toBe(3);
    const find = ['run', '--rm', '--user=0', '--entrypoint=/usr/bin/find', image, '/', '-xdev', '-type', 'f'];
    expect(await must(...find, '-perm', '/6000')).toBe('');
    expect(await must(...find, '-path', '/app/*', '-not', '-perm', '-004')).toBe('');
    const { Config } = JSON.parse(await must('image', 'inspect', image))[0];
    expect(Config.User).toBe('7700:7700');
    expect(Config.Env.filter((name: string) => /KEY|SECRET|TOKEN|PASSWORD/i.test(name))).toEqual([]);
    expect(Config.Labels['org.opencontainers.image.licenses']).toBe('Apache-2.0');
  });

  test('started by compose.yaml it becomes healthy, every wall stands, and JavaScript and Python run behind them', async () => {
    const { call } = await open(composed);
    const { items } = await call('/v1/drivers');
    const walls = items[0].walls as { name: string; stands: boolean; detail: string }[];
    for (const wall of walls) console.log(`${wall.name}: ${wall.stands ? 'stands' : `MISSING (${wall.detail})`}`);
    expect(walls.filter((wall) => !wall.stands)).toEqual([]);
    const script = "import { writeFileSync } from 'node:fs';\nwriteFileSync('kept.txt', 'kept');\n6 * 7";
    expect(await run(call, 'javascript', script)).toMatchObject({
      result: 42,
      walls: ['isolate', 'permissions', 'jail', 'seccomp', 'user', 'ram'],
    });
    expect(await run(call, 'python', "open('kept.txt').read() * 2")).toMatchObject({ result: 'keptkept' });
    await until('healthy', async () => (await inspect(composed)).State.Health.Status === 'healthy');
  }, 60_000);

  test('the process has no capability, cannot gain one, and writes nowhere but to its data and memory', async () => {
    const status = await inside(composed, "grep -E '^(Uid|CapBnd|CapEff|NoNewPrivs|Seccomp):' /proc/1/status");
    expect(status.stdout.replace(/\s+/g, ' ')).toBe(
      'Uid: 7700 7700 7700 7700 CapEff: 0000000000000000 CapBnd: 0000000000000000 NoNewPrivs: 1 Seccomp: 2',
    );
    for (const path of ['/app/x', '/etc/x', '/x', '/app/node_modules/.cache/x', '/proc/sys/kernel/x', '/sys/x'])
      expect((await inside(composed, `echo > ${path}`)).code, path).not.toBe(0);
    expect((await inside(composed, 'echo > /data/x && rm /data/x && echo > /tmp/x && rm /tmp/x')).code).toBe(0);
  });

  test('its filter lets bubblewrap make a whole jail, and nobody a namespace, a mount or a trace besides', async () => {
    const jail = '--unshare-all --unshare-user --unshare-cgroup --cap-drop ALL --ro-bind / /';
    expect(await inside(composed, `bwrap ${jail} /bin/true`)).toMatchObject({ code: 0, stderr: '' });
    const refused = {
      'a user namespace alone': 'unshare --user true',
      'all namespaces by unshare(2)': 'unshare --user --map-root-user --mount --pid --fork --net --ipc --uts true',
      'some namespaces': 'bwrap --unshare-user --unshare-pid --ro-bind / / /bin/true',
      'a jail that can be written': `bwrap ${jail} --proc /proc /bin/true`,
      'a mount': 'mount -t tmpfs none /tmp',
      'another namespace': 'nsenter --target 1 --mount true',
      'a device': 'mknod /tmp/null c 1 3',
      'another machine language': 'setarch linux32 true',
    };
    for (const [what, command] of Object.entries(refused))
      expect((await inside(composed, command)).code, what).not.toBe(0);
  });

  test('children whose parent died are reaped', async () => {
    await inside(composed, '(sleep 0.2 &)');
    await sleep(500);
    const states = await inside(composed, 'cat /proc/[0-9]*/stat 2>/dev/null | grep -c ") Z "');
    expect(states.stdout).toBe('0');
  });

  test('key, files and runs are there after a restart; SIGTERM ends it with 0', async () => {
    const before = await open(composed);
    const { id: runId } = await run(before.call, 'javascript', '1');
    await must('restart', composed);
    const after = await open(composed);
    expect(after.key).toBe(before.key);
    expect(await after.call(`/v1/runs/${runId}`)).toMatchObject({ result: 1 });
    expect(await run(after.call, 'python', "open('kept.txt').read()")).toMatchObject({ result: 'kept' });
    await must('stop', composed);
    const { State } = await inspect(composed);
    expect(State).toMatchObject({ ExitCode: 0, OOMKilled: false });
    expect((await docker('logs', composed)).stderr).toContain('"ended"');
  }, 60_000);

  test('without the options it serves too, and says that the jail does not stand and why', async () => {
    const { call } = await open(plain);
    const { items } = await call('/v1/drivers');
    const jail = items[0].walls.find((wall: { name: string }) => wall.name === 'jail');
    expect(jail).toMatchObject({ stands: false, detail: expect.stringContaining('namespace') });
    const { result, walls } = await run(call, 'typescript', 'const answer: number = 42;\nanswer');
    expect({ result, walls }).toEqual({ result: 42, walls: ['isolate', 'permissions', 'seccomp', 'ram'] });
  }, 60_000);

  test.skipIf(whyNoContainers !== undefined)(
    'with compose.containers.yaml its guests get containers through the proxy',
    async () => {
      const home = await mkdtemp(join(tmpdir(), 'cordon-home-'));
      await chown(home, 7700, 7700);
      const variables = { CORDON_HOME: home, DOCKER_SOCKET: engineAddress.slice('unix://'.length) };
      try {
        await start(`${proxied}-engine`, composeService(composeFiles, 'engine-proxy', variables));
        await start(proxied, composeService(composeFiles, 'cordon', variables));
        const { call } = await open(proxied, join(home, 'admin-key'));
        await until('ready for containers', async () => (await call('/v1/drivers')).items[1].available);
        const answer = await run(call, 'shell', 'id -u; echo 42 > answer.txt');
        expect(answer).toMatchObject({ status: 'succeeded', driver: 'container', stdout: '10001\n' });
        expect(answer.walls).toContain('no-network');
        expect(await run(call, 'python', "open('answer.txt').read()")).toMatchObject({ result: '42\n' });
        await must('stop', proxied);
        expect((await logs(`${proxied}-engine`)).split('\n').filter((line) => /^\d{3} /.test(line))).toEqual([]);
      } finally {
        await docker('stop', proxied);
        await rm(home, { recursive: true, force: true });
      }
    },
    90_000,
  );
});

async function start(name: string, service: ReturnType<typeof composeService>): Promise<void> {
  const options = runArguments(root, service, image, id);
  const { SecurityOptions } = JSON.parse(await must('info', '--format', '{{json .}}'));
  // Whether the profile is loaded is not for a test to change; where there is no AppArmor the option has no effect.
  if (SecurityOptions.some((option: string) => option.includes('apparmor')))
    options.forEach((option, at) => {
      if (option.startsWith('--security-opt=apparmor=')) options[at] = '--security-opt=apparmor=unconfined';
    });
  await must('run', '--detach', '--name', name, ...options);
}

async function findWhyNoContainers(): Promise<string | undefined> {
  if (process.getuid?.() !== 0 || !engineAddress.startsWith('unix://'))
    return 'needs root and an engine of this machine';
  for (const { name, tag } of await imageDefinitions())
    if (name === 'base' && (await docker('image', 'inspect', tag)).code !== 0)
      return `there is no ${tag}: npm run images`;
  return undefined;
}

/** With the authorities that this machine trusts: one of its own may stand before the package registry. */
async function makeBase(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'cordon-base-'));
  try {
    const bundle = process.env.NODE_EXTRA_CA_CERTS ?? process.env.SSL_CERT_FILE;
    const lines = [`FROM ${await findBase()}`, 'RUN true'];
    if (bundle !== undefined) {
      await copyFile(bundle, join(folder, 'bundle.crt'));
      lines.push('COPY bundle.crt /etc/ssl/certs/ca-certificates.crt');
    }
    await writeFile(join(folder, 'Dockerfile'), `${lines.join('\n')}\n`);
    await must('build', '--tag', base, folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

type Call = (path: string, body?: unknown) => Promise<any>;

/** Waits until a container serves. */
async function open(container: string, keyFile = '/data/admin-key'): Promise<{ call: Call; key: string }> {
  const address = (await must('port', container, '7700/tcp')).split('\n')[0];
  expect(address).toMatch(/^127\.0\.0\.1:/);
  await until('serving', async () => {
    if (!(await inspect(container)).State.Running) throw new Error(await logs(container));
    return fetch(`http://${address}/healthz`).then(
      (answer) => answer.ok,
      () => false,
    );
  });
  const key = await must('exec', container, 'cat', keyFile);
  const call: Call = async (path, body) => {
    const answer = await fetch(`http://${address}${path}`, {
      method: body === undefined ? 'GET' : 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return answer.json();
  };
  return { call, key };
}

const run = (call: Call, language: string, code: string) => call('/v1/runs', { language, code });

const inside = (container: string, script: string) => docker('exec', container, 'sh', '-c', script);

const inspect = async (container: string) => JSON.parse(await must('inspect', container))[0];

async function logs(container: string): Promise<string> {
  const { stdout, stderr } = await docker('logs', container);
  return `${stdout}\n${stderr}`.slice(-2000);
}

async function until(what: string, check: () => Promise<boolean>): Promise<void> {
  for (const end = performance.now() + 45_000; performance.now() < end; await sleep(250)) if (await check()) return;
  throw new Error(`not ${what} in 45 s`);
}

const megabytes = (bytes: number) => `${Math.round(bytes / 1e6)} MB`;
