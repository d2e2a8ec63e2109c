/** What the host says of a run whose sandbox did not end it, or not as it should. */
import type { Outcome, Program, StopCause } from './driver.ts';
import { parseGuestEnd } from './guest-end.ts';
import { jsonWeight } from './json-weight.ts';

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

/** Characters of an error's name, message and stack, six each; what reports an end cuts them. */
const ERROR_CHARS = 4 * 1024 * 1024;
/** Of an end, besides those of its result. */
const END_MARKS = 1000;

/** An end that cannot fit, however its result is written: found without parsing it. */
function isTooLarge(json: string, resultBytes: number): boolean {
  if (json.length <= resultBytes) return false;
  // Six characters for a byte at most: an escape.
  if (json.length > 6 * resultBytes + ERROR_CHARS) return true;
  // Each mark is a character of the result, however it is written.
  return jsonWeight(Buffer.from(json), resultBytes + END_MARKS).marks > resultBytes + END_MARKS;
}

/** The prelude keeps `resultBytes`; a guest that got around it meets the same bound here. Errors: ProtocolError. */
export function boundedEnd(program: Program, json: string): Outcome {
  const { resultBytes } = program.limits;
  if (isTooLarge(json, resultBytes)) return tooLarge(resultBytes);
  const end = parseGuestEnd(json);
  const fits = end.result === undefined || json.length * 3 <= resultBytes;
  if (fits || Buffer.byteLength(JSON.stringify(end.result)) <= resultBytes) return end as Outcome;
  return tooLarge(resultBytes);
}

function tooLarge(resultBytes: number): Outcome {
  const message = `The result is larger than resultBytes (${resultBytes})`;
  return { status: 'limit_exceeded', error: { name: 'LimitExceeded', message, limit: 'resultBytes' } };
}
