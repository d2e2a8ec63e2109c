/** Blank containers kept ready, and new ones for those who wait. No container serves two runs. */
import type { Container } from './container.ts';

/** What containers can differ in before their run is known. */
export interface Kind {
  imageTag: string;
  runtime: string;
  isGvisor: boolean;
  workspaceInMemory: { bytes: number; files: number } | undefined;
}

export interface PoolOptions {
  start(kind: Kind, name: string): Promise<Container>;
  /** Blank containers to keep of each kind that `keep` names last. */
  warm: number;
  /** At once: blank, leased and not yet removed ones. */
  maxContainers: number;
  /** Sum of what the runs of leased ones may take. */
  maxRamBytes: number;
  /** A container could not be made. */
  onFailed(error: Error): void;
}

export interface ContainerPool {
  /** Keeps blank ones of these kinds from now on, and of no others. */
  keep(kinds: readonly Kind[]): void;
  /** First come, first served. Errors: what making one says; the abort reason. */
  take(kind: Kind, ramBytes: number, signal: AbortSignal): Promise<Taken>;
  counts(): { containers: number; blank: number; leased: number };
  /** The engine is lost: blank ones are worth nothing, and who waits is told. They are made anew after `resume`. */
  pause(why: Error): void;
  resume(): void;
  /** Destroys the blank ones; resolves when all of them are removed. */
  close(): Promise<void>;
}

export interface Taken {
  container: Container;
  /** Call when nothing of it runs any more, or give it back unused: it is destroyed either way. */
  done(): void;
}

interface Waiter {
  kind: Kind;
  ramBytes: number;
  resolve(taken: Taken): void;
  reject(error: unknown): void;
}

/** Containers that are made at once: more only share the same cores and the engine's locks. */
const MADE_AT_ONCE = 3;
const RETRY_MS = 1000;

const same = (a: Kind, b: Kind) =>
  a.imageTag === b.imageTag &&
  a.runtime === b.runtime &&
  a.workspaceInMemory?.bytes === b.workspaceInMemory?.bytes &&
  a.workspaceInMemory?.files === b.workspaceInMemory?.files;

