/** Many at once, beside one that does its worst. */
import { expect, test } from 'vitest';
import { holdsOnlyTheWarmOne, record, submit, type Trouble, untilReady } from './containers-service.ts';
import { ask } from './server.ts';

const ended = ['succeeded', 'failed', 'timed_out', 'limit_exceeded', 'cancelled', 'interrupted'];

export function many(trouble: () => Trouble): void {
  test('50 runs that are queued at once end without error, a fork bomb beside them', { timeout: 180_000 }, async () => {
    const { server } = trouble();
    await untilReady(server);
    await ask(server, 'POST', '/v1/agents', { id: 'bomber' });
    const bomb = await submit(server, 'bomb() { bomb | bomb & }; bomb; sleep 60', {
      agent: 'bomber',
      limits: { wallMs: 60_000, cpuMs: 20_000 },
    });
    const ids = await Promise.all(Array.from({ length: 50 }, (_, n) => submit(server, `echo ${n}`)));
    const began = performance.now();
    for (const [n, id] of ids.entries()) {
      await expect
        .poll(async () => ended.includes((await record(server, id)).status), { timeout: 120_000, interval: 100 })
        .toBe(true);
      expect(await record(server, id)).toMatchObject({ status: 'succeeded', stdout: `${n}\n` });
    }
    console.log(`50 runs in containers: ${Math.round(performance.now() - began)} ms`);
    await ask(server, 'POST', `/v1/runs/${bomb}/cancel`);
    await expect.poll(async () => ended.includes((await record(server, bomb)).status), { timeout: 20_000 }).toBe(true);
    expect((await record(server, bomb)).status).not.toBe('interrupted');
    await holdsOnlyTheWarmOne(trouble());
  });
}
