/** docs/SETTINGS.md against runtime/config.ts. */
import { availableParallelism, totalmem } from 'node:os';
import { expect, test } from 'vitest';
import { readConfig, settings } from '../../runtime/config.ts';
import { containerWallNames } from '../../runtime/sandbox/container/container-probe.ts';
import { wallNames } from '../../runtime/sandbox/isolate/walls/walls.ts';
import { codeSpans, readDocument, readTable } from './markdown.ts';

const document = readDocument('docs/SETTINGS.md');
const rows = readTable(document, ['variable', 'default', 'values', 'what']);
const entries = Object.entries(settings) as [string, { env: string; what: string; default: unknown }][];

/** Defaults that depend on the machine, as the document says them. */
const rules: Record<string, number> = {
  '8 x CPU cores, at least 16': Math.max(16, 8 * availableParallelism()),
  'one per 256 MiB of memory, from 8 to 64': Math.min(64, Math.max(8, Math.floor(totalmem() / (256 * 1024 ** 2)))),
  'a quarter of the memory, from 1 GiB to 8 GiB': Math.min(
    8 * 1024 ** 3,
    Math.max(1024 ** 3, Math.floor(totalmem() / 4)),
  ),
  '4 x CPU cores, at least 8': Math.max(8, 4 * availableParallelism()),
  'half of the memory, at least 1 GiB': Math.max(1024 ** 3, Math.floor(totalmem() / 2)),
  'CPU cores, from 1 to 4': Math.min(4, Math.max(1, availableParallelism())),
};

test('the table has each setting once, in the order of the code', () => {
  expect(rows.map(({ variable }) => variable)).toEqual(entries.map(([, { env }]) => `\`${env}\``));
});

test.each(entries)('%s: default and description', (_name, { env, what, default: value }) => {
  const row = rowOf(env);
  expect(row.what).toBe(what);
  if (row.default in rules) return expect(value).toBe(rules[row.default]);
  const empty = value === undefined || (Array.isArray(value) && value.length === 0);
  expect(row.default === 'unset' ? undefined : codeSpans(row.default)[0]).toBe(empty ? undefined : String(value));
});

test.each(entries)('%s: what is taken', (name, { env }) => {
  const taken = (text: string) => {
    try {
      return (readConfig({ [env]: text }) as Record<string, unknown>)[name];
    } catch {
      return 'refused';
    }
  };
  const { values } = rowOf(env);
  const range = /^(\d+) to (\d+)$/.exec(values);
  if (range) {
    const [minimum, maximum] = [Number(range[1]), Number(range[2])];
    expect([minimum, maximum].map((number) => taken(String(number)))).toEqual([minimum, maximum]);
    for (const wrong of [minimum - 1, maximum + 1, 1.5, 'x']) expect(taken(String(wrong))).toBe('refused');
  } else if (env === 'CORDON_REQUIRE_WALLS') {
    expect(codeSpans(values)).toEqual(['all', ...wallNames, ...containerWallNames]);
    expect(taken(codeSpans(values).join(', '))).toEqual(codeSpans(values));
    expect(taken('jail,other')).toBe('refused');
  } else if (codeSpans(values).length > 0) {
    for (const choice of codeSpans(values)) expect(taken(choice)).toBe(choice);
    expect(taken('other')).toBe('refused');
  } else expect(['text', 'path', 'address']).toContain(values);
});

test('a size or time in words beside a number says the same', () => {
  const units: Record<string, number> = {
    seconds: 1000,
    minute: 60_000,
    minutes: 60_000,
    days: 86_400_000,
    MiB: 1024 ** 2,
    GiB: 1024 ** 3,
  };
  const pairs = [...document.matchAll(/\| `(\d+)` \((\d+) (\w+)\)/g)];
  expect(pairs.length).toBeGreaterThan(5);
  for (const [, number, count, unit] of pairs)
    expect(Number(number)).toBe(Number(count) * (units[unit as string] ?? 0));
});

test('every variable that the documents name exists', () => {
  const known = new Set(entries.map(([, { env }]) => env));
  for (const path of [
    'README.md',
    'SECURITY.md',
    'SPECIFICATION.md',
    'docs/SETTINGS.md',
    'docs/API.md',
    'ARCHITECTURE.md',
  ])
    for (const [name] of readDocument(path).matchAll(/CORDON_[A-Z_]+[A-Z]/g))
      if (!name.startsWith('CORDON_TEST')) expect(known, `${path}: ${name}`).toContain(name);
});

function rowOf(env: string): { default: string; values: string; what: string } {
  const row = rows.find(({ variable }) => variable === `\`${env}\``);
  if (row === undefined) throw new Error(`docs/SETTINGS.md has no ${env}`);
  return { default: row.default ?? '', values: row.values ?? '', what: row.what ?? '' };
}
