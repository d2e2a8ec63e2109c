import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, openSync, readdirSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { prepareWalls } from '../../../runtime/sandbox/isolate/walls/walls.ts';
import { jailed, runs } from './processes.ts';

/** A service that starts workers for ever, or two of them when told so, and prints where they are. */
const service = `
import { readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { prepareWalls } from ${JSON.stringify(join(import.meta.dirname, '../../../runtime/sandbox/isolate/walls/walls.ts'))};
const walls = await prepareWalls({ scratchDir: process.argv[2]!, files: new Map([['worker/main.ts', "import { Socket } from 'node:net'; const channel = new Socket({ fd: 3 }); channel.write('ready'); channel.resume().on('end', () => process.exit()); setInterval(() => {}, 1000);"]]) });
const start = () => walls.spawn({ ramBytes: 256 << 20, name: 'orphan' });
const ready = (worker: ReturnType<typeof start>) => new Promise((resolve) => worker.channel.once('data', resolve));
const [first, second] = [start(), start()];
await Promise.all([ready(first), ready(second)]);
const fds = readdirSync('/proc/' + first.pid + '/fd').map((fd) => readlinkSync('/proc/' + first.pid + '/fd/' + fd));
const groups = readFileSync('/proc/' + first.pid + '/cgroup', 'latin1');
console.log(JSON.stringify({ pids: [first.pid, second.pid], fds, groups }));
setInterval(start, 25);
`;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cordon-crash-test-'));
  await chmod(folder, 0o755);
  await writeFile(join(folder, 'service.ts'), service);
  await writeFile(join(folder, 'secret'), 'canary');
});
afterAll(() => rm(folder, { recursive: true }));

describe.skipIf(process.platform !== 'linux')('after kill -9 of the service', () => {
  it('no worker survives, however young; the next start removes folder and cgroups', async () => {
    const scratchDir = join(folder, 'scratch');
    await mkdir(scratchDir);
    // fd 9 is a secret that the service was given by whoever started it, without close-on-exec.
    const secret = openSync(join(folder, 'secret'), 'r');
    const child = spawn(process.execPath, [join(folder, 'service.ts'), scratchDir], {
      stdio: ['ignore', 'pipe', 'inherit', 'ignore', 'ignore', 'ignore', 'ignore', 'ignore', 'ignore', secret],
    });
    const line = await new Promise<string>((resolve, reject) => {
      let text = '';
      child.once('exit', () => reject(new Error('the service ended')));
      (child.stdout as Readable).on('data', (chunk) => {
        text += chunk;
        if (text.includes('\n')) resolve(text);
      });
    });
    const { pids, fds, groups } = JSON.parse(line) as { pids: number[]; fds: string[]; groups: string };
    expect(fds.filter((target) => target.includes('secret'))).toEqual([]);
    // Meanwhile it starts workers, so that some are hit halfway.
    await new Promise((resolve) => setTimeout(resolve, 180));
    expect(jailed(scratchDir).length).toBeGreaterThan(2);
    child.kill('SIGKILL');
    await once(child, 'exit');
    // bubblewrap that was caught before it could tie itself to the service waits for ever, and never starts a worker.
    const workers = () => jailed(scratchDir).filter(({ command }) => command.startsWith('/bin/node'));
    await expect.poll(workers, { timeout: 3000 }).toEqual([]);
    await expect.poll(() => pids.filter(runs), { timeout: 3000 }).toEqual([]);

    expect(readdirSync(scratchDir).length).toBeGreaterThan(0);
    const next = await prepareWalls({ scratchDir });
    expect(readdirSync(scratchDir).filter((name) => name.includes(`-${child.pid}-`))).toEqual([]);
    await expect.poll(() => jailed(scratchDir).filter(({ command }) => command.includes(`-${child.pid}-`))).toEqual([]);
    const left = groups
      .split('\n')
      .filter((line) => line.includes('cordon-'))
      .map((line) => line.split(':') as [string, string, string])
      .filter(([, controllers, path]) => existsSync(join('/sys/fs/cgroup', controllers, path)));
    expect(left).toEqual([]);
    await next.close();
  });
});
