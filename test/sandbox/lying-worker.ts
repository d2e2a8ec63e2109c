/** A worker that lies, and the host's side of it: the peer is a test's end of a real socket, in the place of a jailed process. */
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import type { GuestHost, GuestOutput, HostCall, HostReply } from '../../runtime/sandbox/driver.ts';
import { encodeFrame, frameReader } from '../../runtime/sandbox/frames.ts';
import type { WorkerExit, WorkerProcess } from '../../runtime/sandbox/isolate/walls/walls.ts';
import { createWorker } from '../../runtime/sandbox/isolate/worker-client.ts';
import { defaultLimits } from '../../runtime/sandbox/limits.ts';

export const MiB = 1024 * 1024;
const folder = mkdtempSync(join(tmpdir(), 'cordon-peer-'));
/** They arrive in the order in which they were asked for. */
const expected: ((peer: Socket) => void)[] = [];
const server = createServer((peer) => expected.shift()?.(peer));
export const run = 'run_1';
export const lost = { status: 'interrupted', error: { name: 'WorkerLost', message: 'the worker process died' } };
export const good = {
  t: 'ended',
  run,
  end: '{"status":"succeeded","result":1}',
  cpuMs: 1.5,
  ramPeakBytes: 7,
  unclean: false,
};

beforeAll(async () => {
  server.listen(join(folder, 'socket'));
  await once(server, 'listening');
});

afterAll(() => {
  server.close();
  rmSync(folder, { recursive: true });
});

/** A worker that is a socket: what it is sent, how often it was killed, what the pool was told. */
export async function meet() {
  const { promise: arriving, resolve: arrived } = Promise.withResolvers<Socket>();
  expected.push(arrived);
  const channel = connect(join(folder, 'socket'));
  const peer = (await arriving).on('error', () => {});
  const { promise: exited, resolve: exit } = Promise.withResolvers<WorkerExit>();
  const seen = { kills: 0, freed: 0, gone: [] as (string | undefined)[], sent: [] as Record<string, unknown>[] };
  const process: WorkerProcess = {
    pid: 0,
    channel,
    exited,
    kill() {
      seen.kills++;
      peer.destroy();
      exit({ code: null, signal: 'SIGKILL' });
    },
    ramBytes: () => 0,
    stderrTail: () => 'its last words',
  };
  const worker = createWorker(process, { onFree: () => seen.freed++, onGone: (_, detail) => seen.gone.push(detail) });
  const read = frameReader(1024 * MiB, (header) => seen.sent.push(header as Record<string, unknown>));
  peer.on('data', read);
  const say = (...messages: object[]) => peer.write(Buffer.concat(messages.map((message) => encodeFrame(message))));
  return { worker, peer, channel, exit, seen, say };
}

type Met = Awaited<ReturnType<typeof meet>>;

/** Starts a run in it whose host answers every call with `answer`. */
export function start({ worker }: Met, runId = run, answer: () => Promise<HostReply> = async () => ({ ok: true })) {
  const outputs: GuestOutput[] = [];
  const calls: HostCall[] = [];
  const waits: boolean[] = [];
  const host: GuestHost = {
    output: (output) => outputs.push(output),
    waiting: (waiting) => waits.push(waiting),
    call(call) {
      calls.push(call);
      return answer();
    },
  };
  const program = { runId, language: 'javascript' as const, code: '1', input: undefined, limits: defaultLimits };
  return { ...worker.execute(program, host), outputs, calls, waits };
}

export async function meetRunning(answer?: () => Promise<HostReply>) {
  const met = await meet();
  return { met, running: start(met, run, answer) };
}

export const calling = (count: number, op = 'memory.get') =>
  Array.from({ length: count }, (_, id) => ({ t: 'call', run, id, op, args: null }));
