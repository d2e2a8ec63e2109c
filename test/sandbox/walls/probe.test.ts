import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { Around } from '../../../runtime/sandbox/isolate/walls/launcher.ts';
import { openProber } from '../../../runtime/sandbox/isolate/walls/probe.ts';
import { judgeJail } from '../../../runtime/sandbox/isolate/walls/verdict.ts';
import { launch } from '../../../runtime/sandbox/isolate/walls/worker-process.ts';

const folder = mkdtempSync(join(tmpdir(), 'cordon-probe-test-'));
afterAll(() => rmSync(folder, { recursive: true }));
const around: Around = { permissions: false, jail: '/usr/bin/bwrap', seccomp: false, user: false };

/** As bubblewrap and the probe in it: the pid first, then the answer, then it waits for its end. */
const answers = (outcomes: Record<string, string>, said = join(folder, 'unused')) =>
  `echo '{ "child-pid": '$$' }' >&5; echo '${JSON.stringify({ outcomes })}' >&3; /bin/mkdir -p ${said}; read x <&3`;
const killed = 'kill -9 $$';

/** One start after another runs the next script. With `until` the service is busy in each start until that is there. */
async function probe(scripts: string[], until?: string) {
  let starts = 0;
  const start = () => {
    const script = scripts[starts++] ?? 'exit 1';
    const worker = launch({ command: ['/bin/sh', '-c', script], env: {}, cwd: '/', jailed: true, ramBytes: 1 << 30 });
    for (const last = Date.now() + 10_000; until !== undefined && !existsSync(until) && Date.now() < last; );
    return worker;
  };
  const prober = await openProber({ start }, folder, 'bait-');
  try {
    return { ...(await prober.run(around, { eat: false })), starts };
  } finally {
    await prober.close();
  }
}

describe.skipIf(process.platform !== 'linux')('a probe of the walls', () => {
  it('knows the process that answered while the service was busy', async () => {
    const said = join(folder, 'said');
    const { status, starts } = await probe([answers({}, said)], said);
    expect([starts, /^NSpid:\s*\d+/m.test(status)]).toEqual([1, true]);
  });

  it('is made once more when something from outside ended it', async () => {
    const { outcomes, starts } = await probe([killed, answers({ 'write a file': 'refused EROFS' })]);
    expect([starts, outcomes]).toEqual([2, { 'write a file': 'refused EROFS' }]);
  });

  it('is made once more when the machine was short of something', async () => {
    const short = { 'connect to a loopback port': 'refused TIMEOUT' };
    const refused = { 'connect to a loopback port': 'refused ECONNREFUSED' };
    const { outcomes, starts } = await probe([answers(short), answers(refused)]);
    expect([starts, outcomes]).toEqual([2, refused]);
    expect(judgeJail(await probe([answers(short), answers(short)])).stands).toBe(false);
  });

  it('says that it cannot tell when that happens twice, and the wall does not stand', async () => {
    const finding = await probe([killed, killed, answers({})]);
    expect(finding.starts).toBe(2);
    expect(judgeJail(finding)).toEqual({
      name: 'jail',
      stands: false,
      detail: 'it could not be judged: it was killed from outside',
    });
  });

  it('is not made again when the wall itself cannot be built', async () => {
    const finding = await probe(['echo no namespaces >&2; exit 1', answers({})]);
    expect([finding.starts, finding.unclear]).toEqual([1, undefined]);
    expect(judgeJail(finding).detail).toBe('a process inside it does not start: no namespaces');
  });
});
