/** What the host says of a run whose sandbox did not end it, or not as it should. */
import type { Outcome, Program, StopCause } from './driver.ts';
import { parseGuestEnd } from './guest-end.ts';

export const lostOutcome = (message: string): Outcome => ({
  status: 'interrupted',
  error: { name: 'WorkerLost', message },
});

export const ramOutcome = (program: Program): Outcome => ({
  status: 'limit_exceeded',
  error: { name: 'LimitExceeded', message: `ramBytes is used up (${program.limits.ramBytes})`, limit: 'ramBytes' },
});

export const cpuOutcome = (program: Program): StopCause => ({
  status: 'limit_exceeded',
  error: { name: 'LimitExceeded', message: `cpuMs is used up (${program.limits.cpuMs})`, limit: 'cpuMs' },
});

/** The prelude keeps `resultBytes`; a guest that got around it meets the same bound here. */
export function boundedEnd(program: Program, json: string): Outcome {
  const end = parseGuestEnd(json);
  const { resultBytes } = program.limits;
  const fits = end.result === undefined || json.length * 3 <= resultBytes;
  if (fits || Buffer.byteLength(JSON.stringify(end.result)) <= resultBytes) return end as Outcome;
  const message = `The result is larger than resultBytes (${resultBytes})`;
  return { status: 'limit_exceeded', error: { name: 'LimitExceeded', message, limit: 'resultBytes' } };
}
