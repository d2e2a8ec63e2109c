/** Documents are read a few at a time: each takes a thread, a core and up to half a gigabyte. */
import { CordonError } from '../../errors.ts';

export interface OutlineQueue {
  /** Runs `work` when it is its turn; of one tenant one after another. Errors: CordonError `queue_full`. */
  run<T>(tenant: string, work: () => Promise<T>): Promise<T>;
}

const AT_ONCE = 2;
const MOST_WAITING = 20;

export function createOutlineQueue(): OutlineQueue {
  const busy = new Set<string>();
  const waiting: { tenant: string; start: () => void }[] = [];

  function next(): void {
    for (let at = 0; busy.size < AT_ONCE && at < waiting.length; ) {
      const one = waiting[at] as (typeof waiting)[number];
      if (busy.has(one.tenant)) at++;
      else {
        waiting.splice(at, 1);
        busy.add(one.tenant);
        one.start();
      }
    }
  }

  return {
    async run(tenant, work) {
      if (waiting.length >= MOST_WAITING)
        throw new CordonError('queue_full', 'Too many documents of connectors wait to be read', {
          retryAfterSeconds: 30,
        });
      await new Promise<void>((start) => {
        waiting.push({ tenant, start });
        next();
      });
      try {
        return await work();
      } finally {
        busy.delete(tenant);
        next();
      }
    },
  };
}