export function createContainerPool(options: PoolOptions): ContainerPool {
  let kept: readonly Kind[] = [];
  let blanks: { kind: Kind; container: Container }[] = [];
  const making: Kind[] = [];
  const leased = new Set<Container>();
  const leaving = new Set<Promise<void>>();
  let waiters: Waiter[] = [];
  let ramBytes = 0;
  let made = 0;
  let paused = false;
  let closed = false;
  let retry: NodeJS.Timeout | undefined;

  const total = () => blanks.length + making.length + leased.size + leaving.size;

  function discard(container: Container): void {
    const gone = container.destroy().then(() => container.removed);
    leaving.add(gone);
    void gone.then(() => {
      leaving.delete(gone);
      pump();
    });
  }

  function lend(waiter: Waiter, container: Container): void {
    leased.add(container);
    ramBytes += waiter.ramBytes;
    let isDone = false;
    waiter.resolve({
      container,
      done() {
        if (isDone) return;
        isDone = true;
        leased.delete(container);
        ramBytes -= waiter.ramBytes;
        discard(container);
        pump();
      },
    });
  }

  /** Serves who waits, in order, then makes what is missing. */
  function pump(): void {
    if (closed) return;
    for (let first = waiters[0]; first !== undefined; first = waiters[0]) {
      if (ramBytes > 0 && ramBytes + first.ramBytes > options.maxRamBytes) return;
      const { kind } = first;
      const index = blanks.findIndex((blank) => same(blank.kind, kind));
      if (index < 0) break;
      waiters.shift();
      lend(first, (blanks.splice(index, 1)[0] as (typeof blanks)[number]).container);
    }
    if (paused || retry) return;
    for (let kind = missing(); kind !== undefined && making.length < MADE_AT_ONCE; kind = missing()) {
      if (total() >= options.maxContainers && !makeRoom(kind)) return;
      make(kind);
    }
  }

  /** The kind that is needed first: those who wait before what is kept ready. */
  function missing(): Kind | undefined {
    const supply = (kind: Kind) =>
      [...blanks.map((blank) => blank.kind), ...making].filter((one) => same(one, kind)).length;
    for (const [index, { kind }] of waiters.entries())
      if (waiters.slice(0, index + 1).filter((one) => same(one.kind, kind)).length > supply(kind)) return kind;
    if (total() >= options.maxContainers) return undefined;
    return kept.find((kind) => supply(kind) < options.warm + waiters.filter((one) => same(one.kind, kind)).length);
  }

  /** A blank one of another kind that nobody waits for gives its place. */
  function makeRoom(kind: Kind): boolean {
    const index = blanks.findIndex(
      (blank) => !same(blank.kind, kind) && !waiters.some((one) => same(one.kind, blank.kind)),
    );
    const found = blanks[index];
    if (found === undefined) return false;
    blanks.splice(index, 1);
    discard(found.container);
    return total() < options.maxContainers;
  }

  function make(kind: Kind): void {
    making.push(kind);
    options
      .start(kind, `c${++made}`)
      .then(
        (container) => {
          making.splice(making.indexOf(kind), 1);
          if (closed || paused) return discard(container);
          const blank = { kind, container };
          blanks.push(blank);
          // A blank one that dies is none.
          void container.door.lost.then(() => {
            const index = blanks.indexOf(blank);
            if (index < 0) return;
            blanks.splice(index, 1);
            discard(container);
          });
        },
        (error: Error) => {
          making.splice(making.indexOf(kind), 1);
          failed(kind, error);
        },
      )
      .finally(pump);
  }

  /** Who waited longest for this kind learns why, as it would have been theirs; more are tried a little later. */
  function failed(kind: Kind, error: Error): void {
    options.onFailed(error);
    const index = waiters.findIndex((waiter) => same(waiter.kind, kind));
    if (index >= 0) waiters.splice(index, 1)[0]?.reject(error);
    retry ??= setTimeout(() => {
      retry = undefined;
      pump();
    }, RETRY_MS);
    retry.unref();
  }

  return {
    keep(kinds) {
      kept = kinds;
      const isKept = ({ kind }: { kind: Kind }) => kinds.some((one) => same(one, kind));
      for (const { container } of blanks.filter((blank) => !isKept(blank))) discard(container);
      blanks = blanks.filter(isKept);
      pump();
    },
    async take(kind, ram, signal) {
      signal.throwIfAborted();
      const { promise, resolve, reject } = Promise.withResolvers<Taken>();
      const waiter: Waiter = { kind, ramBytes: ram, resolve, reject };
      const abort = () => {
        waiters = waiters.filter((one) => one !== waiter);
        reject(signal.reason);
        pump();
      };
      waiters.push(waiter);
      signal.addEventListener('abort', abort, { once: true });
      clearTimeout(retry);
      retry = undefined;
      pump();
      return promise.finally(() => signal.removeEventListener('abort', abort));
    },
    counts: () => ({ containers: total(), blank: blanks.length, leased: leased.size }),
    pause(why) {
      paused = true;
      for (const waiter of waiters.splice(0)) waiter.reject(why);
      for (const { container } of blanks.splice(0)) discard(container);
    },
    resume() {
      paused = false;
      pump();
    },
    async close() {
      closed = true;
      clearTimeout(retry);
      for (const waiter of waiters.splice(0)) waiter.reject(new Error('Cordon is shutting down'));
      for (const { container } of blanks.splice(0)) discard(container);
      while (making.length > 0 || leaving.size > 0) {
        await Promise.all(leaving);
        if (making.length > 0) await new Promise((resolve) => setTimeout(resolve, 20));
      }
    },
  };
}
