/** Starts what Cordon is measured against. */
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Target } from './load/job.ts';
import { freePort, type Processes } from './processes.ts';

const folder = join(import.meta.dirname, 'peers');
const platforms: Record<string, string> = { 'linux-x64': 'workerd-linux-64', 'linux-arm64': 'workerd-linux-arm64' };

export interface Peer {
  port: number;
  pid: number;
  target: Target;
}

/** The naive bound, and a target of the same server that answers a constant. */
export async function startNaive(processes: Processes): Promise<{ run: Peer; hello: Peer }> {
  const { port, pid } = await startServer(processes, 'naive.ts');
  const peer = (path: string): Peer => ({ port, pid, target: targetOf(port, path) });
  return { run: peer('/run'), hello: peer('/hello') };
}

/** What a process for each agent, a flushed record and the guest's prelude cost, with nothing else: by `agents/how`. */
export async function startSplit(processes: Processes): Promise<Record<SplitName, Target>> {
  const { port } = await startServer(processes, 'split.ts', processes.folder());
  return Object.fromEntries(splitNames.map((name) => [name, targetOf(port, `/${name}`)])) as Record<SplitName, Target>;
}

export const splitNames = [
  'one/forgotten',
  'one/durable',
  'one/prelude',
  'sixteen/forgotten',
  'sixteen/durable',
  'sixteen/prelude',
] as const;
type SplitName = (typeof splitNames)[number];

async function startServer(processes: Processes, file: string, ...args: string[]) {
  const port = await freePort();
  const child = spawn(process.execPath, ['--no-node-snapshot', join(folder, file), String(port), ...args], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  processes.add(child);
  await listening(port, () => child.exitCode === null);
  return { port, pid: child.pid as number };
}

const targetOf = (port: number, path: string): Target => ({
  ...{ port, path, headers: { 'content-type': 'text/plain' } },
  ...{ bodies: ['return 1+1'], expect: '"result":2' },
});

/** workerd with its Worker Loader. Errors: why it is not to be had here. */
export async function startWorkerd(processes: Processes, say: (line: string) => void): Promise<Peer> {
  await install(processes, say);
  const port = await freePort();
  const child = spawn(
    binary(),
    ['serve', '--experimental', `--socket-addr=http=127.0.0.1:${port}`, join(folder, 'workerd.capnp')],
    { stdio: 'ignore' },
  );
  processes.add(child);
  child.on('error', () => {});
  await listening(port, () => child.exitCode === null && child.pid !== undefined);
  return { port, pid: child.pid as number, target: targetOf(port, '/') };
}

/** The package of this platform, without the wrapper `workerd`, which would fetch one again in an install script. */
function packageName(): string {
  const name = platforms[`${process.platform}-${process.arch}`];
  if (name === undefined) throw new Error(`workerd is not installed on ${process.platform}-${process.arch}`);
  return `@cloudflare/${name}`;
}

const binary = () => join(folder, 'node_modules', packageName(), 'bin', 'workerd');

/** `npm ci` below bench/peers when what lies there is not what the lock file says. */
async function install(processes: Processes, say: (line: string) => void): Promise<void> {
  if (isInstalled()) return;
  say('Installing workerd below bench/peers (npm ci), once: about 160 MB...');
  const child = spawn('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  processes.add(child);
  let words = '';
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    words = (words + chunk).slice(-500);
  });
  const code = await new Promise((resolve) => {
    child.once('error', (error) => {
      words = error.message;
      resolve(1);
    });
    child.once('close', resolve);
  });
  if (code !== 0 || !existsSync(binary()))
    throw new Error(`workerd cannot be installed: ${words.trim() || 'npm gave no binary'}`);
}

function isInstalled(): boolean {
  const installed = `node_modules/${packageName()}`;
  try {
    const versionIn = (file: string) =>
      JSON.parse(readFileSync(join(folder, file), 'utf8')).packages[installed].version;
    return existsSync(binary()) && versionIn('package-lock.json') === versionIn('node_modules/.package-lock.json');
  } catch {
    return false;
  }
}

async function listening(port: number, lives: () => boolean): Promise<void> {
  for (let tries = 0; tries < 1000; tries++) {
    const open = await new Promise<boolean>((resolve) => {
      const socket = createConnection({ port, host: '127.0.0.1' });
      socket.once('connect', () => {
        socket.destroy();
        resolve(true);
      });
      socket.once('error', () => resolve(false));
    });
    if (open) return;
    if (!lives()) throw new Error('it ended at once');
    await sleep(10);
  }
  throw new Error(`nothing listens on port ${port}`);
}
