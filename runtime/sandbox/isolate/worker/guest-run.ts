/** One run in one isolate: its doors, its timers, its host calls, its counts, its end. */
import type { Json } from '../../../json.ts';
import type { HostReply } from '../../driver.ts';
import { callsAtOnce } from '../../frames.ts';
import type { StartMessage } from '../protocol.ts';
import type { Channel } from './channel.ts';
import {
  arrayBufferOf,
  brokenEnd,
  callId,
  isTooMuch,
  MAX_CALL_BYTES,
  MAX_MESSAGE_CHARS,
  MAX_OP_CHARS,
  plainError,
  readMessage,
  refused,
  refusedArguments,
  tooLargeEnd,
} from './guest-messages.ts';
import { createOutput } from './guest-output.ts';
import { createGuestTimers } from './guest-timers.ts';
import { loadModule } from './load-module.ts';
import type { Engine, GuestBridge, Sandbox } from './sandbox.ts';
import type { Transformed, Transformer } from './transformer.ts';

/** What one call of this process costs it, measured: a flood of them would use a core that no isolate's clock shows. */
const CROSSING_MS = 0.03;
export interface GuestRun {
  readonly id: string;
  /** Milliseconds that threads spent in its isolates: CPU time, and waiting for a core. */
  clockMs(): number;
  /** isolated-vm gave the isolate up at its memory limit; V8 may take seconds to notice, or never. */
  readonly lost: boolean;
  /** A reply of the host to a call. */
  reply(id: number, reply: HostReply, bytes: Buffer | undefined): void;
  /** Ends it now: by the host's word (no limit), or at a limit that this process counts. */
  stop(limit?: 'cpuMs' | 'ramBytes' | 'hostCalls'): void;
}

/** What a run ended with, for the frame `ended`. */
export interface Ended {
  end?: string;
  stopped?: boolean;
  cpuMs: number;
  ramPeakBytes: number;
  unclean: boolean;
}

interface Deps {
  engine: Engine;
  transformer: Transformer;
  channel: Channel;
  /** What it has used: count-watch.ts knows. */
  used: () => { cpuMs: number; growthBytes: number };
  onEnd: (ended: Ended) => void;
}

