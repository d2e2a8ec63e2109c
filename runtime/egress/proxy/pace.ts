/** How fast one run may make Cordon work: so much a second, after a first burst. Who comes sooner waits. */

/** Call for each thing done, with what it costs (1 if absent); answers the milliseconds to wait before it. */
export type Pace = (cost?: number) => number;

/** `now` in milliseconds, from any start. Nobody waits longer than it takes to earn a whole burst. */
export function createPace(perSecond: number, burst: number, now: () => number = () => performance.now()): Pace {
  const burstMs = (burst * 1000) / perSecond;
  /** When all that was asked for is earned. */
  let earnedAt = Number.NEGATIVE_INFINITY;
  return (cost = 1) => {
    const nowMs = now();
    earnedAt = Math.min(Math.max(earnedAt, nowMs) + (cost * 1000) / perSecond, nowMs + 2 * burstMs);
    return Math.max(0, earnedAt - nowMs - burstMs);
  };
}
