/** Full disks: that of the engine, and that of the service. */
import { execFileSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, rmSync, statfsSync, truncateSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { leftBehind, noMounts } from '../sandbox/container/trouble-engine.ts';
import {
  endsCleanly,
  holdsOnlyTheWarmOne,
  isolatesGoOn,
  record,
  startWithEngine,
  statusOf,
  submit,
  type Trouble,
  tidy,
  untilReady,
  untilStatus,
  works,
} from './containers-service.ts';
import { ask, run, type Server } from './server.ts';

const MiB = 1024 * 1024;

/** An ext4 file system of this size, mounted at `<folder>/<name>`. */
export function mountDisk(folder: string, name: string, mebibytes: number): string {
  const [image, point] = [join(folder, `${name}.ext4`), join(folder, name)];
  writeFileSync(image, '');
  truncateSync(image, mebibytes * MiB);
  execFileSync('mkfs.ext4', ['-q', '-F', '-m', '0', image]);
  mkdirSync(point);
  execFileSync('mount', ['-o', 'loop', image, point]);
  return point;
}

/** Fills a disk up to this much, also one that was filled before; answers how to undo it. */
function fill(disk: string, leave = 0): () => void {
  const ballast = join(disk, 'ballast');
  const fd = openSync(ballast, 'a');
  try {
    for (let size = MiB; size >= 4096; size /= 4)
      for (;;) {
        const { bavail, bsize } = statfsSync(disk);
        if (bavail * bsize < leave + size) break;
        writeSync(fd, Buffer.alloc(size, 1));
      }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
  } finally {
    closeSync(fd);
  }
  return () => rmSync(ballast, { force: true });
}

const skipped = noMounts === undefined ? '' : ` (skipped: ${noMounts})`;

export function fullEngineDisk(trouble: () => Trouble & { engineDisk: string | undefined }): void {
  describe.skipIf(noMounts !== undefined)(`a full disk${skipped}`, () => {
    test(
      'of the engine: runs end as EngineFailed, isolates go on, and it is over when there is room',
      { timeout: 60_000 },
      async () => {
        const { server, engineDisk } = trouble();
        await untilReady(server);
        const empty = fill(engineDisk as string);
        try {
          // The warm one was made before. What a run's container held becomes free with it, so the disk is filled again.
          await works(server);
          const ended = async () => {
            fill(engineDisk as string);
            const id = await submit(server, 'echo no room');
            await expect.poll(() => statusOf(server, id), { timeout: 15_000, interval: 20 }).toMatch(/succ|inter/);
            const { status, error } = await record(server, id);
            return { status, error: error?.name };
          };
          await expect.poll(ended, { timeout: 20_000 }).toEqual({ status: 'interrupted', error: 'EngineFailed' });
          await isolatesGoOn(server);
        } finally {
          empty();
        }
        await works(server);
        await holdsOnlyTheWarmOne(trouble());
      },
    );
  });
}

export function fullServiceDisk(trouble: () => Pick<Trouble, 'engine' | 'folder'>): void {
  describe.skipIf(noMounts !== undefined)(`a full disk${skipped}`, () => {
    test(
      'of the service: runs that it could not hold end as StorageFull, what was kept is there, and it recovers',
      { timeout: 90_000 },
      async () => {
        const { engine, folder } = trouble();
        const disk = mountDisk(folder, 'small', 320);
        const dataDir = join(disk, 'data');
        let server: Server | undefined;
        let empty = () => {};
        const limits = { workspaceBytes: 48 * MiB, files: 1000 };
        const go = async (code: string) => {
          const { json } = await run(server as Server, 'default', code, {}, { language: 'shell', limits });

          return { status: json.status, stdout: json.stdout, error: json.error?.name };
        };
        try {
          server = await startWithEngine(dataDir, engine, { CORDON_MINIMUM_FREE_BYTES: String(16 * MiB) });
          await untilReady(server);
          expect(await go('echo kept > kept.txt')).toMatchObject({ status: 'succeeded' });

          empty = fill(disk, 48 * MiB);
          await expect
            .poll(() => go('echo too much'), { timeout: 5000 })
            .toMatchObject({
              status: 'interrupted',
              error: 'StorageFull',
            });
          empty();
          await expect.poll(() => go('cat kept.txt'), { timeout: 10_000 }).toMatchObject({ stdout: 'kept\n' });

          // Filled by others while a run writes what it was promised.
          const code =
            'echo on; for n in $(seq 40); do head -c 1000000 /dev/urandom > part-$n; sync part-$n; sleep 0.05; done';
          const id = await submit(server, code, { limits });
          await untilStatus(server, id, 'running');
          empty = fill(disk);
          const ended = async () => (await record(server as Server, id)).finishedAt !== null;
          await new Promise((resolve) => setTimeout(resolve, 3000));
          expect((await ask(server, 'GET', '/healthz')).status).toBe(200);
          empty();
          await expect.poll(ended, { timeout: 30_000 }).toBe(true);
          const { status, error } = await record(server, id);
          console.log(`a run whose disk was filled by others: ${status} ${error?.name ?? ''} ${error?.limit ?? ''}`);
          await expect
            .poll(() => go('cat kept.txt; echo again > again.txt && cat again.txt'), { timeout: 20_000 })
            .toMatchObject({ status: 'succeeded', stdout: 'kept\nagain\n' });
          expect((await ask(server, 'GET', '/v1/agents/default/files/kept.txt')).text).toBe('kept\n');

          // As the kernel does when the disk below fails: the agent's file system is read-only from then on.
          const [loop] = leftBehind(dataDir).loops;
          writeFileSync(`/sys/fs/ext4/${loop}/trigger_fs_error`, '1');
          await expect
            .poll(() => go('cat kept.txt again.txt; echo more > more.txt'), { timeout: 20_000 })
            .toMatchObject({ status: 'succeeded', stdout: 'kept\nagain\n' });
          await endsCleanly({ engine, server, dataDir });
        } finally {
          empty();

          await tidy(dataDir, server);
        }
      },
    );
  });
}
