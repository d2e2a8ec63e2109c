/** Timers of one run. The worker's clock decides: guest time never does. */
const MAX_TIMERS = 100_000;
const MAX_MS = 2 ** 31 - 1;

export function createGuestTimers(on: { fire: (id: number) => void; tooMany: () => void }) {
  const timers = new Map<number, NodeJS.Timeout>();
  return {
    set(id: number, ms: number): void {
      if (timers.size >= MAX_TIMERS) return on.tooMany();
      clearTimeout(timers.get(id));
      const wait = Math.min(Math.max(0, Number(ms) || 0), MAX_MS);
      const fire = () => {
        timers.delete(id);
        on.fire(id);
      };
      timers.set(id, setTimeout(fire, wait));
    },
    clear(id: number): void {
      clearTimeout(timers.get(id));
      timers.delete(id);
    },
    close(): void {
      for (const timer of timers.values()) clearTimeout(timer);
      timers.clear();
    },
  };
}
