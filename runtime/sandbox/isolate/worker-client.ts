/** The host's side of one worker process: starts runs in it, answers their calls, judges how they ended. */
import { once } from 'node:events';
import type { Execution, GuestHost, HostReply, Outcome, Owner, Program, StopCause } from '../driver.ts';
import { callsAtOnce, encodeFrame } from '../frames.ts';
import { ProtocolError } from '../guest-end.ts';
import { failedCall, guestFrameReader, mayWeigh, refusedCall } from '../guest-frames.ts';
import { boundedEnd, cpuOutcome, lostOutcome, ramOutcome } from '../outcomes.ts';
import { createThrottle } from '../throttle.ts';
import { createCpuBackstop } from './cpu-backstop.ts';
import { type HostMessage, parseWorkerMessage, type WorkerMessage } from './protocol.ts';
import type { WorkerProcess } from './walls/walls.ts';

/** Largest frame of a worker: a result or a file chunk with room to spare. A larger one costs it its life. */
const MAX_FRAME_BYTES = 96 * 1024 * 1024;
/** What a worker may leave unread before it counts as broken: our memory is not its store. */
const MAX_UNREAD_BYTES = 512 * 1024 * 1024;
/** Frames and chunks read of a worker in 50 ms, and what they cost: twice what honest runs reach, a fifth of a core. */
const PACE = { frames: 6000, cost: 64 * 1024 * 1024 };
/** Bytes on their way to the worker above which the next read waits. */
const MAX_BACKLOG_BYTES = 4 * 1024 * 1024;
/** How long a worker may take to end a run softly before it is killed. */
const STOP_GRACE_MS = 1000;
const RAM_GRACE_MS = 150;
/** How long a process may take to exit after its channel closed. */
const CLOSED_MS = 200;

export interface Worker {
  readonly process: WorkerProcess;
  /** Set at the first lease, never changed: a worker serves one agent until it dies. */
  owner: Owner | undefined;
  /** Resolves when the worker said that it is ready. Rejects when it died before. */
  readonly ready: Promise<void>;
  readonly running: number;
  /** Leases handed out and not yet executed or released. */
  reserved: number;
  /** Takes no further run: it ended one uncleanly, broke the protocol or died. */
  readonly retired: boolean;
  /** Of `performance.now()`: when it last ended a run. */
  idleSince: number;
  execute(program: Program, host: GuestHost): Execution;
  /** Ends it when it uses CPU that no run of it was allowed. Call now and then. */
  checkCpu(): void;
  kill(): void;
}

type CallMessage = Extract<WorkerMessage, { t: 'call' }>;

interface Entry {
  program: Program;
  host: GuestHost;
  cause: StopCause | undefined;
  cpuMs: number;
  /** Calls under way. */
  calls: number;
  growth: number;
  grace: NodeJS.Timeout | undefined;
  settle(end: { outcome: Outcome; usage: { cpuMs: number; ramPeakBytes: number } }): void;
}

export interface WorkerEvents {
  /** A run ended; `worker.running` is already without it. */
  onFree(worker: Worker): void;
  /** `detail` is undefined when it was killed on purpose: idle, evicted, forgotten, after an unclean run. */
  onGone(worker: Worker, detail: string | undefined): void;
}

