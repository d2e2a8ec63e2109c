import type { Owner } from '../sandbox/driver.ts';

export type LockKind = 'shared' | 'exclusive';

/**
 * Bytes of a file from `start`; `length` 0 means all from there on. fcntl and flock do not see each other's locks, as on
 * Linux. `holder` tells apart what one run holds for several open files; 0 is the run itself.
 */
export interface LockRange {
  path: string;
  space: 'fcntl' | 'flock';
  holder: number;
  start: number;
  length: number;
}

export interface HeldLock {
  kind: LockKind;
  start: number;
  length: number;
}

/** The advisory locks of one run. Paths are names: a file that is renamed leaves its locks behind. */
export interface RunLocks {
  /**
   * Takes a range, or changes what this holder has of it. Waits when told to. Errors: LockError EAGAIN (somebody else
   * has it), EDEADLK (waiting would never end), ENOLCK (too many), EINTR (the run ended).
   */
  take(range: LockRange, kind: LockKind, wait: boolean): Promise<void>;
  /** Gives back a range, or the part of it that is held. Errors: LockError ENOLCK (a split makes too many). */
  drop(range: LockRange): void;
  /** What stands in the way of taking a range. */
  test(range: LockRange, kind: LockKind): HeldLock | undefined;
  /** The run is over: whoever waits is refused, and nothing is granted any more. What is held stays. */
  end(): void;
  /** Gives back everything. */
  release(): void;
}

export interface FileLocks {
  /** The locks of one run of an agent. */
  open(owner: Owner): RunLocks;
}

export type LockErrorCode = 'EAGAIN' | 'EDEADLK' | 'ENOLCK' | 'EINTR';

const meanings: Record<LockErrorCode, string> = {
  EAGAIN: 'resource temporarily unavailable',
  EDEADLK: 'resource deadlock avoided',
  ENOLCK: 'no locks available',
  EINTR: 'interrupted system call',
};

export class LockError extends Error {
  readonly code: LockErrorCode;
  constructor(code: LockErrorCode) {
    super(`${code}: ${meanings[code]}, lock`);
    this.code = code;
  }
}

// Each request looks through the locks of its file: these bound what that costs.
const limits = { locksPerRun: 1024, locksPerFile: 4096, waitsPerRun: 4 };

interface Lock {
  run: symbol;
  holder: number;
  kind: LockKind;
  start: number;
  /** The first byte after it. */
  end: number;
}

interface Wait extends Lock {
  granted(): void;
  refused(error: LockError): void;
}

/** One file in one space. */
interface LockedFile {
  locks: Lock[];
  waits: Wait[];
}

const lockOf = (run: symbol, { holder, start, length }: LockRange, kind: LockKind): Lock => ({
  run,
  holder,
  kind,
  start,
  end: length === 0 ? Number.POSITIVE_INFINITY : start + length,
});

const sameHolder = (a: Lock, b: Lock) => a.run === b.run && a.holder === b.holder;
const overlap = (a: Lock, b: Lock) => a.start < b.end && b.start < a.end;
const conflicts = (a: Lock, b: Lock) =>
  !sameHolder(a, b) && overlap(a, b) && (a.kind === 'exclusive' || b.kind === 'exclusive');

/** What remains of a holder's locks when a range is taken out of them. */
function without(locks: readonly Lock[], range: Lock): Lock[] {
  return locks.flatMap((lock) => {
    if (!sameHolder(lock, range) || !overlap(lock, range)) return [lock];
    const parts: Lock[] = [];
    if (lock.start < range.start) parts.push({ ...lock, end: range.start });
    if (range.end < lock.end) parts.push({ ...lock, start: range.end });
    return parts;
  });
}

/** Adds a range to a holder's locks, one with those of its kind that it touches. */
function joined(locks: readonly Lock[], lock: Lock): Lock[] {
  const rest: Lock[] = [];
  let { start, end } = lock;
  for (const other of without(locks, lock)) {
    if (sameHolder(other, lock) && other.kind === lock.kind && other.start <= end && start <= other.end) {
      start = Math.min(start, other.start);
      end = Math.max(end, other.end);
    } else rest.push(other);
  }
  return [...rest, { ...lock, start, end }];
}

