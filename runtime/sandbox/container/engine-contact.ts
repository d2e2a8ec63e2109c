/** Stays in touch with the engine: finds it, notices when it is gone or hangs, and finds it again. */
import { type Engine, EngineError } from './engine.ts';

/** `broken`: the connection ended, and what the engine ran ends with it. `silent`: it hangs, or there is none. `unfit`: it answers and does not serve. */
export type Loss = 'broken' | 'silent' | 'unfit';

export interface ContactOptions {
  engine: Engine;
  /** Of the containers whose events are followed. */
  label: string;
  /** Finds out what there is. Called at each contact, again when it fails; `signal` aborts when this contact is over. */
  open(signal: AbortSignal): Promise<void>;
  onLost(why: string, how: Loss): void;
}

export interface Contact {
  /** Settles when the engine is open, or it is known that there is none now. */
  readonly opening: Promise<void>;
  /** Opens it anew. */
  renew(): void;
  close(): void;
}

const RETRY_MS = 1000;
const BEAT_MS = 3000;
/** In a row: one may be late on a machine that is busy. */
const MISSED_BEATS = 2;

/** Begins at once. */
export function keepContact({ engine, label, open, onLost }: ContactOptions): Contact {
  let current = new AbortController();
  let retry: NodeJS.Timeout | undefined;
  let isClosed = false;
  let opening = find();

  async function find(): Promise<void> {
    current.abort();
    const mine = new AbortController();
    current = mine;
    const over = new Promise<void>((resolve) => mine.signal.addEventListener('abort', () => resolve()));
    // Who waits for an engine that is lost meanwhile waits no longer.
    const reached = reach(mine).catch((error: Error) => {
      const isSilent = error instanceof EngineError && error.status === undefined;
      lose(mine, error.message, isSilent ? 'silent' : 'unfit');
    });
    await Promise.race([reached, over]);
  }

  async function reach(mine: AbortController): Promise<void> {
    // It has a short deadline of its own: opening the stream of events waits for ever.
    await engine.ping();
    beat(mine);
    const unwatch = await engine.watch(label, (why) => lose(mine, why, 'broken'));
    if (mine.signal.aborted) return unwatch();
    mine.signal.addEventListener('abort', unwatch);
    await open(mine.signal);
  }

  function beat(mine: AbortController): void {
    let missed = 0;
    const timer = setInterval(() => {
      engine.ping().then(
        () => {
          missed = 0;
        },
        (error: Error) => {
          missed++;
          if (missed >= MISSED_BEATS) lose(mine, error.message, 'silent');
        },
      );
    }, BEAT_MS);
    timer.unref();
    mine.signal.addEventListener('abort', () => clearInterval(timer));
  }

  /** Only the contact of now can be lost, and only once. */
  function lose(which: AbortController, why: string, how: Loss): void {
    if (which !== current || which.signal.aborted) return;
    which.abort();
    onLost(why, how);
    retry = setTimeout(renew, RETRY_MS);
    retry.unref();
  }

  function renew(): void {
    clearTimeout(retry);
    if (!isClosed) opening = find();
  }

  return {
    get opening() {
      return opening;
    },
    renew,
    close() {
      isClosed = true;
      clearTimeout(retry);
      current.abort();
    },
  };
}
