/** The supervisor of the images as a child process of a test, without a container: its door is served here. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { HostCall, HostReply, Language } from '../../../runtime/sandbox/driver.ts';
import { encodeFrame, frameReader } from '../../../runtime/sandbox/frames.ts';
import { type GuestEnd, parseGuestEnd } from '../../../runtime/sandbox/guest-end.ts';
import { defaultLimits, type Limits } from '../../../runtime/sandbox/limits.ts';
import { freePort, openCordonSide } from './supervisor-way-out.ts';

const project = join(import.meta.dirname, '../../..');
const python = '/usr/bin/python3';

/** Undefined: the supervisor can run here. Else what is missing. */
export const missing = spawnSync(python, ['-c', '']).status === 0 ? undefined : `${python} is missing`;

/** The tree of /opt/cordon as an image has it, with its places below `folder`. */
function assemble(folder: string, proxyPort: number): string {
  const guest = join(project, 'sandbox-images/guest');
  const opt = join(folder, 'opt');
  for (const part of ['supervisor.py', 'supervisor', 'python', 'bin']) {
    cpSync(join(guest, part), join(opt, part), { recursive: true });
  }
  mkdirSync(join(opt, 'home/.cache'), { recursive: true });
  writeFileSync(join(opt, 'home/.cache/fonts.json'), '{}');
  const shared = JSON.parse(readFileSync(join(guest, 'shared-files.json'), 'utf8'));
  for (const file of shared.files) cpSync(join(project, shared.from, file), join(opt, shared.to, file));
  const file = join(opt, 'python/_cordon/places.py');
  let places = readFileSync(file, 'utf8');
  const replace = (from: string, to: string) => {
    if (!places.includes(from)) throw new Error(`${from} is not in places.py`);
    places = places.replaceAll(from, to);
  };
  replace('/run/cordon/', `${folder}/`);
  replace('PROXY_PORT = 3128', `PROXY_PORT = ${proxyPort}`);
  replace("'/tmp/.cordon'", `'${folder}/run'`);
  replace("'/workspace'", `'${folder}/workspace'`);
  replace("'/tmp/home'", `'${folder}/home'`);
  replace('/opt/cordon/', `${opt}/`);
  writeFileSync(file, places);
  mkdirSync(join(folder, 'workspace'));
  spawnSync(python, ['-m', 'compileall', '-q', opt]);
  return opt;
}

export interface Ended {
  exitCode?: number;
  signal?: number;
  full?: string;
}

export interface SupervisedRun {
  stdout: string;
  stderr: string;
  /** As `stream text`, piece by piece, with the displays between them. */
  shown: string[];
  displays: { mime: string; data: string }[];
  calls: HostCall[];
  end: GuestEnd | undefined;
  /** Undefined: its connection broke. */
  ended: Ended | undefined;
}

export interface RunOptions {
  input?: unknown;
  limits?: Partial<Limits>;
  carry?: boolean;
  /** The run may call out. */
  caPem?: string;
  /** Answers calls that are not of the memory. */
  answer?: (call: HostCall) => Promise<HostReply>;
  /** While it runs, after its first output. */
  meanwhile?: (supervised: Supervised) => Promise<void>;
}

export type Supervised = Awaited<ReturnType<typeof openSupervised>>;

const opened: Supervised[] = [];

/** `openSupervised`, closed after the test. */
export async function open(): Promise<Supervised> {
  const made = await openSupervised();
  opened.push(made);
  return made;
}

export async function closeSupervised(): Promise<void> {
  for (const made of opened.splice(0)) await made.close();
}

