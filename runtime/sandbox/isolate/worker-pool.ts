/** Worker processes: blank ones ahead, then one agent's until they die. Who gets which, and when one goes. */
import type { Owner } from '../driver.ts';
import type { WorkerProcess } from './walls/walls.ts';
import { createWorker, type Worker } from './worker-client.ts';

export interface PoolOptions {
  spawn(): WorkerProcess;
  /** Kept ready without an owner. */
  blankWorkers: number;
  maxWorkers: number;
  workersPerAgent: number;
  idleMs: number;
  onWorkerLost(detail: string): void;
}

interface Waiter {
  owner: Owner;
  resolve(worker: Worker): void;
  reject(error: unknown): void;
}

/** Starting a worker takes most of a core: more at once would only take turns. */
const STARTING_AT_ONCE = 2;
const REAP_EVERY_MS = 1000;
/** Failed starts in a row after which nobody is kept waiting for the next. */
const GIVE_UP_AFTER = 3;

export function createWorkerPool(options: PoolOptions) {
  const workers = new Set<Worker>();
  const blank: Worker[] = [];
  const owned = new Map<string, Set<Worker>>();
  const waiters: Waiter[] = [];
  let starting = 0;
  let failures = 0;
  let closed = false;
  const reaper = setInterval(inspect, REAP_EVERY_MS);
  reaper.unref();

  const keyOf = (owner: Owner) => `${owner.tenant}/${owner.agent}`;
  const load = (worker: Worker) => worker.running + worker.reserved;

  function start(): void {
    starting++;
    const failed = (error: unknown) => {
      starting--;
      failures++;
      if (failures >= GIVE_UP_AFTER) for (const waiter of waiters.splice(0)) waiter.reject(error);
      setTimeout(refill, Math.min(30_000, 100 * 2 ** failures)).unref();
    };
    let worker: Worker;
    try {
      worker = createWorker(options.spawn(), { onFree, onGone });
    } catch (error) {
      // The machine refuses to fork; not within the caller, who may be in the middle of a lease.
      return void setImmediate(failed, error);
    }
    workers.add(worker);
    worker.ready.then(() => {
      starting--;
      failures = 0;
      blank.push(worker);
      serveWaiters();
      refill();
    }, failed);
  }

  function onFree(): void {
    if (waiters.length === 0) return;
    serveWaiters();
    refill();
  }

  function onGone(worker: Worker, detail: string | undefined): void {
    workers.delete(worker);
    const at = blank.indexOf(worker);
    if (at >= 0) blank.splice(at, 1);
    if (worker.owner) {
      const mine = owned.get(keyOf(worker.owner));
      mine?.delete(worker);
      if (mine?.size === 0) owned.delete(keyOf(worker.owner));
    }
    if (closed) return;
    if (detail !== undefined) options.onWorkerLost(detail);
    serveWaiters();
    refill();
  }

  /** Blank workers that the waiting runs can use: no more than each owner may have besides its own. */
  function wanted(): number {
    const byOwner = new Map<string, number>();
    for (const { owner } of waiters) byOwner.set(keyOf(owner), (byOwner.get(keyOf(owner)) ?? 0) + 1);
    let sum = 0;
    for (const [key, count] of byOwner) {
      const usable = [...(owned.get(key) ?? [])].filter((worker) => !worker.retired).length;
      sum += Math.max(0, Math.min(count, options.workersPerAgent - usable));
    }
    return sum;
  }

  /** Keeps blank workers ready; when the room is used up, the longest idle worker of an agent gives way to who waits. */
  function refill(): void {
    if (closed) return;
    const urgent = waiters.length === 0 ? 0 : wanted();
    if (failures >= GIVE_UP_AFTER) {
      if (urgent > 0 && starting === 0) start();
      return;
    }
    while (starting < STARTING_AT_ONCE && blank.length + starting < options.blankWorkers + urgent) {
      if (workers.size >= options.maxWorkers) {
        const leaving = [...workers].filter((worker) => worker.retired && load(worker) === 0).length;
        if (urgent > starting + leaving) evictIdle();
        return;
      }
      start();
    }
  }

  function evictIdle(): void {
    let oldest: Worker | undefined;
    for (const mine of owned.values())
      for (const worker of mine)
        if (load(worker) === 0 && !worker.retired && (!oldest || worker.idleSince < oldest.idleSince)) oldest = worker;
    oldest?.kill();
  }

  function inspect(): void {
    for (const worker of workers) worker.checkCpu();
    const before = performance.now() - options.idleMs;
    for (const mine of owned.values())
      for (const worker of mine) if (load(worker) === 0 && worker.idleSince < before) worker.kill();
  }

  /** The worker for one more run of this owner, or undefined when it must wait for a blank one (`ownOnly`: others wait for those). */
  function pick(owner: Owner, ownOnly = false): Worker | undefined {
    const key = keyOf(owner);
    const mine = owned.get(key) ?? new Set();
    let best: Worker | undefined;
    let usable = 0;
    for (const worker of mine) {
      if (worker.retired) continue;
      usable++;
      if (!best || load(worker) < load(best)) best = worker;
    }
    if (best && (load(best) === 0 || usable >= options.workersPerAgent || blank.length === 0)) return best;
    if (ownOnly) return best;
    const fresh = blank.shift();
    if (!fresh) return best;
    fresh.owner = owner;
    mine.add(fresh);
    owned.set(key, mine);
    return fresh;
  }

  /** In order, but nobody waits behind an owner whose worker is not to be had yet. */
  function serveWaiters(): void {
    const unserved = new Set<string>();
    for (const waiter of [...waiters]) {
      const key = keyOf(waiter.owner);
      const worker = unserved.has(key) ? undefined : pick(waiter.owner);
      if (!worker) {
        unserved.add(key);
        continue;
      }
      worker.reserved++;
      waiters.splice(waiters.indexOf(waiter), 1);
      waiter.resolve(worker);
    }
  }

  return {
    /** Starts the blank workers; resolves when the first is ready. Errors: what its start failed with. */
    async open(): Promise<void> {
      refill();
      await (workers.values().next().value as Worker | undefined)?.ready;
    },

    /** A worker of this owner with one place reserved (`reserved`): the caller takes it back. Aborting `signal` rejects. */
    take(owner: Owner, signal: AbortSignal): Worker | Promise<Worker> {
      signal.throwIfAborted();
      const ahead = waiters.some((waiter) => keyOf(waiter.owner) === keyOf(owner));
      const worker = ahead ? undefined : pick(owner, waiters.length > 0);
      if (worker) {
        worker.reserved++;
        // After the reservation: what gives way to a blank worker must not be this one.
        refill();
        return worker;
      }
      const { promise, resolve, reject } = Promise.withResolvers<Worker>();
      const waiter: Waiter = { owner, resolve, reject };
      waiters.push(waiter);
      signal.addEventListener('abort', () => {
        const at = waiters.indexOf(waiter);
        if (at >= 0) waiters.splice(at, 1);
        reject(signal.reason);
      });
      failures = Math.min(failures, GIVE_UP_AFTER - 1);
      refill();
      return promise;
    },

    /** The place of a lease that was not used. */
    giveBack(worker: Worker): void {
      worker.reserved--;
      if (worker.retired && load(worker) === 0) worker.kill();
      onFree();
    },

    /** Ends all workers of an owner; resolves when they are gone. */
    async forget(owner: Owner): Promise<void> {
      const mine = [...(owned.get(keyOf(owner)) ?? [])];
      for (const worker of mine) worker.kill();
      await Promise.all(mine.map((worker) => worker.process.exited));
    },

    counts: () => ({
      workers: workers.size,
      blankWorkers: blank.length,
      running: [...workers].reduce((sum, worker) => sum + worker.running, 0),
    }),

    async close(): Promise<void> {
      closed = true;
      clearInterval(reaper);
      for (const waiter of waiters.splice(0)) waiter.reject(new Error('the pool is closed'));
      const all = [...workers];
      for (const worker of all) worker.kill();
      await Promise.all(all.map((worker) => worker.process.exited));
    },
  };
}

export type WorkerPool = ReturnType<typeof createWorkerPool>;
