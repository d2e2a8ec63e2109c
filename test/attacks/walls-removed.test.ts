/**
 * A test of the tests: with one wall left out, what that wall stops succeeds, and the service says so.
 *
 * Only `ram` can be seen from guest JavaScript: nothing in an isolate reaches a system call, so that with `permissions`,
 * `jail`, `seccomp` or `user` left out the isolate still stops every attack of this folder. What those four stop is shown
 * with native code in the worker, each left out in turn, in test/sandbox/walls/native-attack.test.ts. The isolate itself
 * has no switch: the same native code stands for a guest that broke it.
 */
import { describe, expect, test } from 'vitest';
import { wallNames } from '../../runtime/sandbox/isolate/walls/walls.ts';
import { openArena } from './arena.ts';
import type { Arena } from './attack.ts';

const MiB = 1024 * 1024;

/** 500 MiB that V8's own limit does not count, held by a run whose own limit is far above, in a worker of 256 MiB. */
const overCap = {
  code: `
const kept = [];
for (let n = 0; n < 8; n++) {
  const memory = new WebAssembly.Memory({ initial: 1024 });
  new Uint8Array(memory.buffer).fill(1);
  kept.push(memory);
}
'kept ' + kept.length`,
  limits: { cpuMs: 10_000, wallMs: 20_000, ramBytes: 1024 * MiB },
};
const env = { CORDON_WORKER_RAM_BYTES: String(256 * MiB) };

/** Why a wall stands or does not, for a failure to say. */
const wallsOf = (arena: Arena) => JSON.stringify(arena.report().walls);

const linuxRoot = process.platform === 'linux' && process.getuid?.() === 0;

describe.skipIf(!linuxRoot)(
  `walls left out${linuxRoot ? '' : ' (skipped: needs Linux and root, to have every wall)'}`,
  () => {
    test('memory beyond the worker’s cap ends at ramBytes with the wall ram', { timeout: 60_000 }, async () => {
      const arena = await openArena({ env });
      try {
        expect((await arena.attack(overCap)).ended, wallsOf(arena)).toBe('limit_exceeded ramBytes');
        await arena.honestRun();
      } finally {
        await arena.close();
      }
    });

    test('memory beyond the worker’s cap is had without it', { timeout: 60_000 }, async () => {
      const arena = await openArena({ env, without: 'ram' });
      try {
        const { ended, answer } = await arena.attack(overCap);
        expect([ended, answer.json.result], wallsOf(arena)).toEqual(['succeeded', 'kept 8']);
      } finally {
        await arena.close();
      }
    });

    test.each(wallNames.filter((name) => name !== 'isolate'))(
      'without %s, records and /v1/drivers say that it is missing',
      { timeout: 60_000 },
      async (without) => {
        const arena = await openArena({ without });
        try {
          const { answer } = await arena.attack({ code: '1' });
          expect(answer.json.walls, wallsOf(arena)).toEqual(wallNames.filter((name) => name !== without));
          const { json } = await arena.call('GET', '/v1/drivers');
          const missing = json.items[0].walls.find((wall: { name: string }) => wall.name === without);
          expect(missing, wallsOf(arena)).toMatchObject({ stands: false });
        } finally {
          await arena.close();
        }
      },
    );

    test.each(wallNames.filter((name) => name !== 'isolate'))(
      'without %s, a service that requires it starts no run and is not ready',
      { timeout: 60_000 },
      async (without) => {
        const arena = await openArena({ without, env: { CORDON_REQUIRE_WALLS: without } });
        try {
          const { status, json } = await arena.call('POST', '/v1/runs', {
            agent: 'victim',
            language: 'javascript',
            code: '1',
          });
          expect([status, json.code]).toEqual([503, expect.stringMatching(/^(walls_missing|driver_unavailable)$/)]);
          expect(JSON.stringify(json)).toContain(without);
          expect((await arena.call('GET', '/readyz')).status).toBe(503);
        } finally {
          await arena.close();
        }
      },
    );
  },
);
