/** What an attack may not do to the service itself, nor to other runs of the same agent. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openArena } from './arena.ts';
import type { Arena } from './attack.ts';

const MiB = 1024 * 1024;

let arena: Arena;
beforeAll(async () => {
  arena = await openArena();
  await arena.honestRun();
}, 30_000);
afterAll(() => arena.close(), 30_000);

describe('floods do not grow the service', () => {
  test.each([
    [
      'reads',
      "const fs = require('node:fs/promises'); fs.writeFile('a', 'x'.repeat(500_000)); for (;;) fs.readFile('a').catch(() => {});",
    ],
    [
      'writes',
      "const fs = require('node:fs/promises'); for (;;) fs.writeFile('a', 'x'.repeat(500_000)).catch(() => {});",
    ],
    ['memory.set', "for (;;) memory.set('k', 'x'.repeat(500_000)).catch(() => {});"],
    [
      'listings',
      "const fs = require('node:fs/promises'); for (let n = 0; n < 40; n++) fs.writeFile('f'.repeat(200) + n, ''); for (;;) fs.readdir('.').catch(() => {});",
    ],
    ['refused fetches', "for (;;) fetch('http://127.0.0.1/' + 'x'.repeat(100_000)).catch(() => {});"],
    ['unknown imports', "for (;;) import('./' + 'x'.repeat(200) + Math.random()).catch(() => {});"],
    ['output', "for (;;) process.stdout.write('x'.repeat(1_000_000));"],
    ['displays', "import { display } from 'cordon'; for (;;) display('x'.repeat(100_000));"],
  ])('of %s that nobody waits for: less than 250 MB more', { timeout: 60_000 }, async (_what, code) => {
    const before = process.memoryUsage.rss();
    let peak = before;
    const watch = setInterval(() => {
      peak = Math.max(peak, process.memoryUsage.rss());
    }, 20);
    const limits = { cpuMs: 1500, wallMs: 3000, ramBytes: 128 * MiB, hostCalls: 100_000, workspaceBytes: 64 * MiB };
    const [{ ended }] = await Promise.all([arena.attack({ code, limits }), arena.honestRun()]);
    clearInterval(watch);
    expect(ended).toMatch(/^limit_exceeded (ramBytes|cpuMs|hostCalls)$|^timed_out wallMs$/);
    expect((peak - before) / MiB).toBeLessThan(250);
    await arena.canaries();
  });
});

describe('a run that attacks its own worker', () => {
  const program = { language: 'typescript', code: 'enum A { x = 5 } A.x' };
  const bombs: [string, string][] = [
    ['a bomb for the parser', `enum A { x = ${'('.repeat(20_000)}1${')'.repeat(20_000)} }`],
    ['a megabyte for the parser', 'enum A { x } ; a = 1;'.repeat(40_000)],
    ['an endless loop', 'for (;;);'],
    ['a memory that grows', 'const a = []; for (;;) a.push(new Array(1000).fill(1.5));'],
  ];
  test.each(bombs)(
    '%s ends alone, or its neighbours end as WorkerLost: never at a limit that is not theirs',
    { timeout: 60_000 },
    async (_what, code) => {
      await arena.call('POST', '/v1/agents', { id: 'neighbours' });
      const limits = { cpuMs: 1500, wallMs: 30_000 };
      const bomb = arena.call('POST', '/v1/runs', { agent: 'neighbours', language: 'typescript', code, limits });
      const neighbours = await Promise.all(
        Array.from({ length: 12 }, (_, n) =>
          arena.call('POST', '/v1/runs', { agent: 'neighbours', ...program, code: `${program.code} + ${n}`, limits }),
        ),
      );
      const { json } = await bomb;
      expect(json.status).toMatch(/^(failed|limit_exceeded|succeeded)$/);
      for (const [n, { json: record }] of neighbours.entries()) {
        if (record.status === 'interrupted') expect(record.error.name).toBe('WorkerLost');
        else
          expect({ status: record.status, result: record.result, error: record.error }).toEqual({
            status: 'succeeded',
            result: 5 + n,
          });
      }
      expect((await arena.call('DELETE', '/v1/agents/neighbours')).status).toBe(204);
      await arena.canaries();
    },
  );
});

test('the service had no fault of its own', () => expect(arena.faults).toEqual([]));
