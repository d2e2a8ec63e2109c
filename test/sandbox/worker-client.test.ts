/**
 * The host's side of a worker against a worker that lies. The peer is this test's end of a real socket, in the place of a
 * jailed process that a guest has taken over: each run must end, with the right outcome, and the host must stay whole.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { HostReply, StopCause } from '../../runtime/sandbox/driver.ts';
import { callsAtOnce } from '../../runtime/sandbox/frames.ts';
import { defaultLimits } from '../../runtime/sandbox/limits.ts';
import { calling, good, lost, MiB, meet, meetRunning, run, start } from './lying-worker.ts';

const cancelled: StopCause = { status: 'cancelled', error: { name: 'Cancelled', message: 'by request' } };
const timedOut: StopCause = { status: 'timed_out', error: { name: 'TimedOut', message: '', limit: 'wallMs' } };
const atLimit = (limit: string) =>
  JSON.stringify({ status: 'limit_exceeded', error: { name: 'L', message: '', limit } });
const nested = (levels: number) => '['.repeat(levels) + ']'.repeat(levels);

test('an honest run: its outcome with 1,000 levels, its usage, and the worker stays', async () => {
  const { met, running } = await meetRunning();
  met.say({ t: 'ready' }, { t: 'output', run, items: [['stdout', 'a']] }, { t: 'waiting', run, waiting: true });
  met.say({ ...good, end: `{"status":"succeeded","result":${nested(999)}}` });
  const { outcome, usage } = await running.done;
  expect([outcome.status, usage]).toEqual(['succeeded', { cpuMs: 1.5, ramPeakBytes: 7 }]);
  expect(running.outputs).toEqual([{ type: 'stdout', text: 'a' }]);
  expect(running.waits).toEqual([true]);
  expect(met.seen).toMatchObject({ kills: 0, freed: 1, gone: [] });
  expect(met.worker.retired).toBe(false);
});

/** With its length before it. */
function framed(header: Buffer): Buffer {
  const lengths = Buffer.alloc(8);
  lengths.writeUInt32BE(header.length);
  return Buffer.concat([lengths, header]);
}

const lies: [string, object | Buffer][] = [
  ['a type that does not exist', { t: 'own', run }],
  ['a key too many', { t: 'waiting', run, waiting: true, more: 1 }],
  ['text for a number', { t: 'call', run, id: '1', op: 'fs.stat', args: null }],
  ['an operation of 65 characters', { t: 'call', run, id: 1, op: 'x'.repeat(65), args: null }],
  ['output to another stream', { t: 'output', run, items: [['stdin', 'x']] }],
  ['10,001 pieces of output', { t: 'output', run, items: Array(10_001).fill(['stdout', '']) }],
  ['a run id of 65 characters', { ...good, run: 'x'.repeat(65) }],
  ['endless CPU time', Buffer.from(JSON.stringify(good).replace('1.5', '1e999'))],
  ['CPU time of ages', Buffer.from(JSON.stringify(good).replace('1.5', '1e308'))],
  ['200,000 keys', { t: 'waiting', run, waiting: true, ...Array(200_000).fill(0) }],
  [
    'a call with arguments of 1,001 levels',
    Buffer.from(`{"t":"call","run":"${run}","id":1,"op":"x","args":${nested(1000)}}`),
  ],
  ['a call with a million parts', { t: 'call', run, id: 1, op: 'memory.set', args: Array(500_000).fill([]) }],
  ['an end that is not JSON', { ...good, end: '{' }],
  ['an end with a status that is the host’s to give', { ...good, end: '{"status":"cancelled","error":{}}' }],
  ['an end with a key too many', { ...good, end: '{"status":"succeeded","walls":[]}' }],
  ['a failure without an error', { ...good, end: '{"status":"failed"}' }],
  ['a limit that does not exist', { ...good, end: atLimit('luck') }],
  ['an end at the host’s own limit', { ...good, end: atLimit('wallMs') }],
  ['an end of 1,001 levels', { ...good, end: `{"status":"succeeded","result":${nested(1000)}}` }],
  ['an end of a million levels', { ...good, end: `{"status":"succeeded","result":${nested(1_000_000)}}` }],
  ['`ending` with a broken end', { t: 'ending', run, end: '{', cpuMs: 1 }],
  ['a frame of 8 GiB announced', Buffer.alloc(8, 0xff)],
  ['a frame of 97 MiB announced', Buffer.from([0, 0, 0, 2, 6, 16, 0, 0])],
  ['a header that is an array', Buffer.from('[]')],
];

