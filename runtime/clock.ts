/** Time is passed in, so that tests of windows and expiry need not wait. */
export interface Clock {
  /** Milliseconds since the epoch, as `Date.now()`. */
  now(): number;
}

export const systemClock: Clock = { now: () => Date.now() };

/** ISO 8601 in UTC, as every timestamp of the API. */
export const isoTime = (ms: number): string => new Date(ms).toISOString();
