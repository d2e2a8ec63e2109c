/** A test of the tests: the fixture of all attacks fails when a canary is touched or an attack ends in another way. */
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { expectNoStrays, openArena } from './arena.ts';
import type { Arena } from './attack.ts';
import { strays, workerPids } from './processes.ts';

let arena: Arena;
beforeEach(async () => {
  // Shorter than in the other files, which run beside this one and must not see its stray.
  arena = await openArena({ strayWaitMs: 300 });
}, 30_000);
afterEach(() => arena.close(), 30_000);

describe('the canaries', () => {
  test('stand when nothing was touched, and see the workers that there are', async () => {
    await arena.honestRun();
    await expectNoStrays();
    await arena.canaries();
    expect(workerPids().length).toBeGreaterThan(0);
    await expectNoStrays();
  });

  test.each([
    ['the host file is written', async () => writeFileSync(arena.aim().hostFile, 'evil')],
    [
      'the port is reached',
      () =>
        new Promise<void>((resolve) => {
          connect(arena.aim().port, '127.0.0.1').on('close', () => resolve());
        }),
    ],
    ['the memory of the victim changes', () => arena.call('PUT', '/v1/agents/victim/memory/secret', { a: 1 })],
    ['the victim gets one more entry', () => arena.call('PUT', '/v1/agents/victim/memory/new', 1)],
    ['the file of the victim changes', () => arena.call('PUT', '/v1/agents/victim/files/secret.txt', 'evil')],
    ['the victim gets one more file', () => arena.call('PUT', '/v1/agents/victim/files/new.txt', 'evil')],
  ] as [string, () => Promise<unknown>][])('fail when %s', async (_what, touch) => {
    await touch();
    await expect(arena.canaries()).rejects.toThrow();
  });

  test.skipIf(process.getuid?.() !== 0)(
    'fail when a process of a worker’s user is left behind (needs root)',
    async () => {
      const parent = spawn('sh', ['-c', 'setsid sleep 30 & echo $!'], {
        uid: 2_000_000_001,
        gid: 2_000_000_001,
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      const pid = await new Promise<number>((resolve) => parent.stdout.once('data', (text) => resolve(Number(text))));
      try {
        await expect.poll(() => strays().map((stray) => stray.pid)).toContain(pid);
        await expect(arena.canaries()).rejects.toThrow();
      } finally {
        process.kill(pid, 'SIGKILL');
      }
    },
  );
});

describe('an attack is not withstood', () => {
  test('when it ends in another way', async () => {
    await expect(arena.withstand({ name: '', code: '1', ends: 'limit_exceeded cpuMs' })).rejects.toThrow('succeeded');
    await expect(arena.withstand({ name: '', code: '1', ends: 'succeeded', result: 2 })).rejects.toThrow();
  });

  test('when its record shows the secret', async () => {
    await expect(
      arena.withstand({ name: '', code: 'input', input: arena.secret, ends: 'succeeded' }),
    ).rejects.toThrow();
  });
});
