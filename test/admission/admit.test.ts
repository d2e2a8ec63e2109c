import { describe, expect, it } from 'vitest';
import { checkAdmission } from '../../runtime/admission/admit.ts';
import { createQueue } from '../../runtime/admission/queue.ts';
import { createRate } from '../../runtime/admission/rate.ts';
import { fillQuotas } from '../../runtime/agent/quotas.ts';
import type { CordonError } from '../../runtime/errors.ts';

function admission(bounds = { turns: 1, resident: 1 }, queueLength = 100) {
  let now = 1_000_000;
  const clock = { now: () => now };
  const deps = { queue: createQueue(bounds), rate: createRate(clock), clock, queueLength };
  const push = (agent: string) => deps.queue.push({ agent, concurrentRuns: 1, start() {} });
  const refusal = (quotas: object) => {
    try {
      checkAdmission('t/a', fillQuotas(quotas), deps);
      return undefined;
    } catch (error) {
      return error as CordonError;
    }
  };
  return { ...deps, push, refusal, pass: (ms: number) => (now += ms) };
}

describe('admission', () => {
  it('refuses the run above runsPerMinute until the oldest leaves the window', () => {
    const { rate, refusal, pass } = admission({ turns: 10, resident: 10 });
    rate.add('t/a');
    pass(20_000);
    rate.add('t/a');
    const refused = refusal({ runsPerMinute: 2 });
    expect(refused?.code).toBe('quota_exceeded');
    expect(refused?.details).toMatchObject({
      retryAfterSeconds: 40,
      quota: { name: 'runsPerMinute', limit: 2, used: 2 },
    });
    pass(39_999);
    expect(refusal({ runsPerMinute: 2 })?.code).toBe('quota_exceeded');
    pass(1);
    expect(refusal({ runsPerMinute: 2 })).toBeUndefined();
  });

  it('lets queuedRuns wait and refuses the next, but not a run that starts at once', () => {
    const { push, refusal } = admission();
    expect(refusal({ queuedRuns: 1 })).toBeUndefined();
    push('t/a');
    expect(refusal({ queuedRuns: 1 })).toBeUndefined();
    push('t/a');
    const refused = refusal({ queuedRuns: 1 });
    expect(refused?.details.quota).toEqual({ name: 'queuedRuns', limit: 1, used: 1 });
  });

  it('refuses with 503 when the queue of all agents is full', () => {
    const { push, refusal } = admission({ turns: 1, resident: 1 }, 2);
    for (const agent of ['t/b', 't/c', 't/d']) push(agent);
    const refused = refusal({});
    expect([refused?.code, refused?.status, refused?.details.retryAfterSeconds]).toEqual(['queue_full', 503, 1]);
  });
});
