/** A container engine of the test's own: it can be stopped, killed, hung and started again, and nobody else notices. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connectEngine } from '../../../runtime/sandbox/container/engine.ts';
import { imageDefinitions } from '../../../runtime/sandbox/container/image-definitions.ts';
import { createWorkspaces } from '../../../runtime/workspace/workspace.ts';
import { engineAddress, noEngine } from './engine.ts';

/** Of the image `base`, as the sources are now. */
export const baseTag = (await imageDefinitions()).find(({ name }) => name === 'base')?.tag as string;

/** Why such an engine cannot be had here; undefined: it can. */
export const noOwnEngine = await (async () => {
  if (noEngine !== undefined) return noEngine;
  if (process.getuid?.() !== 0) return 'an engine of the test’s own needs root';
  for (const program of ['dockerd', 'unshare'])
    if (!onPath(program)) return `an engine of the test’s own needs ${program}`;
  return connectEngine(engineAddress)
    .getImage(baseTag)
    .inspect()
    .then(
      () => undefined,
      () => `the engine ${engineAddress} has no image ${baseTag}: npm run images`,
    );
})();
if (noOwnEngine !== undefined && noOwnEngine !== noEngine) console.warn(`Tests of trouble are skipped: ${noOwnEngine}`);

/** Why no file systems can be mounted here; undefined: they can. */
export const noMounts = await (async () => {
  const root = mkdtempSync(join(tmpdir(), 'cordon-mounts-'));
  try {
    return await createWorkspaces({ root }).canMount();
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
})();

function onPath(program: string): boolean {
  const folders = [...(process.env.PATH ?? '').split(':'), '/usr/sbin', '/sbin'];
  return folders.some((folder) => existsSync(join(folder, program)));
}

export interface OwnEngine {
  readonly address: string;
  readonly docker: ReturnType<typeof connectEngine>;
  /** Starts it, the first time or again; resolves when it answers. */
  start(): Promise<void>;
  /** Sends its process a signal; SIGTERM and SIGKILL: resolves when it is gone. */
  signal(name: 'SIGTERM' | 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): Promise<void>;
  /** Puts the image `base` there, from the tests' usual engine. */
  loadImage(): Promise<void>;
  /** Ids of all its containers, running or not. */
  containers(): Promise<string[]>;
  /** Processes of this machine that run in its containers. */
  guests(): number[];
  /** Ends it, what it started, and its files. */
  close(): Promise<void>;
}

/** `dataRoot`: where it keeps images and containers; default: in its own temporary folder. */
export async function openOwnEngine(dataRoot?: string): Promise<OwnEngine> {
  const folder = mkdtempSync(join(tmpdir(), 'cordon-engine-'));
  const data = dataRoot ?? join(folder, 'data');
  const address = `unix://${folder}/docker.sock`;
  const docker = connectEngine(address);
  let child: ChildProcess | undefined;
  let gone: Promise<unknown> = Promise.resolve();

  async function start(): Promise<void> {
    const log = openSync(join(folder, 'log'), 'a');
    // A network of its own: an engine removes and makes bridges of the network that it is started in.
    const options = ['--net', 'dockerd', '--bridge=none', '--iptables=false', '--host', address];
    const places = ['--data-root', data, '--exec-root', join(folder, 'exec'), '--pidfile', join(folder, 'pid')];
    child = spawn('unshare', [...options, ...places], {
      env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` },
      stdio: ['ignore', log, log],
    });
    closeSync(log);
    const one = child;
    gone = new Promise((resolve) => one.once('exit', resolve));
    for (const end = performance.now() + 30_000; ; await sleep(50)) {
      const answers = await docker.ping().then(
        () => true,
        () => false,
      );
      if (answers) return;
      if (one.exitCode !== null || performance.now() > end)
        throw new Error(`dockerd does not start: ${readFileSync(join(folder, 'log'), 'utf8').slice(-2000)}`);
    }
  }

  const commands = (pattern: RegExp) =>
    numbersIn('/proc').filter((pid) => {
      const command = read(`/proc/${pid}/cmdline`);
      return pattern.test(command) && command.includes(folder);
    });
  const daemons = () => commands(/^\S*(dockerd|containerd)\0/);
  /** When it is killed, the containers' shims live on. */
  const helpers = () => commands(/containerd|dockerd/);
  const guests = () => numbersIn('/proc').filter((pid) => rootOf(pid).includes(`upperdir=${data}/`));

  mkdirSync(data, { recursive: true });
  await start();
  return {
    address,
    docker,
    start,
    guests,
    async signal(name) {
      child?.kill(name);
      if (name !== 'SIGTERM' && name !== 'SIGKILL') return;
      await gone;
      // Its containerd dies with it, a moment later; the next one would take it for alive while nobody collected it.
      for (let left = 100; left > 0 && daemons().length > 0; left--) await sleep(50);
      rmSync(join(folder, 'exec/containerd/containerd.pid'), { force: true });
    },
    async loadImage() {
      await loadInto(docker);
    },
    containers: async () => (await docker.listContainers({ all: true })).map(({ Id }) => Id),
    async close() {
      child?.kill('SIGCONT');
      child?.kill('SIGTERM');
      await Promise.race([gone, sleep(10_000)]);
      for (let left = 50; left > 0; left--, await sleep(100)) {
        const pids = [...helpers(), ...guests()];
        if (pids.length === 0) break;
        for (const pid of pids) {
          try {
            process.kill(pid, 'SIGKILL');
          } catch {
            // It ended by itself.
          }
        }
      }
      for (const point of mountsBelow(folder, data).reverse()) execFileSync('umount', ['-l', point]);
      rmSync(folder, { recursive: true, force: true });
      if (dataRoot !== undefined) rmSync(dataRoot, { recursive: true, force: true });
    },
  };
}

async function loadInto(docker: ReturnType<typeof connectEngine>): Promise<void> {
  const image = await connectEngine(engineAddress).getImage(baseTag).get();
  const answer = await docker.loadImage(image);
  await new Promise((resolve, reject) => {
    answer.on('end', resolve);
    answer.on('error', reject);
    answer.resume();
  });
  await docker.getImage(baseTag).inspect();
}

const numbersIn = (folder: string) =>
  readdirSync(folder)
    .filter((name) => /^\d+$/.test(name))
    .map(Number);

function read(file: string): string {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    return '';
  }
}

/** What is mounted at the root that a process sees. */
const rootOf = (pid: number) => /^\S+ \S+ \S+ \S+ \/ .*$/m.exec(read(`/proc/${pid}/mountinfo`))?.[0] ?? '';

/** Mount points at or below any of these folders, in the order they were made. */
export const mountsBelow = (...folders: string[]): string[] =>
  readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '')
    .filter((point) => folders.some((folder) => point === folder || point.startsWith(`${folder}/`)));

/** Loop devices that hold a file below this folder. */
export const loopsBelow = (folder: string): string[] =>
  readdirSync('/sys/block').filter((name) => read(`/sys/block/${name}/loop/backing_file`).startsWith(`${folder}/`));

/** What is left of the containers of one data directory on this machine. Nothing, when the service has ended. */
export function leftBehind(dataDir: string): { mounts: string[]; loops: string[]; slots: string[] } {
  const slots = join(dataDir, 'containers');
  return {
    mounts: mountsBelow(dataDir),
    loops: loopsBelow(dataDir),
    slots: existsSync(slots) ? readdirSync(slots) : [],
  };
}
