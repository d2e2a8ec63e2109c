/** The README against the product: its examples are executed, its tables compared, its links followed. */
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { quotaTable } from '../../runtime/agent/quotas.ts';
import { limitTable } from '../../runtime/sandbox/limits.ts';
import { type Server, startServer } from '../load/server.ts';
import { engineAddress, noEngine } from '../sandbox/container/engine.ts';
import { codeSpans, readDocument, readExamples, readTable, root } from './markdown.ts';
import { difference } from './matching.ts';

const readme = readDocument('README.md');
const examples = readExamples(readme);
const missing = ['bash', 'curl', 'sed', 'grep'].filter((name) => !onPath(name));

describe.skipIf(missing.length > 0)(`examples${missing.length > 0 ? ` (skipped: needs ${missing})` : ''}`, () => {
  const folder = mkdtempSync(join(tmpdir(), 'cordon-readme-'));
  const dataDir = join(folder, 'data');
  const packages = join(folder, 'packages');
  let server: Server;
  /** What the first example sets for all others: its lines up to the definition of `api`. */
  const preamble = examples[0]?.code.slice(0, examples[0].code.indexOf('}\n', examples[0].code.indexOf('api() {')) + 2);

  beforeAll(async () => {
    mkdirSync(packages);
    server = await startServer(dataDir, {
      CORDON_JS_PACKAGES: packages,
      ...(noEngine === undefined ? { CORDON_ENGINE: engineAddress } : {}),
    });
  });
  afterAll(async () => {
    server.child.kill('SIGTERM');
    await server.exited;
    rmSync(folder, { recursive: true, force: true });
  });

  for (const example of examples) {
    if (example.notRun !== undefined) continue;
    const without = example.heading === 'Containers' ? noEngine : undefined;
    const title = `${example.heading}, line ${example.line}${without === undefined ? '' : ` (skipped: ${without})`}`;
    // A container's first run on a busy machine waits for the engine.
    test.skipIf(without !== undefined)(title, { timeout: 120_000 }, async () => {
      const code = example === examples[0] ? example.code : `${preamble}${example.code}`;
      const { stdout } = await promisify(execFile)('bash', ['-euo', 'pipefail', '-c', code], {
        cwd: root,
        timeout: example.heading === 'Containers' ? 110_000 : 20_000,
        env: {
          PATH: process.env.PATH,
          HOME: folder,
          TMPDIR: folder,
          CORDON: server.url,
          CORDON_DATA: dataDir,
          CORDON_JS_PACKAGES: packages,
        },
      });
      expect(example.expected, 'an example shows what it prints').toBeDefined();
      if (example.expected) expect(difference(example.expected, stdout)).toBeUndefined();
    });
  }

  test('the first run is the one that the README begins with, and the service took every example without a fault', () => {
    expect(examples[0]?.heading).toBe('Cordon');
    expect(server.log()).not.toMatch(/"level":"error"/);
  });
});

test('only the two commands of the clone are not executed here', () => {
  const left = examples.filter(({ notRun }) => notRun !== undefined).map(({ code }) => code);
  expect(left).toEqual(['npm start', 'npm test']);
});

test.each([
  {
    what: 'limits',
    table: limitTable,
    document: 'README.md',
    columns: ['limit', 'default', 'ceiling', 'unit', 'at the limit'],
  },
  {
    what: 'quotas',
    table: quotaTable,
    document: 'docs/API.md',
    columns: ['quota', 'default', 'ceiling', 'unit', 'what'],
  },
])('the table of $what is the one of the code', ({ table, document, columns }) => {
  const shown = readTable(readDocument(document), columns).map((row) => ({
    name: codeSpans(row[columns[0] as string] ?? '')[0],
    default: Number.parseInt(row.default ?? '', 10),
    ceiling: Number.parseInt(row.ceiling ?? '', 10),
    unit: row.unit,
  }));
  const real = Object.entries(table).map(([name, bound]) => ({
    name,
    default: bound.default,
    ceiling: bound.ceiling,
    unit: bound.unit,
  }));
  expect(shown).toEqual(real);
});

test('a value beside a number in a table says the same', () => {
  const units: Record<string, number> = {
    minute: 60_000,
    minutes: 60_000,
    hour: 3_600_000,
    hours: 3_600_000,
    MiB: 1024 ** 2,
    GiB: 1024 ** 3,
    TiB: 1024 ** 4,
  };
  const tables = readme + readDocument('docs/API.md');
  const pairs = [...tables.matchAll(/\| (\d+) \((\d+) (\w+)\)/g)];
  expect(pairs.length).toBeGreaterThan(10);
  for (const [, number, count, unit] of pairs)
    expect(Number(number)).toBe(Number(count) * (units[unit as string] ?? 0));
});

test('minimum of ramBytes', () => expect(readme).toContain(`from ${limitTable.ramBytes.minimum}`));

test.each([
  'README.md',
  'SECURITY.md',
  'SPECIFICATION.md',
  'docs/SETTINGS.md',
  'docs/CONTAINERS.md',
  'docs/DEPLOY.md',
])('the links of %s lead somewhere', (document) => {
  const targets = [...readDocument(document).matchAll(/\]\(([^)#]+)\)/g)].map((match) => match[1] as string);
  const broken = targets.filter(
    (target) => !/^https?:/.test(target) && !existsSync(join(root, document, '..', target)),
  );
  expect(broken).toEqual([]);
});

test('the README is short enough to read', () => expect(readme.split('\n').length).toBeLessThanOrEqual(400));

describe('how answers are compared', () => {
  const json = (text: string) => ({ language: 'json' as const, text });
  test.each([
    ['{"a": 1}', '{"a":1,"b":2}', true],
    ['{"a": 1}', '{"a":"1"}', false],
    ['{"a": 1}', '{}', false],
    ['{"a": "..."}', '{"a":null}', true],
    ['{"a": "..."}', '{}', false],
    ['{"a": "run_..."}', '{"a":"run_1"}', true],
    ['{"a": "run_..."}', '{"a":"ran"}', false],
    ['[1]', '[1,2]', false],
    ['[1, "..."]', '[1,2]', true],
    ['[1, 2, "..."]', '[1]', false],
    ['{}', '[]', false],
    ['{}', 'no JSON', false],
  ])('%s of %s: %s', (shown, printed, agrees) => {
    expect(difference(json(shown), printed) === undefined).toBe(agrees);
  });

  test('text is a pattern over the whole', () => {
    expect(difference({ language: 'text', text: 'a ... (c)' }, 'a b\nb (c)\r\n')).toBeUndefined();
    expect(difference({ language: 'text', text: 'a' }, 'a b')).toBeDefined();
  });
});

function onPath(name: string): boolean {
  return (process.env.PATH ?? '').split(':').some((folder) => existsSync(join(folder, name)));
}
