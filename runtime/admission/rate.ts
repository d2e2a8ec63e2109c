/** Runs per minute of each agent, as a sliding window: exact, and no larger than the quota. */
import type { Clock } from '../clock.ts';

const WINDOW_MS = 60_000;

export function createRate(clock: Clock) {
  const windows = new Map<string, number[]>();

  function recent(agent: string): number[] {
    const window = windows.get(agent) ?? [];
    windows.set(agent, window);
    const oldest = clock.now() - WINDOW_MS;
    let gone = 0;
    while (gone < window.length && (window[gone] as number) <= oldest) gone++;
    if (gone > 0) window.splice(0, gone);
    return window;
  }

  return {
    /** How many runs the window holds now, and when the oldest leaves it (ms since the epoch). */
    used(agent: string): { count: number; resetAt: number } {
      const window = recent(agent);
      return { count: window.length, resetAt: (window[0] ?? clock.now()) + WINDOW_MS };
    },
    add(agent: string, at = clock.now()): void {
      recent(agent).push(at);
    },
    forget(agent: string): void {
      windows.delete(agent);
    },
  };
}

export type Rate = ReturnType<typeof createRate>;
