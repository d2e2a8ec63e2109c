/** The service dies or is stopped while containers work, two services share an engine, orphans are found. */

import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { labels } from '../../runtime/sandbox/container/container-spec.ts';
import { createEngine } from '../../runtime/sandbox/container/engine.ts';
import { keepReaping } from '../../runtime/sandbox/container/reaper.ts';
import { baseTag, leftBehind, type OwnEngine } from '../sandbox/container/trouble-engine.ts';
import {
  endless,
  endsCleanly,
  holdsOnlyTheWarmOne,
  record,
  startWithEngine,
  submit,
  type Trouble,
  tidy,
  untilReady,
  untilStatus,
  works,
} from './containers-service.ts';
import { ask, killServer, run, type Server } from './server.ts';

const KILLS = process.env.CORDON_TEST_LONG ? 20 : 1;

/** Makes a container as a service that died would have left it. */
async function orphan({ docker }: OwnEngine, installation: string): Promise<string> {
  const container = await docker.createContainer({
    Image: baseTag,
    Labels: { [labels.installation]: installation },
    Entrypoint: ['sleep', '1000'],
    HostConfig: { NetworkMode: 'none' },
  });
  await container.start();
  return container.id;
}

const textOf = async (server: Server, path: string) =>
  (await ask(server, 'GET', `/v1/agents/default/files/${path}`)).text;

export function crashes(trouble: () => Pick<Trouble, 'engine' | 'folder'>): void {
  test(
    `kill -9 of the service at ${KILLS} instants: runs are interrupted, orphans go, files that were acknowledged stay`,
    { timeout: 60_000 + KILLS * 30_000 },
    async () => {
      const { engine, folder } = trouble();
      const dataDir = join(folder, 'crash');
      let server: Server | undefined;
      try {
        const acknowledged = new Map<string, string>();
        server = await startWithEngine(dataDir, engine);
        for (let kill = 0; kill < KILLS; kill++) {
          const going = await submit(server, `echo kept > going-${kill}.txt; ${endless}`);
          await untilStatus(server, going, 'running');
          // A file each, one after the other, until the service is gone.
          const one = server;
          let over = false;
          const writing = (async () => {
            for (let n = 0; !over; n++) {
              const name = `f-${kill}-${n}.txt`;
              const code = `seq ${n} 4000 > ${name}; tail -n 1 ${name}`;
              const { json } = await run(one, 'default', code, {}, { language: 'shell' }).catch(() => ({ json: {} }));
              if (json.status !== 'succeeded') return;
              acknowledged.set(name, json.filesChanged[0].sha256);
            }
          })();
          await expect.poll(() => acknowledged.size, { timeout: 20_000 }).toBeGreaterThan(kill);
          await sleep(Math.random() * 1500);
          over = true;
          await killServer(server);
          await writing;

          const began = performance.now();
          server = await startWithEngine(dataDir, engine);
          expect(await record(server, going)).toMatchObject({
            status: 'interrupted',
            error: { name: 'ServiceRestarted' },
          });
          await holdsOnlyTheWarmOne({ engine, server, dataDir });
          expect(performance.now() - began).toBeLessThan(45_000);
          expect(await textOf(server, `going-${kill}.txt`)).toBe('kept\n');
          // As the guest of the next run sees them.
          const sums = [...acknowledged].map(([name, sha256]) => `${sha256}  ${name}\n`).join('');
          const { json } = await run(
            server,
            'default',
            'sha256sum --quiet -c sums && echo all',
            {},
            {
              language: 'shell',
              files: [{ path: 'sums', content: sums }],
            },
          );
          expect(json).toMatchObject({ status: 'succeeded', stdout: 'all\n' });
        }
        await endsCleanly({ engine, server, dataDir });
      } finally {
        await tidy(dataDir, server);
      }
    },
  );

  test('SIGTERM: runs may end, the rest is interrupted, nothing stays', { timeout: 90_000 }, async () => {
    const { engine, folder } = trouble();
    const dataDir = join(folder, 'drain');
    let server: Server | undefined;
    try {
      server = await startWithEngine(dataDir, engine, { CORDON_DRAIN_MS: '8000' });
      await untilReady(server);
      const short = await submit(server, 'echo short > short.txt; sleep 1; echo done');
      const long = await submit(server, `echo long > long.txt; ${endless}`);
      for (const id of [short, long]) await untilStatus(server, id, 'running');
      await endsCleanly({ engine, server, dataDir });
      server = await startWithEngine(dataDir, engine);
      expect(await record(server, short)).toMatchObject({ status: 'succeeded', stdout: 'done\n' });
      expect(await record(server, long)).toMatchObject({
        status: 'interrupted',
        error: { name: 'ServiceRestarted' },
        stdout: 'on\n',
      });
      for (const name of ['short', 'long']) expect(await textOf(server, `${name}.txt`)).toBe(`${name}\n`);
      await untilReady(server);
      await endsCleanly({ engine, server, dataDir });
    } finally {
      await tidy(dataDir, server);
    }
  });

  test('two services on one engine leave each other alone', { timeout: 60_000 }, async () => {
    const { engine, folder } = trouble();
    const [one, other] = ['one', 'other'].map((name) => join(folder, name)) as [string, string];
    let first: Server | undefined;
    let second: Server | undefined;
    try {
      first = await startWithEngine(one, engine);
      await untilReady(first);
      const going = await submit(first, endless);
      await untilStatus(first, going, 'running');
      second = await startWithEngine(other, engine);
      await untilReady(second);
      await works(second);
      await killServer(second);
      second = await startWithEngine(other, engine);
      await untilReady(second);
      expect((await record(first, going)).status).toBe('running');
      await untilReady(first, { running: 1 });
      await ask(first, 'POST', `/v1/runs/${going}/cancel`);
      await untilStatus(first, going, 'cancelled');
      first.child.kill('SIGTERM');
      expect((await first.exited).code).toBe(0);
      await works(second);
      await endsCleanly({ engine, server: second, dataDir: other });
      expect(leftBehind(one).mounts).toEqual([]);
    } finally {
      await tidy(one, first);
      await tidy(other, second);
    }
  });

  describe('the reaper', () => {
    test(
      'removes what nobody owns, at once or when it is old enough, and nothing else',
      { timeout: 30_000 },
      async () => {
        const { engine: own } = trouble();
        const engine = createEngine(own.address);
        const [live, mine, foreign] = [
          await orphan(own, 'here'),
          await orphan(own, 'here'),
          await orphan(own, 'there'),
        ];
        const label = `${labels.installation}=here`;
        const told: object[] = [];
        const log = { info: (detail: object) => void told.push(detail) };
        const reaper = keepReaping({ engine, label, isLive: (id) => id === live, log, everyMs: 20, youngMs: 1500 });
        const there = async () => (await own.containers()).filter((id) => [live, mine, foreign].includes(id)).sort();
        try {
          await sleep(700);
          expect(await there()).toEqual([live, mine, foreign].sort());
          await expect.poll(there, { timeout: 10_000 }).toEqual([live, foreign].sort());
          expect(told).toEqual([{ containers: 1 }]);
          const young = await orphan(own, 'here');
          await reaper.sweep(true);
          expect(await own.containers()).not.toContain(young);
          expect(await there()).toEqual([live, foreign].sort());
        } finally {
          reaper.stop();
          for (const id of [live, foreign]) await own.docker.getContainer(id).remove({ force: true });
          engine.close();
        }
      },
    );
  });
}
