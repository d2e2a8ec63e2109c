/** SECURITY.md against the tree: every file and test that it names exists, and nothing that exists is left out. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { containerWallNames } from '../../runtime/sandbox/container/container-probe.ts';
import { wallNames } from '../../runtime/sandbox/isolate/walls/walls.ts';
import { codeSpans, readDocument, readTable, root } from './markdown.ts';

const document = readDocument('SECURITY.md');
const threats = readTable(document, ['vector', 'wall', 'file', 'test', 'known gap']);

/** Tests of the fixture itself, and of honest work inside the walls. */
const notThreats = ['arena.test.ts', 'load.test.ts'];

describe('each threat', () => {
  test.each(threats.map((threat) => [threat.vector as string, threat] as const))('%s', (_vector, threat) => {
    const files = codeSpans(threat.file ?? '');
    expect(files.length).toBeGreaterThan(0);
    for (const file of files) expect(existsSync(join(root, file)), file).toBe(true);

    if (threat.test === 'none yet') return expect(threat['known gap']).toMatch(/^pending: /);
    const tests = codeSpans(threat.test ?? '');
    expect(tests.length).toBeGreaterThan(0);
    for (const file of tests) {
      expect(file).toMatch(/^test\//);
      expect(existsSync(join(root, file)), file).toBe(true);
    }
    const text = tests.map((file) => readFileSync(join(root, file), 'utf8')).join('\n');
    for (const [, title] of (threat.test ?? '').matchAll(/"([^"]+)"/g))
      expect(text.includes(title as string), `${tests} have a test called "${title}"`).toBe(true);
  });
});

test('the table of walls has each wall once', () => {
  const rows = readTable(document, ['wall', 'what it is', 'without it']);
  expect(rows.map(({ wall }) => codeSpans(wall ?? '')[0])).toEqual([...wallNames]);
});

test('the table of walls of containers has each once', () => {
  const rows = readTable(document, ['wall of a container', 'what it is', 'without it']);
  expect(rows.flatMap((row) => codeSpans(row['wall of a container'] ?? ''))).toEqual([...containerWallNames]);
});

test('each wall stands in the way of some threat', () => {
  const used = new Set(threats.flatMap(({ wall }) => codeSpans(wall ?? '')));
  expect(wallNames.filter((name) => !used.has(name))).toEqual([]);
});

test.each(['test/attacks', 'test/sandbox/walls'])('each test file of %s is named', (folder) => {
  const named = new Set(threats.flatMap((threat) => codeSpans(threat.test ?? '')));
  const files = readdirSync(join(root, folder)).filter(
    (name) => name.endsWith('.test.ts') && !notThreats.includes(name),
  );
  expect(files.map((name) => `${folder}/${name}`).filter((file) => !named.has(file))).toEqual([]);
});

test('each file of the walls is named, but for what only builds them', () => {
  const named = new Set(threats.flatMap(({ file }) => codeSpans(file ?? '')));
  const folder = 'runtime/sandbox/isolate/walls';
  const left = readdirSync(join(root, folder)).filter((name) => !named.has(`${folder}/${name}`));
  expect(left).toEqual(['shared-libraries.ts']);
});

test('what is not promised is said', () => {
  const text = document.slice(document.indexOf('## What is NOT promised'));
  for (const word of [
    'Kernel',
    'side channels',
    'Timing',
    'maintenance mode',
    'cgroup v2',
    'arm64',
    'macOS',
    'ramPeakBytes',
  ])
    expect(text).toContain(word);
});