/** The locks of one agent's files, between its runs. */
function createTable() {
  const files = new Map<string, LockedFile>();
  const counts = new Map<symbol, { locks: number; waits: number }>();
  const keyOf = ({ space, path }: LockRange) => `${space}:${path}`;

  const fileOf = (key: string) => files.get(key) ?? { locks: [], waits: [] };

  const countOf = (run: symbol) => counts.get(run) ?? { locks: 0, waits: 0 };
  function setCount(run: symbol, count: { locks: number; waits: number }): void {
    if (count.locks + count.waits === 0) counts.delete(run);
    else counts.set(run, count);
  }

  function setLocks(key: string, file: LockedFile, run: symbol, locks: Lock[]): void {
    const count = countOf(run);
    const of = (list: readonly Lock[]) => list.reduce((sum, lock) => sum + (lock.run === run ? 1 : 0), 0);
    const own = count.locks + of(locks) - of(file.locks);
    const grows = locks.length > file.locks.length;
    if (grows && (own > limits.locksPerRun || locks.length > limits.locksPerFile)) throw new LockError('ENOLCK');
    file.locks = locks;
    setCount(run, { ...count, locks: own });
    tidy(key, file);
  }

  function tidy(key: string, file: LockedFile): void {
    if (file.locks.length + file.waits.length > 0) files.set(key, file);
    else files.delete(key);
  }

  function removeWait(key: string, file: LockedFile, wait: Wait): void {
    file.waits = file.waits.filter((other) => other !== wait);
    const count = countOf(wait.run);
    setCount(wait.run, { ...count, waits: count.waits - 1 });
    tidy(key, file);
  }

  /** Grants what nothing stands in the way of any more, in the order of asking. */
  function wake(key: string, file: LockedFile): void {
    for (const wait of file.waits) {
      if (file.locks.some((lock) => conflicts(lock, wait))) continue;
      removeWait(key, file, wait);
      try {
        setLocks(key, file, wait.run, joined(file.locks, wait));
        wait.granted();
      } catch (error) {
        wait.refused(error as LockError);
      }
    }
  }

  /** Whether the runs in the way of `wanted` wait, over others, for this one. */
  function wouldNeverEnd(run: symbol, wanted: Lock, file: LockedFile): boolean {
    const seen = new Set<symbol>();
    const inTheWay = (lock: Lock, { locks }: LockedFile) =>
      locks.filter((other) => conflicts(other, lock)).map((other) => other.run);
    const next = inTheWay(wanted, file);
    for (let blocker = next.pop(); blocker !== undefined; blocker = next.pop()) {
      if (blocker === run) return true;
      if (seen.has(blocker)) continue;
      seen.add(blocker);
      for (const other of files.values())
        for (const wait of other.waits) if (wait.run === blocker) next.push(...inTheWay(wait, other));
    }
    return false;
  }

  return {
    isEmpty: () => counts.size === 0,
    async take(run: symbol, range: LockRange, kind: LockKind, wait: boolean): Promise<void> {
      const key = keyOf(range);
      const file = fileOf(key);
      const wanted = lockOf(run, range, kind);
      if (!file.locks.some((lock) => conflicts(lock, wanted))) {
        setLocks(key, file, run, joined(file.locks, wanted));
        // A weaker kind than before lets others in.
        wake(key, file);
        return;
      }
      if (!wait) throw new LockError('EAGAIN');
      if (wouldNeverEnd(run, wanted, file)) throw new LockError('EDEADLK');
      const count = countOf(run);
      if (count.waits >= limits.waitsPerRun) throw new LockError('ENOLCK');
      setCount(run, { ...count, waits: count.waits + 1 });
      await new Promise<void>((granted, refused) => {
        file.waits.push({ ...wanted, granted, refused });
      });
    },
    drop(run: symbol, range: LockRange): void {
      const key = keyOf(range);
      const file = files.get(key);
      if (file === undefined) return;
      setLocks(key, file, run, without(file.locks, lockOf(run, range, 'shared')));
      wake(key, file);
    },
    test(run: symbol, range: LockRange, kind: LockKind): HeldLock | undefined {
      const wanted = lockOf(run, range, kind);
      const found = fileOf(keyOf(range)).locks.find((lock) => conflicts(lock, wanted));
      if (found === undefined) return undefined;
      const { start, end } = found;
      return { kind: found.kind, start, length: end === Number.POSITIVE_INFINITY ? 0 : end - start };
    },
    refuseWaits(run: symbol): void {
      for (const [key, file] of [...files])
        for (const wait of file.waits) {
          if (wait.run !== run) continue;
          removeWait(key, file, wait);
          wait.refused(new LockError('EINTR'));
        }
    },
    release(run: symbol): void {
      for (const [key, file] of [...files]) {
        if (!file.locks.some((lock) => lock.run === run)) continue;
        setLocks(
          key,
          file,
          run,
          file.locks.filter((lock) => lock.run !== run),
        );
        wake(key, file);
      }
    },
  };
}

/** Advisory locks of all agents. An agent's table exists while one of its runs holds a lock or waits for one. */
export function createFileLocks(): FileLocks {
  const tables = new Map<string, ReturnType<typeof createTable>>();
  return {
    open({ tenant, agent }) {
      const run = Symbol('run');
      const name = `${tenant}/${agent}`;
      let ended = false;
      function using<T>(body: (table: ReturnType<typeof createTable>) => T): T {
        const table = tables.get(name) ?? createTable();
        try {
          return body(table);
        } finally {
          if (table.isEmpty()) tables.delete(name);
          else tables.set(name, table);
        }
      }
      const end = () => {
        ended = true;
        using((table) => table.refuseWaits(run));
      };
      return {
        async take(range, kind, wait) {
          if (ended) throw new LockError('EINTR');
          return using((table) => table.take(run, range, kind, wait));
        },
        drop: (range) => using((table) => table.drop(run, range)),
        test: (range, kind) => using((table) => table.test(run, range, kind)),
        end,
        release() {
          end();
          using((table) => table.release(run));
        },
      };
    },
  };
}
