/**
 * `npm run python:conformance`: how much of Python works in a run. The examples in the standard library's docstrings
 * and, given `--tests`, CPython's own tests run as an agent's programs on a real service; docs/PYTHON.md has what came out.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { groups, partsOf } from './python-conformance/modules.ts';
import { openPlain, openService, type Place } from './python-conformance/places.ts';
import { docRows, type Results, report } from './python-conformance/report.ts';
import { type ModuleDocs, runDoctests, runTests, type TestEnd } from './python-conformance/results.ts';

const usage = `usage: npm run python:conformance -- [--tests FOLDER] [--only NAME...] [--plain] [--json FILE]
       npm run python:conformance -- --report FILE

  --tests F   folder Lib of CPython's source with the package test in it (https://www.python.org/ftp/python/3.14.2/);
              without it, only the examples in docstrings are run
  --only N    these test modules (json, re, ...) or doctest; may be given more than once
  --plain     each of Cordon's failures once more in the same Pyodide in Node.js, without Cordon
  --json F    keeps the results in a file; modules that were not run now keep theirs
  --report F  prints the tables of a kept file, runs nothing
  --document  also puts the tables between the marks of this file`;

/** Few enough that one run's CPU time is enough for their examples. */
const MODULES_OF_ONE_RUN = 25;

const say = (line: string) => void process.stderr.write(`${line}\n`);
const program = (name: string) => readFileSync(join(import.meta.dirname, 'python-conformance', `${name}.py`), 'utf8');

function readOptions() {
  try {
    const { values } = parseArgs({
      options: {
        tests: { type: 'string' },
        only: { type: 'string', multiple: true, default: [] },
        plain: { type: 'boolean', default: false },
        json: { type: 'string' },
        report: { type: 'string' },
        document: { type: 'string' },
      },
    });
    const tests = values.tests === undefined ? undefined : resolve(values.tests);
    if (tests !== undefined && !existsSync(join(tests, 'test', 'support')))
      throw new Error(`${tests} has no package test with test/support`);
    return { ...values, tests };
  } catch (error) {
    say(`${(error as Error).message}\n${usage}`);
    process.exit(2);
  }
}

const count = (ends: readonly TestEnd[], wanted: TestEnd['status']) =>
  ends.filter(({ status }) => status === wanted).length;

/** Pyodide's own event loop cannot be waited for. */
const comparable = (module: string) => !module.startsWith('test.test_asyncio');

/** Which of these tests do not pass in plain Pyodide either. */
async function alsoPlain(place: Place, module: string, failures: readonly TestEnd[]): Promise<Set<string>> {
  if (failures.length === 0) return new Set();
  const ends = new Map((await runTests(place, program('unittests'), module, 2)).map((end) => [end.id, end]));
  return new Set(failures.filter(({ id }) => ends.get(id)?.status === 'failed').map(({ id }) => id));
}

async function main(): Promise<void> {
  const { tests, only, plain, json, report: saved, document } = readOptions();
  if (saved !== undefined) return show(JSON.parse(readFileSync(saved, 'utf8')) as Results, document);
  const wanted = (name: string) => only.length === 0 || only.includes(name);
  const results: Results = { rows: [], doctests: [], failures: [] };
  const { rows, failures: bad } = results;
  const place = await openService(tests);
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => void place.close().then(() => process.exit(130)));
  const beside = openPlain(tests);
  try {
    if (wanted('doctest')) {
      const { result, ended } = await place.run({ code: program('listing'), input: null });
      if (!Array.isArray(result)) throw new Error(`the modules could not be listed: ${ended}`);
      const names = result as string[];
      const docs: ModuleDocs[] = [];
      for (let at = 0; at < names.length; at += MODULES_OF_ONE_RUN)
        docs.push(...(await runDoctests(place, program('doctests'), names.slice(at, at + MODULES_OF_ONE_RUN))));
      rows.push(...docRows(docs));
      results.doctests = docs.filter(({ failed, why }) => failed > 0 || why !== undefined);
      say(`doctest: ${docs.length} modules`);
    }
    for (const name of Object.values(groups).join(' ').split(' ').filter(wanted)) {
      if (tests === undefined) break;
      const all: TestEnd[] = [];
      for (const part of partsOf(tests, `test_${name}`)) {
        const began = performance.now();
        const ends = await runTests(place, program('unittests'), part);
        const failures = ends.filter(({ status }) => status === 'failed');
        const too = plain && comparable(part) ? await alsoPlain(beside, part, failures) : undefined;
        bad.push(...failures.map((end) => ({ ...end, ...(too === undefined ? {} : { plain: too.has(end.id) }) })));
        all.push(...ends);
        say(
          `${part}: ${count(ends, 'passed')} passed, ${failures.length} failed, ${count(ends, 'skipped')} skipped` +
            `${too === undefined ? '' : `, ${too.size} fail in plain Pyodide, too`} (${((performance.now() - began) / 1000).toFixed(1)} s)`,
        );
        for (const { id, why, where } of failures) if (!too?.has(id)) say(`  ${id}: ${why} ${where ?? ''}`);
      }
      if (all.length > 0)
        rows.push({
          name: `test_${name}`,
          source: 'CPython test',
          passed: count(all, 'passed'),
          failed: count(all, 'failed'),
          skipped: count(all, 'skipped'),
        });
      if (json !== undefined) save(json, results);
    }
  } finally {
    await place.close();
  }
  if (json !== undefined) save(json, results);
  show(results, document);
}

/** Prints the tables, and puts them between the marks of a document. */
function show(results: Results, document: string | undefined): void {
  const text = report(results);
  console.log(text);
  if (document === undefined) return;
  const marked = /(<!-- results -->\n)[\s\S]*(<!-- end of the results -->)/;
  writeFileSync(
    document,
    readFileSync(document, 'utf8').replace(marked, (_, before, after) => `${before}\n${text}\n\n${after}`),
  );
}

/** What the file has of modules that were not run now stays. */
function save(file: string, { rows, doctests, failures }: Results): void {
  const now = new Set(rows.map(({ name, source }) => `${source} ${name}`));
  const kept: Results = existsSync(file)
    ? JSON.parse(readFileSync(file, 'utf8'))
    : { rows: [], doctests: [], failures: [] };
  const again = (id: string) => now.has(`CPython test ${id.split('.')[1]}`);
  const results: Results = {
    rows: [...kept.rows.filter(({ name, source }) => !now.has(`${source} ${name}`)), ...rows],
    doctests: rows.some(({ source }) => source === 'doctest') ? doctests : kept.doctests,
    failures: [...kept.failures.filter(({ id }) => !again(id)), ...failures],
  };
  writeFileSync(file, `${JSON.stringify(results, null, 1)}\n`);
}

await main();
