/** What other hands do to the containers and images of Cordon on the same engine. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { baseTag } from '../sandbox/container/trouble-engine.ts';
import {
  endless,
  holdsOnlyTheWarmOne,
  record,
  report,
  submit,
  type Trouble,
  untilReady,
  untilStatus,
  works,
} from './containers-service.ts';
import { ask, run } from './server.ts';

export function foreignHands(trouble: () => Trouble): void {
  /** A run that goes on, and its container. */
  async function going(more: object = {}) {
    const { engine, server } = trouble();
    await untilReady(server);
    const [container] = await engine.containers();
    const id = await submit(server, endless, more);
    await untilStatus(server, id, 'running');
    return { id, container: engine.docker.getContainer(container as string) };
  }

  async function firstProcess(container: { inspect(): Promise<{ State: { Pid: number } }> }): Promise<number> {
    return (await container.inspect()).State.Pid;
  }

  const parentOf = (pid: number) =>
    Number(/^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1] ?? Number.NaN);

  type Going = Awaited<ReturnType<typeof going>>;
  const deeds: [string, (one: Going) => Promise<unknown>][] = [
    ['its first process killed', async ({ container }) => process.kill(await firstProcess(container), 'SIGKILL')],
    ['its shim killed', async ({ container }) => process.kill(parentOf(await firstProcess(container)), 'SIGKILL')],
    ['removed by force', ({ container }) => container.remove({ force: true })],
  ];

  describe('the container of a run is', () => {
    test.each(deeds)('%s: the run is interrupted, and nothing of it stays', { timeout: 40_000 }, async (_, deed) => {
      const { server } = trouble();
      const one = await going();
      await deed(one);
      await untilStatus(server, one.id, 'interrupted');
      expect((await record(server, one.id)).error.name).toBe('WorkerLost');
      await works(server);
      await holdsOnlyTheWarmOne(trouble());
    });

    test('paused: wallMs ends the run all the same', { timeout: 60_000 }, async () => {
      const { server } = trouble();
      const { id, container } = await going({ limits: { wallMs: 5000 } });
      await container.pause();
      await untilStatus(server, id, 'timed_out');
      await works(server);
      await holdsOnlyTheWarmOne(trouble());
    });

    test('given other limits: the run goes on', { timeout: 40_000 }, async () => {
      const { server } = trouble();
      const { id, container } = await going();
      await container.update({ PidsLimit: 5, CpuShares: 2 });
      await ask(server, 'POST', `/v1/runs/${id}/cancel`);
      await untilStatus(server, id, 'cancelled');
      await holdsOnlyTheWarmOne(trouble());
    });
  });

  test('blank containers that are removed, killed or paused are no loss', { timeout: 60_000 }, async () => {
    const { engine, server } = trouble();
    const deeds = ['remove', 'kill', 'stop'] as const;
    for (const deed of deeds) {
      await untilReady(server);
      const [blank] = await engine.containers();
      const container = engine.docker.getContainer(blank as string);
      await (deed === 'remove' ? container.remove({ force: true }) : container[deed]());
      await works(server);
    }
    await holdsOnlyTheWarmOne(trouble());
  });

  test(
    'a removed image: blank containers still serve, then runs are refused, until it is there again',
    { timeout: 60_000 },
    async () => {
      const { engine, server } = trouble();
      await untilReady(server);
      const image = engine.docker.getImage(baseTag);
      await image.tag({ repo: 'kept', tag: 'kept' });
      await image.remove({ force: true });
      await works(server);
      const early = await run(server, 'default', 'echo early', {}, { language: 'shell' });
      if (early.status === 503) expect(early.json.type).toBe('urn:cordon:problem:driver_unavailable');
      else expect(early.json.error.name).toMatch(/^(EngineFailed|DriverUnavailable)$/);
      await expect.poll(async () => (await report(server)).available, { timeout: 15_000, interval: 100 }).toBe(false);
      const refused = await run(server, 'default', 'echo', {}, { language: 'shell' });
      expect(refused.status).toBe(503);
      expect(refused.json.detail).toContain('npm run images');

      const [repo = '', tag = ''] = baseTag.split(':');
      await engine.docker.getImage('kept:kept').tag({ repo, tag });
      await expect.poll(async () => (await report(server)).available, { timeout: 15_000, interval: 100 }).toBe(true);
      await works(server);
      await holdsOnlyTheWarmOne(trouble());
    },
  );
}
