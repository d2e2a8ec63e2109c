/** Programs through the harness of the image `node`, on this machine: a door that answers, a barrier, pipes for output. */
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Duplex } from 'node:stream';
import { encodeFrame, frameReader } from '../../../runtime/sandbox/frames.ts';
import { parseGuestEnd } from '../../../runtime/sandbox/guest-end.ts';
import { defaultLimits } from '../../../runtime/sandbox/limits.ts';
import { buildNodeGuest } from '../../../sandbox-images/build/node-guest.ts';
import type { GuestAsked } from './supervisor-bench.ts';

export interface NodeRun {
  /** The last end that the program told; undefined: none. Paths of the workspace as in a container. */
  end: any;
  stdout: string;
  stderr: string;
  /** Output in the order in which it was asked to be read, and what else Cordon heard between. */
  seen: string[];
  displays: { mime: string; data: string }[];
  calls: string[];
  memory: Map<string, unknown>;
  exitCode: number | null;
  signal: string | null;
  tookMs: number;
  /** The workspace afterwards. */
  read(path: string): string;
}

export interface NodeRunOptions {
  input?: unknown;
  files?: Record<string, string>;
  limits?: Record<string, number>;
  flags?: string[];
  env?: Record<string, string>;
  /** Answers one operation instead of the memory. */
  host?: Record<string, (args: any) => unknown>;
  /** Kills the program after this long. */
  stopAfterMs?: number;
}

/** What the host answers to a call that it refuses. */
export const refusal = (name: string, message: string, more: { code?: string; limit?: string } = {}) =>
  Object.assign(new Error(message), { name, ...more });

/** Builds the guest's files once. `close` removes them. */
export async function openNodeGuest() {
  const folder = mkdtempSync(join(tmpdir(), 'cordon-node-guest-'));
  const guest = join(folder, 'guest');
  for (const [path, contents] of await buildNodeGuest()) {
    mkdirSync(dirname(join(guest, path)), { recursive: true });
    writeFileSync(join(guest, path), contents);
  }
  let runs = 0;

  async function run(language: 'javascript' | 'typescript', code: string, options: NodeRunOptions = {}) {
    const place = join(folder, `${++runs}`);
    const workspace = join(place, 'workspace');
    const program = join(place, 'program');
    for (const path of [workspace, program]) mkdirSync(path, { recursive: true });
    for (const [path, text] of Object.entries(options.files ?? {})) {
      mkdirSync(dirname(join(workspace, path)), { recursive: true });
      writeFileSync(join(workspace, path), text);
    }
    writeFileSync(join(program, language === 'typescript' ? 'main.ts' : 'main.js'), code);
    writeFileSync(join(program, 'limits.json'), JSON.stringify({ ...defaultLimits, ...options.limits }));
    if ('input' in options) writeFileSync(join(program, 'input.json'), JSON.stringify(options.input));

    const told: NodeRun = {
      end: undefined,
      stdout: '',
      stderr: '',
      seen: [],
      displays: [],
      calls: [],
      memory: new Map(),
      exitCode: null,
      signal: null,
      tookMs: 0,
      read: (path) => readFileSync(join(workspace, path), 'utf8'),
    };
    const door = join(place, 'door.sock');
    const server = createServer((socket) => serve(socket, told, options.host ?? {}));
    await new Promise<void>((resolve) => server.listen(door, resolve));
    const started = performance.now();
    const child = spawn(
      process.execPath,
      [
        `--require=${guest}/guest.cjs`,
        '--disable-warning=MODULE_TYPELESS_PACKAGE_JSON',
        ...(options.flags ?? []),
        `${guest}/run.cjs`,
        `--door=${door}`,
        `--workspace=${workspace}`,
        `--program=${program}`,
      ],
      {
        cwd: workspace,
        env: { PATH: process.env.PATH, HOME: place, TMPDIR: '/tmp', LANG: 'C.UTF-8', ...options.env },
        stdio: ['ignore', 'pipe', 'pipe', 'pipe', 'pipe'],
      },
    );
    for (const name of ['stdout', 'stderr'] as const)
      child[name]!.setEncoding('utf8').on('data', (text: string) => {
        told[name] += text;
        told.seen.push(`${name} ${text}`);
      });
    // The barrier. The pipes are read in the turn of the event loop that the request came in, or in the next.
    const [, , , ask, answer] = child.stdio as unknown as Duplex[];
    ask!
      .on('data', (asked: Buffer) => setImmediate(() => setImmediate(() => answer!.write(asked))))
      .on('error', () => {});
    answer!.on('error', () => {});
    const timer =
      options.stopAfterMs === undefined ? undefined : setTimeout(() => child.kill('SIGKILL'), options.stopAfterMs);
    await new Promise<void>((resolve) => {
      child.on('close', (exitCode, signal) => {
        Object.assign(told, { exitCode, signal });
        resolve();
      });
    });
    clearTimeout(timer);
    told.tookMs = performance.now() - started;
    server.close();
    const inContainer = (text: string) => text.replaceAll(workspace, '/workspace');
    told.stdout = inContainer(told.stdout);
    told.stderr = inContainer(told.stderr);
    if (told.end !== undefined) told.end = parseGuestEnd(inContainer(told.end));
    return told;
  }

  /** As an image's build does it. */
  const bake = () => execFileSync(process.execPath, [join(guest, 'bake.cjs')]);

  return { run, bake, guest, close: () => rmSync(folder, { recursive: true, force: true }) };
}

function serve(socket: Socket, told: NodeRun, host: NonNullable<NodeRunOptions['host']>) {
  const read = frameReader(64 * 1024 * 1024, (header) => {
    const { t, id, op, args, mime, data, end } = header as GuestAsked;
    const reply = (value: object) => socket.write(encodeFrame({ t: 'reply', id, reply: value }));
    if (t === 'end') {
      told.end = end;
      told.seen.push('end');
      reply({ ok: true });
    } else if (t === 'display') {
      told.displays.push({ mime, data });
      told.seen.push(`display ${data}`);
      reply({ ok: true });
    } else if (t === 'call') {
      told.calls.push(op);
      told.seen.push(op);
      const answer = host[op] ?? answers[op];
      Promise.resolve()
        .then(() => answer!(args, told.memory))
        .then(
          (value) => reply({ ok: true, value }),
          ({ name, message, code, limit }) => reply({ ok: false, error: { name, message, code, limit } }),
        );
    } else {
      socket.destroy();
    }
  });
  socket.on('data', read).on('error', () => {});
}

const answers: Record<string, (args: any, memory: Map<string, any>) => unknown> = {
  'memory.get': ({ key }, memory) =>
    memory.has(key) ? { found: true, value: memory.get(key).value } : { found: false },
  'memory.set': ({ key, value, ifRevision }, memory) => {
    if (ifRevision !== undefined && (memory.get(key)?.revision ?? null) !== ifRevision)
      throw refusal('RevisionMismatch', `${key} has another revision`);
    const revision = (memory.get(key)?.revision ?? 0) + 1;
    memory.set(key, { value, revision });
    return revision;
  },
  'memory.delete': ({ key }, memory) => memory.delete(key),
  'memory.list': ({ prefix }, memory) =>
    [...memory].filter(([key]) => key.startsWith(prefix)).map(([key, { revision }]) => ({ key, revision, bytes: 1 })),
};
