// Lays out what an attacker wants, lets native code loose inside the walls, and says what each wall promised.
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import {
  prepareWalls,
  type WallName,
  type Walls,
  type WorkerExit,
} from '../../../runtime/sandbox/isolate/walls/walls.ts';
import { read } from './processes.ts';

export interface Finding {
  /** Attempt -> errno name, or `done`. */
  native: Map<string, string>;
  /** Node's own answer to the same from JavaScript. */
  script: string;
  /** /proc/<pid>/status as seen outside. */
  status: string;
  exit: WorkerExit;
  /** Connections that reached the service's sockets. */
  reached: number;
  report: Walls['report'];
  stderr: string;
}

/** The compiled attack, or why there is none. */
export function compileAttack(): { bytes: Buffer } | { missing: string } {
  if (process.platform !== 'linux') return { missing: 'Linux' };
  const folder = mkdtempSync(join(tmpdir(), 'cordon-attack-'));
  try {
    execFileSync('cc', [
      '-shared',
      '-fPIC',
      '-O1',
      '-w',
      '-o',
      join(folder, 'attack.node'),
      join(import.meta.dirname, 'native-attack.c'),
    ]);
    return { bytes: readFileSync(join(folder, 'attack.node')) };
  } catch {
    return { missing: 'a C compiler (cc)' };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const workerSource = `
import { readFileSync, writeSync } from 'node:fs';
import { Socket } from 'node:net';
let script = 'done';
try { readFileSync('/etc/passwd'); } catch (error) { script = error.code; }
writeSync(3, 'script\\t' + script + '\\n');
try { process.dlopen({ exports: {} }, new URL('./attack.node', import.meta.url).pathname); } catch {}
// Then, once it was looked at, use up memory until something ends it.
const eaten: Buffer[] = [];
new Socket({ fd: 3 }).once('data', () => {
  setInterval(() => {
    if (eaten.push(Buffer.alloc(8 << 20, 1)) > 48) process.exit(0);
  }, 4);
});
`;

/** Runs the attack inside all walls but one at most: without two of them it would do harm to the machine that tests. `ending` is what it tries last: some tries end the process. */
export async function attack(bytes: Buffer, ending: string, disable?: WallName): Promise<Finding> {
  const bait = mkdtempSync(join(tmpdir(), 'cordon-bait-'));
  const sibling = spawn('sleep', ['60'], { stdio: 'ignore' });
  let reached = 0;
  const servers: Server[] = [];
  const listen = async (at: string | number) => {
    const server = createServer((socket) => {
      reached++;
      socket.destroy();
    });
    servers.push(server);
    await new Promise<void>((resolve) =>
      typeof at === 'number' ? server.listen(at, '127.0.0.1', resolve) : server.listen(at, resolve),
    );
    return server;
  };
  let walls: Walls | undefined;
  try {
    execFileSync('chmod', ['755', bait]);
    writeFileSync(join(bait, 'open'), 'canary', { mode: 0o644 });
    writeFileSync(join(bait, 'owner'), 'canary', { mode: 0o600 });
    const tcp = await listen(0);
    const abstract = `cordon-test-${process.pid}-${Date.now()}`;
    await listen(join(bait, 'socket'));
    await listen(`\0${abstract}`);
    execFileSync('chmod', ['777', join(bait, 'socket')]);
    const port = (tcp.address() as { port: number }).port;
    const targets = [
      join(bait, 'open'),
      join(bait, 'owner'),
      join(bait, 'socket'),
      abstract,
      port,
      process.pid,
      sibling.pid,
      ending,
    ];
    walls = await prepareWalls({
      disable: disable === undefined ? [] : [disable],
      files: new Map<string, string | Uint8Array>([
        ['worker/main.ts', workerSource],
        ['worker/attack.node', bytes],
        ['targets', `${targets.join('\n')}\n`],
      ]),
    });
    // The probe of the service's own port has been here as well.
    reached = 0;
    const worker = walls.spawn({ ramBytes: 128 * 1024 * 1024, name: 'attack' });
    const native = new Map<string, string>();
    let text = '';
    worker.channel.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
    let isOver = false;
    void worker.exited.then(() => {
      isOver = true;
    });
    // All walls stand when it has said something. Where the attack ends the process, there may be no status any more.
    while (!isOver && (worker.pid === 0 || text === '')) await sleep(5);
    const status = read(`/proc/${worker.pid}/status`);
    worker.channel.write('eat');
    const exit = await worker.exited;
    for (const line of text.split('\n').filter(Boolean)) native.set(...(line.split('\t') as [string, string]));
    const script = native.get('script') ?? `nothing: ${worker.stderrTail()}`;
    native.delete('script');
    return { native, script, status, exit, reached, report: walls.report, stderr: worker.stderrTail() };
  } finally {
    await walls?.close();
    for (const server of servers) server.close();
    sibling.kill('SIGKILL');
    rmSync(bait, { recursive: true, force: true });
  }
}

/** What native code got through, without those attempts whose success is no breach. */
export function breaches(finding: Finding): string[] {
  const harmless = ['end'];
  return [...finding.native]
    .filter(([name, outcome]) => outcome === 'done' && !harmless.includes(name))
    .map(([name]) => name);
}

const standsIn = (finding: Finding, name: WallName) => finding.report.find((wall) => wall.name === name)?.stands;

/** What each wall promises, as assertions that only this wall can hold. `wall-assertions` removes each and sees it fail. */
export const promises: Record<Exclude<WallName, 'isolate'>, (finding: Finding) => void> = {
  permissions(finding) {
    expect(finding.script).toBe('ERR_ACCESS_DENIED');
    expect(standsIn(finding, 'permissions')).toBe(true);
  },
  jail(finding) {
    for (const name of [
      'read a 0644 file of the service',
      'read /etc/passwd',
      "read the service's command line",
      'read /sys',
      'read /dev/urandom',
    ])
      expect([name, finding.native.get(name)]).toEqual([name, 'ENOENT']);
    expect(finding.status).toMatch(/^NSpid:\s+\d+\s+1$/m);
    expect(standsIn(finding, 'jail')).toBe(true);
  },
  seccomp(finding) {
    for (const name of [
      'fork',
      'socket unix',
      'socketpair',
      'keyctl',
      'unshare user',
      'memfd_create',
      'perf_event_open',
      'pidfd_open itself',
      'seccomp',
      'survive its parent',
    ])
      expect([name, finding.native.get(name)]).toEqual([name, 'EPERM']);
    for (const name of ['io_uring_setup', 'clone3', 'openat2'])
      expect([name, finding.native.get(name)]).toEqual([name, 'ENOSYS']);
    expect(finding.status).toMatch(/^Seccomp:\s+2$/m);
    expect(standsIn(finding, 'seccomp')).toBe(true);
  },
  user(finding) {
    expect(finding.status).toMatch(/^Uid:\s+([1-9]\d*)\s+\1\s+\1\s+\1$/m);
    expect(standsIn(finding, 'user')).toBe(true);
  },
  ram(finding) {
    expect(finding.exit).toEqual({ code: null, signal: 'SIGKILL', reason: 'ramBytes' });
    expect(standsIn(finding, 'ram')).toBe(true);
  },
};
