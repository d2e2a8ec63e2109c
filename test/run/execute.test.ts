/** The end of a run is recorded whatever the guest showed and however slow the disk is. */
import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { CordonError } from '../../runtime/errors.ts';
import type { RunEvent } from '../../runtime/run/record.ts';
import type { Store } from '../../runtime/store/store.ts';
import { endedRun } from './ended-run.ts';
import { type Guest, openRunning } from './running.ts';

const MiB = 1024 * 1024;

/** A store that takes only what `check` does not throw at. */
const refusing =
  (check: (value: unknown) => void) =>
  (store: Store): Store => ({
    ...store,
    transaction: (body, options) =>
      store.transaction((tx) => {
        const put: typeof tx.put = (key, value) => {
          check(value);
          return tx.put(key, value);
        };
        return body({ ...tx, put });
      }, options),
  });

test('displays are bounded by what they take in the record, whatever outputBytes is', { timeout: 60_000 }, async () => {
  const { submit, runStore, guests, close } = await openRunning();
  const id = await submit({ outputBytes: 64 * MiB });
  await expect.poll(() => guests.length).toBe(1);
  const { host, end } = guests[0] as Guest;
  for (let n = 0; n < 12; n++) host.output({ type: 'display', mime: 'text/plain', data: '\u0001'.repeat(MiB) });
  host.output({ type: 'display', mime: 'text/plain', data: 'small' });
  end();
  const record = await finished();
  // Each of them takes six characters a byte: five fit into 32 Mi.
  expect(record.displays?.map(({ data }) => data.length)).toEqual([MiB, MiB, MiB, MiB, MiB, 5]);
  expect(record.stderr.match(/display of 1048576 characters dropped/g)).toHaveLength(7);
  await close();

  async function finished() {
    await expect.poll(async () => (await runStore.get('default', id)).status, { timeout: 30_000 }).toBe('succeeded');
    return runStore.get('default', id);
  }
});

test('a record that cannot be written as one text is written without its output', async () => {
  // As V8 does it above 512 Mi characters, without half a gigabyte.
  const around = refusing((value) => {
    if (JSON.stringify(value).includes('beyond measure')) throw new RangeError('Invalid string length');
  });
  const { submit, runs, runStore, guests, logged, close } = await openRunning({ around });
  const id = await submit();
  await expect.poll(() => guests.length).toBe(1);
  const { host, end } = guests[0] as Guest;
  host.output({ type: 'stdout', text: 'beyond measure' });
  end();
  await expect.poll(async () => (await runStore.get('default', id)).status).toBe('succeeded');
  expect(await runs.get('default', id)).toMatchObject({ stdout: '', stdoutTruncated: true, stderrTruncated: true });
  expect((await runStore.get('default', id)).stderr).toContain('left out');
  expect(logged).toContain('the end of a run could not be recorded; it is tried again');
  await close();
});

test('no event is lost when a flush takes longer than the interval of saving', { timeout: 30_000 }, async () => {
  let stallMs = 0;
  const around = (store: Store): Store => ({
    ...store,
    async transaction(body, options) {
      const done = await store.transaction(body, options);
      await sleep(stallMs);
      return done;
    },
  });
  const { submit, runStore, guests, close } = await openRunning({ around });
  const id = await submit();
  await expect.poll(() => guests.length).toBe(1);
  const { host, end } = guests[0] as Guest;
  stallMs = 2300;
  for (let n = 0; n < 70; n++) {
    host.output({ type: 'stdout', text: `${n}\n` });
    await sleep(100);
  }
  stallMs = 0;
  end();
  await expect.poll(async () => (await runStore.get('default', id)).status, { timeout: 10_000 }).toBe('succeeded');
  const seqs = (await Array.fromAsync(runStore.events(id))).flat().map(({ seq }) => seq);
  expect(seqs).toEqual(Array.from({ length: Math.max(...seqs) }, (_, at) => at + 1));
  expect(seqs.length).toBeGreaterThan(70);
  await close();
});

test('a queued run whose start cannot be written ends in its record, and is not run again', async () => {
  let isFull = false;
  const around = refusing((value) => {
    if (isFull && (value as { state?: string }).state === 'started')
      throw new CordonError('storage_full', 'The disk is full');
  });
  const { submit, runStore, guests, close } = await openRunning({ turns: 1, around });
  await submit();
  const queued = await submit();
  await expect.poll(() => guests.length).toBe(1);
  isFull = true;
  guests[0]?.end();
  await expect
    .poll(() => runStore.get('default', queued))
    .toMatchObject({ status: 'interrupted', error: { name: 'StorageFull' } });
  expect(await runStore.unfinished()).toEqual([]);
  await close();
});

test('a run whose source cannot be read back ends with that reason', async () => {
  const around = (store: Store): Store => ({
    ...store,
    get: (key) => (key[0] === 'run-source' ? Promise.reject(new Error('a bad block')) : store.get(key)),
  });
  const { submit, runStore, guests, logged, close } = await openRunning({ turns: 1, around });
  await submit();
  const queued = await submit({}, { code: 'x'.repeat(20_000) });
  await expect.poll(() => guests.length).toBe(1);
  guests[0]?.end();
  await expect
    .poll(() => runStore.get('default', queued))
    .toMatchObject({ status: 'interrupted', error: { name: 'StorageFailed' } });
  expect(logged).toContain('a run could not be started');
  await close();
});

test.each([
  ['ServiceRestarted', 2, ['3 stdout', '4 finished']],
  ['ServiceRestarted', 3, ['4 finished']],
  // A client may have seen what the crash took along: it is told of the end, however far it was.
  ['ServiceRestarted', 4, ['5 finished']],
  ['ServiceRestarted', 5, ['6 finished']],
  ['WorkerLost', 3, ['4 finished']],
  ['WorkerLost', 4, []],
])('who follows a run that ended as %s after event %i is told of its end', async (name, after, expected) => {
  const { runs, runStore, close } = await openRunning();
  const events = ['queued', 'started', 'stdout'].map((type, n) => ({ seq: n + 1, at: '', type }));
  await runStore.finished(endedRun('run_1', { error: { name, message: '' } }), events as RunEvent[], false);
  const told: string[] = [];
  for await (const { seq, type } of await runs.events('t', 'run_1', after, new AbortController().signal))
    told.push(`${seq} ${type}`);
  expect(told).toEqual(expected);
  await close();
});

test('who waited for a run leaves nothing behind', { timeout: 60_000 }, async () => {
  const { submit, runs, guests, close } = await openRunning();
  const id = await submit();
  const gc = (globalThis as { gc?: () => void }).gc ?? collector();
  const wait = async (count: number) => {
    for (let n = 0; n < count; n++) await runs.wait('default', id, 0);
    gc();
    return process.memoryUsage().heapUsed;
  };
  const before = await wait(2000);
  const after = await wait(10_000);
  // They hang on the end of this run, and on nothing that lives longer.
  expect(after - before).toBeGreaterThan(0);
  guests[0]?.end();
  await runs.wait('default', id, 1000);
  gc();
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(1024 * 1024);
  await close();
});

function collector(): () => void {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as () => void;
}
