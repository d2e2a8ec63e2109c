/** SPECIFICATION.md: every promise has a proof that exists, and its numbers are those of the code. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { MAX_WAIT_SECONDS } from '../../api/prefer.ts';
import { comparisonBars, containerBars, egressBars, egressSubject, pythonBars, subjects } from '../../bench/bars.ts';
import { partNames } from '../../bench/options.ts';
import { KEPT_MS } from '../../runtime/run/idempotency.ts';
import { watchdogIntervalMs } from '../../runtime/sandbox/isolate/walls/resident-watchdog.ts';
import { codeSpans, readDocument, readTable, root } from './markdown.ts';

const document = readDocument('SPECIFICATION.md');
const promises = document.split('\n## ').flatMap((section) => {
  const name = section.split('\n')[0] as string;
  return section.includes('| promise | proof |')
    ? readTable(section, ['promise', 'proof']).map((row) => ({
        name,
        promise: row.promise ?? '',
        proof: row.proof ?? '',
      }))
    : [];
});

describe('each promise has a test or command, or says that it is pending', () => {
  test.each(
    promises.map(({ name, promise, proof }) => [`${name}: ${promise}`, proof] as const),
  )('%s', (_name, proof) => {
    const spans = codeSpans(proof);
    const files = spans.filter((span) => /^test\/.*\.ts$/.test(span));
    const commands = spans.filter((span) => span.startsWith('npm '));
    if (files.length + commands.length === 0) expect(proof).toMatch(/^(\*\*pending\*\*|not promised$)/);
    for (const file of files) expect(existsSync(join(root, file)), file).toBe(true);
    const text = files.map((file) => readFileSync(join(root, file), 'utf8')).join('\n');
    for (const [, title] of proof.matchAll(/"([^"]+)"/g))
      expect(text.includes(title as string), `${files} have a test called "${title}"`).toBe(true);
  });
});

test('commands that print figures name parts and scripts that exist', () => {
  const { scripts } = JSON.parse(readDocument('package.json')) as { scripts: Record<string, string> };
  for (const [, name] of document.matchAll(/`npm run ([\w:]+)/g)) expect(Object.keys(scripts)).toContain(name);
  const parts = [...document.matchAll(/--only (\w+)/g)].map((match) => match[1]);
  expect(parts.length).toBeGreaterThan(4);
  for (const part of parts) expect(partNames).toContain(part);
});

test('the bars are those that are judged', () => {
  const shown = readTable(document, ['bar', 'figure']).map((row) => row.figure);
  const peers: Record<string, string> = {
    [subjects.naive]: 'the naive bound',
    [subjects.workerd]: "workerd's Worker Loader",
    [subjects.javascript]: 'JavaScript',
    [subjects.pyodide]: 'plain Pyodide in Node.js',
    [subjects.bareExec]: 'a bare exec in a running container',
    [subjects.warmContainer]: 'Cordon with a warm container',
    ...Object.fromEntries(
      [0, 20].map((ms) => [egressSubject('straight', 'read', 'h2', ms), 'the same calls straight from Node.js']),
    ),
  };
  const judged = [...comparisonBars, ...pythonBars, ...containerBars, ...egressBars(['read'], ['h2'])].map(
    ({ atMost, atLeast, against, difference }) => {
      const figure = atMost === undefined ? `at least ${atLeast}` : `at most ${atMost.toFixed(1)}`;
      if (against === undefined) return figure;
      return difference ? `${figure} ms more than ${peers[against]}` : `${figure} x ${peers[against]}`;
    },
  );
  expect(shown).toEqual([...new Set(judged)]);
});

test('the numbers are those of the code', () => {
  expect(document).toContain(`waits at most ${MAX_WAIT_SECONDS} s`);
  expect(document).toContain(`one effect for ${KEPT_MS / 3_600_000} hours`);
  if (process.platform === 'linux') expect(document).toContain(`looked at every ${watchdogIntervalMs} ms`);
  const source = (path: string) => readFileSync(join(root, path), 'utf8');
  expect(source('api/sse.ts')).toContain('HEARTBEAT_MS = 15_000');
  expect(source('runtime/sandbox/isolate/worker-client.ts')).toContain('STOP_GRACE_MS = 1000');
  expect(source('runtime/sandbox/isolate/cpu-backstop.ts')).toMatch(/GRACE = 1.25;\s+const GRACE_MS = 3000/);
  expect(source('runtime/sandbox/isolate/worker/count-watch.ts')).toMatch(
    /TICK_MS = 10;[\s\S]*SLACK = 1.5;[\s\S]*SLACK_BYTES = 64 \* 1024 \* 1024/,
  );
});
