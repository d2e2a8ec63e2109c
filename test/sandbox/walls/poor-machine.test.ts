import { spawn } from 'node:child_process';
import { closeSync, existsSync, openSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { WallReport } from '../../../runtime/sandbox/driver.ts';

const service = `
import { prepareWalls } from ${JSON.stringify(join(import.meta.dirname, '../../../runtime/sandbox/isolate/walls/walls.ts'))};
const walls = await prepareWalls({ scratchDir: process.argv[2]!, files: new Map([['worker/main.ts', "import { Socket } from 'node:net'; new Socket({ fd: 3 }).write('ready');"]]) });
const worker = walls.spawn({ ramBytes: 256 << 20, name: 'poor' });
const said = await new Promise((resolve) => { worker.channel.once('data', (chunk) => resolve(String(chunk))); worker.exited.then(() => resolve(worker.stderrTail())); });
console.log(JSON.stringify({ report: walls.report, said }));
await walls.close();
`;

/** What a default container's filter does: unshare and clone with CLONE_NEW* are EPERM, clone3 is ENOSYS (x86-64 numbers). */
const containerFilter = [
  [0x20, 0, 0, 0],
  [0x15, 0, 1, 272],
  [0x06, 0, 0, 0x50001],
  [0x15, 0, 1, 435],
  [0x06, 0, 0, 0x50026],
  [0x15, 0, 4, 56],
  [0x20, 0, 0, 16],
  [0x54, 0, 0, 0x7e020000],
  [0x15, 1, 0, 0],
  [0x06, 0, 0, 0x50001],
  [0x06, 0, 0, 0x7fff0000],
];

const missing =
  process.platform !== 'linux' || process.arch !== 'x64'
    ? 'Linux on x86-64'
    : !existsSync('/usr/bin/bwrap')
      ? 'bubblewrap'
      : process.getuid?.() !== 0
        ? 'root'
        : '';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cordon-poor-test-'));
  await writeFile(join(folder, 'service.ts'), service);
  const filter = Buffer.alloc(containerFilter.length * 8);
  for (const [index, [code = 0, yes = 0, no = 0, value = 0]] of containerFilter.entries()) {
    filter.writeUInt16LE(code, index * 8);
    filter.writeUInt8(yes, index * 8 + 2);
    filter.writeUInt8(no, index * 8 + 3);
    filter.writeUInt32LE(value, index * 8 + 4);
  }
  await writeFile(join(folder, 'filter'), filter);
});
afterAll(() => rm(folder, { recursive: true }));

describe.skipIf(missing !== '')(`a service on a machine with less${missing && ` (skipped: needs ${missing})`}`, () => {
  it('still has the filter, the user and the memory cap where namespaces and cgroups are refused, and says why no jail', async () => {
    const filter = openSync(join(folder, 'filter'), 'r');
    const { report, said } = await runService(['--cap-drop', 'CAP_SYS_ADMIN', '--seccomp', '3'], filter).finally(() =>
      closeSync(filter),
    );
    expect(said).toBe('ready');
    expect(standing(report)).toEqual(['permissions', 'seccomp', 'user', 'ram']);
    expect(detail(report, 'jail')).toMatch(/namespace/);
    expect(detail(report, 'ram')).toMatch(/every 50 ms .*read-only/i);
  });

  it('names the package to install where bubblewrap is missing', async () => {
    const { report, said } = await runService(['--ro-bind', '/dev/null', '/usr/bin/bwrap']);
    expect(said).toBe('ready');
    expect(standing(report)).toEqual(['permissions', 'seccomp', 'user', 'ram']);
    expect(detail(report, 'jail')).toMatch(/install bubblewrap/);
  });
});

const standing = (report: WallReport[]) => report.filter((wall) => wall.stands).map((wall) => wall.name);
const detail = (report: WallReport[], name: string) => report.find((wall) => wall.name === name)?.detail;

/** As a container would show the machine: all of it, but cgroups read-only. */
async function runService(less: string[], fd?: number): Promise<{ report: WallReport[]; said: string }> {
  const command = [...['--dev-bind', '/', '/'], ...['--ro-bind', '/sys', '/sys'], ...less, '--'];
  const child = spawn('/usr/bin/bwrap', [...command, process.execPath, join(folder, 'service.ts'), join(tmpdir())], {
    stdio: ['ignore', 'pipe', 'pipe', fd ?? 'ignore'],
  });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => (text += chunk));
  await new Promise((resolve) => child.once('close', resolve));
  try {
    return JSON.parse(text);
  } catch {
    throw new Error(`the service said: ${text}`);
  }
}
