/** How fast one run may make Cordon work: so much a second, after a first burst. Who comes sooner waits. */

/** Call for each thing done, with what it costs (1 if absent); answers the milliseconds to wait before the next. */
export type Pace = (cost?: number) => number;

export interface PaceOptions {
  perSecond: number;
  /** What is done at once before anybody waits. */
  burst: number;
  /** Nobody waits longer: a run that has flooded is not kept out for ever by its own flood. */
  longestMs: number;
}

/** `now` in milliseconds, from any start. */
export function createPace(
  { perSecond, burst, longestMs }: PaceOptions,
  now: () => number = () => performance.now(),
): Pace {
  const burstMs = (burst * 1000) / perSecond;
  /** When all that was asked for is earned. */
  let earnedAt = Number.NEGATIVE_INFINITY;
  return (cost = 1) => {
    const nowMs = now();
    earnedAt = Math.min(Math.max(earnedAt, nowMs) + (cost * 1000) / perSecond, nowMs + burstMs + longestMs);
    return Math.max(0, earnedAt - nowMs - burstMs);
  };
}
