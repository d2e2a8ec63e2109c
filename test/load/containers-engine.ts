/** The engine is stopped, killed, hung, and comes back, while runs go on. */
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import {
  endless,
  holdsOnlyTheWarmOne,
  isolatesGoOn,
  record,
  report,
  statusOf,
  submit,
  type Trouble,
  untilReady,
  untilStatus,
  works,
} from './containers-service.ts';
import { ask, run } from './server.ts';

const program = `exec python3 -c "import time
while True: time.sleep(0.1)"`;

export function engineTrouble(trouble: () => Trouble): void {
  const ends = async (id: string) => ask(trouble().server, 'POST', `/v1/runs/${id}/cancel`);

  describe('the engine', () => {
    test.each([
      ['SIGTERM', 'is stopped'],
      ['SIGKILL', 'is killed'],
    ] as const)(
      '%s: it %s while runs go on: they are interrupted soon, those that wait run when it is back',
      { timeout: 60_000 },
      async (signal, _) => {
        const { engine, server } = trouble();
        await untilReady(server);
        // All four places are taken.
        const going = [
          await submit(server, endless),
          await submit(server, program),
          await submit(server, endless),
          await submit(server, endless),
        ];
        for (const id of going) await untilStatus(server, id, 'running');
        const waiting = await submit(server, 'echo waited');
        const began = performance.now();
        const gone = engine.signal(signal);
        for (const id of going) await untilStatus(server, id, 'interrupted', 15_000);
        expect(performance.now() - began).toBeLessThan(10_000);
        await gone;
        for (const id of going) expect((await record(server, id)).error.name).toBe('EngineLost');
        expect(engine.guests()).toEqual([]);

        await expect.poll(async () => (await report(server)).available, { timeout: 5000 }).toBe(false);
        expect((await report(server)).reason).toMatch(/No container engine answers .*CORDON_ENGINE/);
        const refused = await run(server, 'default', 'echo', {}, { language: 'shell' });
        expect(refused).toMatchObject({ status: 503, json: { type: 'urn:cordon:problem:driver_unavailable' } });
        expect(refused.json.detail).toMatch(/Start one/);
        await isolatesGoOn(server);
        expect(await statusOf(server, waiting)).toBe('queued');

        await engine.start();
        await untilStatus(server, waiting, 'succeeded');
        await works(server);
        await holdsOnlyTheWarmOne(trouble());
      },
    );

    test(
      'hangs: runs go on and end by their limits, new ones are refused, and it is back as soon as it answers',
      { timeout: 90_000 },
      async () => {
        const { engine, server } = trouble();
        await untilReady(server);
        const going = await submit(server, endless);
        const short = await submit(server, endless, { limits: { wallMs: 2000 } });
        for (const id of [going, short]) await untilStatus(server, id, 'running');
        await engine.signal('SIGSTOP');
        const began = performance.now();
        await untilStatus(server, short, 'timed_out');
        expect(performance.now() - began).toBeLessThan(10_000);
        await expect.poll(async () => (await report(server)).available, { timeout: 25_000, interval: 100 }).toBe(false);
        await isolatesGoOn(server);
        expect((await run(server, 'default', 'echo', {}, { language: 'shell' })).status).toBe(503);
        expect(await statusOf(server, going)).toBe('running');
        await engine.signal('SIGCONT');
        await untilReady(server, { running: 1 });
        await works(server);
        expect(await statusOf(server, going)).toBe('running');
        await ends(going);
        await untilStatus(server, going, 'cancelled');
        await holdsOnlyTheWarmOne(trouble());
      },
    );

    test('restarts while nothing runs: the next run succeeds', { timeout: 90_000 }, async () => {
      const { engine, server } = trouble();
      await engine.signal('SIGTERM');
      await engine.start();
      await sleep(100);
      await expect.poll(async () => (await report(server)).available, { timeout: 30_000 }).toBe(true);
      await works(server);
      await holdsOnlyTheWarmOne(trouble());
    });
  });
}
