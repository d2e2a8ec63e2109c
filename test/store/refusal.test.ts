import { expect, test } from 'vitest';
import { createCommitQueue } from '../../runtime/store/commit-queue.ts';

/** The queue over a disk that fails as told: the one part that no test can break for real. */
function queueOver(fail: () => unknown, hasFreeSpace = () => true) {
  let revision = 0;
  return createCommitQueue({
    disk: {
      get: () => undefined,
      range: () => [],
      async commit() {
        const error = fail();
        if (error !== undefined) throw error;
      },
    },
    nextRevision: () => ++revision,
    hasFreeSpace,
    committed() {},
  });
}

test('says why it refuses: after a failure of the disk, until a restart', async () => {
  let error: unknown;
  const queue = queueOver(() => error);
  const write = () => queue.transaction((tx) => tx.put(['a'], 1), {});
  await write();
  expect(queue.whyRefused()).toBeUndefined();
  error = Object.assign(new Error('a disk error'), { full: true });
  await expect(write()).rejects.toMatchObject({ code: 'storage_full' });
  expect(queue.whyRefused()).toBeUndefined();
  error = new Error('a disk error');
  await expect(write()).rejects.toMatchObject({ code: 'internal' });
  error = undefined;
  await expect(write()).rejects.toMatchObject({ code: 'internal' });
  expect(queue.whyRefused()).toContain('until a restart');
});

test('says why it refuses: while too little space is free', async () => {
  let free = false;
  const queue = queueOver(
    () => undefined,
    () => free,
  );
  expect(queue.whyRefused()).toContain('CORDON_MINIMUM_FREE_BYTES');
  free = true;
  expect(queue.whyRefused()).toBeUndefined();
});
