/** One run in a container: starts it, watches what it uses from outside, judges its end, and sees the container gone. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Execution, GuestHost, Outcome, Program, SandboxUsage, StopCause } from '../driver.ts';
import type { LimitName } from '../limits.ts';
import { cpuOutcome, lostOutcome, ramOutcome } from '../outcomes.ts';
import type { Container } from './container.ts';
import { outcomeOf } from './container-outcomes.ts';
import type { Engine } from './engine.ts';
import type { EndedMessage } from './messages.ts';

export interface RunIn {
  container: Container;
  engine: Engine;
  /** Called once, when nothing of the container runs any more. */
  onGone(): void;
}

/** How long the supervisor may take to end the guest and to show what was printed. */
const STOP_GRACE_MS = 500;
/** From the death of a container to the judgement of what it died of. */
const DOUBT_MS = 3000;
/** How soon a run at the end of its CPU time is noticed. */
const [SOONEST_MS, LATEST_MS] = [5, 100];
/** The engine's own statistics take their time. */
const STATS_EVERY_MS = 1000;
const LAST_WORDS = 4096;
/** Below this share of one core a guest counts as waiting: its turn can be given away. */
const IDLE_SHARE = 0.05;

export function runInContainer(program: Program, host: GuestHost, { container, engine, onGone }: RunIn): Execution {
  const { door, wayOut, counters } = container;
  const { limits } = program;
  const settled = Promise.withResolvers<{ outcome: Outcome; usage: SandboxUsage }>();
  const decoders = { stdout: new TextDecoder(), stderr: new TextDecoder() };
  const cpuMs = () => Math.max(0, (counters?.cpuMs() ?? fromEngine.cpuMs) - container.cpuMsBefore);
  const fromEngine = { cpuMs: 0, ramPeakBytes: 0 };
  let cause: StopCause | undefined;
  let said: string | undefined;
  let lastWords = '';
  let notKept: LimitName | undefined;
  let isOver = false;
  let isWaiting = false;
  let grace: NodeJS.Timeout | undefined;
  let watch: NodeJS.Timeout | undefined;
  let seenCpuMs = 0;
  let seenAt = performance.now();

  /** The first end counts; it is told when the container is gone. */
  async function finish(outcomeNow: () => Promise<Outcome> | Outcome): Promise<void> {
    if (isOver) return;
    isOver = true;
    clearTimeout(grace);
    clearTimeout(watch);
    const usage = { cpuMs: Math.round(cpuMs() * 1000) / 1000, ramPeakBytes: peak() };
    let outcome: Outcome;
    try {
      outcome = cause ?? (await outcomeNow());
    } catch (error) {
      outcome = lostOutcome((error as Error).message);
    }
    await container.destroy();
    onGone();
    settled.resolve({ outcome, usage });
  }

  const peak = () => counters?.ramPeakBytes() ?? fromEngine.ramPeakBytes;

  function stop(next: StopCause): void {
    if (cause || isOver) return;
    cause = next;
    // Whatever the guest still does, it calls nobody any more.
    wayOut.close();
    door.stop();
    grace = setTimeout(() => void finish(() => next), STOP_GRACE_MS);
  }

  async function ended(message: EndedMessage): Promise<void> {
    for (const stream of ['stdout', 'stderr'] as const) show(stream, decoders[stream].decode());
    await finish(async () =>
      (counters?.oomKills() ?? 0) > 0 ? ramOutcome(program) : outcomeOf(program, message, { said, lastWords, notKept }),
    );
  }

  function show(type: 'stdout' | 'stderr', text: string): void {
    if (text === '') return;
    if (type === 'stderr') lastWords = (lastWords + text).slice(-LAST_WORDS);
    host.output({ type, text });
  }

  /** The supervisor's connection broke although it did not say that the run is over. */
  async function died(): Promise<void> {
    await finish(async () => {
      // Of one that is gone the engine knows, if it answers.
      const sawIt = (counters?.oomKills() ?? 0) > 0;
      if (sawIt || ((await answers()) && (await container.ranOutOfMemory()))) return ramOutcome(program);
      void container.destroy();
      // An engine that is being stopped ends its containers first, and is silent a moment later.
      for (const end = performance.now() + DOUBT_MS; performance.now() < end; await sleep(DOUBT_MS / 10))
        if (!(await answers())) return engineLost;
      return lostOutcome('the container died');
    });
  }

  const answers = () =>
    engine.ping().then(
      () => true,
      () => false,
    );

  /** Reads the counters as often as the guest can come near its end. */
  function look(): void {
    const now = performance.now();
    const used = cpuMs();
    if ((counters?.oomKills() ?? 0) > 0) return stop(ramOutcome(program) as StopCause);
    if (used >= limits.cpuMs) return stop(cpuOutcome(program));
    const idle = used - seenCpuMs < (now - seenAt) * IDLE_SHARE;
    if (idle !== isWaiting) host.waiting(idle);
    isWaiting = idle;
    [seenCpuMs, seenAt] = [used, now];
    watch = setTimeout(look, Math.min(LATEST_MS, Math.max(SOONEST_MS, (limits.cpuMs - used) / 4)));
  }

  async function ask(): Promise<void> {
    try {
      Object.assign(fromEngine, await engine.stats(container.id));
    } catch {
      // The engine's loss is noticed elsewhere.
    }
    if (isOver) return;
    if (cpuMs() >= limits.cpuMs) return stop(cpuOutcome(program));
    watch = setTimeout(() => void ask(), STATS_EVERY_MS);
  }

  const { runId: run, language, code, input } = program;
  if (host.egress) wayOut.open(host.egress.onConnection);
  door.start(
    {
      t: 'start',
      run,
      language,
      code,
      limits,
      carry: container.workspaceInMemory !== undefined,
      ...(input === undefined ? {} : { input: JSON.stringify(input) }),
      ...(host.egress ? { caPem: host.egress.caPem } : {}),
    },
    host,
    {
      output: (stream, bytes) => show(stream, decoders[stream].decode(bytes, { stream: true })),
      end: (json) => {
        said = json;
      },
      ended: (message) => void ended(message),
      notKept: (limit) => {
        notKept ??= limit;
      },
    },
  );
  void door.lost.then(died);
  if (counters) look();
  else void ask();
  return { done: settled.promise, stop };
}

export const engineLost: StopCause = {
  status: 'interrupted',
  error: { name: 'EngineLost', message: 'the container engine was lost while this run went on' },
};
