/** The results as the tables of docs/PYTHON.md. */
import { reasonOf } from './reasons.ts';
import type { ModuleDocs, TestEnd } from './results.ts';

export interface Row {
  name: string;
  source: 'doctest' | 'CPython test';
  passed: number;
  failed: number;
  skipped: number;
}

export type Failure = TestEnd & { /** Whether it fails in Pyodide without Cordon, too. */ plain?: boolean };

export interface Results {
  rows: Row[];
  /** Modules with an example that failed, or that could not be imported. */
  doctests: ModuleDocs[];
  failures: Failure[];
}

const sum = (rows: readonly Row[], of: 'passed' | 'failed' | 'skipped') => rows.reduce((all, row) => all + row[of], 0);

/** By the first part of the name: `json.decoder` counts for `json`. A module that cannot be imported is one failure. */
export function docRows(modules: readonly ModuleDocs[]): Row[] {
  const rows = new Map<string, Row>();
  for (const { module, attempted, failed, skipped, why } of modules) {
    const name = module.split('.')[0] as string;
    const row = rows.get(name) ?? { name, source: 'doctest', passed: 0, failed: 0, skipped: 0 };
    row.passed += attempted - failed - skipped;
    row.failed += failed + (why === undefined ? 0 : 1);
    row.skipped += skipped;
    rows.set(name, row);
  }
  return [...rows.values()].filter(({ passed, failed, skipped }) => passed + failed + skipped > 0);
}

/** Every example and module that did not do what it should, in the form of a test. */
function docFailures(modules: readonly ModuleDocs[]): Failure[] {
  return modules.flatMap(({ module, why, failures }) => [
    ...(why === undefined ? [] : [{ id: `doctest ${module}`, status: 'failed' as const, why }]),
    ...failures.map(({ at, example, why }) => ({ id: `doctest ${at} ${example}`, status: 'failed' as const, why })),
  ]);
}

const shortName = (id: string) => `\`${id.replace(/^test\.|^doctest /, '').replace(/ .*/s, '')}\``;

export function report({ rows, doctests, failures }: Results): string {
  const lines = ['| module | source | passed | failed | skipped |', '|---|---|---|---|---|'];
  const put = ({ name, source, passed, failed, skipped }: Omit<Row, 'source'> & { source: string }) =>
    lines.push(`| ${name} | ${source} | ${passed} | ${failed} | ${skipped} |`);
  for (const source of ['CPython test', 'doctest'] as const) {
    const some = rows.filter((row) => row.source === source);
    if (some.length === 0) continue;
    const name = `all ${some.length} modules`;
    put({
      name,
      source,
      passed: sum(some, 'passed'),
      failed: sum(some, 'failed'),
      skipped: sum(some, 'skipped'),
    });
    // The examples of modules where all pass are one number above: their list would say nothing.
    for (const row of some) if (source === 'CPython test' || row.failed > 0) put(row);
  }
  const byReason = Map.groupBy([...failures, ...docFailures(doctests)], reasonOf);
  lines.push('', '| reason | failures | of these without Cordon, too | which |', '|---|---|---|---|');
  for (const [reason, some] of [...byReason].sort(([, a], [, b]) => b.length - a.length)) {
    const names = [...new Set(some.map(({ id }) => shortName(id)))];
    const which = `${names.slice(0, 4).join(', ')}${names.length > 4 ? ', ...' : ''}`;
    const compared = some.filter(({ plain }) => plain !== undefined);
    const too = compared.length === 0 ? '-' : `${compared.filter(({ plain }) => plain).length} of ${compared.length}`;
    lines.push(`| ${reason} | ${some.length} | ${too} | ${which} |`);
  }
  return lines.join('\n');
}