describe('a message that is not of the protocol costs the worker its life and the run is WorkerLost', () => {
  test.each(lies)('%s', async (_, lie) => {
    const { met, running } = await meetRunning();
    // Bytes without lengths of their own are a header, unless they are meant to be the lengths.
    if (!Buffer.isBuffer(lie)) met.say(lie);
    else met.peer.write(lie.length === 8 ? lie : framed(lie));
    // Nothing that comes after it counts.
    met.say(good);
    expect(await running.done).toEqual({ outcome: lost, usage: { cpuMs: 0, ramPeakBytes: 0 } });
    expect(met.seen).toMatchObject({ kills: 1, gone: [expect.any(String)] });
    expect(met.worker.retired).toBe(true);
  });

  test('whatever else it may send: the run ends, and nothing is thrown', async () => {
    const key = fc.constantFrom('t', 'run', 'id', 'op', 'args', 'items', 'end', 'cpuMs', 'unclean', '__proto__');
    const value = fc.oneof(fc.constantFrom(run, 'call', 'ended', 'ending', 'growth', 'output'), fc.jsonValue());
    await fc.assert(
      fc.asyncProperty(fc.array(fc.dictionary(key, value, { maxKeys: 7 }), { maxLength: 6 }), async (messages) => {
        const { met, running } = await meetRunning();
        met.say({ t: 'growth', run, bytes: 1 }, ...messages, { t: 'own' });
        expect((await running.done).outcome.status).toMatch(/interrupted|succeeded|failed|limit_exceeded/);
      }),
      { numRuns: 40 },
    );
  });
});

describe('what is not for a run that it has', () => {
  const others = (of: string) => [
    { t: 'output', run: of, items: [['stdout', 'x']] },
    { t: 'display', run: of, mime: 'text/plain', data: 'x' },
    { t: 'call', run: of, id: 1, op: 'fs.stat', args: null },
    { t: 'waiting', run: of, waiting: true },
    { t: 'growth', run: of, bytes: 1e12 },
    { t: 'ending', run: of, end: atLimit('cpuMs'), cpuMs: 1 },
    { ...good, run: of },
  ];

  test('is ignored: messages of other runs', async () => {
    const { met, running } = await meetRunning();
    met.say(...others('run_2'), ...others('__proto__'), good);
    expect((await running.done).outcome).toEqual({ status: 'succeeded', result: 1 });
    expect([running.outputs, running.calls, running.waits]).toEqual([[], [], []]);
    expect(met.seen).toMatchObject({ kills: 0, freed: 1 });
  });

  test('is ignored: messages of a run that has ended, and the next run is not touched by them', async () => {
    const met = await meet();
    const first = start(met);
    met.say(good, ...others(run));
    await first.done;
    const second = start(met, 'run_2');
    met.say(...others(run), { ...good, run: 'run_2', end: '{"status":"succeeded"}' });
    expect((await second.done).outcome).toEqual({ status: 'succeeded' });
    expect([first.outputs, first.calls, second.outputs, second.calls]).toEqual([[], [], [], []]);
    expect(met.seen).toMatchObject({ kills: 0, freed: 2 });
  });
});

describe('what it asks', () => {
  test(`${callsAtOnce} calls at once are worked on, one more costs it its life`, async () => {
    const { met, running } = await meetRunning(() => new Promise(() => {}));
    met.say(...calling(callsAtOnce));
    await expect.poll(() => running.calls.length).toBe(callsAtOnce);
    expect(met.seen.kills).toBe(0);
    met.say(...calling(1000));
    expect((await running.done).outcome).toEqual(lost);
    expect(running.calls).toHaveLength(callsAtOnce);
  });

  test('a reply that comes after the end of its run is not sent', async () => {
    const met = await meet();
    const held = Promise.withResolvers<HostReply>();
    const running = start(met, run, () => held.promise);
    met.say(...calling(1), good);
    await running.done;
    held.resolve({ ok: true });
    await sleep(50);
    expect(met.seen.sent.map(({ t }) => t)).toEqual(['start']);
  });

  test('reads that it does not take are not made: some MiB wait for it, however many it asked for', async () => {
    const { met, running } = await meetRunning(async () => ({ ok: true, bytes: new Uint8Array(MiB) }));
    met.peer.pause();
    met.say(...calling(callsAtOnce, 'fs.readFile'));
    await sleep(150);
    expect(running.calls.length).toBeLessThan(10);
    expect(met.channel.writableLength).toBeLessThan(10 * MiB);
    running.stop(cancelled);
    expect((await running.done).outcome).toEqual(cancelled);
    expect(running.calls.length).toBeLessThan(10);
  });

  test('other replies that it does not take cost it its life at 512 MiB', async () => {
    const { met, running } = await meetRunning(async () => ({ ok: true, bytes: new Uint8Array(32 * MiB) }));
    met.peer.pause();
    met.say(...calling(20));
    expect((await running.done).outcome).toEqual(lost);
    expect(met.seen).toMatchObject({ kills: expect.any(Number), gone: ['it does not read what it asked for'] });
  });
});

