/** A small part of `npm run python:conformance` through the real driver, and that the measure sees what goes wrong. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Driver } from '../../runtime/sandbox/driver.ts';
import { createIsolateDriver } from '../../runtime/sandbox/isolate/isolate-driver.ts';
import type { Place } from '../../scripts/python-conformance/places.ts';
import { runDoctests, runTests } from '../../scripts/python-conformance/results.ts';
import { type ContractBench, openBench } from '../sandbox/contract-bench.ts';

const MiB = 1024 ** 2;
const folder = mkdtempSync(join(tmpdir(), 'cordon-conformance-'));
const program = (name: string) =>
  readFileSync(join(import.meta.dirname, '../../scripts/python-conformance', `${name}.py`), 'utf8');
let bench: ContractBench;
let driver: Driver;
let place: Place;
let cpuMs = 20_000;

beforeAll(async () => {
  bench = await openBench(folder, 'python');
  driver = await createIsolateDriver({
    requireWalls: [],
    blankWorkers: 1,
    maxWorkers: 1,
    workersPerAgent: 1,
    workerIdleMs: 60_000,
    workerRamBytes: 1024 * MiB,
    pythonRamBytes: 1024 * MiB,
    onWorkerLost: () => {},
  });
  place = {
    async run({ code, input }) {
      const limits = { cpuMs, wallMs: 60_000 };
      const { outcome, stdout } = await (await bench.start(driver, code, { input, limits })).ended;
      if (outcome.status === 'succeeded') return { stdout, result: outcome.result };
      return { stdout, ended: `${outcome.status}: ${outcome.error?.limit ?? outcome.error?.message}` };
    },
    close: async () => {},
  };
}, 60_000);

afterAll(async () => {
  await driver.close();
  await bench.close();
  rmSync(folder, { recursive: true });
});

test('the examples of modules that every program uses do what is written there', async () => {
  const modules = ['json', 'heapq', 'collections', 'statistics', 'difflib', 'doctest', 'math'];
  const docs = await runDoctests(place, program('doctests'), modules);
  expect(docs.map(({ module }) => module)).toEqual(modules);
  expect(docs.flatMap(({ failures }) => failures)).toEqual([]);
  expect(docs.filter(({ why }) => why !== undefined)).toEqual([]);
  expect(docs.reduce((sum, { attempted }) => sum + attempted, 0)).toBeGreaterThan(300);
}, 120_000);

test('the standard library is listed, without what only starts something', async () => {
  const { result } = await place.run({ code: program('listing'), input: null });
  expect(result).toEqual(expect.arrayContaining(['asyncio.tasks', 'json', 'json.decoder', 'math', 'sqlite3']));
  expect(result).not.toEqual(expect.arrayContaining(['antigravity']));
});

test('passed, failed, skipped and what ends a run are told apart, marks of other interpreters are not heeded', async () => {
  cpuMs = 3000;
  const tests = `
import unittest
class Some(unittest.TestCase):
    def test_a_good(self): print("noise of a test")
    def test_b_bad(self): self.assertEqual(1, 2)
    @unittest.skip("no threads")
    def test_c_not_here(self): 1 / 0
    @unittest.expectedFailure  # TODO: OTHERPYTHON
    def test_d_marked(self): pass
    @unittest.skip("TODO: OTHERPYTHON; it hangs")
    def test_e_marked(self): pass
    def test_f_ends_the_run(self):
        while True: pass
    def test_g_part(self):
        with self.subTest(n=1): {}["mine"]
    @unittest.expectedFailure
    def test_h_expected(self): 1 / 0
`;
  const files = { 'test/__init__.py': '', 'test/support/__init__.py': '', 'test/test_some.py': tests };
  const write =
    'import os\nfrom cordon import input\nfor path, text in input.items():\n    os.makedirs(os.path.dirname(path), exist_ok=True)\n    open(path, "w").write(text)';
  expect((await place.run({ code: write, input: files })).ended).toBeUndefined();

  const ends = await runTests(place, program('unittests'), 'test.test_some');
  expect(Object.fromEntries(ends.map(({ id, status, why }) => [id.slice(20), [status, why]]))).toEqual({
    test_a_good: ['passed', undefined],
    test_b_bad: ['failed', 'AssertionError: 1 != 2'],
    test_c_not_here: ['skipped', 'no threads'],
    test_d_marked: ['passed', undefined],
    test_e_marked: ['passed', undefined],
    test_f_ends_the_run: ['failed', 'ended the run: limit_exceeded: cpuMs'],
    test_g_part: ['failed', "KeyError: 'mine'"],
    test_h_expected: ['skipped', 'expected to fail in CPython, too'],
  });

  expect(await runTests(place, program('unittests'), 'test.test_none')).toEqual([
    expect.objectContaining({ id: 'test.test_none', status: 'failed', why: expect.stringContaining('not loaded') }),
  ]);
}, 120_000);
