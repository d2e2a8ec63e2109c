/** Who may start a run now: rate, queue lengths. A refusal says which limit, how much, until when. */
import type { Quotas } from '../agent/quotas.ts';
import type { Clock } from '../clock.ts';
import { isoTime } from '../clock.ts';
import { CordonError } from '../errors.ts';
import type { Queue } from './queue.ts';
import type { Rate } from './rate.ts';

export interface AdmissionDeps {
  queue: Queue;
  rate: Rate;
  clock: Clock;
  queueLength: number;
}

/** Errors: CordonError quota_exceeded (429), queue_full (503). Nothing is counted by a refusal. */
export function checkAdmission(
  agent: string,
  quotas: Quotas,
  { queue, rate, clock, queueLength }: AdmissionDeps,
): void {
  const { count, resetAt } = rate.used(agent);
  if (count >= quotas.runsPerMinute)
    throw new CordonError(
      'quota_exceeded',
      `runsPerMinute is ${quotas.runsPerMinute}: all are used until ${isoTime(resetAt)}`,
      {
        retryAfterSeconds: Math.max(1, Math.ceil((resetAt - clock.now()) / 1000)),
        quota: { name: 'runsPerMinute', limit: quotas.runsPerMinute, used: count, resetAt: isoTime(resetAt) },
      },
    );
  if (queue.isFree(agent, quotas.concurrentRuns)) return;
  const queued = queue.lengthOf(agent);
  if (queued >= quotas.queuedRuns)
    throw new CordonError(
      'quota_exceeded',
      `queuedRuns is ${quotas.queuedRuns}: ${queued} runs wait; retry when one has ended`,
      {
        retryAfterSeconds: 1,
        quota: { name: 'queuedRuns', limit: quotas.queuedRuns, used: queued },
      },
    );
  if (queue.length >= queueLength)
    throw new CordonError('queue_full', `${queue.length} runs wait, as many as the queue holds`, {
      retryAfterSeconds: 1,
    });
}