export function startGuestRun(start: StartMessage, deps: Deps): GuestRun {
  const { channel, transformer, engine } = deps;
  const run = start.run;
  /** Undefined while none is to be had yet. */
  let sandbox: Sandbox | undefined;
  const output = createOutput(start.limits.outputBytes, (items) => channel.send({ t: 'output', run, items }));
  const calls = new Map<number, (reply: HostReply, bytes: Buffer | undefined) => void>();
  const callsWaiting: (() => void)[] = [];
  let nextCall = 1;
  /** Time on this run's account outside its isolate: its source, its calls of this process. */
  let besidesMs = 0;
  let ended = false;
  /** A task failed with a promise that nobody handled: the only end that counts is the one that this makes. */
  let failing = false;
  let sleeping: NodeJS.Timeout | undefined;

  const timers = createGuestTimers({
    fire: (id) => deliver({ timer: id }),
    tooMany: () => finishAtLimit('hostCalls', 'too many timers'),
  });

  let lastClockMs = 0;
  function clockMs(): number {
    if (sandbox && !sandbox.isolate.isDisposed && sandbox.catastrophe === undefined) lastClockMs = sandbox.clockMs();
    return besidesMs + lastClockMs;
  }
  /** Tasks of the isolate that have not come back. */
  const tasks = new Set<Promise<unknown>>();
  function task<T>(promise: Promise<T>): Promise<T> {
    tasks.add(promise);
    const done = () => void tasks.delete(promise);
    promise.then(done, done);
    return promise;
  }

  /** Asks the host; the answer comes through `reply`. Both directions carry copies only. */
  function callHost(
    op: string,
    args: Json,
    bytes: ArrayBuffer | undefined,
  ): Promise<{ reply: HostReply; bytes: Buffer | undefined }> {
    return new Promise((resolve) => {
      const send = () => {
        const id = nextCall++;
        calls.set(id, (reply, replyBytes) => resolve({ reply, bytes: replyBytes }));
        channel.send({ t: 'call', run, id, op, args }, bytes === undefined ? undefined : new Uint8Array(bytes));
      };
      if (calls.size < callsAtOnce) send();
      else callsWaiting.push(send);
    });
  }

  async function answer(
    op: string,
    args: Json,
    bytes: ArrayBuffer | undefined,
  ): Promise<{ reply: HostReply; bytes?: ArrayBuffer }> {
    if (op.length > MAX_OP_CHARS) return { reply: refused('no such operation') };
    if ((bytes?.byteLength ?? 0) > MAX_CALL_BYTES) return { reply: refused('too many bytes for one call', 'EFBIG') };
    if (op === 'module.load') return { reply: await moduleAnswer(args) };
    output.flush();
    if (op === 'sleep') return { reply: await sleep(args) };
    const { reply, bytes: replyBytes } = await callHost(op, args, bytes);
    return { reply, ...(replyBytes ? { bytes: arrayBufferOf(replyBytes) } : {}) };
  }

  /** Not at once: the guest is still in the middle of asking. */
  function refuseCall(id: number | undefined): void {
    if (id !== undefined) setImmediate(() => deliver({ id, ...refusedArguments }));
  }

  const moduleAnswer = async (args: Json): Promise<HostReply> =>
    (await loadModule(args, {
      read: (path) => callHost('fs.readFile', { path }, undefined),
      stat: (path) => callHost('fs.stat', { path }, undefined),
      package: (request) => callHost('module.package', request, undefined),
      transform: (file) => transform(file),
    })) as HostReply;

  /** A guest that cannot wait in any other way. */
  function sleep(args: Json): Promise<HostReply> {
    const ms = Number((args as { ms?: unknown } | null)?.ms);
    return new Promise((resolve) => {
      sleeping = setTimeout(() => resolve({ ok: true }), ms > 0 ? Math.min(ms, 2 ** 31 - 1) : 0);
    });
  }

  /** Undefined: the run ended at a limit while its source was read. */
  async function transform(file: {
    path: string;
    source: string;
    role: 'main' | 'module';
  }): Promise<Transformed | undefined> {
    const left = start.limits.cpuMs - deps.used().cpuMs;
    const end = await transformer.transform(file, { cpuMs: left, ramBytes: start.limits.ramBytes });
    besidesMs += end.clockMs;
    if ('done' in end) return end.done;
    finishAtLimit(end.limit, 'while the source was parsed');
    return undefined;
  }

  const bridge: GuestBridge = {
    crossed() {
      besidesMs += CROSSING_MS;
    },
    post(json, bytes) {
      if (ended) return;
      const message = readMessage(json);
      if (!message || (message.t === 'call' && isTooMuch(json))) return refuseCall(callId(json));
      if (message.t === 'out') output.write(message.stream, message.text);
      else if (message.t === 'timer') timers.set(message.id, message.ms);
      else if (message.t === 'clear') timers.clear(message.id);
      else if (message.t === 'end' && !failing) finish({ end: JSON.stringify(message.end), unclean: false });
      else if (message.t === 'display' && json.length > MAX_MESSAGE_CHARS)
        output.write('stderr', `[display of ${json.length} characters dropped]\n`);
      else if (message.t === 'display') {
        output.flush();
        channel.send({ t: 'display', run, mime: String(message.mime), data: String(message.data) });
      } else if (message.t === 'call') {
        const { id, op, args } = message;
        void answer(String(op), args, bytes).then(({ reply, bytes: replyBytes }) =>
          deliver({ id: Number(id), ...reply }, replyBytes),
        );
      }
    },
    async ask(json, bytes) {
      const message = readMessage(json);
      if (!message || !('op' in message) || isTooMuch(json)) return { json: JSON.stringify(refusedArguments) };
      // Blocks until the isolate is gone: the guest called process.exit, and its end was posted before.
      if (ended || (message.op as string) === 'exit') return new Promise(() => {});
      const answered = await answer(String(message.op), message.args, bytes);
      return { json: JSON.stringify(answered.reply), ...(answered.bytes ? { bytes: answered.bytes } : {}) };
    },
    catastrophe: () => finishAtLimit('ramBytes', 'V8 ran out of memory', true),
  };

  /** Hands an answer or a timer to the guest; text that comes back is the run's end. */
  function deliver(message: object, bytes?: ArrayBuffer): void {
    if (ended) return;
    const delivered = sandbox?.deliver?.(JSON.stringify(message), bytes);
    if (!delivered) return;
    task(delivered).then((end) => {
      if (typeof end === 'string' && (!failing || 'unhandled' in message)) finish({ end, unclean: false });
    }, taskFailed);
  }

  function finishAtLimit(limit: 'cpuMs' | 'ramBytes' | 'hostCalls', why: string, unclean = true): void {
    const error = { name: 'LimitExceeded', message: `${limit} is used up (${start.limits[limit]}): ${why}`, limit };
    finish({ end: JSON.stringify({ status: 'limit_exceeded', error }), unclean });
  }

  /** A task of the isolate failed outside the prelude's reach: its memory limit, or a promise that nobody handled. */
  function taskFailed(error: unknown): void {
    if (ended) return;
    if (sandbox?.catastrophe !== undefined || sandbox?.isolate.isDisposed || /memory limit/.test(String(error)))
      return finishAtLimit('ramBytes', 'the isolate reached its memory limit');
    if (failing) return;
    if (!sandbox?.deliver) return finish({ end: brokenEnd(error), unclean: true });
    failing = true;
    deliver({ unhandled: plainError(error) });
  }

  /** The first end wins. Told to the host when none of this process's threads is in the isolate any more. */
  function finish(how: { end?: string; stopped?: boolean; unclean: boolean }): void {
    if (ended) return;
    ended = true;
    if ((how.end?.length ?? 0) > MAX_MESSAGE_CHARS) how.end = tooLargeEnd;
    timers.close();
    clearTimeout(sleeping);
    output.flush();
    clockMs();
    const { cpuMs, growthBytes } = deps.used();
    const ramPeakBytes = Math.max(growthBytes, how.unclean ? 0 : memoryNow());
    if (sandbox === undefined || sandbox.catastrophe !== undefined) return deps.onEnd({ ...how, cpuMs, ramPeakBytes });
    if (tasks.size === 0) {
      // No thread is in it and none can enter: the host need not wait the tenth of a millisecond that V8 takes to free it.
      deps.onEnd({ ...how, cpuMs, ramPeakBytes });
      return sandbox.retire(!how.unclean);
    }
    sandbox.retire(false);
    if (how.end !== undefined && how.unclean) channel.send({ t: 'ending', run, end: how.end, cpuMs });
    void Promise.allSettled(tasks).then(() => deps.onEnd({ ...how, cpuMs, ramPeakBytes }));
  }

  const memoryNow = () =>
    sandbox === undefined || sandbox.isolate.isDisposed || sandbox.catastrophe !== undefined
      ? 0
      : sandbox.memoryBytes();

  /** A sandbox that comes when the run was stopped meanwhile goes back unused. */
  function enter(given: Sandbox): void {
    if (ended) return given.retire(true);
    sandbox = given;
    given.bind(bridge);
  }

  async function execute(): Promise<void> {
    const prepared = await engine.prepare(start, transform);
    if (prepared === undefined || ended) return;
    if ('end' in prepared) return finish({ end: prepared.end, unclean: false });
    if (waiting) await waiting;
    if (ended) return;
    const given = { input: start.input, limits: start.limits, startedAt: performance.now() };
    const program = JSON.stringify({ ...prepared.program, ...given });
    try {
      const end = await task((sandbox as Sandbox).start(program));
      if (!failing) finish({ end: String(end), unclean: false });
    } catch (error) {
      taskFailed(error);
    }
  }

  const taken = engine.take(start.limits.ramBytes);
  const waiting = taken instanceof Promise ? taken.then(enter) : enter(taken);
  void execute();
  return {
    id: run,
    clockMs,
    get lost() {
      return !ended && sandbox?.isolate.isDisposed === true;
    },
    reply(id, reply, bytes) {
      const settle = calls.get(id);
      calls.delete(id);
      settle?.(reply, bytes);
      if (!ended) callsWaiting.shift()?.();
    },
    stop(limit) {
      if (limit) finishAtLimit(limit, 'ended while it ran');
      else finish({ stopped: true, unclean: true });
    },
  };
}
