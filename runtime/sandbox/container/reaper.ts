/** Removes containers of this installation that nobody owns any more: a crash, or an engine that was lost, left them. */
import { type Engine, EngineError } from './engine.ts';

export interface Reaper {
  /** Removes what is not live; `all`: however young, when none is in the making. Errors: EngineError. */
  sweep(all?: boolean): Promise<void>;
  stop(): void;
}

export interface ReaperDeps {
  engine: Engine;
  label: string;
  isLive(id: string): boolean;
  log: { info(detail: object, text: string): void };
  /** Default: a minute. */
  everyMs?: number;
  /** Longer than a container is in the making; default: two and a half minutes. */
  youngMs?: number;
}

export function keepReaping({ engine, label, isLive, log, everyMs = 60_000, youngMs = 150_000 }: ReaperDeps): Reaper {
  /** Since when we have seen them without an owner: the engine's clock may be another than ours. */
  const seenAtMs = new Map<string, number>();
  let underWay: Promise<void> | undefined;

  async function sweepNow(all: boolean): Promise<void> {
    const now = performance.now();
    const unowned = (await engine.list(label)).map(({ id }) => id).filter((id) => !isLive(id));
    for (const id of seenAtMs.keys()) if (!unowned.includes(id)) seenAtMs.delete(id);
    for (const id of unowned) if (!seenAtMs.has(id)) seenAtMs.set(id, now);
    const orphans = unowned.filter((id) => all || now - (seenAtMs.get(id) ?? now) >= youngMs);
    // One that cannot be removed does not keep the others.
    const removals = await Promise.allSettled(orphans.map((id) => engine.remove(id)));
    const failed = removals.filter((removal) => removal.status === 'rejected');
    const containers = orphans.length - failed.length;
    if (containers > 0) log.info({ containers }, 'containers that nobody owns were removed');
    if (failed[0]) throw failed[0].reason;
  }

  /** One after another: what is being removed is still listed. */
  async function sweep(all = false): Promise<void> {
    while (underWay) await underWay.catch(() => {});
    underWay = sweepNow(all).finally(() => {
      underWay = undefined;
    });
    return underWay;
  }

  const timer = setInterval(() => {
    // An engine that is slower than the timer is not asked more and more.
    if (underWay) return;
    sweep().catch((error) => {
      if (!(error instanceof EngineError)) throw error;
    });
  }, everyMs);
  timer.unref();
  return { sweep, stop: () => clearInterval(timer) };
}
