/** The files of a request, until its run has ended. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { createRunStore } from '../../runtime/run/run-store.ts';
import { migrate } from '../../runtime/store/format.ts';
import type { Store } from '../../runtime/store/store.ts';
import { scratchDir, scratchStore } from '../store/scratch.ts';
import { endedRun } from './ended-run.ts';

const content = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
let dir: string;
let store: Store;

beforeEach(async () => {
  dir = scratchDir();
  store = await scratchStore(dir);
});

/** A run that has not ended, with these files. */
async function admitted(id: string, files: { path: string; content: Uint8Array }[]) {
  const runStore = createRunStore(store);
  await store.transaction((tx) => runStore.admit(tx, endedRun(id), { code: '1', input: { a: [1] }, files }, 'queued'));
  return runStore;
}

test('files come back as the bytes they were, in their order, beside the source', async () => {
  const part = new Uint8Array(content.buffer, content.byteOffset + 2, 3);
  const many = Array.from({ length: 30 }, (_, n) => ({ path: `${n}.bin`, content: n === 7 ? part : content }));
  const runStore = await admitted('run_1', many);
  await admitted('run_2', [{ path: 'other', content }]);
  expect(await runStore.source('run_1')).toEqual({ code: '1', input: { a: [1] } });
  const files = await runStore.files('run_1');
  expect(files.map(({ path }) => path)).toEqual(many.map(({ path }) => path));
  expect(files[7]?.content).toEqual(Buffer.from([2, 3, 4]));
  expect(files[8]?.content).toEqual(content);
});

test('they go with the end of the run, code and input stay', async () => {
  const runStore = await admitted('run_1', [{ path: 'a', content }]);
  await admitted('run_2', [{ path: 'b', content }]);
  await runStore.finished(endedRun('run_1'), [], true);
  expect(await runStore.files('run_1')).toEqual([]);
  expect(await runStore.source('run_1')).toEqual({ code: '1', input: { a: [1] } });
  expect(await runStore.files('run_2')).toHaveLength(1);
  await runStore.delete([{ tenant: 't', id: 'run_2' }]);
  expect(await store.range({ prefix: ['run-file'], keysOnly: true })).toEqual([]);
});

test('files that lie in the source, as in format 2, are found after the migration', async () => {
  await admitted('run_1', []);
  await admitted('run_2', []);
  await store.transaction((tx) => {
    const base64 = { path: 'new', content: content.toString('base64') };
    const former = JSON.parse(JSON.stringify({ path: 'old', content }));
    tx.put(['run-source', 'run_1'], { code: '2', files: [base64, former] });
  });
  await store.close();
  writeFileSync(join(dir, 'format'), '2\n');
  await migrate(dir, dir);
  store = await scratchStore(dir);
  const after = createRunStore(store);
  expect(await after.source('run_1')).toEqual({ code: '2' });
  expect((await after.files('run_1')).map((file) => [file.path, Buffer.from(file.content)])).toEqual([
    ['new', content],
    ['old', content],
  ]);
  expect(await after.files('run_2')).toEqual([]);
});