describe('a worker that goes or falls silent', () => {
  test.each([
    ['exit code 0 without a last message', { code: 0, signal: null }, 'exit 0'],
    ['a crash', { code: null, signal: 'SIGSEGV' as const }, 'exit SIGSEGV'],
  ])('%s: the run is WorkerLost', async (_, end, detail) => {
    const { met, running } = await meetRunning();
    met.exit(end);
    expect(await running.done).toEqual({ outcome: lost, usage: { cpuMs: 0, ramPeakBytes: 0 } });
    expect(met.seen.gone).toEqual([detail]);
    expect((await start(met, 'run_2').done).outcome).toEqual(lost);
  });

  test('at its memory cap: the run that grew most by it is the one at ramBytes, the others are lost', async () => {
    const met = await meet();
    const [small, large] = [start(met, 'run_s'), start(met, 'run_l')];
    met.say({ t: 'growth', run: 'run_s', bytes: 10 }, { t: 'growth', run: 'run_l', bytes: 20 });
    met.say(...calling(1).map((call) => ({ ...call, run: 'run_l' })));
    await expect.poll(() => large.calls.length).toBe(1);
    met.exit({ code: null, signal: 'SIGKILL', reason: 'ramBytes' });
    const { outcome, usage } = await large.done;
    expect(outcome).toMatchObject({ status: 'limit_exceeded', error: { limit: 'ramBytes' } });
    expect(usage.ramPeakBytes).toBe(defaultLimits.ramBytes);
    expect((await small.done).outcome).toMatchObject({ status: 'interrupted', error: { name: 'WorkerLost' } });
  });

  test.each([
    'end',
    'destroy',
  ] as const)('closes its channel (%s) and lives on: the run ends, it is killed', async (close) => {
    const { met, running } = await meetRunning();
    await expect.poll(() => met.seen.sent.length).toBe(1);
    met.peer[close]();
    expect(await Promise.race([running.done, sleep(10_000, 'hangs')])).toMatchObject({ outcome: lost });
    expect(met.seen.kills).toBeGreaterThan(0);
  });

  const silent = { t: 'ending', run, cpuMs: 9 };
  const stands = (limit: string) => JSON.parse(atLimit(limit));

  test.concurrent.each<[string, object[], object, number, StopCause[]]>([
    ['after `stop`: the first cause, after the grace', [], cancelled, 1000, [cancelled, timedOut]],
    ['after `ending` at cpuMs', [{ ...silent, end: atLimit('cpuMs') }], stands('cpuMs'), 1000, [timedOut]],
    ['after `ending` at ramBytes, sooner', [{ ...silent, end: atLimit('ramBytes') }], stands('ramBytes'), 150, []],
    ['after `ending` with success', [{ ...silent, end: good.end }], lost, 1000, []],
  ])('falls silent %s', async (_, messages, outcome, graceMs, stops) => {
    const { met, running } = await meetRunning();
    met.say(...messages, ...calling(1));
    const began = performance.now();
    await expect.poll(() => running.calls.length, { interval: 2 }).toBe(1);
    for (const stop of stops) running.stop(stop);
    expect(await running.done).toMatchObject({ outcome, usage: { cpuMs: messages.length === 0 ? 0 : 9 } });
    expect(performance.now() - began).toBeGreaterThan(graceMs - 20);
    expect(performance.now() - began).toBeLessThan(graceMs + 700);
    expect(met.seen).toMatchObject({ kills: 1, gone: ['it did not end a run in time'] });
  });

  test('a cause stands against what the worker claims within the grace, and then it may stay', async () => {
    const { met, running } = await meetRunning();
    running.stop(cancelled);
    await expect.poll(() => met.seen.sent.at(-1)?.t).toBe('stop');
    met.say(good);
    expect(await running.done).toEqual({ outcome: cancelled, usage: { cpuMs: 1.5, ramPeakBytes: 7 } });
    await sleep(1100);
    expect(met.seen.kills).toBe(0);
  });
});
