// Runs INSIDE the walls, alone, at service start: tries to break them and tells the host over fd 3 what happened.
// It is copied into the jail folder and imports nothing of ours.
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { Socket } from 'node:net';
import { Worker } from 'node:worker_threads';

interface Targets {
  openFile: string;
  ownerFile: string;
  writable: string;
  port: number;
  servicePid: number;
  /** Whether to use up memory afterwards until something kills this process, and how much at most. */
  eatBytes: number;
}

const targets: Targets = JSON.parse(process.argv[2] as string);
const channel = new Socket({ fd: 3 });
const outcomes: Record<string, string> = {};

/** `done ...` means that the wall did not hold; `refused CODE` that it did. */
function attempt(name: string, act: () => unknown): void {
  try {
    const got = act();
    outcomes[name] = got === undefined ? 'done' : `done: ${String(got).slice(0, 80)}`;
  } catch (error) {
    outcomes[name] = `refused ${(error as NodeJS.ErrnoException).code ?? (error as Error).message}`;
  }
}

attempt('read a 0644 file of the service', () => readFileSync(targets.openFile, 'utf8'));
attempt('read a 0600 file of the service', () => readFileSync(targets.ownerFile, 'utf8'));
attempt('read /etc/passwd', () => readFileSync('/etc/passwd', 'utf8').length);
attempt('write a file', () => write(targets.writable));
for (const folder of ['/', '/tmp', '/dev/shm', '/app', '/var/tmp']) attempt(`write in ${folder}`, () => write(folder));
attempt('list processes', () => {
  const others = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  if (others.length === 0) throw new Error('none');
  return others.length;
});
attempt('read the environment of pid 1', () => readFileSync('/proc/1/environ').length);
attempt('see the service process', () => process.kill(targets.servicePid, 0));
attempt('execute a program', () => {
  const ended = spawnSync(process.execPath, ['--version'], { stdio: 'ignore' });
  if (ended.error !== undefined) throw ended.error;
});
attempt('start a thread', () => new Worker('', { eval: true }).on('error', () => {}).unref());
attempt('find an environment variable', () => {
  const names = Object.keys(process.env).filter(
    (name) => !['PWD', 'LD_PRELOAD', '__CF_USER_TEXT_ENCODING'].includes(name),
  );
  if (names.length === 0) throw new Error('none');
  return names.join();
});
connect(() => {
  channel.write(`${JSON.stringify({ outcomes, pid: process.pid })}\n`, eat);
});

function write(folder: string): void {
  const path = `${folder}/cordon-probe-${process.pid}`;
  writeFileSync(path, '', { flag: 'wx' });
  rmSync(path);
}

function connect(then: () => void): void {
  const name = 'connect to a loopback port';
  try {
    const socket = new Socket();
    const end = (outcome: string) => {
      if (outcomes[name] !== undefined) return;
      outcomes[name] = outcome;
      socket.destroy();
      then();
    };
    socket.on('connect', () => end('done'));
    socket.on('error', (error: NodeJS.ErrnoException) => end(`refused ${error.code}`));
    socket.setTimeout(300, () => end('refused TIMEOUT'));
    socket.connect(targets.port, '127.0.0.1');
  } catch (error) {
    outcomes[name] = `refused ${(error as NodeJS.ErrnoException).code}`;
    then();
  }
}

/** In steps, so that a watchdog that looks every 50 ms has its chance, too. */
function eat(): void {
  const eaten: Buffer[] = [];
  channel.on('data', () => {
    const timer = setInterval(() => {
      eaten.push(Buffer.alloc(8 * 1024 * 1024, 1));
      if (eaten.length * 8 * 1024 * 1024 < targets.eatBytes) return;
      clearInterval(timer);
      process.exit(0);
    }, 4);
  });
  channel.on('end', () => process.exit(0));
}
