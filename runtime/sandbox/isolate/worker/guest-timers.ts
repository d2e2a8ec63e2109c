/** Timers of one run. The worker's clock decides: guest time never does. */
const MAX_TIMERS = 100_000;
const MAX_MS = 2 ** 31 - 1;

export function createGuestTimers(on: { fire: (id: number) => void; tooMany: () => void }) {
  const timers = new Map<number, NodeJS.Timeout | NodeJS.Immediate>();
  return {
    set(id: number, ms: number): void {
      if (timers.size >= MAX_TIMERS) return on.tooMany();
      stop(timers.get(id));
      const wait = Math.min(Math.max(0, Number(ms) || 0), MAX_MS);
      const fire = () => {
        timers.delete(id);
        on.fire(id);
      };
      // A timer of no time is how the guest waits for its microtasks: a millisecond would be too long.
      timers.set(id, wait === 0 ? setImmediate(fire) : setTimeout(fire, wait));
    },
    clear(id: number): void {
      stop(timers.get(id));
      timers.delete(id);
    },
    close(): void {
      for (const timer of timers.values()) stop(timer);
      timers.clear();
    },
  };
}

function stop(timer: NodeJS.Timeout | NodeJS.Immediate | undefined): void {
  clearTimeout(timer as NodeJS.Timeout);
  clearImmediate(timer as NodeJS.Immediate);
}
