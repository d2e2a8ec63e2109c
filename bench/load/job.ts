/** What the load process is asked, and what it answers: plain data over the channel between the two processes. */
export interface Target {
  port: number;
  path: string;
  headers: Record<string, string>;
  /** Sent in turn. `__N__` becomes a number that no request had before. */
  bodies: string[];
  /** Text that a right answer holds; any other answer ends the benchmark. */
  expect: string;
}

export type Job = { target: Target } /** Ends early, with at least 10 requests, when `withinMs` is over. */ & (
  | { kind: 'one-at-a-time'; count: number; withinMs?: number; keepAnswers?: boolean }
  | { kind: 'callers'; callers: number; durationMs: number; keepAnswers?: boolean }
  /** All at once, each once. A wrong answer is counted and ends nothing. */
  | { kind: 'burst'; count: number }
  /** Server-sent events, one stream at a time. */
  | { kind: 'streams'; count: number }
);

export interface Answered {
  /** Of each request, from its first byte sent to its last byte received. */
  latenciesMs: number[];
  /** From the first request to the last answer. */
  totalMs: number;
  /** What this process used itself, per request. */
  clientCpuMicros: number;
  answers?: string[];
  /** A burst: what the wrong answers were. */
  wrong?: string[];
  /** Streams: until the first event, the first `stdout` event and the end. */
  firstEventMs?: number[];
  firstOutputMs?: number[];
}