export function createWorker(process: WorkerProcess, events: WorkerEvents): Worker {
  const entries = new Map<string, Entry>();
  let retired = false;
  let gone = false;
  let dismissed = false;
  let isReady = false;
  let corked = false;
  let idleCounted = false;
  let reading: Promise<unknown> = Promise.resolve();
  let offence = '';
  const backstop = createCpuBackstop(() => process.pid);
  const ready = Promise.withResolvers<void>();
  ready.promise.catch(() => {});

  function send(message: HostMessage, bytes?: Uint8Array): void {
    if (gone) return;
    // What one turn of the event loop sends goes out in one write: each wakes the worker.
    if (!corked) {
      corked = true;
      process.channel.cork();
      setImmediate(() => {
        corked = false;
        process.channel.uncork();
      });
    }
    process.channel.write(encodeFrame(message, bytes));
    if (process.channel.writableLength > MAX_UNREAD_BYTES) condemn('it does not read what it asked for');
  }

  function condemn(why: string): void {
    offence ||= why;
    retired = true;
    process.kill();
  }

  const throttle = createThrottle(PACE);
  throttle.add(process.channel);
  const feed = guestFrameReader(MAX_FRAME_BYTES, {
    onFrame(header, bytes, weight) {
      throttle.count(weight);
      receive(parseWorkerMessage(header), bytes, weight);
    },
  });
  process.channel.on('data', (chunk: Buffer) => {
    try {
      if (gone || offence !== '') return;
      throttle.count(chunk.length);
      feed(chunk);
    } catch (error) {
      condemn((error as Error).message);
    }
  });
  process.channel.on('error', () => condemn('the channel broke'));
  // A worker that only closes its end lives on; one that exits closes it too, and `exited` says so in a moment.
  for (const end of ['end', 'close'])
    process.channel.on(end, () => setTimeout(() => gone || condemn('the channel closed'), CLOSED_MS));

  function receive(message: WorkerMessage, bytes: Buffer | undefined, weight: number): void {
    if (message.t === 'ready') {
      if (isReady) throw new ProtocolError('the worker said twice that it is ready');
      isReady = true;
      backstop.idle();
      return ready.resolve();
    }
    const entry = entries.get(message.run);
    if (!entry) return;
    if (message.t === 'output') for (const [type, text] of message.items) entry.host.output({ type, text });
    else if (message.t === 'display') entry.host.output({ type: 'display', mime: message.mime, data: message.data });
    else if (message.t === 'waiting') entry.host.waiting(message.waiting);
    else if (message.t === 'growth') entry.growth = message.bytes;
    else if (message.t === 'ending') ending(entry, message);
    else if (message.t === 'call') call(entry, message, bytes, weight);
    else ended(entry, message);
  }

  function call(entry: Entry, message: CallMessage, bytes: Buffer | undefined, weight: number): void {
    if (entry.calls >= callsAtOnce) return condemn('it asked more at once than it may');
    if (!mayWeigh(message.op, weight))
      return send({ t: 'reply', run: message.run, id: message.id, reply: refusedCall });
    entry.calls++;
    const work = () => answer(entry, message, bytes).then(() => entry.calls--);
    // Reads go one after another, each when the last one's bytes have left: what a guest does not wait for must not pile up here.
    if (message.op.endsWith('.readFile')) reading = reading.then(drained).then(work);
    else void work();
  }

  /** Never rejects: nobody would handle it, and that would end the service. */
  async function answer(entry: Entry, { id, op, args }: CallMessage, bytes: Buffer | undefined): Promise<void> {
    const run = entry.program.runId;
    if (!entries.has(run)) return;
    try {
      const reply: HostReply = await entry.host.call({ op, args: args as never, ...(bytes ? { bytes } : {}) });
      if (!entries.has(run)) return;
      const { bytes: replyBytes, ...plain } = reply as HostReply & { bytes?: Uint8Array };
      send({ t: 'reply', run, id, reply: plain as HostReply }, replyBytes);
    } catch {
      // A value that came in through the API may be nested more deeply than can be encoded.
      if (entries.has(run)) send({ t: 'reply', run, id, reply: failedCall });
    }
  }

  async function drained(): Promise<void> {
    while (!gone && process.channel.writableLength > MAX_BACKLOG_BYTES)
      await Promise.race([once(process.channel, 'drain').catch(() => {}), process.exited]);
  }

  /** The worker ends a run by itself: if V8 does not let go in time, its cause stands and the worker is killed. */
  function ending(entry: Entry, message: Extract<WorkerMessage, { t: 'ending' }>): void {
    const end = boundedEnd(entry.program, message.end);
    if (end.status === 'limit_exceeded') entry.cause ??= end as StopCause;
    entry.cpuMs = message.cpuMs;
    // V8 takes a gigabyte more each time it nears its limit: what ran out of memory gets little time to unwind.
    entry.grace ??= killLater(
      end.status === 'limit_exceeded' && end.error.limit === 'ramBytes' ? RAM_GRACE_MS : STOP_GRACE_MS,
    );
  }

  const killLater = (ms: number) => setTimeout(() => condemn('it did not end a run in time'), ms);

  function ended(entry: Entry, message: Extract<WorkerMessage, { t: 'ended' }>): void {
    if (message.unclean) retired = true;
    const usage = { cpuMs: Math.round(message.cpuMs * 1000) / 1000, ramPeakBytes: message.ramPeakBytes };
    const outcome = entry.cause ?? (message.end === undefined ? undefined : boundedEnd(entry.program, message.end));
    remove(entry, (outcome ?? lostOutcome('the worker ended the run without a cause')) as Outcome, usage);
    events.onFree(worker);
    if (retired && entries.size === 0 && worker.reserved === 0) worker.kill();
  }

  function remove(entry: Entry, outcome: Outcome, usage = { cpuMs: entry.cpuMs, ramPeakBytes: 0 }): void {
    clearTimeout(entry.grace);
    const ranOut = 'error' in outcome && outcome.error.limit === 'ramBytes';
    if (ranOut) usage.ramPeakBytes = Math.max(usage.ramPeakBytes, entry.program.limits.ramBytes);
    entries.delete(entry.program.runId);
    worker.idleSince = performance.now();
    entry.settle({ outcome, usage });
  }

  function stop(entry: Entry, cause: StopCause): void {
    if (entry.cause || !entries.has(entry.program.runId)) return;
    entry.cause = cause;
    send({ t: 'stop', run: entry.program.runId });
    entry.grace ??= killLater(STOP_GRACE_MS);
  }

  /** Every run that was in it ends with it: the guilty one by its limit, the others as lost. */
  function processGone(end: { code: number | null; signal: string | null; reason?: 'ramBytes' }): void {
    gone = true;
    retired = true;
    throttle.close();
    const detail = offence || (end.reason === 'ramBytes' ? 'out of memory' : `exit ${end.code ?? end.signal}`);
    ready.reject(new Error(`worker died before it was ready: ${detail}: ${process.stderrTail()}`));
    const all = [...entries.values()];
    const guilty =
      end.reason === 'ramBytes'
        ? all.reduce<Entry | undefined>((a, b) => (a && a.growth >= b.growth ? a : b), undefined)
        : undefined;
    for (const entry of all) {
      if (entry.cause) remove(entry, entry.cause);
      else if (entry === guilty) remove(entry, ramOutcome(entry.program));
      else
        remove(
          entry,
          lostOutcome(
            guilty ? 'another run of this agent used up the memory of the worker' : 'the worker process died',
          ),
        );
    }
    events.onGone(worker, dismissed ? undefined : detail);
  }
  void process.exited.then(processGone);

  const worker: Worker = {
    process,
    owner: undefined,
    ready: ready.promise,
    reserved: 0,
    idleSince: performance.now(),
    get running() {
      return entries.size;
    },
    get retired() {
      return retired;
    },
    execute(program, host) {
      const { promise, resolve } = Promise.withResolvers<{
        outcome: Outcome;
        usage: { cpuMs: number; ramPeakBytes: number };
      }>();
      const entry: Entry = {
        program,
        host,
        cause: undefined,
        cpuMs: 0,
        calls: 0,
        growth: 0,
        grace: undefined,
        settle: resolve,
      };
      if (gone) resolve({ outcome: lostOutcome('the worker process died'), usage: { cpuMs: 0, ramPeakBytes: 0 } });
      else {
        entries.set(program.runId, entry);
        backstop.started(program.limits.cpuMs);
        idleCounted = false;
        const { runId: run, language, code, input, limits } = program;
        send({
          t: 'start',
          run,
          language,
          code,
          limits,
          ...(input === undefined ? {} : { input: JSON.stringify(input) }),
        });
      }
      return { done: promise, stop: (cause) => stop(entry, cause) };
    },
    checkCpu() {
      if (gone) return;
      if (entries.size === 0 && !idleCounted) {
        idleCounted = true;
        backstop.idle();
      }
      if (!backstop.exceeded()) return;
      const [only, another] = entries.values();
      if (only && !another) only.cause ??= cpuOutcome(only.program);
      condemn('it used more CPU time than its runs were allowed');
    },
    kill() {
      dismissed = true;
      retired = true;
      process.kill();
    },
  };
  return worker;
}
