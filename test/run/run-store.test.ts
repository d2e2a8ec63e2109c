import { beforeEach, expect, test } from 'vitest';
import type { RunRecord } from '../../runtime/run/record.ts';
import { createRunStore, PAGE_BYTES, type RunStore } from '../../runtime/run/run-store.ts';
import { scratchStore } from '../store/scratch.ts';
import { endedRun } from './ended-run.ts';

const MiB = 1024 * 1024;

let runs: RunStore;

beforeEach(async () => {
  runs = createRunStore(await scratchStore());
});

const id = (at: number) => `run_${String(at).padStart(4, '0')}`;

async function pages(limit: number, matches: (record: RunRecord) => boolean = () => true): Promise<RunRecord[][]> {
  const all: RunRecord[][] = [];
  for (let before: string | undefined; ; ) {
    const { records, next } = await runs.page('t', matches, limit, before);
    all.push(records);
    if (next === undefined) return all;
    before = next;
  }
}

test.each([
  ['output', (text: string): Partial<RunRecord> => ({ stdout: text })],
  ['displays', (data: string): Partial<RunRecord> => ({ displays: [{ mime: 'text/plain', data }] })],
  ['a result', (text: string): Partial<RunRecord> => ({ result: { rows: [text] } })],
])('a page of runs with much %s ends early and goes on where it ended', async (_what, holding) => {
  for (let at = 0; at < 20; at++)
    await runs.finished(endedRun(id(at), holding(`${at} `.padEnd(3 * MiB, 'x'))), [], false);
  const all = await pages(200);
  expect(all.flat().map((record) => record.id)).toEqual(Array.from({ length: 20 }, (_, at) => id(19 - at)));
  expect(all.length).toBe(4);
  for (const page of all) expect(JSON.stringify(page).length).toBeLessThan(PAGE_BYTES + MiB);
});

test('a run that is larger than a page is a page', async () => {
  for (let at = 0; at < 3; at++)
    await runs.finished(endedRun(id(at), { stdout: 'x'.repeat(PAGE_BYTES + 1) }), [], false);
  expect((await pages(50)).map((page) => page.map((record) => record.id))).toEqual([[id(2)], [id(1)], [id(0)]]);
});

test('small runs fill their pages, also where a filter passes over large ones', async () => {
  for (let at = 0; at < 450; at++)
    await runs.finished(endedRun(id(at), at % 50 === 0 ? { stderr: 'x'.repeat(3 * MiB) } : {}), [], false);
  expect((await pages(200, (record) => record.stderr === '')).map((page) => page.length)).toEqual([200, 200, 41]);
});

test('a filter that passes over much output answers short pages, and finds what lies behind', async () => {
  for (let at = 0; at < 50; at++)
    await runs.finished(endedRun(id(at), at === 0 ? {} : { stderr: 'x'.repeat(3 * MiB) }), [], false);
  const all = await pages(200, (record) => record.stderr === '');
  expect(all.map((page) => page.map((record) => record.id))).toEqual([[], [id(0)]]);
});