/** A blank supervisor that said hello. */
async function openSupervised() {
  const folder = mkdtempSync(join(tmpdir(), 'cordon-supervisor-'));
  chmodSync(folder, 0o755);
  const proxyPort = await freePort();
  const opt = assemble(folder, proxyPort);
  const server = createServer();
  await new Promise<void>((done) => server.listen(join(folder, 'door.sock'), done));
  const egress = await openCordonSide(folder);
  const started = performance.now();
  const child = spawn(python, ['-I', '-S', '-B', join(opt, 'supervisor.py')], {
    stdio: ['ignore', 'inherit', 'inherit'],
    env: {},
  });
  const exited = new Promise<number | null>((done) => child.once('exit', done));
  const { control, frames } = await accept(server, child);
  const hello = await frames.next();
  return {
    folder,
    workspace: join(folder, 'workspace'),
    pid: child.pid as number,
    hello: hello?.header,
    readyMs: performance.now() - started,
    proxyPort,
    answerEgress: egress.answer,
    exited,
    control,
    stop: () => control.write(encodeFrame({ t: 'stop' })),
    status: (name: string) => memoryOf(child.pid as number, name),
    run: (language: Language, code: string, options: RunOptions = {}) =>
      run(server, control, frames, language, code, options),
    async close() {
      control.destroy();
      const late = setTimeout(() => child.kill('SIGKILL'), 5000);
      await exited;
      clearTimeout(late);
      server.close();
      egress.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };

  async function run(
    door: Server,
    socket: Socket,
    from: Frames,
    language: Language,
    code: string,
    { input, limits, carry = false, caPem, answer, meanwhile }: RunOptions,
  ): Promise<SupervisedRun> {
    const memory = new Map<string, unknown>();
    const seen: SupervisedRun = {
      stdout: '',
      stderr: '',
      shown: [],
      displays: [],
      calls: [],
      end: undefined,
      ended: undefined,
    };
    door.on('connection', (guest) => {
      guest.on('error', () => {});
      const read = frameReader(64 * 1024 ** 2, async (header, bytes) => {
        const { id, ...message } = header as GuestAsked;
        // As Cordon's door: what the supervisor sent before is read in this turn of the loop.
        await new Promise(setImmediate);
        guest.write(encodeFrame({ t: 'reply', id, reply: await reply(message, bytes) }));
      });
      guest.on('data', read);
    });

    async function reply(message: Omit<GuestAsked, 'id'>, bytes: Buffer | undefined): Promise<HostReply> {
      if (message.t === 'display') {
        seen.displays.push({ mime: message.mime, data: message.data });
        seen.shown.push(`display ${message.data}`);
        return { ok: true };
      }
      if (message.t === 'end') {
        seen.end = parseGuestEnd(message.end);
        return { ok: true };
      }
      const call = { op: message.op, args: message.args as never, ...(bytes && { bytes }) };
      seen.calls.push(call);
      if (seen.calls.length > (limits?.hostCalls ?? defaultLimits.hostCalls)) return usedUp;
      return answer && !message.op.startsWith('memory.') ? answer(call) : remember(memory, call);
    }

    socket.write(
      encodeFrame({
        t: 'start',
        run: 'run_1',
        language,
        code,
        ...(input === undefined ? {} : { input: JSON.stringify(input) }),
        limits: { ...defaultLimits, ...limits },
        carry,
        ...(caPem === undefined ? {} : { caPem }),
      }),
    );
    let acting: Promise<void> | undefined;
    for (;;) {
      const frame = await from.next();
      if (frame === undefined) break;
      const message = frame.header as GuestAsked & Ended & { stream: 'stdout' | 'stderr' };
      if (message.t === 'call') {
        const { value, error, ok, bytes } = (await answer?.({
          op: message.op,
          args: message.args as never,
          ...(frame.bytes && { bytes: frame.bytes }),
        })) as never as { ok: boolean; value?: unknown; error?: unknown; bytes?: Uint8Array };
        socket.write(encodeFrame({ t: 'reply', id: message.id, reply: { ok, value, error } }, bytes));
        continue;
      }
      if (message.t === 'ended') {
        const { t: _, ...ended } = message;
        seen.ended = ended as Ended;
        break;
      }
      const text = frame.bytes?.toString() ?? '';
      seen[message.stream] += text;
      seen.shown.push(`${message.stream} ${text}`);
      acting ??= meanwhile?.(supervised());
    }
    await acting;
    return seen;
  }

  function supervised(): Supervised {
    return { folder, pid: child.pid, control, stop: () => control.write(encodeFrame({ t: 'stop' })) } as Supervised;
  }
}

/** A message of a guest's modules or of its supervisor: which of these it has, `t` says. */
export interface GuestAsked {
  t: string;
  id: number;
  op: string;
  args: unknown;
  mime: string;
  data: string;
  end: string;
}

type Frame = { header: object; bytes: Buffer | undefined };
interface Frames {
  /** Undefined at the end of the connection. */
  next(): Promise<Frame | undefined>;
}

async function accept(server: Server, child: ChildProcess): Promise<{ control: Socket; frames: Frames }> {
  const control = await new Promise<Socket>((done, fail) => {
    server.once('connection', done);
    child.once('exit', (code) => fail(new Error(`the supervisor ended with ${code} before it was ready`)));
  });
  const come: Frame[] = [];
  let wake = () => {};
  let over = false;
  control.on(
    'data',
    frameReader(64 * 1024 ** 2, (header, bytes) => {
      come.push({ header, bytes });
      wake();
    }),
  );
  control.on('error', () => {});
  control.on('close', () => {
    over = true;
    wake();
  });
  return {
    control,
    frames: {
      async next() {
        while (come.length === 0 && !over) await new Promise<void>((done) => (wake = done));
        return come.shift();
      },
    },
  };
}

const usedUp: HostReply = {
  ok: false,
  error: { name: 'QuotaExceeded', message: 'hostCalls is used up', code: 'EDQUOT', limit: 'hostCalls' },
};

/** The memory of an agent, as far as these tests ask for it. */
function remember(memory: Map<string, unknown>, { op, args }: HostCall): HostReply {
  const { key, value, prefix } = args as { key: string; value: never; prefix: string };
  if (op === 'memory.get')
    return { ok: true, value: memory.has(key) ? { found: true, value: memory.get(key) as never } : { found: false } };
  if (op === 'memory.set') return { ok: true, value: memory.set(key, value).size };
  if (op === 'memory.delete') return { ok: true, value: memory.delete(key) };
  return {
    ok: true,
    value: [...memory.keys()].filter((name) => name.startsWith(prefix)).map((name) => ({ key: name })),
  };
}

/** A size from /proc/PID/status, in bytes. */
function memoryOf(pid: number, name: string): number {
  const found = readFileSync(`/proc/${pid}/status`, 'utf8').match(new RegExp(`${name}:\\s+(\\d+) kB`));
  return Number(found?.[1]) * 1024;
}
