/** The part of the contract about ends that the host decides: limits and stops. */
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import type { HostCall, StopCause } from '../../runtime/sandbox/driver.ts';
import { defaultLimits, type LimitName } from '../../runtime/sandbox/limits.ts';
import type { RunOptions } from './contract-bench.ts';
import type { ContractParts } from './driver-contract.ts';

const MiB = 1024 * 1024;

export function endsContract({ programs, run, withDriver, parts }: ContractParts): void {
  const limitOf = async (code: string, options: RunOptions) => {
    const { outcome } = await run(code, options);
    return [outcome.status, 'error' in outcome ? outcome.error.limit : undefined];
  };

  describe('limits end a run with their own reason', () => {
    const at: [LimitName, string, string, RunOptions][] = [
      ['wallMs', 'while it sleeps', programs.sleeps, { input: 60_000, limits: { wallMs: 300 } }],
      ['wallMs', 'while it computes', programs.computes, { limits: { wallMs: 300 } }],
      ['cpuMs', 'while it computes', programs.computes, { limits: { cpuMs: 200 } }],
      ['ramBytes', 'while it allocates', programs.allocates, { limits: { ramBytes: 32 * MiB } }],
      ['workspaceBytes', 'in one file', programs.writesBytes, { input: 200_000, limits: { workspaceBytes: 100_000 } }],
      [
        'workspaceBytes',
        'in the second file',
        programs.writesBytes,
        { input: 60_000, limits: { workspaceBytes: 100_000 } },
      ],
      ['files', 'and the file before it stays', programs.makesFiles, { limits: { files: 5 } }],
      ['hostCalls', 'of calls in turn', programs.callsHost, { limits: { hostCalls: 5 } }],
      ['resultBytes', 'of text', programs.answersMuch, { input: 5000, limits: { resultBytes: 4000 } }],
    ];
    test.each(at)('%s %s', async (limit, what, code, options) => {
      const status = limit === 'wallMs' ? 'timed_out' : 'limit_exceeded';
      expect(
        await limitOf(code, { ...options, owner: `limit-${limit}-${what.replaceAll(' ', '-')}`.toLowerCase() }),
      ).toEqual([status, limit]);
    });

    test('what is at its limit, not above, succeeds', async () => {
      expect((await run(programs.answersMuch, { input: 3998, limits: { resultBytes: 4000 } })).outcome.status).toBe(
        'succeeded',
      );
    });

    test('output and files are kept when the result is too large', async () => {
      const { outcome, stdout } = await run(programs.answersMuch, { input: 5000, limits: { resultBytes: 4000 } });
      expect([outcome.status, stdout]).toEqual(['limit_exceeded', 'before\n']);
    });

    test.each([
      ['workspaceBytes', programs.catchesBytes, { input: 200_000, limits: { workspaceBytes: 100_000 } }, 'ENOSPC'],
      ['files', programs.catchesFiles, { limits: { files: 5 } }, 'ENOSPC'],
      ['hostCalls', programs.catchesCalls, { limits: { hostCalls: 5 } }, 'QuotaExceeded'],
    ] as [
      LimitName,
      string,
      RunOptions,
      string,
    ][])('%s that the guest catches lets the run go on', async (limit, code, options, told) => {
      expect((await run(code, { ...options, owner: `caught-${limit}`.toLowerCase() })).outcome).toMatchObject({
        status: 'succeeded',
        result: told,
      });
    });

    test('outputBytes cuts with a visible mark, and is no end', async () => {
      const { outcome, stdout, truncated } = await run(programs.printsMuch, {
        input: 100_000,
        limits: { outputBytes: 1000 },
      });
      expect(outcome).toMatchObject({ status: 'succeeded', result: 'after' });
      expect([stdout.slice(0, 1000), stdout.slice(1000), truncated.stdout]).toEqual([
        'x'.repeat(1000),
        '\n[output cut: outputBytes is 1000]\n',
        true,
      ]);
    });

    test('CPU time and memory are measured', async () => {
      const { usage } = await run(programs.computes, { limits: { cpuMs: 300 } });
      expect(usage.cpuMs).toBeGreaterThanOrEqual(295);
      expect(usage.cpuMs).toBeLessThan(1000);
      expect((await run(programs.sleeps, { input: 1500 })).usage.cpuMs).toBeLessThan(1000);
    });
  });

  describe('stop', () => {
    const cancelled: StopCause = { status: 'cancelled', error: { name: 'Cancelled', message: 'by the test' } };
    test.each([
      ['while it computes', programs.computes, {}],
      ['while it sleeps', programs.sleeps, { input: 60_000 }],
      [
        'while it waits for the host',
        programs.waitsForHost,
        { hold: (call: HostCall) => /^(fs|memory)\./.test(call.op) },
      ],
    ] as [string, string, RunOptions][])('%s ends it soon, with the first cause', async (_when, code, options) => {
      const { execution, ended } = await parts.bench.start(parts.shared, code, { ...options, owner: 'stopped' });
      await sleep(150);
      execution.stop(cancelled);
      execution.stop({ status: 'killed', error: { name: 'Killed', message: 'too late' } });
      const { outcome, tookMs } = await ended;
      expect(outcome).toEqual(cancelled);
      // Less than the 5 s after which a driver gives up on a container's processes.
      expect(tookMs).toBeLessThan(parts.oneRunEach ? 4500 : 3000);
      execution.stop(cancelled);
      expect((await run(programs.sleeps, { owner: 'stopped', input: 1 })).outcome).toMatchObject({
        status: 'succeeded',
        result: 1,
      });
    });

    test('at once, before anything ran', async () => {
      const { execution, ended } = await parts.bench.start(parts.shared, programs.prints, { owner: 'stopped' });
      execution.stop(cancelled);
      expect((await ended).outcome).toEqual(cancelled);
    });

    test('a lease can be given back unused, and one that is no longer wanted is refused', async () => {
      const owner = { tenant: 'contract', agent: 'unused' };
      const lease = await parts.shared.lease(owner, defaultLimits, new AbortController().signal, parts.language);
      lease.release();
      lease.release();
      await withDriver(async (driver) => {
        const abort = new AbortController();
        const busy = await parts.bench.start(driver, programs.sleeps, { input: 60_000, owner: 'busy' });
        const waiting = driver.lease(
          { tenant: 'contract', agent: 'late' },
          defaultLimits,
          abort.signal,
          parts.language,
        );
        abort.abort(new Error('not wanted'));
        await expect(waiting).rejects.toThrow('not wanted');
        busy.execution.stop(cancelled);
        await busy.ended;
      });
    });
  });
}
