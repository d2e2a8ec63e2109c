/** The proxy between Cordon and an engine, on a real engine: what Cordon asks goes through, what its thief would ask does not. */
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createEngineProxy } from '../../deploy/engine-proxy.ts';
import { rulesFor } from '../../deploy/engine-rules.ts';
import { containerSpec, labels } from '../../runtime/sandbox/container/container-spec.ts';
import { createEngine } from '../../runtime/sandbox/container/engine.ts';
import { imageDefinitions } from '../../runtime/sandbox/container/image-definitions.ts';
import { docker, engineAddress, must } from './docker-client.ts';

const image = (await imageDefinitions()).find(({ name }) => name === 'base')?.tag as string;
const why =
  (await docker('image', 'inspect', image)).code === 0 ? undefined : `no engine, or no image ${image} (npm run images)`;
if (why !== undefined) console.log(`The proxy of the engine is not tested: ${why}`);

describe.skipIf(why !== undefined || !engineAddress.startsWith('unix:'))('the proxy of the engine', () => {
  const scratch = realpathSync(mkdtempSync(join(tmpdir(), 'cordon-proxy-')));
  const folder = join(scratch, 'containers');
  const socket = join(scratch, 'engine.sock');
  const installation = randomBytes(8).toString('hex');
  const stranger = `deploy-stranger-${installation}`;
  const server = createEngineProxy({
    engineSocket: engineAddress.slice('unix://'.length),
    rules: rulesFor(folder, [], (path) => realpathSync(path) === path),
    onRefused: () => {},
  });
  let strangerId = '';

  beforeAll(async () => {
    mkdirSync(join(folder, 'slot-1', 'door'), { recursive: true });
    mkdirSync(join(folder, 'slot-2'));
    symlinkSync('/', join(folder, 'slot-2', 'door'));
    await new Promise<void>((done) => server.listen(socket, done));
    strangerId = await must('create', '--name', stranger, image);
  });

  afterAll(async () => {
    server.close();
    await docker('rm', '--force', stranger);
    rmSync(scratch, { recursive: true, force: true });
  });

  const spec = () =>
    containerSpec({
      installation,
      imageTag: image,
      runtime: 'runc',
      isGvisor: false,
      slot: { doorFolder: join(folder, 'slot-1', 'door'), workspaceFolder: '', close: async () => {} },
      ramBytes: 128 * 1024 * 1024,
      processes: 64,
      cpus: 1,
      workspaceInMemory: { bytes: 64 * 1024 * 1024, files: 1000 },
    });

  test('the life of a container of Cordon, as its driver asks for it', async () => {
    const engine = createEngine(`unix://${socket}`);
    const label = `${labels.installation}=${installation}`;
    await engine.ping();
    expect((await engine.facts()).version).toMatch(/^\d/);
    expect(await engine.image(image)).toMatchObject({ labels: expect.anything() });
    const unwatch = await engine.watch(label, () => {});
    const id = await engine.create(spec());
    try {
      await engine.start(id);
      expect(await engine.state(id)).toMatchObject({ running: true });
      await engine.limit(id, { ramBytes: 256 * 1024 * 1024, processes: 32 });
      expect((await engine.stats(id)).ramPeakBytes).toBeGreaterThan(0);
      expect((await engine.list(label)).map((found) => found.id)).toEqual([id]);
    } finally {
      await engine.remove(id);
    }
    expect(await engine.state(id)).toBeUndefined();
    unwatch();
    engine.close();
  });

  test.each<[string, (asked: any) => void]>([
    ['a privileged one', (asked) => (asked.HostConfig.Privileged = true)],
    ['one that is privileged in small letters', (asked) => (asked.hostconfig = { privileged: true })],
    ['one with a capability', (asked) => (asked.HostConfig.CapAdd = ['SYS_ADMIN'])],
    ['one without a filter', (asked) => asked.HostConfig.SecurityOpt.push('seccomp=unconfined')],
    ['root', (asked) => (asked.User = '0:0')],
    ['another program', (asked) => (asked.Entrypoint = ['/bin/sh', '-c', 'id'])],
    ['another image', (asked) => (asked.Image = 'debian:bookworm')],
    ['a bind of the machine', (asked) => (asked.HostConfig.Binds = ['/:/host'])],
    ['another source of its mount', (asked) => (asked.HostConfig.Mounts[0].Source = '/etc')],
    ['a source that is a link', (asked) => (asked.HostConfig.Mounts[0].Source = join(folder, 'slot-2', 'door'))],
    ['a source that leads out', (asked) => (asked.HostConfig.Mounts[0].Source = `${folder}/../../door`)],
    ['a second mount', (asked) => asked.HostConfig.Mounts.push({ Type: 'bind', Source: '/', Target: '/host' })],
    ['a mount that can be written', (asked) => (asked.HostConfig.Mounts[0].ReadOnly = false)],
    ['the network of the machine', (asked) => (asked.HostConfig.NetworkMode = 'host')],
    ['the processes of the machine', (asked) => (asked.HostConfig.PidMode = 'host')],
    ['a device', (asked) => (asked.HostConfig.Devices = [{ PathOnHost: '/dev/sda' }])],
    ['another runtime', (asked) => (asked.HostConfig.Runtime = '/tmp/mine')],
    ['no bound of memory', (asked) => (asked.HostConfig.Memory = 0)],
    ['options of a tmpfs of its own', (asked) => (asked.HostConfig.Tmpfs['/workspace'] += ',dev')],
    ['no label', (asked) => (asked.Labels = {})],
    [
      'no body',
      (asked) => {
        for (const key of Object.keys(asked)) delete asked[key];
      },
    ],
  ])('a container is not made: %s', async (_, change) => {
    const asked = JSON.parse(JSON.stringify(spec()));
    change(asked);
    expect(await ask('POST', '/containers/create', asked)).toBe(403);
  });

  test.each([
    ['POST', '/build'],
    ['POST', '/images/create?fromImage=debian'],
    ['GET', '/images/json'],
    ['GET', '/containers/json?all=1'],
    ['GET', '/events'],
    ['POST', '/volumes/create'],
    ['POST', '/containers/prune'],
    ['GET', '/v1.41/containers/STRANGER/json'],
    ['POST', '/containers/STRANGER/start'],
    ['DELETE', '/containers/STRANGER?force=1'],
    ['POST', '/containers/STRANGER/exec'],
    ['GET', '/containers/STRANGER/archive?path=/'],
    ['GET', '/containers/../info/../images/json'],
  ])('is not passed on: %s %s', async (method, path) => {
    expect(await ask(method, path.replace('STRANGER', strangerId), method === 'POST' ? {} : undefined)).toBe(403);
  });

  test('nothing is done in a container of Cordon but what the driver does', async () => {
    const engine = createEngine(`unix://${socket}`);
    const id = await engine.create(spec());
    try {
      for (const path of ['exec', 'attach?stream=1', 'rename?name=x', 'kill', 'commit'])
        expect(await ask('POST', `/containers/${id}/${path}`, { Cmd: ['id'] }), path).toBe(403);
      expect(
        await ask('POST', `/containers/${id}/update`, { Memory: 1, MemorySwap: 1, PidsLimit: 1, Devices: [] }),
      ).toBe(403);
      expect(await ask('GET', `/containers/${id}/archive?path=/`)).toBe(403);
    } finally {
      await engine.remove(id);
      engine.close();
    }
  });

  function ask(method: string, path: string, body?: unknown): Promise<number | undefined> {
    return new Promise((resolve, reject) => {
      request({ socketPath: socket, method, path, headers: { 'content-type': 'application/json' } }, (reply) => {
        reply.resume().once('end', () => resolve(reply.statusCode));
      })
        .once('error', reject)
        .end(body === undefined ? undefined : JSON.stringify(body));
    });
  }
});
